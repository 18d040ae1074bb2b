import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { type KernelRunner, runnerOf, stockKernel, type WasmBackend } from './wasm-backend.ts';

/**
 * Matrix multiplication that transposes first. The stock kernel hands only products without transposition to
 * XNNPACK and runs the others, which is every gradient of a dense layer, in a plain loop about six times slower.
 */
export function fastBatchMatMul(): KernelConfig {
  const stock = stockKernel('BatchMatMul');
  const multiply = runnerOf(stock);
  const transpose = runnerOf(stockKernel('Transpose'));
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const wasm = backend as unknown as WasmBackend;
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
    const left = transposeA ? transposeMatrices(transpose, a, wasm) : a;
    const right = transposeB ? transposeMatrices(transpose, b, wasm) : b;
    const product = multiply({ a: left, b: right }, wasm, { transposeA: false, transposeB: false });
    if (left !== a) wasm.disposeData(left.dataId);
    if (right !== b) wasm.disposeData(right.dataId);
    return product;
  }) as KernelFunc;
  return { ...stock, kernelFunc };
}

function transposeMatrices(transpose: KernelRunner, x: TensorInfo, backend: WasmBackend): TensorInfo {
  const rank = x.shape.length;
  const perm = [...x.shape.keys()];
  perm[rank - 2] = rank - 1;
  perm[rank - 1] = rank - 2;
  return transpose({ x }, backend, { perm });
}
