import { reshape } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { normalizeChannels } from '../ops/normalize-channels.ts';
import { type CompiledLayer, sizeOf } from './layer.ts';
import { asPositions, perExampleGradient } from './parameter-gradient.ts';
import { scaleAndShift } from './scale-shift.ts';

type GroupNormSpec = Extract<LayerSpec, { type: 'groupNorm' }>;

/**
 * Normalizes each group of neighbouring channels over all positions of an example, then gamma·x + beta (Wu and He
 * 2018). Any shape stays as it is.
 */
export function groupNorm(
  { groups, epsilon }: GroupNormSpec,
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const channels = inputShape.at(-1)!;
  check(channels % groups === 0, 'model.invalid', 'The groups do not divide the channels.', {
    path: `${path}.groups`,
    expected: `a divisor of ${channels}`,
    received: String(groups),
  });
  const grouped = sizeOf(inputShape) / groups;
  check(
    grouped > 1,
    'model.invalid',
    'A single number cannot be normalized: all that is left of it is beta.',
    {
      path: `${path}.groups`,
      expected: `less than ${channels}`,
      received: String(groups),
    },
  );
  return {
    parameters: scaleAndShift(channels),
    outputShape: inputShape,
    multiplyAdds: 0,
    forward(inputs, [gamma, beta]) {
      const { shape } = inputs;
      const normalized = normalizeChannels(asPositions(inputs), gamma!, beta!, groups, epsilon);
      return {
        outputs: reshape(normalized.outputs, shape),
        backward(slope, wantInputs) {
          const back = normalized.backward(asPositions(slope));
          return {
            inputs: wantInputs ? reshape(back.inputs(), shape) : undefined,
            parameters: [back.gamma, back.beta].map((sums) =>
              perExampleGradient(() => reshape(sums, [-1, channels])),
            ),
          };
        },
      };
    },
  };
}
