import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../shared/random/index.ts';
import type { RoundRecord } from '../shared/wire/index.ts';
import { postgresBinaries, startPostgres } from '../signaling-server/testing/postgres.ts';
import { freePort } from '../signaling-server/testing/redis.ts';
import { killableServer } from '../signaling-server/testing/server-process.ts';
import { serverFederation, simulateParticipant } from '../signaling-server/testing/simulated-participant.ts';
import { type Acknowledged, type Found, lossesOf, nothingYet, roundKey } from './chaos-server/ledger.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { formatTable, quantile } from './table.ts';

/**
 * `npm run chaos:server -- --kills 50 --postgres`: a real server with participants that train and clients that write is
 * killed (kill -9) at random moments and started again. Whatever it answered, and every round that a participant saw
 * committed, must be there afterwards, and the run goes on in the round that it was in.
 */
const options = readOptions({
  kills: { type: 'string', default: '50' },
  postgres: { type: 'boolean', default: false },
  seed: { type: 'string' },
});
const kills = integerOption('kills', options.kills, 1, 1000);
const seed = options.seed ?? randomBytes(4).toString('hex');
const random = seededRandom(seed);

const PARTICIPANTS = 3;
const WRITERS = 2;
/** What is looked for afterwards should not take longer than what is to be seen. */
const BETWEEN_WRITES_MS = 50;
const RUN = 'chaos';
const LONGEST_LIFE_MS = 3000;
/** From the start of the server to a new round: participants that were away try again within seconds. */
const RESUME_LIMIT_MS = 120_000;
const OPERATOR_KEY = randomBytes(24).toString('base64url');

interface Life {
  readonly rounds: number;
  readonly writes: number;
  /** From the start of the process to accepting connections, and to the first round committed after it. */
  readonly startMs: number;
  readonly resumedMs: number;
  readonly losses: string[];
}

const folder = await mkdtemp(join(tmpdir(), 'murmuration-chaos-'));
const binaries = postgresBinaries();
if (options.postgres && binaries === undefined) {
  console.error('--postgres: no PostgreSQL is installed here (package postgresql).');
  process.exit(2);
}
const postgres = options.postgres ? await startPostgres(binaries!) : undefined;
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const server = killableServer({
  PORT: String(port),
  DATA_DIR: folder,
  OPERATOR_KEY,
  WRITES_PER_MINUTE: '1000000',
  REQUESTS_PER_MINUTE: '10000000',
  ...(postgres === undefined ? {} : { DATABASE_URL: postgres.url }),
});
const acknowledged = nothingYet();
const nothing: Counts = { federations: 0, trainings: 0, rounds: 0 };
const closers: (() => Promise<void>)[] = [];
try {
  const lives = await live();
  report(lives);
} finally {
  await Promise.all(closers.map((close) => close()));
  await server.stop();
  await postgres?.dispose();
  await rm(folder, { recursive: true, force: true });
}

async function live(): Promise<Life[]> {
  await server.start();
  const federation = serverFederation(RUN, 100_000);
  await post('/api/federations', federation);
  const { id: run } = (await get(`/api/federations/${RUN}/run`)) as { id: string };
  for (let i = 0; i < PARTICIPANTS; i++) {
    const participant = simulateParticipant({
      origin: url,
      federation,
      run,
      trainMs: 100,
      onRecord: (record) => acknowledged.rounds.add(roundKey(record)),
    });
    closers.push(participant.close);
  }
  const stopWriting = new AbortController();
  const writing = Array.from({ length: WRITERS }, (_, writer) => write(writer, stopWriting.signal));

  const lives: Life[] = [];
  await passed(0);
  let before = nothing;
  for (let kill = 1; kill <= kills; kill++) {
    await delay(LONGEST_LIFE_MS * random.uniform());
    await server.kill();
    const known = counts();
    const startedMs = performance.now();
    await server.start();
    const startMs = performance.now() - startedMs;
    await passed(known.rounds);
    const resumedMs = performance.now() - startedMs;
    const promised = since(before, known);
    const losses = lossesOf(promised, await find(run, promised));
    lives.push({
      rounds: known.rounds - before.rounds,
      writes: writesOf(known) - writesOf(before),
      startMs,
      resumedMs,
      losses,
    });
    console.log(
      `kill ${String(kill).padStart(3)}: round ${known.rounds}, ${writesOf(known)} writes, up in ${(startMs / 1000).toFixed(1)} s, next round in ${(resumedMs / 1000).toFixed(1)} s${losses.length === 0 ? '' : `, LOST: ${losses.join('; ')}`}`,
    );
    before = known;
  }
  stopWriting.abort();
  await Promise.all(writing);
  // Once more all of it: what survived one kill must survive the next.
  const all = since(nothing, counts());
  lives.at(-1)!.losses.push(...lossesOf(all, await find(run, all)));
  return lives;
}

