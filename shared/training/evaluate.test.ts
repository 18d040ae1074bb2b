import { memory } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Examples } from '../dataset/examples.ts';
import { makeModel } from '../update/index.ts';
import { evaluateModel, predict } from './evaluate.ts';
import { compileModel } from './model/compile.ts';
import { federationWith, useBackend } from './testing.ts';

/** Logits are the two inputs themselves. */
const compiled = compileModel(
  federationWith([{ type: 'dense', units: 2 }], {
    kind: 'records',
    features: 2,
    target: { name: 'label', type: 'class', labels: ['left', 'right'] },
  }),
);
const identity = makeModel(0, compiled.layout, Float32Array.of(1, 0, 0, 1, 0, 0));
const overflowing = makeModel(0, compiled.layout, Float32Array.of(3e38, 3e38, 3e38, 3e38, 0, 0));
const { signal } = new AbortController();

/** Pairs (2, 0) of class `i mod 2`: every other one is right. */
function examples(count: number): Examples {
  return {
    count,
    inputs: Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 2 : 0)),
    targets: Uint16Array.from({ length: count }, (_, i) => i % 2),
  };
}

describe.each(['cpu', 'wasm'] as const)('evaluateModel on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it.each([1, 2, 1001])('counts over %i examples, in one batch or more', async (count) => {
    const before = memory();
    const counts = await evaluateModel({ compiled, examples: examples(count), model: identity, signal });
    expect(counts).toMatchObject({ total: count, correct: Math.ceil(count / 2) });
    // log(1 + e⁻²) for each right one, log(1 + e²) for each wrong one.
    expect(counts.lossSum).toBeCloseTo(Math.ceil(count / 2) * 0.126928 + Math.floor(count / 2) * 2.126928, 2);
    expect(memory()).toEqual(before);
  });

  it('counts nothing over nothing', async () => {
    expect(await evaluateModel({ compiled, examples: examples(0), model: identity, signal })).toEqual({
      total: 0,
      correct: 0,
      lossSum: 0,
    });
  });

  it('names an output that is not finite', async () => {
    const before = memory();
    const evaluation = evaluateModel({ compiled, examples: examples(3), model: overflowing, signal });
    await expect(evaluation).rejects.toMatchObject({ code: 'training.diverged' });
    expect(memory()).toEqual(before);
  });

  it('stops between batches when it is cancelled', async () => {
    const before = memory();
    const controller = new AbortController();
    const evaluation = evaluateModel({
      compiled,
      examples: examples(100_000),
      model: identity,
      signal: controller.signal,
    });
    controller.abort();
    await expect(evaluation).rejects.toMatchObject({ code: 'training.cancelled' });
    expect(memory()).toEqual(before);
  });

  it('refuses a model of another layout', async () => {
    const model = { ...identity, layoutHash: '00' };
    await expect(evaluateModel({ compiled, examples: examples(1), model, signal })).rejects.toMatchObject({
      code: 'model.layout-mismatch',
    });
  });
});

describe('predict', () => {
  beforeEach(() => useBackend('wasm'));

  it('gives the probability of each class', async () => {
    const before = memory();
    const { weights } = identity;
    const inputs = Float32Array.of(0, Math.log(3), 1, 1);
    const probabilities = await predict({ compiled, weights, inputs });
    expect([...probabilities]).toEqual([
      expect.closeTo(0.25, 6),
      expect.closeTo(0.75, 6),
      expect.closeTo(0.5, 6),
      expect.closeTo(0.5, 6),
    ]);
    expect(memory()).toEqual(before);
  });

  it('gives values as they are', async () => {
    const line = compileModel(
      federationWith([{ type: 'dense', units: 1 }], { kind: 'records', features: 1 }),
    );
    const weights = Float32Array.of(2, 1);
    expect([...(await predict({ compiled: line, weights, inputs: Float32Array.of(3, -3) }))]).toEqual([
      7, -5,
    ]);
  });

  it.each([
    ['data.empty', new Float32Array(0)],
    ['data.wrong-shape', new Float32Array(3)],
    ['data.invalid-value', Float32Array.of(1, Number.NaN)],
  ])('refuses with %s', async (code, inputs) => {
    const { weights } = identity;
    await expect(predict({ compiled, weights, inputs })).rejects.toMatchObject({ code });
  });

  it('refuses weights of another length', async () => {
    const weights = new Float32Array(5);
    await expect(predict({ compiled, weights, inputs: new Float32Array(2) })).rejects.toMatchObject({
      code: 'model.layout-mismatch',
    });
  });
});
