import { memory } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Examples } from '../dataset/index.ts';
import { trainingSchema } from '../federation/index.ts';
import { layoutOf, makeModel } from '../update/index.ts';
import { compileModel } from './model/compile.ts';
import { fineTuneHead, headOf, type Personalization, trainDitto } from './personalize.ts';
import { federationWith, useBackend } from './testing.ts';
import { trainLocally } from './train.ts';

const records = { kind: 'records', features: 1 } as const;
/** y = w·x, without a bias. */
const slope = compileModel(federationWith([{ type: 'dense', units: 1, useBias: false }], records));
const deep = compileModel(
  federationWith(
    [
      { type: 'dense', units: 3, activation: 'tanh' },
      { type: 'dense', units: 2, activation: 'tanh' },
      { type: 'dense', units: 1 },
    ],
    records,
  ),
);
const training = (learningRate: number, epochs = 1) =>
  trainingSchema.parse({ optimizer: { type: 'sgd', learningRate }, epochs, batchSize: 8 });
/** x = 1, y = 3. */
const points: Examples = {
  count: 8,
  inputs: new Float32Array(8).fill(1),
  targets: new Float32Array(8).fill(3),
};
const { signal } = new AbortController();
const job = (change: Partial<Personalization> = {}): Personalization => ({
  compiled: slope,
  examples: points,
  shared: makeModel(4, slope.layout, Float32Array.of(1)),
  training: training(0.1),
  seed: 'mine',
  signal,
  ...change,
});
const refused = expect.objectContaining({ code: 'argument.invalid' });

beforeEach(() => useBackend('cpu'));

describe('Ditto', () => {
  test('one step by hand, from a personal model of 2 with the shared one at 1', async () => {
    // The gradient of (v − 3)² at 2 is −2, and 0.5 · (2 − 1) pulls back: v = 2 − 0.1 · (−2 + 0.5).
    const { weights, loss } = await trainDitto(job({ personal: Float32Array.of(2) }), 0.5);
    expect(weights[0]).toBeCloseTo(2.15, 6);
    expect(loss).toBe(1);
  });

  test('it ends where data and pull are equal: 2(v − 3) + λ(v − 1) = 0', async () => {
    const ends = [];
    for (const lambda of [0, 2, 8])
      ends.push((await trainDitto(job({ training: training(0.1, 100) }), lambda)).weights[0]!);
    expect(ends).toEqual([3, 2, 1.4].map((end) => expect.closeTo(end, 4)));
  });

  test('without a personal model, or with one of another shape, it begins with the shared one', async () => {
    const first = await trainDitto(job(), 1);
    expect(first.weights[0]).toBeCloseTo(1.4, 6);
    expect(await trainDitto(job({ personal: new Float32Array(7) }), 1)).toEqual(first);
  });

  test.each([-1, 10.1, Number.NaN])('a λ of %d is refused by name', async (lambda) => {
    expect(() => trainDitto(job(), lambda)).toThrow(refused);
  });
});

describe('a fine-tuned head', () => {
  const weights = deep.initialWeights();
  const shared = makeModel(2, deep.layout, weights);
  const deepJob = (change: Partial<Personalization> = {}) => job({ compiled: deep, shared, ...change });

  test('is the last layers that have parameters', () => {
    // 1 · 3 + 3, then 3 · 2 + 2, then 2 · 1 + 1.
    expect([...headOf(deep.layout, 1)]).toEqual([14, 15, 16]);
    expect(headOf(deep.layout, 2).length).toBe(11);
    expect(headOf(deep.layout, 3).length).toBe(deep.layout.length);
    for (const layers of [0, 4]) expect(() => headOf(deep.layout, layers)).toThrow(refused);
    const bare = layoutOf([{ name: 'w', shape: [2] }]);
    expect([...headOf(bare, 1)]).toEqual([0, 1]);
  });

  test('trains those and nothing else, and leaves no tensor behind', async () => {
    const before = memory().numTensors;
    const tuned = await fineTuneHead(deepJob({ training: training(0.1, 20) }));
    expect(memory().numTensors).toBe(before);
    expect([...tuned.weights.subarray(0, 14)]).toEqual([...weights.subarray(0, 14)]);
    expect(tuned.weights[16]).not.toBe(weights[16]);
    expect(tuned.loss).toBeLessThan(0.5);
  });

  test('moves in a step as far as it does where all layers are trained', async () => {
    const { update } = await trainLocally({ ...deepJob(), base: shared });
    const tuned = await fineTuneHead(deepJob());
    for (const i of headOf(deep.layout, 1))
      expect(tuned.weights[i]! - weights[i]!).toBeCloseTo(update.delta[i]!, 6);
  });

  test('a head of before goes on on top of the newest other layers', async () => {
    const personal = new Float32Array(deep.layout.length).fill(0.25);
    const start = weights.slice();
    start.set(personal.subarray(14), 14);
    const { update } = await trainLocally({
      ...deepJob(),
      base: makeModel(2, deep.layout, start),
      kept: headOf(deep.layout, 1),
      keepsRate: true,
    });
    const tuned = await fineTuneHead(deepJob({ personal }));
    expect([...tuned.weights]).toEqual([...start].map((value, i) => Math.fround(value + update.delta[i]!)));
    expect([...tuned.weights.subarray(0, 14)]).toEqual([...weights.subarray(0, 14)]);
  });
});
