import { randomBytes } from 'node:crypto';
import type { Browser } from '@playwright/test';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { type BrowserParticipant, openParticipant } from '../e2e/harness/participant.ts';
import { type ServerProcess, startServerProcess } from '../e2e/harness/server-process.ts';
import { parseFederation } from '../shared/federation/index.ts';
import { sampleFederations } from '../shared/federation/samples.ts';
import { type SeededRandom, seededRandom } from '../shared/random/index.ts';
import type { RoundRecord } from '../shared/wire/index.ts';
import type { SessionSnapshot } from '../web/src/session/snapshot.ts';
import {
  type CheckedTranscript,
  checkTranscripts,
  collectTranscripts,
  keepTranscripts,
  nameOf,
} from './demo-transcripts.ts';
import { evaluateInNode } from './evaluate-in-node.ts';
import { integerOption, readOptions, writeJson } from './options.ts';

/**
 * `npm run demo -- --peers 4 --rounds 10`: the real server, real headless browsers, real digits, live figures.
 * With `--chaos`, tabs are closed and reopened at random and the server is killed twice. With `--secure`, nobody sees a
 * single update, and what all nodes wrote down of the last rounds is checked and replayed; `--transcripts DIR` keeps it.
 */
const options = readOptions({
  peers: { type: 'string', default: '4' },
  rounds: { type: 'string', default: '10' },
  examples: { type: 'string', default: '1000' },
  path: { type: 'string', default: 'direct' },
  chaos: { type: 'boolean', default: false },
  secure: { type: 'boolean', default: false },
  transcripts: { type: 'string' },
  seed: { type: 'string' },
});
/** Of a sum of two, each would know the other's part. */
const fewest = options.secure ? 3 : 2;
const peers = integerOption('peers', options.peers, fewest, 16);
const rounds = integerOption('rounds', options.rounds, 1, 1000);
const examples = integerOption('examples', options.examples, 10, 60_000);
const path = options.path as 'direct' | 'relay' | 'server';
if (!['direct', 'relay', 'server'].includes(path))
  fail(`--path: expected direct, relay or server, received "${path}".`);
if (options.transcripts !== undefined && !options.secure)
  fail('--transcripts: only secure rounds leave any.');
const seed = options.seed ?? randomBytes(4).toString('hex');

const digits = sampleFederations.find(({ id }) => id === 'digits')!;
const federation = parseFederation({
  ...digits,
  id: 'demo',
  name: 'Demo',
  rounds: { ...digits.rounds, maximum: rounds },
  paths: pathsOf(path),
  ...(options.secure
    ? { privacy: { secureAggregation: 'secagg' }, cohort: { ...digits.cohort, minParticipants: 3 } }
    : {}),
});

/** What 1,000 examples for each of four peers must reach; see docs/benchmarks.md for what is reached. */
const CATCH_UP_MS = 60_000;
const TEST_DIGITS = 10_000;
const ACCURACY_BOUND = 0.93;
const LIMIT_MS = 60_000 + rounds * 30_000 * (options.chaos ? 3 : 1);

interface RoundRow {
  readonly round: number;
  accuracy: number | null;
  loss: number | null;
  readonly durationMs: number;
  readonly bytesPerPeer: number;
  readonly secure: RoundRecord['secure'];
}

