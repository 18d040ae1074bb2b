import { add, conv2d as convolve, type Tensor4D } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import { activate } from './activation.ts';
import { type CompiledLayer, imageShape, validLength } from './layer.ts';

type Conv2dSpec = Extract<LayerSpec, { type: 'conv2d' }>;

/** activation(x ∗ kernel + bias): [batch, h, w, channels] → [batch, h', w', filters]. */
export function conv2d(spec: Conv2dSpec, inputShape: readonly number[], path: string): CompiledLayer {
  const { filters, kernelSize, strides, padding } = spec;
  const [height, width, channels] = imageShape(inputShape, path, 'conv2d');
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
  const outputLength = (length: number) =>
    padding === 'same' ? Math.ceil(length / strides) : validLength(length, kernelSize, strides);
  const area = kernelSize * kernelSize;
  return {
    parameters: [
      {
        name: 'kernel',
        shape: [kernelSize, kernelSize, channels, filters],
        initializer: { fanIn: area * channels, fanOut: area * filters },
      },
      { name: 'bias', shape: [filters], initializer: 'zeros' },
    ],
    outputShape: [outputLength(height), outputLength(width), filters],
    apply: (inputs, [kernel, bias]) =>
      activate(
        spec.activation,
        add(convolve(inputs as Tensor4D, kernel as Tensor4D, strides, padding), bias!),
      ),
  };
}
