import { grad, maxPool, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import '../gradients.ts';
import { disagreement, noise, useBackend } from '../testing.ts';

const inputGradient = (x: Tensor4D, size: number, strides: number, pad: 'same' | 'valid') =>
  grad((x) => maxPool(x as Tensor4D, size, strides, pad))(x);

describe('MaxPoolGrad on WASM', () => {
  it('goes to the largest of each window, negative ones included, the first among equals', async () => {
    await useBackend('wasm');
    const gradient = tidy(() =>
      inputGradient(tensor([-3, -1, 5, 5, -4, -2, 0, 1], [1, 2, 4, 1]) as Tensor4D, 2, 2, 'valid'),
    );
    expect([...(await gradient.data())]).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
    gradient.dispose();
  });

  it.each([
    { image: [3, 8, 6, 5], size: 2, strides: 2, pad: 'valid' },
    { image: [2, 7, 5, 3], size: 2, strides: 2, pad: 'valid' },
    { image: [2, 7, 5, 3], size: 3, strides: 2, pad: 'same' },
    { image: [2, 6, 6, 2], size: 3, strides: 1, pad: 'same' },
    { image: [32, 28, 28, 16], size: 2, strides: 2, pad: 'valid' },
  ] as const)('agrees with cpu: $image, size $size, strides $strides, $pad', async (pool) => {
    const difference = await disagreement(() =>
      inputGradient(noise('image', [...pool.image]) as Tensor4D, pool.size, pool.strides, pool.pad),
    );
    expect(difference).toBeLessThanOrEqual(1e-5);
  });
});
