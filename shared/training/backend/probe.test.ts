import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { useBackend } from '../testing.ts';
import { probeFault } from './probe.ts';

const { signal } = new AbortController();

describe('backend probe', () => {
  it('stores what the cpu backend computes', async () => {
    await useBackend('cpu');
    expect(await probeFault(signal)).toBeUndefined();
  });

  it('accepts the completed WASM backend', async () => {
    await useBackend('wasm');
    expect(await probeFault(signal)).toBeUndefined();
  });

  it('notices a wrong kernel', async () => {
    await useBackend('cpu');
    const right = getKernel('Tanh', 'cpu')!;
    const sigmoid = getKernel('Sigmoid', 'cpu')!;
    unregisterKernel('Tanh', 'cpu');
    registerKernel({ ...right, kernelFunc: sigmoid.kernelFunc });
    try {
      expect(await probeFault(signal)).toMatch(/wrong gradients/);
    } finally {
      unregisterKernel('Tanh', 'cpu');
      registerKernel(right);
    }
  });
});
