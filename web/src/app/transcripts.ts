import { MurmurationError } from '../../../shared/errors/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import { bestSuite } from '../../../shared/secagg/index.ts';
import {
  decodeTranscript,
  type Finding,
  type RoundTranscript,
  verifyTranscript,
} from '../../../shared/session/transcript/index.ts';
import { loadTranscript } from '../storage/index.ts';
import { saveFile } from './events.ts';
import type { TranscriptFinding } from './services.ts';

/** Saves the transcript of a secure round as a file. @throws `storage.unavailable` when none is kept. */
export async function downloadTranscript(run: string, round: number): Promise<void> {
  const { file, transcript } = await keptTranscript(run, round);
  saveFile(fileName(transcript), new Blob([file], { type: 'application/octet-stream' }));
}

/**
 * What the transcript of a round shows; what it holds nothing about is left out.
 * @throws `storage.unavailable` when none is kept, `secagg.transcript-invalid` when it is damaged.
 */
export async function checkTranscript(run: string, round: number): Promise<readonly TranscriptFinding[]> {
  const { transcript } = await keptTranscript(run, round);
  const suite = await bestSuite(crypto, webCryptoRandom(crypto));
  const findings = await verifyTranscript(transcript, suite);
  return findings.filter(({ outcome }) => outcome !== 'absent').map(inPage);
}

function inPage({ text, outcome }: Finding): TranscriptFinding {
  return { what: text, ok: outcome === 'ok' };
}

async function keptTranscript(run: string, round: number) {
  const file = await loadTranscript(run, round);
  if (file === undefined) throw notKept(round);
  return { file, transcript: decodeTranscript(file) };
}

/** Of the federation, which is in the file: two federations may be downloaded side by side. */
function fileName({ header }: RoundTranscript): string {
  const { id } = JSON.parse(header.federation) as { id: string };
  return `${id}-round-${header.attempt.round}.transcript`;
}

function notKept(round: number): MurmurationError {
  return new MurmurationError('storage.unavailable', `This device keeps no transcript of round ${round}.`, {
    remedy: 'Transcripts are kept of the last three secure rounds in which this device took part.',
  });
}
