import { reshape } from '@tensorflow/tfjs-core';
import { type CompiledLayer, sizeOf } from './layer.ts';

/** [batch, ...] → [batch, features], row-major. */
export function flatten(inputShape: readonly number[]): CompiledLayer {
  const features = sizeOf(inputShape);
  return {
    parameters: [],
    outputShape: [features],
    multiplyAdds: 0,
    forward: (inputs) => ({
      outputs: reshape(inputs, [inputs.shape[0]!, features]),
      backward: (slope) => ({ inputs: reshape(slope, inputs.shape), parameters: [] }),
    }),
  };
}
