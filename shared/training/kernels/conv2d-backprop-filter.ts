import { backend_util, type KernelConfig, type KernelFunc, type TensorInfo } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import { type KernelRunner, runnerOf, stockKernel, type WasmBackend } from './wasm-backend.ts';

/** 16 MB of patches at a time: enough that small models take one product, little enough for a phone. */
const MAX_PATCH_NUMBERS = 4_000_000;

interface Attributes {
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly filterShape: [number, number, number, number];
}

type ConvInfo = ReturnType<typeof backend_util.computeConv2DInfo>;

/**
 * Gradient of a convolution with respect to its filter, which the WASM package lacks. For each place (row,
 * column) of the filter, its gradient [in, out] is the product of the inputs under that place, [in, positions],
 * with dy, [positions, out]; as many places as fit {@link MAX_PATCH_NUMBERS} share one product.
 */
export function conv2dBackpropFilter(): KernelConfig {
  const multiply = runnerOf(stockKernel('BatchMatMul'));
  const kernelFunc = (({ inputs, backend, attrs }) =>
    filterGradient(
      inputs as { x: TensorInfo; dy: TensorInfo },
      backend as unknown as WasmBackend,
      attrs as unknown as Attributes,
      multiply,
    )) as KernelFunc;
  return { kernelName: 'Conv2DBackpropFilter', backendName: 'wasm', kernelFunc };
}

function filterGradient(
  { x, dy }: { x: TensorInfo; dy: TensorInfo },
  wasm: WasmBackend,
  { strides, pad, dataFormat, dimRoundingMode, filterShape }: Attributes,
  multiply: KernelRunner,
): TensorInfo {
  if (dataFormat !== 'NHWC') {
    throw new MurmurationError('training.failed', 'This convolution cannot be trained on WASM.', {
      expected: 'the data format NHWC',
      received: dataFormat,
    });
  }
  const info = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filterShape,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const positions = info.batchSize * info.outHeight * info.outWidth;
  const { inChannels, outChannels } = info;
  const places = info.filterHeight * info.filterWidth;
  const placesAtOnce = Math.max(
    1,
    Math.min(places, Math.floor(MAX_PATCH_NUMBERS / (positions * inChannels))),
  );
  const gradient = wasm.makeOutput(filterShape, 'float32');
  const flatDy = { ...dy, shape: [1, positions, outChannels] };
  for (let first = 0; first < places; first += placesAtOnce) {
    const count = Math.min(placesAtOnce, places - first);
    const patches = wasm.makeOutput([1, count * inChannels, positions], 'float32');
    const from = wasm.typedArrayFromHeap(x);
    const to = wasm.typedArrayFromHeap(patches);
    for (let k = 0; k < count; k++) {
      const start = k * inChannels * positions;
      gather(from, to.subarray(start, start + inChannels * positions), info, first + k);
    }
    const product = multiply({ a: patches, b: flatDy }, wasm, { transposeA: false, transposeB: false });
    wasm.typedArrayFromHeap(gradient).set(wasm.typedArrayFromHeap(product), first * inChannels * outChannels);
    wasm.disposeData(product.dataId);
    wasm.disposeData(patches.dataId);
  }
  return gradient;
}

/** Writes, as [in, positions], what lies under one place of the filter; zero where that is padding. */
function gather(from: Float32Array, to: Float32Array, info: ConvInfo, place: number): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, strideHeight, strideWidth } = info;
  const rowOffset = Math.floor(place / info.filterWidth) - info.padInfo.top;
  const columnOffset = (place % info.filterWidth) - info.padInfo.left;
  let written = 0;
  for (let channel = 0; channel < inChannels; channel++) {
    for (let example = 0; example < batchSize; example++) {
      for (let outRow = 0; outRow < outHeight; outRow++) {
        const row = outRow * strideHeight + rowOffset;
        const rowStart = (example * inHeight + row) * inWidth;
        const inside = row >= 0 && row < inHeight;
        for (let outColumn = 0; outColumn < outWidth; outColumn++) {
          const column = outColumn * strideWidth + columnOffset;
          to[written++] =
            inside && column >= 0 && column < inWidth ? from[(rowStart + column) * inChannels + channel]! : 0;
        }
      }
    }
  }
}
