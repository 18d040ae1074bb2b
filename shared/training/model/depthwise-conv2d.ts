import { add, depthwiseConv2d as convolve, fused, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayerSpec } from '../../federation/index.ts';
import { placesOf } from '../ops/convolution.ts';
import {
  depthwiseFilterGradient,
  depthwiseInputSlope,
  perExampleDepthwiseGradients,
} from '../ops/depthwise.ts';
import { type Activated, activate, fromOutputs } from './activation.ts';
import { windowOf } from './conv2d.ts';
import { filterGradient } from './filter-gradient.ts';
import { type CompiledLayer, imageShape } from './layer.ts';
import { addedVectorGradient, asPositions } from './parameter-gradient.ts';

export type DepthwiseConv2dSpec = Extract<LayerSpec, { type: 'depthwiseConv2d' }>;
type KernelShape = readonly [number, number, number, number];

/**
 * activation(x ∗ kernel + bias), each channel with `multiplier` kernels of its own:
 * [batch, h, w, channels] → [batch, h', w', channels × multiplier].
 */
export function depthwiseConv2d(
  spec: DepthwiseConv2dSpec,
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const { multiplier, kernelSize: size, useBias } = spec;
  const [height, width, channels] = imageShape(inputShape, path, spec.type);
  const window = windowOf(spec, inputShape, path);
  const units = channels * multiplier;
  const outputShape = [placesOf(height, window).count, placesOf(width, window).count, units] as const;
  const kernelShape: KernelShape = [size, size, channels, multiplier];
  const area = size * size;
  return {
    parameters: [
      {
        name: 'depthwiseKernel',
        shape: kernelShape,
        // One output sees one channel, and one input is seen by its channel's kernels only.
        initializer: { fanIn: area, fanOut: area * multiplier },
      },
      ...(useBias ? [{ name: 'bias', shape: [units], initializer: 'zeros' } as const] : []),
    ],
    outputShape,
    multiplyAdds: outputShape[0] * outputShape[1] * area * units,
    forward(inputs, [kernel, bias]) {
      const { outputs, backward } = affine(spec, inputs as Tensor4D, kernel as Tensor4D, bias);
      return {
        outputs,
        backward(slope, wantInputs) {
          const slopes = backward(slope) as Tensor4D;
          return {
            inputs: wantInputs
              ? depthwiseInputSlope(slopes, kernel as Tensor4D, inputs.shape, window)
              : undefined,
            parameters: [
              filterGradient({
                inputs: inputs as Tensor4D,
                slopes,
                shape: kernelShape,
                each: (x, dy) => perExampleDepthwiseGradients(x, dy, kernelShape, window),
                total: (x, dy) => depthwiseFilterGradient(x, dy, kernelShape, window),
              }),
              ...(useBias ? [addedVectorGradient(asPositions(slopes))] : []),
            ],
          };
        },
      };
    },
  };
}

/** One fused kernel where the backends have one. */
function affine(
  { activation, strides, padding }: DepthwiseConv2dSpec,
  x: Tensor4D,
  filter: Tensor4D,
  bias: Tensor | undefined,
): Activated {
  if (activation === 'linear' || activation === 'relu') {
    const outputs = fused.depthwiseConv2d({
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
