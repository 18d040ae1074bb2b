import { dispose, memory, type Tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type FederationInput, trainingSchema } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import { makeModel } from '../update/index.ts';
import { inputBatch, targetBatch } from './batches.ts';
import { evaluateModel } from './evaluate.ts';
import { compileModel } from './model/compile.ts';
import type { ParameterGradient } from './model/parameter-gradient.ts';
import { tensorsOf } from './parameters.ts';
import { federationWith, useBackend } from './testing.ts';
import { trainLocally } from './train.ts';

const LENGTH = 6;
const VOCABULARY = 5;
const data: FederationInput['data'] = {
  kind: 'tokens',
  length: LENGTH,
  vocabulary: VOCABULARY,
  target: { type: 'next' },
};
const transformer: FederationInput['model']['layers'] = [
  { type: 'embedding', vocabulary: VOCABULARY, units: 8, name: 'table' },
  { type: 'positionalEncoding', kind: 'learned' },
  { type: 'residual', layers: [{ type: 'attention', heads: 2, causal: true }] },
  {
    type: 'residual',
    layers: [
      { type: 'dense', units: 16, activation: 'relu' },
      { type: 'dense', units: 8 },
    ],
  },
  { type: 'unembedding', of: 'table' },
];
const compiled = compileModel(federationWith(transformer, data));
/** Of a table so large that its per-example gradients are not worth making. */
const wordy = compileModel(
  federationWith(
    transformer.map((layer) => (layer.type === 'embedding' ? { ...layer, vocabulary: 200 } : layer)),
    { ...data, vocabulary: 200 },
  ),
);
const { signal } = new AbortController();

/** Each token follows its predecessor by one, round and round. */
const COUNT = 40;
const inputs = Uint8Array.from(
  { length: COUNT * LENGTH },
  (_, i) => (Math.floor(i / LENGTH) + (i % LENGTH)) % VOCABULARY,
);
const targets = Uint16Array.from(inputs, (token) => (token + 1) % VOCABULARY);
const examples = { count: COUNT, inputs, targets };

describe.each(['cpu', 'wasm'] as const)('a transformer on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it('learns what comes next, and leaves no tensor behind', async () => {
    const before = memory().numTensors;
    const base = makeModel(0, compiled.layout, compiled.initialWeights());
    const training = trainingSchema.parse({
      optimizer: { type: 'adam', learningRate: 0.02 },
      batchSize: 10,
      epochs: 15,
    });
    const { update, loss } = await trainLocally({ compiled, examples, base, training, seed: 'a', signal });
    expect(loss).toBeLessThan(0.3);
    const weights = base.weights.map((weight, i) => weight + update.delta[i]!);
    const model = makeModel(1, compiled.layout, weights);
    const { total, correct } = await evaluateModel({ compiled, examples, model, signal });
    expect(total).toBe(COUNT * LENGTH);
    expect(correct / total).toBeGreaterThan(0.95);
    expect(memory().numTensors).toBe(before);
  });

  it.each([
    ['small', compiled],
    ['large', wordy],
  ])('has the clipped gradients of a loop over its examples, its %s table being shared', (_, model) => {
    const weights = tensor1d([0.5, 1, 0, 2]);
    const parameters = tensorsOf(model.layout, model.initialWeights());
    const gradientsOf = (indices: number[]) =>
      model
        .pass(parameters, inputBatch(model, inputs, indices), targetBatch(model, targets, indices), {
          training: true,
          random: seededRandom(''),
        })
        .gradients() as ParameterGradient[];
    tidy(() => {
      const indices = [0, 1, 2, 7];
      const together = gradientsOf(indices);
      const alone = indices.map((index) => gradientsOf([index]));
      together.forEach((gradient, k) => {
        const each = alone.map((gradients) => gradients[k]!.sum().dataSync());
        expectClose(
          gradient.squaredNorms(),
          each.map((values) => dot(values, values)),
        );
        const factors = weights.dataSync();
        const sum = Array.from(each[0]!, (_, at) =>
          dot(
            each.map((values) => values[at]!),
            factors,
          ),
        );
        expectClose(gradient.sum(weights), sum);
      });
    });
    dispose([weights, ...parameters]);
  });
});

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function expectClose(received: Tensor, expected: readonly number[]): void {
  const scale = Math.max(...expected.map(Math.abs), 1e-3);
  const worst = Math.max(...Array.from(received.dataSync(), (value, i) => Math.abs(value - expected[i]!)));
  expect(worst / scale).toBeLessThan(1e-5);
}
