import {
  depthwiseConv2d,
  engine,
  mul,
  pad,
  reshape,
  reverse,
  slice,
  stack,
  sum,
  type Tensor,
  type Tensor4D,
  type Tensor5D,
} from '@tensorflow/tfjs-core';
import { placesOf, type Window, windowSlices } from './convolution.ts';
import { hasKernel } from './kernel.ts';

/**
 * A depthwise convolution multiplies each channel of [batch, height, width, channels] with filters of its own,
 * [size, size, channels, multiplier]: output c·multiplier + q belongs to filter q of channel c.
 */
type FilterShape = readonly [size: number, size: number, channels: number, multiplier: number];

/** ∂/∂inputs of a depthwise convolution. */
export function depthwiseInputSlope(
  slope: Tensor4D,
  filter: Tensor4D,
  inputShape: readonly number[],
  window: Window,
): Tensor4D {
  if (!hasKernel('DepthwiseConv2dNativeBackpropInput')) {
    return composedDepthwiseInputSlope(slope, filter, inputShape, window);
  }
  return engine().runKernel(
    'DepthwiseConv2dNativeBackpropInput',
    { dy: slope, filter },
    { ...attributesOf(window), inputShape: [...inputShape] },
  );
}

/** ∂/∂filter of a depthwise convolution, summed over the batch. */
export function depthwiseFilterGradient(
  inputs: Tensor4D,
  slope: Tensor4D,
  filterShape: FilterShape,
  window: Window,
): Tensor4D {
  if (!hasKernel('DepthwiseConv2dNativeBackpropFilter')) {
    return sum(perExampleDepthwiseGradients(inputs, slope, filterShape, window), 0);
  }
  return engine().runKernel(
    'DepthwiseConv2dNativeBackpropFilter',
    { x: inputs, dy: slope },
    { ...attributesOf(window), filterShape: [...filterShape] },
  );
}

/** ∂/∂filter of each example by itself: [batch, size, size, channels, multiplier]. */
export function perExampleDepthwiseGradients(
  inputs: Tensor4D,
  slope: Tensor4D,
  filterShape: FilterShape,
  window: Window,
): Tensor5D {
  if (!hasKernel('DepthwisePerExampleFilterGradient')) {
    return composedPerExampleGradients(inputs, slope, filterShape, window);
  }
  return engine().runKernel(
    'DepthwisePerExampleFilterGradient',
    { x: inputs, dy: slope },
    { strides: window.stride, pad: window.padding, filterShape: [...filterShape] },
  );
}

/** Each output's slope goes back through its filter, which is a convolution with the filter turned around. */
export function composedDepthwiseInputSlope(
  slope: Tensor4D,
  filter: Tensor4D,
  inputShape: readonly number[],
  window: Window,
): Tensor4D {
  const [batch, height, width, channels] = inputShape as [number, number, number, number];
  const { size } = window;
  const units = slope.shape[3];
  const above = size - 1 - placesOf(height, window).before;
  const left = size - 1 - placesOf(width, window).before;
  const spread = spreadOut(slope, window.stride);
  const framed = pad(spread, [
    [0, 0],
    [above, height + size - 1 - above - spread.shape[1]],
    [left, width + size - 1 - left - spread.shape[2]],
    [0, 0],
  ]);
  const turned = reshape(reverse(filter, [0, 1]), [size, size, units, 1]) as Tensor4D;
  const slopes = depthwiseConv2d(framed, turned, 1, 'valid');
  if (units === channels) return slopes;
  return sum(reshape(slopes, [batch, height, width, channels, units / channels]), 4);
}

/** Puts stride − 1 zeros between neighbouring rows and columns of [batch, rows, columns, units]. */
function spreadOut(slope: Tensor4D, stride: number): Tensor4D {
  if (stride === 1) return slope;
  const [batch, rows, columns, units] = slope.shape;
  const after = (zeros: number): [number, number][] => [
    [0, 0],
    [0, zeros],
  ];
  const wide = pad(reshape(slope, [batch * rows * columns, units]), after((stride - 1) * units));
  const tall = pad(
    reshape(wide, [batch * rows, columns * stride * units]),
    after((stride - 1) * columns * stride * units),
  );
  const spread = reshape(tall, [batch, rows * stride, columns * stride, units]) as Tensor4D;
  return slice(spread, [0, 0, 0, 0], [batch, (rows - 1) * stride + 1, (columns - 1) * stride + 1, units]);
}

export function composedPerExampleGradients(
  inputs: Tensor4D,
  slope: Tensor4D,
  [size, , channels, multiplier]: FilterShape,
  window: Window,
): Tensor5D {
  const [batch, rows, columns] = slope.shape;
  const slopes = reshape(slope, [batch, rows * columns, channels, multiplier]);
  const gradients = windowSlices(inputs, window).map((slice) =>
    sum(mul(reshape(slice, [batch, rows * columns, channels, 1]), slopes), 1),
  );
  return reshape(stack(gradients as Tensor[], 1), [batch, size, size, channels, multiplier]);
}

function attributesOf({ stride, padding }: Window) {
  return { strides: stride, pad: padding, dilations: 1 };
}
