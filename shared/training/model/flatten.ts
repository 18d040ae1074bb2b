import { reshape } from '@tensorflow/tfjs-core';
import type { CompiledLayer } from './layer.ts';

/** [batch, ...shape] → [batch, product of shape], row-major. */
export function flatten(inputShape: readonly number[]): CompiledLayer {
  const size = inputShape.reduce((product, dimension) => product * dimension, 1);
  return {
    parameters: [],
    outputShape: [size],
    apply: (inputs) => reshape(inputs, [inputs.shape[0]!, size]),
  };
}
