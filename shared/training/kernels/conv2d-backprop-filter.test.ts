import { conv2d, grads, ones, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import '../gradients.ts';
import { disagreement, noise, useBackend } from '../testing.ts';

const filterGradient = (x: Tensor4D, filter: Tensor4D, strides: number, pad: 'same' | 'valid') => {
  const [, gradient] = grads((x, filter) => conv2d(x as Tensor4D, filter as Tensor4D, strides, pad))([
    x,
    filter,
  ]);
  return gradient!;
};

describe('Conv2DBackpropFilter on WASM', () => {
  it('sums what lies under each place of the filter', async () => {
    await useBackend('wasm');
    const gradient = tidy(() =>
      filterGradient(
        tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]) as Tensor4D,
        ones([2, 2, 1, 1]) as Tensor4D,
        1,
        'valid',
      ),
    );
    // 1+2+4+5, 2+3+5+6, 4+5+7+8, 5+6+8+9
    expect([...(await gradient.data())]).toEqual([12, 16, 24, 28]);
    gradient.dispose();
  });

  it.each([
    { image: [3, 7, 9, 4], filter: [3, 3, 4, 5], strides: 1, pad: 'same' },
    { image: [2, 8, 8, 3], filter: [2, 2, 3, 4], strides: 1, pad: 'same' },
    { image: [2, 9, 8, 3], filter: [3, 2, 3, 4], strides: 2, pad: 'same' },
    { image: [2, 9, 8, 3], filter: [4, 3, 3, 2], strides: 3, pad: 'valid' },
    { image: [32, 28, 28, 1], filter: [3, 3, 1, 16], strides: 1, pad: 'same' },
    // More than fits one product of patches.
    { image: [14, 64, 64, 8], filter: [3, 3, 8, 1], strides: 1, pad: 'same' },
  ] as const)(
    'agrees with cpu: $image by $filter, strides $strides, $pad',
    async (convolution) => {
      const { image, filter, strides, pad } = convolution;
      const difference = await disagreement(() =>
        filterGradient(
          noise('image', [...image]) as Tensor4D,
          noise('filter', [...filter]) as Tensor4D,
          strides,
          pad,
        ),
      );
      expect(difference).toBeLessThanOrEqual(1e-5);
    },
    30_000,
  );
});
