import { maxPool, type Tensor4D } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { type CompiledLayer, imageShape, validLength } from './layer.ts';

type MaxPool2dSpec = Extract<LayerSpec, { type: 'maxPool2d' }>;

/** The largest value of each poolSize × poolSize tile; rows and columns that fill no tile are left out. */
export function maxPool2d(
  { poolSize }: MaxPool2dSpec,
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const [height, width, channels] = imageShape(inputShape, path, 'maxPool2d');
  check(
    poolSize <= Math.min(height, width),
    'model.invalid',
    'The pool is larger than the image it slides over.',
    {
      path: `${path}.poolSize`,
      expected: `at most ${Math.min(height, width)}`,
      received: String(poolSize),
      remedy: 'Use a smaller pool, or fewer pooling layers.',
    },
  );
  return {
    parameters: [],
    outputShape: [validLength(height, poolSize, poolSize), validLength(width, poolSize, poolSize), channels],
    apply: (inputs) => maxPool(inputs as Tensor4D, poolSize, poolSize, 'valid'),
  };
}
