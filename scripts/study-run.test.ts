import { getEventListeners } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Federation, parseFederation } from '../shared/federation/index.ts';
import { seededRandom } from '../shared/random/index.ts';
import { type Compute, shardPartition } from '../shared/simulate/index.ts';
import { compileModel } from '../shared/training/index.ts';
import { makeModel } from '../shared/update/index.ts';
import { tableOfImages } from './simulate/example-table.ts';
import { gather, type StudyImages } from './study-data.ts';
import { startWorkerPool, type WorkerPool } from './study-pool.ts';
import { runStudy, type StudyOptions } from './study-run.ts';
import type { StudyRound } from './study-state.ts';

const CLIENTS = 8;
const COHORT = 3;
const ROUNDS = 6;

/** Images of 4 × 4, dark or bright in one of two halves: what the label says. */
function imagesOf(seed: string, count: number): StudyImages {
  const random = seededRandom(seed);
  const pixels = new Uint8Array(new SharedArrayBuffer(count * 16));
  const labels = new Uint8Array(new SharedArrayBuffer(count));
  for (let i = 0; i < count; i++) {
    labels[i] = random.below(2);
    for (let k = 0; k < 16; k++)
      pixels[i * 16 + k] = random.below(128) + (k < 8 === (labels[i] === 0) ? 100 : 0);
  }
  return { count, size: 16, pixels, labels };
}

function federationOf(rounds: number): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'tiny',
    name: 'Tiny',
    data: { kind: 'image', width: 4, height: 4, channels: 1, labels: ['upper', 'lower'] },
    model: {
      layers: [
        { type: 'conv2d', filters: 2, kernelSize: 3, activation: 'relu' },
        { type: 'maxPool2d' },
        { type: 'flatten' },
        { type: 'dense', units: 2 },
      ],
      loss: 'softmaxCrossEntropy',
    },
    training: { optimizer: { type: 'sgd', learningRate: 0.3 }, batchSize: 10, epochs: 1 },
    strategy: { type: 'fedavg', maxExamples: 50 },
    cohort: { minParticipants: COHORT, groupSize: COHORT },
    rounds: { maximum: rounds },
    deadlines: { trainMs: 10_000, exchangeMs: 10_000, applyMs: 10_000 },
    paths: ['server'],
    evaluation: 'sample',
  });
}

const train = imagesOf('train', 160);
const held = imagesOf('test', 50);
const partition = shardPartition(train.labels, CLIENTS, 2, seededRandom('partition'));
const compiled = compileModel(federationOf(ROUNDS));

const setupOf = (federation: Federation) => ({
  federation,
  train: tableOfImages(train),
  test: tableOfImages(held),
  division: partition,
});

