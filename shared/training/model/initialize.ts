import { seededRandom } from '../../random/index.ts';
import type { Layout } from '../../update/index.ts';
import type { Initializer } from './layer.ts';

/**
 * Initial weights, each parameter from its own seeded stream named by it. Every device must get the same bits, so
 * only operations that IEEE 754 rounds exactly are used: + − × ÷ √ and the rounding to float32.
 */
export function initializeWeights(
  layout: Layout,
  initializers: readonly Initializer[],
  seed: string,
): Float32Array<ArrayBuffer> {
  const weights = new Float32Array(layout.length);
  layout.parameters.forEach(({ name, offset, length }, i) => {
    const initializer = initializers[i]!;
    if (typeof initializer === 'string') {
      weights.fill(initializer === 'ones' ? 1 : 0, offset, offset + length);
      return;
    }
    const limit =
      'limit' in initializer ? initializer.limit : Math.sqrt(6 / (initializer.fanIn + initializer.fanOut));
    const random = seededRandom(seed).fork(name);
    for (let k = 0; k < length; k++) weights[offset + k] = (2 * random.uniform() - 1) * limit;
  });
  return weights;
}
