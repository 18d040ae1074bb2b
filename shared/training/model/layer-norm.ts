import { reshape, type Tensor2D } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { normalizeRows } from '../ops/normalize-rows.ts';
import type { CompiledLayer } from './layer.ts';
import { addedVectorGradient, asPositions } from './parameter-gradient.ts';
import { scaleAndShift } from './scale-shift.ts';

type LayerNormSpec = Extract<LayerSpec, { type: 'layerNorm' }>;

/** Normalizes over the channels of each position, then gamma·x + beta (Ba et al. 2016). Any shape stays as it is. */
export function layerNorm(
  { epsilon }: LayerNormSpec,
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const channels = inputShape.at(-1)!;
  check(
    channels > 1,
    'model.invalid',
    'A single number cannot be normalized: all that is left of it is beta.',
    {
      path,
      expected: 'an input of at least 2 channels or units',
      received: `[${inputShape.join(', ')}]`,
      remedy: 'Put it after a layer with more channels or units.',
    },
  );
  const asRows = (x: Parameters<typeof reshape>[0]) => reshape(x, [-1, channels]) as Tensor2D;
  return {
    parameters: scaleAndShift(channels),
    outputShape: inputShape,
    multiplyAdds: 0,
    forward(inputs, [gamma, beta]) {
      const { shape } = inputs;
      const { outputs, backward } = normalizeRows(asRows(inputs), gamma!, beta!, epsilon);
      return {
        outputs: reshape(outputs, shape),
        backward(slope, wantInputs) {
          const back = backward(asRows(slope));
          return {
            inputs: wantInputs ? reshape(back.inputs(), shape) : undefined,
            parameters: [
              addedVectorGradient(asPositions(reshape(back.gamma, shape))),
              addedVectorGradient(asPositions(slope)),
            ],
          };
        },
      };
    },
  };
}
