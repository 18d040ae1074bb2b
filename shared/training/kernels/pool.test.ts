import { setFlagsFromString } from 'node:v8';
import { tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { avgPoolGradient, largest, maxPoolGradient, means } from '../native/conv-reference.ts';
import { useBackend } from '../testing.ts';
import { convGeometry, type Shape4D } from './conv2d-geometry.ts';
import { type Guards, noiseOf, relativeDifference, runKernel, useInstructionSet } from './conv2d-testing.ts';
import type { PoolAttributes } from './pool.ts';

const TOLERANCE = 1e-6;

interface Case extends PoolAttributes {
  readonly x: Shape4D;
}

const VALID: readonly Case[] = [
  { x: [1, 4, 4, 1], filterSize: 2, strides: 2, pad: 'valid' },
  { x: [3, 8, 6, 5], filterSize: 2, strides: 2, pad: 'valid' },
  { x: [2, 7, 5, 3], filterSize: 2, strides: 2, pad: 'valid' },
  { x: [2, 9, 9, 8], filterSize: [3, 2], strides: [1, 2], pad: 'valid' },
  { x: [2, 9, 9, 17], filterSize: 2, strides: 3, pad: 'valid' },
  { x: [2, 3, 3, 4], filterSize: 1, strides: 1, pad: 'valid' },
];

const PADDED: readonly Case[] = [
  { x: [2, 7, 5, 3], filterSize: 3, strides: 2, pad: 'same' },
  { x: [2, 6, 6, 2], filterSize: 3, strides: 1, pad: 'same' },
  { x: [2, 6, 7, 12], filterSize: [2, 4], strides: 1, pad: 'same' },
  { x: [2, 6, 7, 6], filterSize: 3, strides: 2, pad: 1 },
  { x: [2, 6, 7, 6], filterSize: 3, strides: 2, pad: 1, dimRoundingMode: 'ceil' },
];

function run({ x: shape, ...attrs }: Case) {
  const { filterSize } = attrs;
  const [height, width] = typeof filterSize === 'number' ? [filterSize, filterSize] : filterSize;
  const windows = convGeometry(shape, [height, width, shape[3], 1], attrs);
  const x = noiseOf('x', shape);
  const dy = noiseOf('dy', [shape[0], windows.outHeight, windows.outWidth, shape[3]]);
  const results = {
    max: runKernel('MaxPool', { x }, { ...attrs }),
    maxGrad: runKernel('MaxPoolGrad', { dy, input: x, output: x }, { ...attrs }),
    avg: runKernel('AvgPool', { x }, { ...attrs }),
    avgGrad: runKernel('AvgPoolGrad', { dy, input: x }, { ...attrs }),
  };
  return { windows, x, dy, results };
}

describe.each(['simd', 'relaxedSimd'] as const)('pooling in %s', (set) => {
  let guards: Guards;
  beforeAll(async () => {
    setFlagsFromString('--experimental-wasm-relaxed-simd');
    guards = await useInstructionSet(set);
  });
  afterEach(() => expect(guards.broken()).toBe(0));

  it.each([...VALID, ...PADDED])('agrees with the reference: %o', (pooled) => {
    const { windows, x, dy, results } = run(pooled);
    const [y] = largest(windows, x.dataSync());
    const expected = {
      max: y,
      maxGrad: maxPoolGradient(windows, dy.dataSync(), x.dataSync()),
      avg: means(windows, x.dataSync()),
      avgGrad: avgPoolGradient(windows, dy.dataSync()),
    };
    for (const name of ['max', 'maxGrad', 'avg', 'avgGrad'] as const) {
      const difference = relativeDifference(expected[name], results[name].dataSync());
      expect(difference, name).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(results.maxGrad.shape).toEqual(pooled.x);
    expect(results.avgGrad.shape).toEqual(pooled.x);
  });

  // The gradient of a mean over padding is wrong there: see nativeAvgPoolGrad.
  it.each([
    ...VALID.map((pooled) => ({ pooled, names: ['max', 'maxGrad', 'avg', 'avgGrad'] as const })),
    ...PADDED.map((pooled) => ({ pooled, names: ['max', 'maxGrad', 'avg'] as const })),
  ])('agrees with the cpu backend: $pooled', async ({ pooled, names }) => {
    await useBackend('cpu');
    const cpu = run(pooled).results;
    await useBackend('wasm');
    const wasm = run(pooled).results;
    for (const name of names) {
      expect(wasm[name].shape).toEqual(cpu[name].shape);
      const difference = relativeDifference(cpu[name].dataSync(), wasm[name].dataSync());
      expect(difference, name).toBeLessThanOrEqual(TOLERANCE);
    }
  });

  it('gives a gradient to the largest of each window, negative ones included, the first among equals', () => {
    const input = tensor([-3, -1, 5, 5, -4, -2, 0, 1], [1, 2, 4, 1]);
    const dy = tensor([7, 11], [1, 1, 2, 1]);
    const dx = runKernel(
      'MaxPoolGrad',
      { dy, input, output: dy },
      { filterSize: 2, strides: 2, pad: 'valid' },
    );
    expect([...dx.dataSync()]).toEqual([0, 7, 11, 0, 0, 0, 0, 0]);
  });

  it('shares the gradient of a mean among the inputs that it is of', () => {
    const dx = runKernel(
      'AvgPoolGrad',
      { dy: tensor([6, 8], [1, 1, 2, 1]), input: tensor([1, 2, 3], [1, 1, 3, 1]) },
      { filterSize: [1, 2], strides: [1, 2], pad: 'same' },
    );
    // The second window covers only the last input.
    expect([...dx.dataSync()]).toEqual([3, 3, 8]);
  });

  it('keeps a NaN, so that it is noticed', () => {
    const x = tensor([1, Number.NaN, 3, 2], [1, 2, 2, 1]);
    const attrs = { filterSize: 2, strides: 2, pad: 'valid' };
    expect([...runKernel('MaxPool', { x }, attrs).dataSync()]).toEqual([Number.NaN]);
    expect([...runKernel('AvgPool', { x }, attrs).dataSync()]).toEqual([Number.NaN]);
  });

  it('refuses a pool larger than the image, and a gradient of another output', () => {
    const x = tensor([1, 2, 3, 4], [1, 2, 2, 1]);
    expect(() => runKernel('MaxPool', { x }, { filterSize: 3, strides: 1, pad: 'valid' })).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
    const attrs = { filterSize: 2, strides: 1, pad: 'valid' };
    for (const name of ['MaxPoolGrad', 'AvgPoolGrad'])
      expect(() => runKernel(name, { dy: x, input: x, output: x }, attrs)).toThrow(
        expect.objectContaining({ code: 'argument.invalid' }),
      );
  });
});
