import { dispose, type Tensor, type Tensor1D, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Examples } from '../dataset/examples.ts';
import { type FederationInput, parseFederation } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import { TRAINING_MODELS, trainingFederation } from '../testing/training-models.ts';
import { inputBatch, targetBatch } from './batches.ts';
import { type CompiledModel, compileModel } from './model/compile.ts';
import type { ParameterResult } from './model/layer.ts';
import type { ParameterGradient } from './model/parameter-gradient.ts';
import { relativeDifference } from './model/reference/compare.ts';
import { tensorsOf } from './parameters.ts';
import { clippedSums } from './stepper.ts';
import { useBackend } from './testing.ts';

const BATCH = 4;

/** A table of words that also tells the next word, and a layer that is used twice in between. */
const tied: FederationInput['model']['layers'] = [
  { type: 'embedding', vocabulary: 40, units: 8, name: 'table' },
  { type: 'positionalEncoding', kind: 'learned' },
  { type: 'residual', layers: [{ type: 'attention', heads: 2, causal: true, name: 'look' }] },
  { type: 'residual', layers: [{ type: 'shared', of: 'look' }] },
  { type: 'layerNorm' },
  { type: 'unembedding', of: 'table' },
];

const models: readonly (readonly [string, CompiledModel])[] = [
  ...TRAINING_MODELS.map((name) => [name, compileModel(trainingFederation(name))] as const),
  ['tied and shared', compileModel(tiedFederation())],
];
/** The scalar backend takes seconds for the large ones. */
const onCpu = models.filter(([name]) => !name.endsWith('cnn'));

describe.each([
  ...models.map(([name, compiled]) => ['wasm', name, compiled] as const),
  ...onCpu.map(([name, compiled]) => ['cpu', name, compiled] as const),
])('clipped sums on %s: %s', (backend, _, compiled) => {
  it('are those of a loop over the examples, to 1e-5', async () => {
    await useBackend(backend);
    const parameters = tensorsOf(compiled.layout, compiled.initialWeights());
    const examples = randomExamples(compiled);
    const each = Array.from({ length: BATCH }, (_, i) =>
      gradientsOf(compiled, parameters, examples, [i], (results) =>
        results.map((result) => gradientOf(result).sum()),
      ),
    );
    const norms = each.map((gradients) => Math.hypot(...gradients.map(lengthOf)));
    // Between the norms: some examples are clipped, others are not.
    const sorted = norms.toSorted((a, b) => a - b);
    const clipNorm = (sorted[1]! + sorted[2]!) / 2;

    const received = gradientsOf(compiled, parameters, examples, [0, 1, 2, 3], (results) =>
      clippedSums(results, clipNorm).map((change) => ('gradient' in change ? change.gradient : change.next)),
    );
    const largest = Math.max(...received.map(largestOf));
    received.forEach((sum, p) => {
      const expected = Array.from(sum, (_, k) =>
        each.reduce(
          (total, gradients, i) => total + Math.min(1, clipNorm / norms[i]!) * gradients[p]![k]!,
          0,
        ),
      );
      // A gradient that ought to be zero, as of the bias of attention's keys, is rounding and nothing else.
      expect(relativeDifference(sum, expected, 1e-2 * largest)).toBeLessThan(1e-5);
    });
    dispose(parameters);
  }, 60_000);
});

function tiedFederation() {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'tied',
    name: 'Tied',
    data: { kind: 'tokens', length: 6, vocabulary: 40, target: { type: 'next' } },
    model: { layers: tied, loss: 'softmaxCrossEntropy' },
  });
}

function randomExamples(compiled: CompiledModel): Examples {
  const random = seededRandom('clipped sums');
  const { inputKind, inputSize, outputSize, targetsPerExample } = compiled;
  const inputs = Float32Array.from({ length: BATCH * inputSize }, () =>
    inputKind === 'numbers' ? random.uniform() : random.below(inputKind.vocabulary),
  );
  const targets = Uint16Array.from({ length: BATCH * targetsPerExample }, () => random.below(outputSize));
  return { count: BATCH, inputs, targets };
}

function gradientsOf(
  compiled: CompiledModel,
  parameters: readonly Tensor[],
  { inputs, targets }: Examples,
  indices: readonly number[],
  read: (results: readonly ParameterResult[]) => readonly Tensor[],
): Float32Array[] {
  let sums: Float32Array[] = [];
  tidy(() => {
    const x = inputBatch(compiled, inputs, indices);
    const y: Tensor1D = targetBatch(compiled, targets, indices);
    const pass = compiled.pass(parameters, x, y, { training: true, random: seededRandom('') });
    sums = read(pass.gradients()).map((sum) => sum.dataSync<'float32'>().slice());
  });
  return sums;
}

function gradientOf(result: ParameterResult): ParameterGradient {
  if ('next' in result) throw new Error('A model without batch normalization has no statistics.');
  return result;
}

function lengthOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

function largestOf(values: Float32Array): number {
  return values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}