const events: { atMs: number; text: string }[] = [];
const startedMs = Date.now();
const note = (text: string): void => {
  events.push({ atMs: Date.now() - startedMs, text });
  console.log(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
};

const server = await startServerProcess();
let browser: Browser | undefined;
let chaos: Chaos | undefined;
try {
  await post(`${server.url}/api/federations`, federation);
  note(
    `server at ${server.url}, ${peers} peers with ${examples} digits each, ${rounds} rounds, path ${path}${options.secure ? ', secure aggregation' : ''}${options.chaos ? `, chaos seed ${seed}` : ''}`,
  );
  browser = await launchBrowser();
  const participants = await Promise.all(
    Array.from({ length: peers }, (_, shard) =>
      openParticipant(browser!, server.url, { federation: 'demo', shard, examples }),
    ),
  );
  if (options.chaos) chaos = startChaos(server, participants, seededRandom(seed));
  const rows = await watch(participants);
  await chaos?.end();
  await report(participants, rows);
} finally {
  await chaos?.end();
  await browser?.close();
  await server.stop();
}

/** Prints a line for every round as it is committed, until everyone is done. */
async function watch(participants: readonly BrowserParticipant[]): Promise<Map<number, RoundRow>> {
  const rows = new Map<number, RoundRow>();
  const announced = new Set<string>();
  let sentBefore = 0;
  console.log(
    `\n${['round', 'train', 'exchange', 'apply', 'accuracy', 'loss', 'kB/peer', 'survivors', 'pairs', 'coordinator', ...(options.secure ? ['confirmed'] : []), 'model'].map(pad).join('')}`,
  );
  for (;;) {
    if (Date.now() - startedMs > LIMIT_MS) fail(`The run did not end within ${LIMIT_MS / 1000} s.`);
    const snapshots = await Promise.all(
      participants.map((participant) => participant.snapshot().catch(() => undefined)),
    );
    const live = snapshots.filter((snapshot) => snapshot !== undefined);
    for (const record of newest(live)) {
      const row = rows.get(record.round);
      if (row === undefined) {
        const sent = live.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
        rows.set(record.round, {
          round: record.round,
          accuracy: null,
          loss: null,
          durationMs: record.trainMs + record.exchangeMs + record.applyMs,
          bytesPerPeer: Math.max(0, Math.round((sent - sentBefore) / peers)),
          secure: record.secure,
        });
        sentBefore = sent;
      }
      const known = rows.get(record.round)!;
      if (record.evaluation !== null && record.evaluation.total > 0) {
        known.accuracy = record.evaluation.correct / record.evaluation.total;
        known.loss = record.evaluation.lossSum / record.evaluation.total;
      }
      const key = `${record.round}/${record.hash}`;
      if ((known.accuracy !== null || record.round < live[0]!.records.length) && !announced.has(key)) {
        announced.add(key);
        printRow(record, known, live);
      }
    }
    if (
      live.length === peers &&
      live.every(({ phase, model }) => phase.name === 'finished' && model?.version === rounds)
    ) {
      if (rows.get(rounds)?.accuracy != null || options.chaos) return rows;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function newest(snapshots: readonly SessionSnapshot[]): readonly RoundRecord[] {
  return snapshots.reduce<readonly RoundRecord[]>(
    (best, { records }) => (records.length >= best.length ? records : best),
    [],
  );
}

function printRow(record: RoundRecord, row: RoundRow, snapshots: readonly SessionSnapshot[]): void {
  const cells = [
    record.round,
    `${Math.round(record.trainMs)} ms`,
    `${Math.round(record.exchangeMs)} ms`,
    `${Math.round(record.applyMs)} ms`,
    row.accuracy === null ? '–' : `${(row.accuracy * 100).toFixed(2)} %${partial(record)}`,
    row.loss === null ? '–' : row.loss.toFixed(4),
    (row.bytesPerPeer / 1000).toFixed(0),
    `${record.survivors.length}/${peers}`,
    describePaths(pathCounts(snapshots)),
    record.coordinator === 'server' ? 'server' : `peer ${record.coordinator.slice(0, 4)}`,
    ...(options.secure ? [confirmedOf(record)] : []),
    record.hash.slice(0, 12),
  ];
  console.log(cells.map(pad).join(''));
}

/** How many survivors confirmed each other before masks came off, and how many had to. */
function confirmedOf({ secure }: RoundRecord): string {
  return secure === null ? 'NOT SECURE' : `${secure.confirmations}, t = ${secure.threshold}`;
}

/** Marks an accuracy that speaks of fewer than all test digits, since someone left before evaluating its part. */
function partial({ evaluation }: RoundRecord): string {
  return evaluation !== null && evaluation.total < TEST_DIGITS ? '*' : '';
}

async function report(
  participants: readonly BrowserParticipant[],
  rows: ReadonlyMap<number, RoundRow>,
): Promise<void> {
  const snapshots = await Promise.all(
    participants.map(async (participant) => (await participant.snapshot())!),
  );
  const modelHashes = Object.fromEntries(snapshots.map(({ self, model }) => [self!, model!.hash]));
  const paths = pathCounts(snapshots);
  const { run } = snapshots[0]!;
  await caughtUp(run!);
  const final = await evaluateInNode(
    federation,
    await bytesOf(`${server.url}/api/runs/${run}/models/latest`),
  );
  const oneHash = new Set([...Object.values(modelHashes), final.hash]).size === 1;
  console.log(
    `\naccuracy of the final model, computed apart from the participants on all 10,000 test digits: ${(final.accuracy * 100).toFixed(2)} %, loss ${final.loss.toFixed(4)}`,
  );
  console.log(
    `models: ${oneHash ? `one hash, ${final.hash}, at every peer and the server` : `DIFFERENT: ${JSON.stringify({ ...modelHashes, server: final.hash })}`}`,
  );
  console.log(`pairs: ${describePaths(paths)}`);
  const { rounds: kept } = (await (await fetch(`${server.url}/api/runs/${run}/rounds?from=1`)).json()) as {
    rounds: RoundRecord[];
  };
  console.log(`history on the server: ${kept.length} of ${rounds} rounds`);
  const checked = options.secure ? await reportTranscripts(participants, run!, kept) : undefined;
  writeJson(options.json, {
    accuracy: final.accuracy,
    loss: final.loss,
    rounds: [...rows.values()].sort((a, b) => a.round - b.round),
    modelHashes,
    paths,
    events,
    ...(checked === undefined ? {} : { transcripts: checked.lines }),
  });
  const faults = [
    ...(oneHash ? [] : ['the participants hold different models']),
    ...(kept.length >= rounds ? [] : ['the server lacks rounds']),
    ...(options.chaos || Math.max(paths.direct, paths.relay, paths.server) === (peers * (peers - 1)) / 2
      ? []
      : ['not all pairs took the same path']),
    ...(options.chaos || paths[path] > 0 ? [] : [`no pair took the path ${path}`]),
    ...(final.accuracy >= ACCURACY_BOUND || peers * examples < 4000 || rounds < 10
      ? []
      : [`the accuracy is below ${ACCURACY_BOUND * 100} %`]),
    ...(!options.secure || kept.every(({ secure }) => secure !== null) ? [] : ['a round was not secure']),
    ...(checked?.faults ?? []),
  ];
  if (faults.length > 0) {
    console.error(`\n${faults.join('\n')}`);
    process.exitCode = options.check || !oneHash ? 1 : 0;
  }
}

/** Everything that the nodes wrote down of the last rounds, checked one by one and together. */
async function reportTranscripts(
  participants: readonly BrowserParticipant[],
  run: string,
  records: readonly RoundRecord[],
): Promise<{ readonly lines: readonly CheckedTranscript[]; readonly faults: readonly string[] }> {
  const { transcripts, missing } = await collectTranscripts(server.url, run, records, participants);
  if (options.transcripts !== undefined) keepTranscripts(options.transcripts, transcripts);
  const lines = await checkTranscripts(transcripts, records);
  console.log(`\n${transcripts.length} transcripts of the last rounds`);
  for (const { line } of lines) console.log(line);
  const absent = [...new Set(missing.map(({ node }) => node))].map((node) => {
    const of = missing.filter((one) => one.node === node).map(({ round }) => round);
    return `${nameOf(node)} has no transcript of round ${of.join(', ')}`;
  });
  for (const line of absent) console.log(line);
  const silent = transcripts.length === 0 ? ['there are no transcripts'] : [];
  // Whoever was away for the end of a round, as chaos has it, wrote nothing down of it.
  const lacking = options.chaos ? silent : absent;
  const wrong = lines.flatMap(({ round, of, wrong }) =>
    wrong.map((text) => `transcript of round ${round}, ${nameOf(of)}: ${text}`),
  );
  return { lines, faults: [...wrong, ...lacking] };
}

/** The server may have missed the end: it fetches history and model from the participants when it is back. */
async function caughtUp(run: string): Promise<void> {
  const endMs = Date.now() + CATCH_UP_MS;
  while (Date.now() < endMs) {
    const state = (await (await fetch(`${server.url}/api/runs/${run}`)).json()) as {
      round: number;
      model: { version: number } | null;
    };
    if (state.round >= rounds && state.model?.version === rounds) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Each pair counted once, by the path that both ends report; what has no path of its own goes by the server. */
function pathCounts(snapshots: readonly SessionSnapshot[]): Record<'direct' | 'relay' | 'server', number> {
  const counts = { direct: 0, relay: 0, server: 0 };
  for (const snapshot of snapshots) {
    for (const peer of snapshot.peers) {
      if (peer.id !== 'server' && peer.id > snapshot.self! && peer.path !== 'server') counts[peer.path]++;
    }
  }
  counts.server = Math.max(0, (snapshots.length * (snapshots.length - 1)) / 2 - counts.direct - counts.relay);
  return counts;
}

function describePaths(counts: Record<string, number>): string {
  return (
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${count} ${name}`)
      .join(' ') || '–'
  );
}

interface Chaos {
  end(): Promise<void>;
}

/** Closes and reopens tabs at random, never all at once, and kills the server twice. */
function startChaos(
  target: ServerProcess,
  participants: readonly BrowserParticipant[],
  random: SeededRandom,
): Chaos {
  let over = false;
  let wake = (): void => undefined;
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const progress = async () =>
    Math.max(
      0,
      ...(await Promise.all(
        participants.map(async (one) => (await one.snapshot().catch(() => undefined))?.model?.version ?? 0),
      )),
    );

  const work = (async () => {
    const kills = [Math.ceil(rounds / 4), Math.ceil((rounds * 3) / 5)];
    while (!over && (await progress()) < rounds - 1) {
      await pause(400 + random.below(1200));
      if (over) return;
      const round = await progress();
      if (kills.length > 0 && round >= kills[0]!) {
        kills.shift();
        const awayMs = 2000 + random.below(2000);
        note(`chaos: the server is killed for ${awayMs} ms (round ${round + 1})`);
        await target.kill();
        await pause(awayMs);
        await target.start();
        note('chaos: the server is back');
        continue;
      }
      const who = random.below(participants.length);
      const awayMs = 200 + random.below(1500);
      note(`chaos: peer ${who} is closed for ${awayMs} ms (round ${round + 1})`);
      await participants[who]!.reopen(awayMs);
    }
    for (let i = kills.length; i > 0 && !over; i--) {
      note('chaos: the server is killed for 2000 ms near the end');
      await target.kill();
      await pause(2000);
      await target.start();
    }
  })();
  return {
    async end() {
      over = true;
      wake();
      await work;
      if (!target.running) await target.start();
    },
  };
}

function pathsOf(chosen: 'direct' | 'relay' | 'server'): ('direct' | 'relay' | 'server')[] {
  if (chosen === 'direct') return ['direct', 'relay', 'server'];
  return chosen === 'relay' ? ['relay', 'server'] : ['server'];
}

async function post(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) fail(`The server refused the federation: ${await response.text()}`);
}

async function bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) fail(`The server has no model: ${await response.text()}`);
  return new Uint8Array(await response.arrayBuffer());
}

function pad(cell: unknown): string {
  return String(cell).padEnd(12);
}

function fail(message: string): never {
  throw new Error(message);
}
