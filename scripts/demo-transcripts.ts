import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Download, Page } from '@playwright/test';
import type { BrowserParticipant } from '../e2e/harness/participant.ts';
import { type NodeId, SERVER } from '../shared/identity/index.ts';
import { webCryptoRandom } from '../shared/random/index.ts';
import { bestSuite } from '../shared/secagg/index.ts';
import { decodeTranscript, type Finding, verifyTogether } from '../shared/session/transcript/index.ts';
import type { RoundRecord } from '../shared/wire/index.ts';
import type { Services } from '../web/src/app/services.ts';

type App = HTMLElement & { readonly services: Services };

/** The file that one node wrote of one round. */
export interface NodeTranscript {
  readonly node: NodeId;
  readonly round: number;
  readonly file: Uint8Array;
}

export interface CollectedTranscripts {
  readonly transcripts: readonly NodeTranscript[];
  /** Whose transcript of which round is not there: a tab that was closed before the round's end keeps none. */
  readonly missing: readonly { readonly node: NodeId; readonly round: number }[];
}

/** Rounds that a device keeps transcripts of. */
const KEPT = 3;
/** A transcript is signed and stored after its round: the last ones may take a moment. */
const ARRIVAL_MS = 10_000;
const POLL_MS = 250;

/** Of every tab those of the last rounds that it took part in, and of the same rounds the server's. */
export async function collectTranscripts(
  serverUrl: string,
  run: string,
  records: readonly RoundRecord[],
  participants: readonly BrowserParticipant[],
): Promise<CollectedTranscripts> {
  const transcripts: NodeTranscript[] = [];
  const missing: { node: NodeId; round: number }[] = [];
  const endMs = Date.now() + ARRIVAL_MS;
  const take = async (node: NodeId, round: number, read: () => Promise<Uint8Array | undefined>) => {
    const file = await until(endMs, read);
    if (file === undefined) missing.push({ node, round });
    else transcripts.push({ node, round, file });
  };
  const rounds = new Set<number>();
  for (const participant of participants) {
    const { self } = (await participant.snapshot())!;
    const own = records.filter(({ survivors }) => survivors.some((id) => id === self)).slice(-KEPT);
    for (const { round } of own) {
      const kept = transcripts.length;
      await take(self!, round, () => fromPage(participant.page, run, round));
      if (transcripts.length > kept) rounds.add(round);
    }
  }
  // What the server wrote down is checked beside a participant's: alone it cannot give the model again.
  for (const round of [...rounds].sort((a, b) => a - b))
    await take(SERVER, round, () => fromServer(serverUrl, run, round));
  transcripts.sort((a, b) => a.round - b.round);
  return { transcripts, missing };
}

async function until(
  endMs: number,
  read: () => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  for (;;) {
    const file = await read();
    if (file !== undefined || Date.now() > endMs) return file;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** As a person would: by the page's own download. @returns undefined where the device keeps none. */
async function fromPage(page: Page, run: string, round: number): Promise<Uint8Array | undefined> {
  let arrived = (_: Download): void => undefined;
  const download = new Promise<Download>((found) => {
    arrived = found;
  });
  page.once('download', arrived);
  const refusal = await page.evaluate(
    async ({ run, round }) => {
      try {
        await document.querySelector<App>('mm-app')!.services.transcripts.download(run, round);
        return undefined;
      } catch (thrown) {
        return (thrown as { code?: string }).code ?? String(thrown);
      }
    },
    { run, round },
  );
  if (refusal === undefined) return readFileSync(await (await download).path());
  page.off('download', arrived);
  if (refusal === 'storage.unavailable') return undefined;
  throw new Error(`A page could not hand out the transcript of round ${round}: ${refusal}`);
}

/** @returns undefined where the server was away from that round. */
async function fromServer(serverUrl: string, run: string, round: number): Promise<Uint8Array | undefined> {
  const response = await fetch(`${serverUrl}/api/runs/${run}/rounds/${round}/transcript`);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`The server answered ${response.status}: ${await response.text()}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What the checks of one transcript, or of all of one round together, came to. */
export interface CheckedTranscript {
  readonly round: number;
  /** `together`: those of all nodes against each other. */
  readonly of: NodeId | 'together';
  readonly wrong: readonly string[];
  readonly line: string;
}

/** Checks every transcript by itself, and those of each round against each other. */
export async function checkTranscripts(
  transcripts: readonly NodeTranscript[],
  records: readonly RoundRecord[],
): Promise<CheckedTranscript[]> {
  const suite = await bestSuite(globalThis.crypto, webCryptoRandom(globalThis.crypto));
  const checked: CheckedTranscript[] = [];
  for (const round of new Set(transcripts.map((one) => one.round))) {
    const nodes = transcripts.filter((one) => one.round === round);
    const { each, joint } = await verifyTogether(
      nodes.map(({ file }) => decodeTranscript(file)),
      suite,
    );
    nodes.forEach(({ node, file }, i) => {
      checked.push(summary(round, node, each[i]!, [`${(file.byteLength / 1000).toFixed(0)} kB`]));
    });
    const notes = joint.flatMap(({ name, text }) =>
      name === 'slices-recomputed' || name === 'replayed' ? [text.replace(/\.$/, '')] : [],
    );
    const replayed = joint.some(({ name, outcome }) => name === 'replayed' && outcome === 'ok');
    const together = summary(round, 'together', joint, notes);
    const { hash } = records.find((record) => record.round === round)!;
    const lacking = replayed ? [] : [`no transcript gives model ${hash.slice(0, 12)} again`];
    checked.push({ ...together, wrong: [...together.wrong, ...lacking] });
  }
  return checked;
}

function summary(
  round: number,
  of: CheckedTranscript['of'],
  findings: readonly Finding[],
  notes: readonly string[],
): CheckedTranscript {
  const wrong = findings.flatMap(({ name, outcome, text }) =>
    outcome === 'wrong' ? [`${name}: ${text}`] : [],
  );
  const held = findings.filter(({ outcome }) => outcome === 'ok').length;
  const absent = findings.filter(({ outcome }) => outcome === 'absent').map(({ name }) => name);
  const verdict = wrong.length === 0 ? `${held} checks hold` : `WRONG: ${wrong.join('; ')}`;
  const without = absent.length === 0 ? [] : [`nothing to check ${absent.join(', ')} on`];
  const line = `round ${String(round).padEnd(4)} ${nameOf(of).padEnd(10)} ${[verdict, ...without, ...notes].join('; ')}`;
  return { round, of, wrong, line };
}

export function nameOf(node: NodeId | 'together'): string {
  return node === SERVER || node === 'together' ? node : `peer ${node.slice(0, 4)}`;
}

/** One file each, as they came. */
export function keepTranscripts(folder: string, transcripts: readonly NodeTranscript[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { node, round, file } of transcripts)
    writeFileSync(join(folder, `round-${round}-${node}.transcript`), file);
}
