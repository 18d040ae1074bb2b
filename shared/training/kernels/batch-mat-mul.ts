import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { multiplyMatrices, type Transposition } from './mat-mul.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * Matrix product by our own SIMD. The stock kernel runs every product with a transposed factor, which is every
 * gradient of a dense layer, in a plain loop, and misreads batches that broadcast in more than one dimension.
 */
export function fastBatchMatMul(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
    return multiplyMatrices(a, b, attrs as unknown as Transposition, backend as unknown as WasmBackend);
  }) as KernelFunc;
  return { kernelName: 'BatchMatMul', backendName: 'wasm', kernelFunc };
}