let pool: WorkerPool;
let folder: string;
beforeAll(async () => {
  pool = await startWorkerPool(2, setupOf(federationOf(ROUNDS)));
}, 60_000);
afterAll(() => pool.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-study-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function optionsOf(name: string, change: Partial<StudyOptions> = {}): StudyOptions {
  return {
    federation: federationOf(ROUNDS),
    layout: compiled.layout,
    initial: makeModel(0, compiled.layout, compiled.initialWeights()),
    examples: partition.map(({ length }) => length),
    compute: pool,
    seed: 'seed',
    run: 'tiny',
    stateFile: join(folder, `${name}.json`),
    configuration: { seed: 'seed' },
    isOver: () => false,
    ...change,
  };
}

const summary = (rounds: readonly StudyRound[]) => rounds.map(({ seconds: _, ...rest }) => rest);

test('a study learns in worker threads, and every round is evaluated on the whole test set', async () => {
  const { rounds, trouble } = await runStudy(optionsOf('whole'));
  expect(rounds.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(rounds.every(({ total, clients }) => total === 50 && clients.length === COHORT)).toBe(true);
  expect(rounds.at(-1)!.correct).toBeGreaterThan(40);
  expect(trouble).toEqual([]);
});

test('stopped after 3 rounds and started again, it ends as one that was never stopped, hash for hash', async () => {
  const whole = await runStudy(optionsOf('whole'));
  const stopped = await runStudy(optionsOf('parts', { isOver: ({ length }) => length >= 3 }));
  expect(stopped.rounds).toHaveLength(3);
  const { rounds, term } = await runStudy(optionsOf('parts'));
  expect(summary(rounds)).toEqual(summary(whole.rounds));
  expect(term).toBe(2);
});

test('killed in the middle of a round, it goes on after the last that was finished', async () => {
  const whole = await runStudy(optionsOf('whole'));
  // From round 4 on nothing is computed any more: as if the process had ended there.
  const lost: Compute = {
    ...pool,
    train: (client, job) =>
      job.base.version < 3 ? pool.train(client, job) : Promise.reject(new Error('killed')),
  };
  await expect(runStudy(optionsOf('killed', { compute: lost }))).rejects.toMatchObject({
    code: 'round.deadline',
  });
  const { rounds } = await runStudy(optionsOf('killed'));
  expect(summary(rounds)).toEqual(summary(whole.rounds));
});

test('a finished study computes nothing more', async () => {
  const whole = await runStudy(optionsOf('whole'));
  const idle: Compute = {
    train: () => Promise.reject(new Error('nothing to train')),
    evaluate: () => Promise.reject(new Error('nothing to evaluate')),
  };
  const again = await runStudy(optionsOf('whole', { compute: idle }));
  expect(again.rounds).toEqual(whole.rounds);
});

test('the state on disk is that of the last round given out', async () => {
  const seen: number[] = [];
  await runStudy(optionsOf('whole', { onRound: ({ round }) => seen.push(round) }));
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  const { rounds } = JSON.parse(await readFile(join(folder, 'whole.json'), 'utf8')) as {
    rounds: StudyRound[];
  };
  expect(rounds.at(-1)!.round).toBe(6);
});

test('a job that is called off rejects by name, and its thread takes the next', async () => {
  const base = makeModel(0, compiled.layout, compiled.initialWeights());
  const controller = new AbortController();
  const jobs = [0, 1, 2, 3].map((client) =>
    pool.train(client, { base, seed: 'seed', signal: controller.signal }),
  );
  controller.abort(new Error('no longer needed'));
  for (const job of jobs) await expect(job).rejects.toThrow('no longer needed');
  const { update } = await pool.train(0, { base, seed: 'seed', signal: new AbortController().signal });
  expect(update.examples).toBe(gather(train, partition[0]!).count);
});

test('a failure in a thread comes back with its code', async () => {
  const other = makeModel(0, compiled.layout, compiled.initialWeights());
  // A model's hash covers that of its layout.
  const base = { ...other, layoutHash: 'another', hash: 'another' };
  const job = pool.train(0, { base, seed: 'seed', signal: new AbortController().signal });
  await expect(job).rejects.toMatchObject({ code: 'model.layout-mismatch' });
  expect(pool.failure).toBeUndefined();
});

test('after the threads are closed every job is refused, those under way included', async () => {
  const short = await startWorkerPool(1, setupOf(federationOf(1)));
  const base = makeModel(0, compiled.layout, compiled.initialWeights());
  const job = () => short.train(0, { base, seed: 'seed', signal: new AbortController().signal });
  const running = job();
  await Promise.all([expect(running).rejects.toMatchObject({ code: 'training.cancelled' }), short.close()]);
  await expect(job()).rejects.toMatchObject({ code: 'training.cancelled' });
});

test('jobs do not stay attached to a signal that outlives them', async () => {
  const { signal } = new AbortController();
  const base = makeModel(0, compiled.layout, compiled.initialWeights());
  for (const client of [0, 1, 2]) await pool.train(client, { base, seed: 'seed', signal });
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('a thread that does not start is an error with a name', async () => {
  const federation = { ...federationOf(1), model: { ...federationOf(1).model, layers: [] } };
  await expect(startWorkerPool(1, setupOf(federation))).rejects.toMatchObject({
    code: 'training.failed',
  });
});
