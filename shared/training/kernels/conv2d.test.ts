import { setFlagsFromString } from 'node:v8';
import { backend, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  convolution,
  convolutionFilterGradients,
  convolutionInputGradient,
} from '../native/conv-reference.ts';
import { useBackend } from '../testing.ts';
import { type ConvAttributes, convGeometry, type Shape4D } from './conv2d-geometry.ts';
import { withScratch } from './conv2d-scratch.ts';
import {
  type Guards,
  noiseOf,
  randomConvolution,
  relativeDifference,
  runKernel,
  sumOverExamples,
  useInstructionSet,
} from './conv2d-testing.ts';
import type { WasmBackend } from './wasm-backend.ts';

const TOLERANCE = 1e-5;

interface Case extends ConvAttributes {
  readonly x: Shape4D;
  readonly filter: Shape4D;
}

const AWKWARD: readonly Case[] = [
  { x: [1, 5, 5, 1], filter: [3, 3, 1, 1], strides: 1, pad: 'same' },
  { x: [3, 7, 9, 3], filter: [2, 4, 3, 5], strides: 1, pad: 'same' },
  { x: [2, 9, 8, 5], filter: [3, 2, 5, 9], strides: 2, pad: 'same' },
  { x: [2, 9, 8, 3], filter: [4, 3, 3, 2], strides: 3, pad: 'valid' },
  { x: [2, 9, 10, 3], filter: [5, 4, 3, 7], strides: [2, 3], pad: 'valid' },
  // A stride that leaves inputs out.
  { x: [2, 8, 8, 4], filter: [1, 2, 4, 3], strides: 3, pad: 'valid' },
  { x: [2, 6, 6, 17], filter: [1, 1, 17, 8], strides: 1, pad: 'valid' },
  { x: [2, 6, 6, 4], filter: [1, 1, 4, 12], strides: 2, pad: 'same' },
  { x: [2, 6, 7, 3], filter: [3, 3, 3, 4], strides: 2, pad: 1 },
  {
    x: [2, 6, 7, 3],
    filter: [3, 3, 3, 4],
    strides: 1,
    pad: [
      [0, 0],
      [2, 0],
      [0, 3],
      [0, 0],
    ],
  },
  { x: [2, 7, 7, 2], filter: [3, 3, 2, 2], strides: 2, pad: 1, dimRoundingMode: 'ceil' },
  // Only padding under some windows.
  { x: [1, 2, 2, 2], filter: [2, 2, 2, 3], strides: 1, pad: 3 },
  { x: [33, 2, 2, 3], filter: [2, 2, 3, 4], strides: 1, pad: 'same' },
  { x: [2, 28, 28, 1], filter: [5, 5, 1, 32], strides: 1, pad: 'same' },
  // More than one band of rows: many positions, with stride too, and large frames.
  { x: [2, 70, 21, 2], filter: [3, 3, 2, 3], strides: 1, pad: 'same' },
  { x: [1, 75, 60, 2], filter: [3, 5, 2, 3], strides: 2, pad: 'same' },
  { x: [1, 12, 13, 512], filter: [3, 3, 512, 2], strides: 1, pad: 'same' },
];

const RANDOM: readonly Case[] = Array.from({ length: 40 }, (_, seed) => randomConvolution(`conv ${seed}`));

/** All four kernels on one case. */
function run({ x: xShape, filter: filterShape, ...attributes }: Case) {
  const { images, outHeight, outWidth } = convGeometry(xShape, filterShape, attributes);
  const x = noiseOf('x', xShape);
  const filter = noiseOf('filter', filterShape);
  const dy = noiseOf('dy', [images, outHeight, outWidth, filterShape[3]]);
  const attrs = { dataFormat: 'NHWC', dilations: [1, 1], ...attributes };
  const results = {
    forward: runKernel('Conv2D', { x, filter }, attrs),
    input: runKernel('Conv2DBackpropInput', { dy, filter }, { ...attrs, inputShape: xShape }),
    filter: runKernel('Conv2DBackpropFilter', { x, dy }, { ...attrs, filterShape }),
  };
  return { x, filter, dy, attrs, results };
}

