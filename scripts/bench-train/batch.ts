import { inputSize } from '../../shared/dataset/examples.ts';
import type { Examples } from '../../shared/dataset/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import { seededRandom } from '../../shared/random/index.ts';

/** Labels of every model here. */
export const CLASSES = 10;

/** Noise with arbitrary labels, the same on every side: pixels over [0, 1), or token ids. */
export function syntheticBatch({ data }: Federation, count: number): Examples {
  const random = seededRandom('training benchmark');
  const length = count * inputSize(data);
  const inputs = Float32Array.from({ length }, () =>
    data.kind === 'tokens' ? random.below(data.vocabulary) : random.uniform(),
  );
  return { count, inputs, targets: Uint16Array.from({ length: count }, () => random.below(CLASSES)) };
}
