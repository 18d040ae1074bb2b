import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import { pointerOf, runnerOf, stockKernel, type WasmBackend } from './wasm-backend.ts';

const NUMBER_BYTES = 4;

/**
 * Rows of a float32 table by int32 ids, which is what an embedding does: each row is copied as it lies. The stock
 * kernel, which handles every other gather, works out the place of each number by itself and takes some twenty
 * times as long.
 */
export function fastGather(): KernelConfig {
  const stock = stockKernel('GatherV2');
  const gather = runnerOf(stock);
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { x, indices } = inputs as { x: TensorInfo; indices: TensorInfo };
    const { axis, batchDims } = attrs as { axis: number; batchDims: number };
    const isRows =
      x.shape.length === 2 &&
      axis === 0 &&
      batchDims === 0 &&
      x.dtype === 'float32' &&
      indices.dtype === 'int32';
    return isRows ? gatherRows(x, indices, wasm) : gather({ x, indices }, wasm, { axis, batchDims });
  }) as KernelFunc;
  return { ...stock, kernelFunc };
}

function gatherRows(x: TensorInfo, indices: TensorInfo, backend: WasmBackend): TensorInfo {
  const [rows, width] = x.shape as [number, number];
  const rowBytes = width * NUMBER_BYTES;
  // Checked before there is an output, and read anew after it: an allocation may move the heap.
  for (const id of idsOf(indices, backend)) {
    check(id >= 0 && id < rows, 'argument.invalid', 'There is no such row to gather.', {
      expected: `from 0 to ${rows - 1}`,
    });
  }
  const y = backend.makeOutput([...indices.shape, width], 'float32');
  const source = pointerOf(x, backend);
  const bytes = backend.wasm.HEAPU8;
  let to = pointerOf(y, backend);
  for (const id of idsOf(indices, backend)) {
    const from = source + id * rowBytes;
    bytes.copyWithin(to, from, from + rowBytes);
    to += rowBytes;
  }
  return y;
}

function idsOf(indices: TensorInfo, backend: WasmBackend): Int32Array {
  const count = indices.shape.reduce((product, size) => product * size, 1);
  return new Int32Array(backend.wasm.HEAPU8.buffer, pointerOf(indices, backend), count);
}
