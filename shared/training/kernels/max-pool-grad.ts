import { backend_util, type KernelConfig, type KernelFunc, type TensorInfo } from '@tensorflow/tfjs-core';
import { stockKernel, type WasmBackend } from './wasm-backend.ts';

interface Attributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * Gradient of max pooling: each dy goes to the first largest input of its window. The stock kernel loses the
 * gradient of every window without a positive input (tfjs-backend-wasm 4.22), and is several times slower.
 */
export function exactMaxPoolGrad(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
    const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as Attributes;
    const shape = input.shape as [number, number, number, number];
    const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const dx = wasm.makeOutput(shape, 'float32');
    const to = wasm.typedArrayFromHeap(dx);
    to.fill(0);
    scatter(wasm.typedArrayFromHeap(dy), wasm.typedArrayFromHeap(input), to, info);
    return dx;
  }) as KernelFunc;
  return { ...stockKernel('MaxPoolGrad'), kernelFunc };
}

function scatter(
  dy: Float32Array,
  x: Float32Array,
  dx: Float32Array,
  info: ReturnType<typeof backend_util.computePool2DInfo>,
): void {
  const { batchSize, inHeight, inWidth, inChannels: channels, outHeight, outWidth, padInfo } = info;
  let output = 0;
  for (let example = 0; example < batchSize; example++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      const top = outRow * info.strideHeight - padInfo.top;
      const [firstRow, endRow] = [Math.max(0, top), Math.min(inHeight, top + info.filterHeight)];
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        const left = outColumn * info.strideWidth - padInfo.left;
        const [firstColumn, endColumn] = [Math.max(0, left), Math.min(inWidth, left + info.filterWidth)];
        for (let channel = 0; channel < channels; channel++) {
          let largest = Number.NEGATIVE_INFINITY;
          let position = -1;
          for (let row = firstRow; row < endRow; row++) {
            const rowStart = (example * inHeight + row) * inWidth;
            for (let column = firstColumn; column < endColumn; column++) {
              const candidate = (rowStart + column) * channels + channel;
              if (x[candidate]! > largest) {
                largest = x[candidate]!;
                position = candidate;
              }
            }
          }
          if (position >= 0) dx[position] = dx[position]! + dy[output]!;
          output++;
        }
      }
    }
  }
}
