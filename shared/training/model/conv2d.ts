import { add, conv2d as convolve, fused, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import {
  convolutionFilterGradient,
  convolutionInputSlope,
  perExampleFilterGradients,
  placesOf,
  type Window,
} from '../ops/convolution.ts';
import { type Activated, activate, fromOutputs } from './activation.ts';
import { filterGradient } from './filter-gradient.ts';
import { type CompiledLayer, imageShape } from './layer.ts';
import { addedVectorGradient, asPositions } from './parameter-gradient.ts';

export type Conv2dSpec = Extract<LayerSpec, { type: 'conv2d' }>;

/** activation(x ∗ kernel + bias): [batch, h, w, channels] → [batch, h', w', filters]. */
export function conv2d(spec: Conv2dSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const { filters, kernelSize: size, useBias } = spec;
  const [height, width, channels] = imageShape(inputShape, path, 'conv2d');
  const window = windowOf(spec, inputShape, path);
  const outputShape = [placesOf(height, window).count, placesOf(width, window).count, filters] as const;
  const kernelShape = [size, size, channels, filters];
  const area = size * size;
  return {
    parameters: [
      {
        name: 'kernel',
        shape: kernelShape,
        initializer: { fanIn: area * channels, fanOut: area * filters },
      },
      ...(useBias ? [{ name: 'bias', shape: [filters], initializer: 'zeros' } as const] : []),
    ],
    outputShape,
    multiplyAdds: outputShape[0] * outputShape[1] * area * channels * filters,
    forward(inputs, [kernel, bias]) {
      const { outputs, backward } = affine(spec, inputs as Tensor4D, kernel as Tensor4D, bias);
      return {
        outputs,
        backward(slope, wantInputs) {
          const slopes = backward(slope) as Tensor4D;
          return {
            inputs: wantInputs
              ? convolutionInputSlope(slopes, kernel as Tensor4D, inputs.shape, window)
              : undefined,
            parameters: [
              filterGradient({
                inputs: inputs as Tensor4D,
                slopes,
                shape: kernelShape,
                each: (x, dy) => perExampleFilterGradients(x, dy, kernelShape, window),
                total: (x, dy) => convolutionFilterGradient(x, dy, kernelShape, window),
              }),
              ...(useBias ? [addedVectorGradient(asPositions(slopes))] : []),
            ],
          };
        },
      };
    },
  };
}

/** The window of a convolution or a pool. @throws `model.invalid` when it is larger than the image. */
export function windowOf(
  spec: Pick<Conv2dSpec, 'kernelSize' | 'strides' | 'padding'>,
  inputShape: readonly number[],
  path: string,
): Window {
  const [height, width] = imageShape(inputShape, path, 'conv2d');
  const { kernelSize, strides, padding } = spec;
  check(
    padding === 'same' || kernelSize <= Math.min(height, width),
    'model.invalid',
    'The kernel is larger than the image it slides over.',
    {
      path: `${path}.kernelSize`,
      expected: `at most ${Math.min(height, width)}`,
      received: String(kernelSize),
      remedy: 'Use a smaller kernel, fewer pooling layers, or padding "same".',
    },
  );
  return { size: kernelSize, stride: strides, padding };
}

/** One fused kernel where the backends have one. */
function affine(
  { activation, strides, padding }: Conv2dSpec,
  x: Tensor4D,
  filter: Tensor4D,
  bias: Tensor | undefined,
): Activated {
  if (activation === 'linear' || activation === 'relu') {
    const outputs = fused.conv2d({
      x,
      filter,
      strides,
      pad: padding,
      activation,
      ...(bias === undefined ? {} : { bias }),
    });
    return fromOutputs(activation, outputs);
  }
  const products = convolve(x, filter, strides, padding);
  return activate(activation, bias === undefined ? products : add(products, bias));
}
