import type { Examples } from '../../dataset/examples.ts';
import type { Federation, TrainingSpec } from '../../federation/index.ts';
import { type SeededRandom, seededRandom } from '../../random/index.ts';
import { makeModel } from '../../update/index.ts';
import { type CompiledModel, compileModel } from '../model/compile.ts';
import { trainLocally } from '../train.ts';

/** A model of 134 parameters that uses every layer, activation and padding. */
const PROBE: Pick<Federation, 'data' | 'model'> = {
  data: { kind: 'image', width: 6, height: 6, channels: 1, labels: ['a', 'b', 'c'] },
  model: {
    layers: [
      { type: 'conv2d', filters: 2, kernelSize: 3, strides: 1, padding: 'same', activation: 'linear' },
      { type: 'maxPool2d', poolSize: 2 },
      { type: 'conv2d', filters: 3, kernelSize: 2, strides: 1, padding: 'valid', activation: 'tanh' },
      { type: 'flatten' },
      { type: 'dense', units: 4, activation: 'relu' },
      { type: 'dense', units: 4, activation: 'sigmoid' },
      { type: 'dense', units: 3, activation: 'linear' },
    ],
    loss: 'softmaxCrossEntropy',
    seed: 'murmuration',
  },
};
const TRAINING: TrainingSpec = {
  batchSize: 4,
  epochs: 2,
  optimizer: { type: 'sgd', learningRate: 0.5, momentum: 0.5 },
};

/**
 * {@link probeChecksums} as the cpu backend computes them, which a test repeats. A backend whose kernels are
 * wrong, or that rounds to half precision, differs by far more than {@link TOLERANCE}.
 */
const EXPECTED: readonly number[] = [
  1.0026039, -0.8715168, -0.158807, 0.6759111, -0.2317186, -0.1395102, -0.8882112, 0.1200753, -0.2220613,
  -0.2839377, -0.1977828,
];
const TOLERANCE = 1e-3;

/** Trains the probe on the current backend. @returns the loss and one checksum per parameter of the update. */
export async function probeChecksums(signal: AbortSignal): Promise<number[]> {
  const compiled = compileModel(PROBE);
  const { update, loss } = await trainLocally({
    compiled,
    examples: syntheticExamples(compiled, 10),
    base: makeModel(0, compiled.layout, compiled.initialWeights()),
    training: TRAINING,
    seed: 'probe',
    signal,
  });
  // Weighted by position, so that values that are right but in the wrong place show too.
  const checksums = compiled.layout.parameters.map(({ offset, length }) =>
    update.delta.subarray(offset, offset + length).reduce((sum, value, i) => sum + value * (1 + (i % 7)), 0),
  );
  return [loss, ...checksums];
}

/** @returns undefined when the current backend trains rightly, otherwise what is wrong in words. */
export async function probeFault(signal: AbortSignal): Promise<string | undefined> {
  const checksums = await probeChecksums(signal);
  const worst = Math.max(...checksums.map((value, i) => Math.abs(value - EXPECTED[i]!)));
  return worst <= TOLERANCE ? undefined : `It computes wrong gradients, off by ${worst.toExponential(1)}.`;
}

/** Noise of the model's input size with arbitrary targets: for checking and timing, learning nothing. */
export function syntheticExamples(compiled: CompiledModel, count: number): Examples {
  const random: SeededRandom = seededRandom('synthetic examples');
  const inputs = Float32Array.from({ length: count * compiled.inputSize }, () => random.uniform());
  const targets =
    compiled.target === 'class'
      ? Uint16Array.from({ length: count }, () => random.below(compiled.outputSize))
      : Float32Array.from({ length: count }, () => random.uniform());
  return { count, inputs, targets };
}
