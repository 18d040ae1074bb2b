import { add, maximum, mul, reshape, type Tensor, type Tensor3D } from '@tensorflow/tfjs-core';
import type { LayerSpec } from '../../federation/index.ts';
import { normalizeChannels, standardizeChannels } from '../ops/normalize-channels.ts';
import type { CompiledLayer } from './layer.ts';
import { addedVectorGradient, asPositions } from './parameter-gradient.ts';
import { scaleAndShift } from './scale-shift.ts';

type BatchNormSpec = Extract<LayerSpec, { type: 'batchNorm' }>;

/**
 * Normalizes each channel over all positions of all examples of the batch, then gamma·x + beta (Ioffe and Szegedy
 * 2015). Outside training, moving averages of the batches' means and variances take the place of the batch's own.
 * Its gradients mix the examples: what it calls one example's gradient is only that example's term of the sum.
 */
export function batchNorm(
  { momentum, epsilon }: BatchNormSpec,
  inputShape: readonly number[],
): CompiledLayer {
  const channels = inputShape.at(-1)!;
  const asOneSet = (x: Tensor) => reshape(x, [1, -1, channels]) as Tensor3D;
  return {
    parameters: [
      ...scaleAndShift(channels),
      { name: 'movingMean', shape: [channels], initializer: 'zeros', kind: 'statistic' },
      { name: 'movingVariance', shape: [channels], initializer: 'ones', kind: 'statistic' },
    ],
    outputShape: inputShape,
    multiplyAdds: 0,
    forward(inputs, parameters, { training }) {
      const [gamma, beta, movingMean, movingVariance] = parameters as [Tensor, Tensor, Tensor, Tensor];
      const { shape } = inputs;
      const x = asOneSet(inputs);
      const { outputs, mean, variance, backward } = training
        ? normalizeChannels(x, gamma, beta, channels, epsilon)
        : standardizeChannels(
            x,
            gamma,
            beta,
            { mean: movingMean, variance: atLeast0(movingVariance) },
            epsilon,
          );
      const next = (moving: Tensor, current: Tensor) => ({
        next: add(mul(moving, momentum), mul(reshape(current, [channels]), 1 - momentum)),
      });
      return {
        outputs: reshape(outputs, shape),
        backward(slope, wantInputs) {
          const back = backward(asOneSet(slope));
          return {
            inputs: wantInputs ? reshape(back.inputs(), shape) : undefined,
            parameters: [
              addedVectorGradient(asPositions(reshape(back.gammaParts(), shape))),
              addedVectorGradient(asPositions(slope)),
              next(movingMean, mean),
              next(movingVariance, variance),
            ],
          };
        },
      };
    },
  };
}

/** What is averaged over participants is moved by a server learning rate and rounded, and may end below zero. */
function atLeast0(variance: Tensor): Tensor {
  return maximum(variance, 0);
}
