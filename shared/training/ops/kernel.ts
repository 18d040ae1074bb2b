import { getBackend, getKernel } from '@tensorflow/tfjs-core';

/**
 * Whether the current backend has a kernel of ours: one that tfjs does not name, because stock backends compose
 * the operation from others. Each operation here does the same where there is none.
 */
export function hasKernel(name: string): boolean {
  return getKernel(name, getBackend()) !== undefined;
}
