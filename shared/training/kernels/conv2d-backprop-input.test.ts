import { conv2d, grad, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import '../gradients.ts';
import { disagreement, noise, useBackend } from '../testing.ts';

const inputGradient = (x: Tensor4D, filter: Tensor4D, strides: number, pad: 'same' | 'valid') =>
  grad((x) => conv2d(x as Tensor4D, filter, strides, pad))(x);

describe('Conv2DBackpropInput on WASM', () => {
  it('adds up, for each input, the places of the filter it lay under', async () => {
    await useBackend('wasm');
    const gradient = tidy(() =>
      inputGradient(
        tensor([0, 0, 0], [1, 1, 3, 1]) as Tensor4D,
        tensor([1, 10], [1, 2, 1, 1]) as Tensor4D,
        1,
        'valid',
      ),
    );
    // Outputs are x0 + 10·x1 and x1 + 10·x2.
    expect([...(await gradient.data())]).toEqual([1, 11, 10]);
    gradient.dispose();
  });

  it.each([
    { image: [3, 7, 9, 4], filter: [3, 3, 4, 5], strides: 1, pad: 'same' },
    { image: [2, 8, 8, 3], filter: [2, 2, 3, 4], strides: 1, pad: 'same' },
    { image: [2, 8, 6, 3], filter: [4, 5, 3, 2], strides: 1, pad: 'valid' },
    { image: [2, 5, 5, 3], filter: [1, 1, 3, 2], strides: 1, pad: 'same' },
    { image: [2, 9, 8, 3], filter: [3, 2, 3, 4], strides: 2, pad: 'same' },
  ] as const)('agrees with cpu: $image by $filter, strides $strides, $pad', async (convolution) => {
    const { image, filter, strides, pad } = convolution;
    const difference = await disagreement(() =>
      inputGradient(
        noise('image', [...image]) as Tensor4D,
        noise('filter', [...filter]) as Tensor4D,
        strides,
        pad,
      ),
    );
    expect(difference).toBeLessThanOrEqual(1e-5);
  });
});