describe.each(['simd', 'relaxedSimd'] as const)('convolution in %s', (set) => {
  let guards: Guards;
  beforeAll(async () => {
    setFlagsFromString('--experimental-wasm-relaxed-simd');
    guards = await useInstructionSet(set);
  });
  afterEach(() => expect(guards.broken()).toBe(0));

  it.each([...AWKWARD, ...RANDOM])('agrees with the reference: %o', (convolved) => {
    const { x, filter, dy, attrs, results } = run(convolved);
    const windows = convGeometry(convolved.x, convolved.filter, convolved);
    const out = convolved.filter[3];
    const each = runKernel(
      'Conv2DPerExampleFilterGradient',
      { x, dy },
      { ...attrs, filterShape: convolved.filter },
    );
    const gradients = convolutionFilterGradients(windows, x.dataSync(), dy.dataSync(), out);
    const differences = {
      forward: relativeDifference(
        convolution(windows, x.dataSync(), filter.dataSync(), out),
        results.forward.dataSync(),
      ),
      input: relativeDifference(
        convolutionInputGradient(windows, dy.dataSync(), filter.dataSync(), out),
        results.input.dataSync(),
      ),
      filter: relativeDifference(sumOverExamples(gradients, windows.images), results.filter.dataSync()),
      each: relativeDifference(gradients, each.dataSync()),
    };
    for (const [name, difference] of Object.entries(differences))
      expect(difference, name).toBeLessThanOrEqual(TOLERANCE);
    expect(results.forward.shape).toEqual([windows.images, windows.outHeight, windows.outWidth, out]);
    expect(results.input.shape).toEqual(convolved.x);
    expect(results.filter.shape).toEqual(convolved.filter);
    expect(each.shape).toEqual([windows.images, ...convolved.filter]);
  });

  it.each(AWKWARD)('agrees with the cpu backend: %o', async (convolved) => {
    await useBackend('cpu');
    const cpu = run(convolved).results;
    await useBackend('wasm');
    const wasm = run(convolved).results;
    for (const name of ['forward', 'input', 'filter'] as const)
      expect(relativeDifference(cpu[name].dataSync(), wasm[name].dataSync()), name).toBeLessThanOrEqual(
        TOLERANCE,
      );
  });

  it.each([
    { activation: 'linear', expected: [-3, -1, 4, 17] },
    { activation: 'relu', expected: [0, 0, 4, 17] },
    { activation: 'relu6', expected: [0, 0, 4, 6] },
    { activation: 'leakyrelu', expected: [-1.5, -0.5, 4, 17] },
    { activation: 'prelu', expected: [-30, -10, 4, 17] },
  ])('adds the bias and applies $activation', ({ activation, expected }) => {
    const y = runKernel(
      'FusedConv2D',
      {
        x: tensor([-2, -1, 1.5, 8], [1, 2, 2, 1]),
        filter: tensor([2], [1, 1, 1, 1]),
        bias: tensor([1]),
        ...(activation === 'prelu' ? { preluActivationWeights: tensor([10]) } : {}),
      },
      { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1, activation, leakyreluAlpha: 0.5 },
    );
    expect([...y.dataSync()]).toEqual(expected);
  });

  it('keeps a NaN, so that it is noticed', () => {
    const y = runKernel(
      'FusedConv2D',
      { x: tensor([Number.NaN], [1, 1, 1, 1]), filter: tensor([1], [1, 1, 1, 1]) },
      { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1, activation: 'relu' },
    );
    expect([...y.dataSync()]).toEqual([Number.NaN]);
  });

  it('sums over an empty batch to zero', () => {
    const empty = tensor([], [0, 3, 3, 1]);
    const attrs = { strides: 1, pad: 'same', dataFormat: 'NHWC', dilations: 1 };
    const filter = tensor([1, 2, 3, 4], [2, 2, 1, 1]);
    expect(runKernel('Conv2D', { x: empty, filter }, attrs).shape).toEqual([0, 3, 3, 1]);
    const gradient = runKernel(
      'Conv2DBackpropFilter',
      { x: empty, dy: empty },
      { ...attrs, filterShape: [2, 2, 1, 1] },
    );
    expect([...gradient.dataSync()]).toEqual([0, 0, 0, 0]);
  });
});

describe('what is refused', () => {
  const x = () => tensor([1, 2, 3, 4], [1, 2, 2, 1]) as Tensor;
  const filter = () => tensor([1, 2, 3, 4], [2, 2, 1, 1]) as Tensor;
  const attrs = { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1 };

  beforeAll(async () => void (await useInstructionSet('simd')));

  it.each([
    { why: 'dilation', changed: { dilations: [1, 2] } },
    { why: 'channels first', changed: { dataFormat: 'NCHW' } },
  ])('$why', ({ changed }) => {
    const convolve = () => runKernel('Conv2D', { x: x(), filter: filter() }, { ...attrs, ...changed });
    expect(convolve).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });

  it('a filter for other images, or larger than they are', () => {
    for (const shape of [
      [2, 1, 2, 1],
      [1, 4, 1, 1],
    ]) {
      const convolve = () =>
        runKernel('Conv2D', { x: x(), filter: tensor([1, 2, 3, 4], shape as Shape4D) }, attrs);
      expect(convolve).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
    }
  });

  it('a gradient of another output', () => {
    const gradient = () =>
      runKernel('Conv2DBackpropInput', { dy: x(), filter: filter() }, { ...attrs, inputShape: [1, 2, 2, 1] });
    expect(gradient).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });

  it('more working memory than the largest filter takes', () => {
    const take = () => withScratch(backend() as unknown as WasmBackend, { bytes: 2 ** 28 }, () => undefined);
    expect(take).toThrow(expect.objectContaining({ code: 'training.failed' }));
    const filter = tensor(new Float32Array(1200 * 3500).fill(0.5), [1, 1, 1200, 3500]);
    const y = runKernel(
      'Conv2D',
      { x: tensor(new Float32Array(1200).fill(1), [1, 1, 1, 1200]), filter },
      attrs,
    );
    expect(y.dataSync().every((sum) => sum === 600)).toBe(true);
  });
});
