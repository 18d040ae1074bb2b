import { avgPool, maxPool, type Tensor4D } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { averagePoolInputSlope, maxPoolInputSlope, placesOf, type Window } from '../ops/convolution.ts';
import { type CompiledLayer, imageShape } from './layer.ts';

type Pool2dSpec = Extract<LayerSpec, { type: 'maxPool2d' | 'averagePool2d' }>;

/** The largest value, or the mean, of each window; with padding `valid`, what fills no window is left out. */
export function pool2d(spec: Pool2dSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const { type, poolSize, strides = poolSize, padding } = spec;
  const [height, width, channels] = imageShape(inputShape, path, type);
  check(
    padding === 'same' || poolSize <= Math.min(height, width),
    'model.invalid',
    'The pool is larger than the image it slides over.',
    {
      path: `${path}.poolSize`,
      expected: `at most ${Math.min(height, width)}`,
      received: String(poolSize),
      remedy: 'Use a smaller pool, or fewer pooling layers.',
    },
  );
  const window: Window = { size: poolSize, stride: strides, padding };
  const pool = type === 'maxPool2d' ? maxPool : avgPool;
  return {
    parameters: [],
    outputShape: [placesOf(height, window).count, placesOf(width, window).count, channels],
    multiplyAdds: 0,
    forward(inputs) {
      const outputs = pool(inputs as Tensor4D, poolSize, strides, padding);
      return {
        outputs,
        backward: (slope) => ({
          inputs:
            type === 'maxPool2d'
              ? maxPoolInputSlope(slope, inputs, outputs, window)
              : averagePoolInputSlope(slope, inputs, window),
          parameters: [],
        }),
      };
    },
  };
}
