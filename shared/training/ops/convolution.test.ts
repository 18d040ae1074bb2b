import { sum as sumOf, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { relativeDifference } from '../model/reference/compare.ts';
import { noise, useBackend } from '../testing.ts';
import {
  averagePoolInputSlope,
  convolutionFilterGradient,
  maxPoolInputSlope,
  perExampleFilterGradients,
  placesOf,
  type Window,
  windowSlices,
} from './convolution.ts';

describe('places of a window', () => {
  it.each([
    // length, size, stride, padding → count, zeros before, zeros after
    [5, 3, 1, 'valid', 3, 0, 0],
    [6, 3, 2, 'valid', 2, 0, 0],
    [5, 3, 1, 'same', 5, 1, 1],
    [5, 2, 1, 'same', 5, 0, 1],
    [6, 3, 2, 'same', 3, 0, 1],
    [5, 1, 2, 'same', 3, 0, 0],
  ] as const)('%i long, size %i, stride %i, %s', (length, size, stride, padding, count, before, after) => {
    expect(placesOf(length, { size, stride, padding })).toEqual({ count, before, after });
  });
});

describe.each(['cpu', 'wasm'] as const)('convolution on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('what lies under each place of a 2 × 2 window on 1 2 3 / 4 5 6', () => {
    tidy(() => {
      const x = tensor([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]) as Tensor4D;
      const slices = windowSlices(x, { size: 2, stride: 1, padding: 'valid' });
      expect(slices.map((slice) => [...slice.dataSync()])).toEqual([
        [1, 2],
        [2, 3],
        [4, 5],
        [5, 6],
      ]);
    });
  });

  it.each<[string, Window]>([
    ['same', { size: 3, stride: 1, padding: 'same' }],
    ['same, even, strides 2', { size: 4, stride: 2, padding: 'same' }],
    ['valid, strides 2', { size: 3, stride: 2, padding: 'valid' }],
  ])('%s: per-example filter gradients add up', (_, window) => {
    tidy(() => {
      const inputs = noise('inputs', [3, 6, 5, 2]) as Tensor4D;
      const places = [placesOf(6, window).count, placesOf(5, window).count];
      const slope = noise('slope', [3, ...places, 4]) as Tensor4D;
      const shape = [window.size, window.size, 2, 4];
      const each = perExampleFilterGradients(inputs, slope, shape, window);
      const sum = convolutionFilterGradient(inputs, slope, shape, window);
      expect(each.shape).toEqual([3, ...shape]);
      expect(relativeDifference(sum.dataSync(), [...sumOf(each, 0).dataSync()])).toBeLessThan(1e-5);
    });
  });

  it('max pooling: a slope goes to the largest input, also where none is positive', () => {
    tidy(() => {
      const x = tensor([-4, -1, -3, -2], [1, 2, 2, 1]);
      const y = tensor([-1], [1, 1, 1, 1]);
      const slope = tensor([7], [1, 1, 1, 1]);
      const back = maxPoolInputSlope(slope, x, y, { size: 2, stride: 2, padding: 'valid' });
      expect([...back.dataSync()]).toEqual([0, 7, 0, 0]);
    });
  });

  it('average pooling: what lies on the image shares a slope', () => {
    tidy(() => {
      // Three pixels, two windows: of pixels 1 and 2, and of pixel 3 with a zero of the padding.
      const x = tensor([1, 2, 3], [1, 1, 3, 1]);
      const slope = tensor([4, 6], [1, 1, 2, 1]);
      const back = averagePoolInputSlope(slope, x, { size: 2, stride: 2, padding: 'same' });
      expect([...back.dataSync()]).toEqual([2, 2, 6]);
    });
  });
});
