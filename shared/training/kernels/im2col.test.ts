import { setFlagsFromString } from 'node:v8';
import { tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { patches } from '../native/conv-reference.ts';
import { type ConvAttributes, convGeometry, type Shape4D } from './conv2d-geometry.ts';
import {
  type Guards,
  noiseOf,
  randomConvolution,
  relativeDifference,
  runKernel,
  useInstructionSet,
} from './conv2d-testing.ts';

interface Case extends ConvAttributes {
  readonly x: Shape4D;
  readonly filter: Shape4D;
}

const CASES: readonly Case[] = [
  { x: [1, 4, 5, 1], filter: [3, 2, 1, 1], strides: 1, pad: 'same' },
  { x: [2, 70, 21, 2], filter: [3, 3, 2, 1], strides: 1, pad: 'same' },
  ...Array.from({ length: 20 }, (_, seed) => randomConvolution(`im2col ${seed}`)),
];

describe.each(['simd', 'relaxedSimd'] as const)('Im2Col in %s', (set) => {
  let guards: Guards;
  beforeAll(async () => {
    setFlagsFromString('--experimental-wasm-relaxed-simd');
    guards = await useInstructionSet(set);
  });
  afterEach(() => expect(guards.broken()).toBe(0));

  it('lays what the filter covers at each position side by side, zero in the padding', () => {
    const result = runKernel(
      'Im2Col',
      { x: tensor([1, 2, 3, 4], [1, 2, 2, 1]) },
      { filterSize: [2, 2], strides: 1, pad: 'same' },
    );
    expect(result.shape).toEqual([1, 4, 4]);
    expect([...result.dataSync()]).toEqual([1, 2, 3, 4, 2, 0, 4, 0, 3, 4, 0, 0, 4, 0, 0, 0]);
  });

  it.each(CASES)('agrees with the reference: %o', ({ x: shape, filter, ...attributes }) => {
    const x = noiseOf('x', shape);
    const windows = convGeometry(shape, filter, attributes);
    const result = runKernel('Im2Col', { x }, { filterSize: filter.slice(0, 2), ...attributes });
    const { images, outHeight, outWidth } = windows;
    expect(result.shape).toEqual([images, outHeight * outWidth, filter[0] * filter[1] * filter[2]]);
    expect(relativeDifference(patches(windows, x.dataSync()), result.dataSync())).toBe(0);
  });
});
