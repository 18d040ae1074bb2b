import {
  engine,
  getBackend,
  matMul,
  mul,
  pad,
  reshape,
  slice,
  stack,
  stridedSlice,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  type Tensor5D,
  tensor,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/** A square window that slides over an image [batch, height, width, channels]. */
export interface Window {
  readonly size: number;
  readonly stride: number;
  readonly padding: 'same' | 'valid';
}

/** Positions of a window along an axis, and the zeros before the first. */
export function placesOf(
  length: number,
  { size, stride, padding }: Window,
): { readonly count: number; readonly before: number; readonly after: number } {
  if (padding === 'valid') return { count: Math.floor((length - size) / stride) + 1, before: 0, after: 0 };
  const count = Math.ceil(length / stride);
  const zeros = Math.max(0, (count - 1) * stride + size - length);
  const before = zeros >> 1;
  return { count, before, after: zeros - before };
}

/** ∂/∂inputs of a convolution. */
export function convolutionInputSlope(
  slope: Tensor4D,
  filter: Tensor4D,
  inputShape: readonly number[],
  window: Window,
): Tensor4D {
  return engine().runKernel(
    'Conv2DBackpropInput',
    { dy: slope, filter },
    {
      strides: window.stride,
      pad: window.padding,
      dataFormat: 'NHWC',
      inputShape: [...inputShape],
    },
  );
}

/** ∂/∂filter of a convolution, summed over the batch. */
export function convolutionFilterGradient(
  inputs: Tensor4D,
  slope: Tensor4D,
  filterShape: readonly number[],
  window: Window,
): Tensor4D {
  // The stock kernel of the cpu backend takes ten times as long as the products.
  if (getBackend() === 'cpu') {
    const slopes = reshape(slope, [-1, slope.shape[3]]);
    const gradients = windowSlices(inputs, window).map((slice) =>
      matMul(reshape(slice, [-1, inputs.shape[3]]), slopes, true, false),
    );
    return reshape(stack(gradients), filterShape as [number, number, number, number]);
  }
  return engine().runKernel(
    'Conv2DBackpropFilter',
    { x: inputs, dy: slope },
    { strides: window.stride, pad: window.padding, dataFormat: 'NHWC', filterShape: [...filterShape] },
  );
}

/** ∂/∂filter of each example by itself: [batch, height, width, in, out]. */
export function perExampleFilterGradients(
  inputs: Tensor4D,
  slope: Tensor4D,
  filterShape: readonly number[],
  window: Window,
): Tensor5D {
  if (hasKernel('Conv2DPerExampleFilterGradient')) {
    return engine().runKernel(
      'Conv2DPerExampleFilterGradient',
      { x: inputs, dy: slope },
      { strides: window.stride, pad: window.padding, filterShape: [...filterShape] },
    );
  }
  const [batch, , , channels] = inputs.shape;
  const units = slope.shape[3];
  const slopes = reshape(slope, [batch, -1, units]) as Tensor3D;
  const gradients = windowSlices(inputs, window).map((slice) =>
    matMul(reshape(slice, [batch, -1, channels]) as Tensor3D, slopes, true, false),
  );
  return reshape(stack(gradients, 1), [batch, window.size, window.size, channels, units]);
}

/**
 * What lies under each place (row, column) of the window, row-major: size² tensors of
 * [batch, rows, columns, channels].
 */
export function windowSlices(inputs: Tensor4D, window: Window): Tensor4D[] {
  const [batch, height, width, channels] = inputs.shape;
  const rows = placesOf(height, window);
  const columns = placesOf(width, window);
  const padded =
    window.padding === 'same'
      ? pad(inputs, [
          [0, 0],
          [rows.before, rows.after],
          [columns.before, columns.after],
          [0, 0],
        ])
      : inputs;
  const { size, stride } = window;
  const slices: Tensor4D[] = [];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      slices.push(
        stridedSlice(
          padded,
          [0, row, column, 0],
          [batch, row + (rows.count - 1) * stride + 1, column + (columns.count - 1) * stride + 1, channels],
          [1, stride, stride, 1],
        ) as Tensor4D,
      );
    }
  }
  return slices;
}

/** ∂/∂inputs of max pooling: each slope goes to the first largest input of its window. */
export function maxPoolInputSlope(slope: Tensor, inputs: Tensor, outputs: Tensor, window: Window): Tensor {
  return engine().runKernel(
    'MaxPoolGrad',
    { dy: slope, input: inputs, output: outputs },
    { filterSize: window.size, strides: window.stride, pad: window.padding },
  );
}

/** ∂/∂inputs of average pooling; the zeros of the padding do not count in the averages. */
export function averagePoolInputSlope(slope: Tensor, inputs: Tensor, window: Window): Tensor {
  const [, height, width, channels] = inputs.shape as [number, number, number, number];
  const rows = placesOf(height, window);
  const columns = placesOf(width, window);
  if (rows.before + rows.after + columns.before + columns.after === 0) {
    return wholeWindowSlope(slope, inputs, window);
  }
  // The stock kernels (4.22) divide by the whole window also where it reaches into the padding: so the padding is
  // made part of the image, and the slopes there are as much larger.
  const shares = outer(sharesOf(height, window), sharesOf(width, window));
  const padded = pad(inputs, [
    [0, 0],
    [rows.before, rows.after],
    [columns.before, columns.after],
    [0, 0],
  ]);
  const scaled = mul(slope, tensor(shares, [1, rows.count, columns.count, 1]));
  return slice(
    wholeWindowSlope(scaled, padded, { ...window, padding: 'valid' }),
    [0, rows.before, columns.before, 0],
    [-1, height, width, channels],
  );
}

function wholeWindowSlope(slope: Tensor, inputs: Tensor, { size, stride, padding }: Window): Tensor {
  return engine().runKernel(
    'AvgPoolGrad',
    { dy: slope, input: inputs },
    { filterSize: size, strides: stride, pad: padding },
  );
}

/** For each place along an axis, the length of the window over the length of what of it lies on the image. */
function sharesOf(length: number, window: Window): number[] {
  const { count, before } = placesOf(length, window);
  return Array.from({ length: count }, (_, place) => {
    const start = place * window.stride - before;
    return window.size / (Math.min(length, start + window.size) - Math.max(0, start));
  });
}

function outer(rows: readonly number[], columns: readonly number[]): number[] {
  return rows.flatMap((row) => columns.map((column) => row * column));
}