type Counts = Record<keyof Acknowledged, number>;

function counts(): Counts {
  const { federations, trainings, rounds } = acknowledged;
  return { federations: federations.size, trainings: trainings.size, rounds: rounds.size };
}

function writesOf({ federations, trainings }: Pick<Counts, 'federations' | 'trainings'>): number {
  return federations + trainings;
}

/** What was acknowledged between the two: sets keep the order in which they were filled. */
function since(from: Counts, to: Counts): Acknowledged {
  const part = (name: keyof Acknowledged) => new Set([...acknowledged[name]].slice(from[name], to[name]));
  return { federations: part('federations'), trainings: part('trainings'), rounds: part('rounds') };
}

/** One write after the other; what was not answered counts for nothing. */
async function write(writer: number, signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const id = `w${writer}-${i}`;
    try {
      await post('/api/federations', serverFederation(id, 1));
      acknowledged.federations.add(id);
      const training = (await post('/api/training/start', { federation: id })) as { id: string };
      acknowledged.trainings.add(training.id);
      await delay(BETWEEN_WRITES_MS);
    } catch {
      await delay(50); // it is down, or was killed before it answered
    }
  }
}

async function find(run: string, promised: Acknowledged): Promise<Found> {
  const exists = async (path: string): Promise<boolean> => (await request('GET', path)).status === 200;
  const those = async (ids: ReadonlySet<string>, pathOf: (id: string) => string): Promise<Set<string>> => {
    const found = new Set<string>();
    for (const id of ids) if (await exists(pathOf(id))) found.add(id);
    return found;
  };
  const records: RoundRecord[] = [];
  for (;;) {
    const from = (records.at(-1)?.round ?? 0) + 1;
    const { rounds } = (await get(`/api/runs/${run}/rounds?from=${from}&limit=500`)) as {
      rounds: RoundRecord[];
    };
    records.push(...rounds);
    if (rounds.length === 0) break;
  }
  return {
    federations: await those(promised.federations, (id) => `/api/federations/${id}`),
    trainings: await those(promised.trainings, (id) => `/api/training/${id}/status`),
    records,
  };
}

async function passed(count: number): Promise<void> {
  const endMs = performance.now() + RESUME_LIMIT_MS;
  while (acknowledged.rounds.size <= count) {
    if (performance.now() > endMs)
      throw new Error(
        `The run did not go on after round ${count}. Seed ${seed}. ${JSON.stringify(server.lines.slice(-5))}`,
      );
    await delay(20);
  }
}

async function request(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(30_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function post(path: string, body: object): Promise<unknown> {
  const response = await request('POST', path, body);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function get(path: string): Promise<unknown> {
  const response = await request('GET', path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

function report(lives: readonly Life[]): void {
  const losses = lives.flatMap((life) => life.losses);
  const seconds = (values: readonly number[], share: number): string =>
    (quantile(values, share) / 1000).toFixed(1);
  const row = {
    storage: options.postgres ? 'PostgreSQL' : 'embedded',
    kills,
    rounds: acknowledged.rounds.size,
    writes: writesOf(counts()),
    lost: losses.length,
    startMedianS: seconds(
      lives.map(({ startMs }) => startMs),
      0.5,
    ),
    resumeMedianS: seconds(
      lives.map(({ resumedMs }) => resumedMs),
      0.5,
    ),
    resumeMaxS: seconds(
      lives.map(({ resumedMs }) => resumedMs),
      1,
    ),
  };
  console.log(
    `\n${formatTable(
      ['storage', 'kills', 'rounds', 'writes', 'lost', 'up, median s', 'next round, median s', 'most, s'],
      [Object.values(row)],
    )}`,
  );
  writeJson(options.json, { seed, ...row, lives, losses });
  if (losses.length === 0) return;
  console.error(`Lost, with --seed ${seed}:\n${losses.join('\n')}`);
  if (options.check) process.exitCode = 1;
}
