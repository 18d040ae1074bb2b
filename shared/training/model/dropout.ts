import { mul, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { LayerSpec } from '../../federation/index.ts';
import type { SeededRandom } from '../../random/index.ts';
import type { CompiledLayer, Forward } from './layer.ts';

type DropoutSpec = Extract<LayerSpec, { type: 'dropout' }>;

/**
 * While training, sets each number to zero with probability `rate` and divides the others by 1 − rate, so that
 * their expectation stays (Srivastava et al. 2014, with the scaling in training). Otherwise nothing.
 */
export function dropout({ rate }: DropoutSpec, inputShape: readonly number[]): CompiledLayer {
  return {
    parameters: [],
    outputShape: inputShape,
    multiplyAdds: 0,
    forward: (inputs, _, { training, random }) =>
      training && rate > 0 ? multiplied(inputs, drawMask(inputs.shape, rate, random)) : unchanged(inputs),
  };
}

function multiplied(inputs: Tensor, mask: Tensor): Forward {
  return {
    outputs: mul(inputs, mask),
    backward: (slope, wantInputs) => ({
      inputs: wantInputs ? mul(slope, mask) : undefined,
      parameters: [],
    }),
  };
}

function unchanged(inputs: Tensor): Forward {
  return { outputs: inputs, backward: (slope) => ({ inputs: slope, parameters: [] }) };
}

/** One draw per number, in row-major order, so that every device drops the same. */
function drawMask(shape: number[], rate: number, random: SeededRandom): Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(length);
  for (let i = 0; i < length; i++) mask[i] = random.uniform() < rate ? 0 : kept;
  return tensor(mask, shape);
}
