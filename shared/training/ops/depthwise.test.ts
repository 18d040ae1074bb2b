import { sum as sumOf, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { relativeDifference } from '../model/reference/compare.ts';
import { noise, useBackend } from '../testing.ts';
import { placesOf, type Window } from './convolution.ts';
import {
  composedDepthwiseInputSlope,
  composedPerExampleGradients,
  depthwiseFilterGradient,
  depthwiseInputSlope,
  perExampleDepthwiseGradients,
} from './depthwise.ts';

const windows: [string, Window][] = [
  ['same', { size: 3, stride: 1, padding: 'same' }],
  ['same, even', { size: 2, stride: 1, padding: 'same' }],
  ['same, strides 2', { size: 3, stride: 2, padding: 'same' }],
  ['same, larger than the image', { size: 7, stride: 2, padding: 'same' }],
  ['valid', { size: 3, stride: 1, padding: 'valid' }],
  ['valid, with a rest', { size: 2, stride: 3, padding: 'valid' }],
  ['one pixel, strides 2', { size: 1, stride: 2, padding: 'same' }],
];

describe.each(['cpu', 'wasm'] as const)('depthwise convolution on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  describe.each([1, 3])('multiplier %i', (multiplier) => {
    it.each(windows)('%s: kernels and compositions agree', (_, window) => {
      tidy(() => {
        const inputs = noise('inputs', [2, 6, 5, 4]) as Tensor4D;
        const filterShape = [window.size, window.size, 4, multiplier] as const;
        const filter = noise('filter', [...filterShape]) as Tensor4D;
        const places = [placesOf(6, window).count, placesOf(5, window).count];
        const slope = noise('slope', [2, ...places, 4 * multiplier]) as Tensor4D;

        const inputSlope = composedDepthwiseInputSlope(slope, filter, inputs.shape, window);
        expect(inputSlope.shape).toEqual(inputs.shape);
        const own = depthwiseInputSlope(slope, filter, inputs.shape, window);
        expect(relativeDifference(own.dataSync(), [...inputSlope.dataSync()])).toBeLessThan(1e-5);

        const each = composedPerExampleGradients(inputs, slope, filterShape, window);
        expect(each.shape).toEqual([2, ...filterShape]);
        const ownEach = perExampleDepthwiseGradients(inputs, slope, filterShape, window);
        expect(relativeDifference(ownEach.dataSync(), [...each.dataSync()])).toBeLessThan(1e-5);

        const sum = depthwiseFilterGradient(inputs, slope, filterShape, window);
        expect(sum.shape).toEqual([...filterShape]);
        expect(relativeDifference(sum.dataSync(), [...sumOf(each, 0).dataSync()])).toBeLessThan(1e-5);
      });
    });
  });
});
