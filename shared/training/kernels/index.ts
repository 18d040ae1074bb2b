import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { fastBatchMatMul } from './batch-mat-mul.ts';
import { conv2dBackpropFilter } from './conv2d-backprop-filter.ts';
import { fastConv2dBackpropInput } from './conv2d-backprop-input.ts';
import { exactMaxPoolGrad } from './max-pool-grad.ts';

/**
 * Completes tfjs's WASM backend: adds the kernel without which it cannot train a convolution, replaces one that
 * is wrong and two that are slow. Call it once the WASM package is imported; again is harmless.
 * @throws `training.backend-unavailable` when the stock kernels are not registered.
 */
export function registerMissingWasmKernels(): void {
  if (getKernel('Conv2DBackpropFilter', 'wasm') !== undefined) return;
  const added = conv2dBackpropFilter();
  for (const replacement of [fastBatchMatMul(), fastConv2dBackpropInput(), exactMaxPoolGrad()]) {
    unregisterKernel(replacement.kernelName, 'wasm');
    registerKernel(replacement);
  }
  registerKernel(added);
}
