import { type ErrorRecord, toErrorRecord } from '../shared/errors/index.ts';
import type { CryptoSuite } from '../shared/secagg/index.ts';
import {
  decodeTranscript,
  type Finding,
  isCommittedRound,
  type RoundTranscript,
  verifyTogether,
} from '../shared/session/transcript/index.ts';

export interface TranscriptFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What one file came to. */
export interface FileReport {
  readonly file: string;
  /** Left out where the file could not be read. */
  readonly of?: { readonly node: string; readonly round: number; readonly committed: boolean };
  readonly error?: ErrorRecord;
  readonly findings: readonly Finding[];
}

export interface ReplayReport {
  readonly files: readonly FileReport[];
  readonly joint: readonly Finding[];
  /** What is wrong: `FILE: name`, or the name alone where it is about all of them. Empty when everything holds. */
  readonly failures: readonly string[];
}

/** Reads transcripts, checks each by itself and all against each other, and computes the round again. */
export async function replayFiles(
  files: readonly TranscriptFile[],
  suite: CryptoSuite,
): Promise<ReplayReport> {
  const read = files.map(({ name, bytes }) => ({ name, ...decoded(bytes) }));
  const transcripts = read.flatMap(({ transcript }) => (transcript === undefined ? [] : [transcript]));
  const { each, joint } = await verifyTogether(transcripts, suite);
  const reports = read.map(({ name, transcript, error }): FileReport => {
    if (transcript === undefined) return { file: name, findings: [], ...(error && { error }) };
    const { node, attempt } = transcript.header;
    const of = { node, round: attempt.round, committed: isCommittedRound(transcript) };
    return { file: name, of, findings: each[transcripts.indexOf(transcript)]! };
  });
  const failures = [
    ...reports.flatMap(({ file, error, findings }) => [
      ...(error === undefined ? [] : [`${file}: ${error.code}`]),
      ...wrong(findings).map((name) => `${file}: ${name}`),
    ]),
    ...wrong(joint),
  ];
  return { files: reports, joint, failures };
}

function wrong(findings: readonly Finding[]): string[] {
  return findings.filter(({ outcome }) => outcome === 'wrong').map(({ name }) => name);
}

function decoded(bytes: Uint8Array): { readonly transcript?: RoundTranscript; readonly error?: ErrorRecord } {
  try {
    return { transcript: decodeTranscript(bytes) };
  } catch (thrown) {
    return { error: toErrorRecord(thrown) };
  }
}
