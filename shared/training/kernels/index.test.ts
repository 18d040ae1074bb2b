import { getKernel } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { registerMissingWasmKernels } from './index.ts';

describe('registerMissingWasmKernels', () => {
  it('asks for the WASM package first', async () => {
    expect(() => registerMissingWasmKernels()).toThrow(
      expect.objectContaining({ code: 'training.backend-unavailable' }),
    );
    await import('@tensorflow/tfjs-backend-wasm');
    registerMissingWasmKernels();
    const added = getKernel('Conv2DBackpropFilter', 'wasm');
    expect(added).toBeDefined();
    registerMissingWasmKernels();
    expect(getKernel('Conv2DBackpropFilter', 'wasm')).toBe(added);
  });
});
