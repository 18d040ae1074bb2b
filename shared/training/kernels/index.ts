import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { fastBatchMatMul } from './batch-mat-mul.ts';
import { convolutionKernels } from './conv2d-kernels.ts';
import { fastFusedMatMul } from './fused-mat-mul.ts';
import { fastGather } from './gather-rows.ts';
import { stepKernels } from './step-kernels.ts';
import { stockKernel } from './wasm-backend.ts';

/**
 * Completes tfjs's WASM backend with our own kernels: adds those without which it cannot train, replaces those
 * that are wrong or slow. Call it once the WASM package is imported; again is harmless.
 * @throws `training.backend-unavailable` when the stock kernels are not registered.
 */
export function registerMissingWasmKernels(): void {
  if (getKernel('Conv2DBackpropFilter', 'wasm') !== undefined) return;
  // Any kernel of the package tells whether it is there to be completed.
  stockKernel('Add');
  for (const replacement of [
    fastBatchMatMul(),
    fastFusedMatMul(),
    fastGather(),
    ...convolutionKernels(),
    ...stepKernels(),
  ]) {
    if (getKernel(replacement.kernelName, 'wasm') !== undefined)
      unregisterKernel(replacement.kernelName, 'wasm');
    registerKernel(replacement);
  }
}
