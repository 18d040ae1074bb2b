import { memory } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Examples } from '../dataset/examples.ts';
import { makeModel } from '../update/index.ts';
import { evaluateModel, measureModel, predict } from './evaluate.ts';
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

describe('other targets', () => {
  beforeEach(() => useBackend('wasm'));

  const records = { kind: 'records', features: 1 } as const;
  const yesNo = { type: 'class', name: 'y', labels: ['no', 'yes'] } as const;
  const oneUnit = federationWith([{ type: 'dense', units: 1 }], {
    ...records,
    target: { ...yesNo, labels: [...yesNo.labels] },
  });
  const logit = compileModel({ ...oneUnit, model: { ...oneUnit.model, loss: 'sigmoidCrossEntropy' } });
  const same = Float32Array.of(1, 0);

  it('one logit for two labels', async () => {
    const examples = { count: 4, inputs: Float32Array.of(2, -2, 1, -1), targets: Uint16Array.of(1, 0, 0, 0) };
    const model = makeModel(0, logit.layout, same);
    const counts = await evaluateModel({ compiled: logit, examples, model, signal });
    expect(counts).toMatchObject({ total: 4, correct: 3 });
    // log(1 + e⁻²) twice, log(1 + e), log(1 + e⁻¹).
    expect(counts.lossSum).toBeCloseTo(2 * 0.126928 + 1.313262 + 0.313262, 5);
    const { metrics } = await measureModel({ compiled: logit, examples, model, signal });
    expect(metrics.map(({ name, value }) => [name, value])).toEqual([
      ['accuracy', 0.75],
      // "no": 2 right of 3 said 2; "yes": 1 right of 1 said 2.
      ['f1', expect.closeTo((4 / 5 + 2 / 3) / 2, 12)],
      ['auc', 1],
      ['loss', expect.closeTo(counts.lossSum / 4, 12)],
    ]);
    const inputs = Float32Array.of(Math.log(3));
    expect([...(await predict({ compiled: logit, weights: same, inputs }))]).toEqual([
      expect.closeTo(0.25, 6),
      expect.closeTo(0.75, 6),
    ]);
  });

  it('values with the Huber loss, their errors in their own unit', async () => {
    const federation = federationWith([{ type: 'dense', units: 1 }], records);
    const compiled = compileModel({
      ...federation,
      model: { ...federation.model, loss: 'huber', huberDelta: 2 },
    });
    const model = makeModel(0, compiled.layout, same);
    const examples = { count: 2, inputs: Float32Array.of(0, 0), targets: Float32Array.of(1, -4) };
    const counts = await evaluateModel({ compiled, examples, model, signal });
    // 1²/2, and 2·(4 − 1).
    expect(counts).toEqual({ total: 2, correct: 0, lossSum: 0.5 + 6 });
    const { metrics } = await measureModel({ compiled, examples, model, signal, targetScale: 10 });
    expect(metrics).toEqual([
      { name: 'meanAbsoluteError', value: 25 },
      { name: 'rootMeanSquaredError', value: expect.closeTo(10 * Math.sqrt(17 / 2), 10) },
      { name: 'loss', value: 3.25 },
    ]);
  });

  it('the next token at each position, over more than one batch', async () => {
    const tokens = { kind: 'tokens', length: 2, vocabulary: 3, target: { type: 'next' } } as const;
    const compiled = compileModel(
      federationWith(
        [
          { type: 'embedding', vocabulary: 3, units: 3 },
          { type: 'dense', units: 3 },
        ],
        tokens,
      ),
    );
    // One-hot rows through a kernel that says: the token after t is t + 1, with a logit of 9.
    const weights = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 9, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0);
    const model = makeModel(0, compiled.layout, weights);
    const count = 513;
    const inputs = Uint8Array.from({ length: 2 * count }, (_, i) => i % 3);
    // Every last target is wrong.
    const targets = Uint16Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? (i + 1) % 3 : i % 3));
    const before = memory();
    const examples = { count, inputs, targets };
    expect(await evaluateModel({ compiled, examples, model, signal })).toMatchObject({
      total: 2 * count,
      correct: count,
    });
    const { metrics } = await measureModel({ compiled, examples, model, signal });
    // Losses are log(1 + 2e⁻⁹) and that + 9: e^4.5 as perplexity, but for a little.
    const perplexity = Math.exp(4.5) * (1 + 2 * Math.exp(-9));
    expect(metrics.map(({ name, value }) => [name, value])).toEqual([
      ['accuracy', 0.5],
      ['perplexity', expect.closeTo(perplexity, 4)],
      ['loss', expect.closeTo(Math.log(perplexity), 6)],
    ]);
    const predicted = await predict({ compiled, weights, inputs: Uint8Array.of(0, 2) });
    expect([...predicted].map(Math.round)).toEqual([0, 1, 0, 1, 0, 0]);
    expect(memory()).toEqual(before);
  });
});

describe('measureModel', () => {
  beforeEach(() => useBackend('cpu'));

  it('measures labels, and says what one label alone leaves open', async () => {
    const same = examples(6);
    const all = await measureModel({ compiled, examples: same, model: identity, signal });
    expect(all.metrics.slice(0, 3).map(({ value }) => value)).toEqual([0.5, expect.closeTo(1 / 3, 12), 0.5]);
    const alone = { ...same, targets: new Uint16Array(6) };
    const { metrics } = await measureModel({ compiled, examples: alone, model: identity, signal });
    expect(metrics[2]).toEqual({
      name: 'auc',
      value: undefined,
      note: 'It needs examples of at least two labels.',
    });
  });

  it('has nothing to say about nothing', async () => {
    const { total, metrics } = await measureModel({
      compiled,
      examples: examples(0),
      model: identity,
      signal,
    });
    expect(total).toBe(0);
    expect(metrics.every(({ value }) => value === undefined)).toBe(true);
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
