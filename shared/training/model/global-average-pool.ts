import { fill, mean, mul, reshape } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import { type CompiledLayer, sizeOf } from './layer.ts';
import { asPositions } from './parameter-gradient.ts';

/** Mean over all positions: [batch, ...positions, channels] → [batch, channels]. */
export function globalAveragePool(inputShape: readonly number[], path: string): CompiledLayer {
  const channels = inputShape.at(-1);
  if (channels === undefined || inputShape.length < 2) {
    throw new MurmurationError(
      'model.invalid',
      'A globalAveragePool layer works on images and on sequences.',
      {
        path,
        expected: 'an input of [height, width, channels] or [length, units]',
        received: `[${inputShape.join(', ')}]`,
        remedy: 'Put it before flatten layers, or leave it out.',
      },
    );
  }
  const positions = sizeOf(inputShape) / channels;
  return {
    parameters: [],
    outputShape: [channels],
    multiplyAdds: 0,
    forward: (inputs) => ({
      outputs: mean(asPositions(inputs), 1),
      backward(slope, wantInputs) {
        if (!wantInputs) return { inputs: undefined, parameters: [] };
        const spread = mul(reshape(slope, [-1, 1, channels]), fill([1, positions, 1], 1 / positions));
        return { inputs: reshape(spread, inputs.shape), parameters: [] };
      },
    }),
  };
}
