import { setFlagsFromString } from 'node:v8';
import { tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { depthwise, depthwiseFilterGradients, depthwiseInputGradient } from '../native/conv-reference.ts';
import { useBackend } from '../testing.ts';
import { type ConvAttributes, convGeometry, type Shape4D } from './conv2d-geometry.ts';
import {
  type Guards,
  noiseOf,
  randomConvolution,
  relativeDifference,
  runKernel,
  sumOverExamples,
  useInstructionSet,
} from './conv2d-testing.ts';

const TOLERANCE = 1e-5;

interface Case extends ConvAttributes {
  readonly x: Shape4D;
  readonly filter: Shape4D;
}

const AWKWARD: readonly Case[] = [
  { x: [1, 5, 5, 1], filter: [3, 3, 1, 1], strides: 1, pad: 'same' },
  { x: [2, 7, 9, 3], filter: [2, 4, 3, 1], strides: 1, pad: 'same' },
  { x: [2, 9, 8, 8], filter: [3, 3, 8, 1], strides: 2, pad: 'same' },
  { x: [2, 9, 8, 16], filter: [3, 3, 16, 1], strides: 1, pad: 'valid' },
  { x: [2, 9, 8, 3], filter: [5, 3, 3, 3], strides: 3, pad: 'valid' },
  { x: [2, 9, 9, 5], filter: [3, 2, 5, 4], strides: [2, 3], pad: 'valid' },
  { x: [2, 8, 8, 4], filter: [1, 2, 4, 2], strides: 3, pad: 'same' },
  { x: [33, 2, 2, 3], filter: [2, 2, 3, 4], strides: 1, pad: 'same' },
  { x: [1, 6, 7, 12], filter: [1, 1, 12, 1], strides: 1, pad: 'valid' },
  // More than one band of rows: many positions, with stride too, and large frames.
  { x: [2, 70, 21, 3], filter: [3, 3, 3, 1], strides: 1, pad: 'same' },
  { x: [1, 75, 60, 2], filter: [3, 5, 2, 2], strides: 2, pad: 'same' },
  { x: [1, 12, 13, 512], filter: [3, 3, 512, 1], strides: 1, pad: 'same' },
];

const RANDOM: readonly Case[] = Array.from({ length: 30 }, (_, seed) => {
  const { filter, ...convolved } = randomConvolution(`depthwise ${seed}`);
  return { ...convolved, filter: [filter[0], filter[1], filter[2], 1 + (filter[3] % 4)] };
});

function run({ x: xShape, filter: filterShape, ...attributes }: Case) {
  const { images, outHeight, outWidth } = convGeometry(xShape, filterShape, attributes);
  const x = noiseOf('x', xShape);
  const filter = noiseOf('filter', filterShape);
  const dy = noiseOf('dy', [images, outHeight, outWidth, filterShape[2] * filterShape[3]]);
  const attrs = { dataFormat: 'NHWC', dilations: [1, 1], ...attributes };
  const results = {
    forward: runKernel('DepthwiseConv2dNative', { x, filter }, attrs),
    input: runKernel('DepthwiseConv2dNativeBackpropInput', { dy, filter }, { ...attrs, inputShape: xShape }),
    filter: runKernel('DepthwiseConv2dNativeBackpropFilter', { x, dy }, { ...attrs, filterShape }),
  };
  return { x, filter, dy, attrs, results };
}

describe.each(['simd', 'relaxedSimd'] as const)('depthwise convolution in %s', (set) => {
  let guards: Guards;
  beforeAll(async () => {
    setFlagsFromString('--experimental-wasm-relaxed-simd');
    guards = await useInstructionSet(set);
  });
  afterEach(() => expect(guards.broken()).toBe(0));

  it('gives every channel its own filters', () => {
    const y = runKernel(
      'DepthwiseConv2dNative',
      { x: tensor([1, 2, 10, 20], [1, 1, 2, 2]), filter: tensor([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2]) },
      { strides: 1, pad: 'valid', dilations: 1 },
    );
    // Of channel 0: 1·1 + 10·5 and 1·2 + 10·6; of channel 1: 2·3 + 20·7 and 2·4 + 20·8.
    expect([...y.dataSync()]).toEqual([51, 62, 146, 168]);
  });

  it.each([...AWKWARD, ...RANDOM])('agrees with the reference: %o', (convolved) => {
    const { x, filter, dy, attrs, results } = run(convolved);
    const windows = convGeometry(convolved.x, convolved.filter, convolved);
    const multiplier = convolved.filter[3];
    const each = runKernel(
      'DepthwisePerExampleFilterGradient',
      { x, dy },
      { ...attrs, filterShape: convolved.filter },
    );
    const gradients = depthwiseFilterGradients(windows, x.dataSync(), dy.dataSync(), multiplier);
    const differences = {
      forward: relativeDifference(
        depthwise(windows, x.dataSync(), filter.dataSync(), multiplier),
        results.forward.dataSync(),
      ),
      input: relativeDifference(
        depthwiseInputGradient(windows, dy.dataSync(), filter.dataSync(), multiplier),
        results.input.dataSync(),
      ),
      filter: relativeDifference(sumOverExamples(gradients, windows.images), results.filter.dataSync()),
      each: relativeDifference(gradients, each.dataSync()),
    };
    for (const [name, difference] of Object.entries(differences))
      expect(difference, name).toBeLessThanOrEqual(TOLERANCE);
    expect(results.input.shape).toEqual(convolved.x);
    expect(results.filter.shape).toEqual(convolved.filter);
    expect(each.shape).toEqual([windows.images, ...convolved.filter]);
  });

  it.each(AWKWARD)('agrees with the cpu backend: %o', async (convolved) => {
    await useBackend('cpu');
    const cpu = run(convolved).results;
    await useBackend('wasm');
    const wasm = run(convolved).results;
    for (const name of ['forward', 'input', 'filter'] as const) {
      expect(wasm[name].shape).toEqual(cpu[name].shape);
      const difference = relativeDifference(cpu[name].dataSync(), wasm[name].dataSync());
      expect(difference, name).toBeLessThanOrEqual(TOLERANCE);
    }
  });

  it('adds the bias and bounds the result', () => {
    const y = runKernel(
      'FusedDepthwiseConv2D',
      {
        x: tensor([-2, -1, 1.5, 8], [1, 1, 2, 2]),
        filter: tensor([2, 3], [1, 1, 2, 1]),
        bias: tensor([1, -1]),
      },
      { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1, activation: 'relu6' },
    );
    expect([...y.dataSync()]).toEqual([0, 0, 4, 6]);
  });

  it('refuses dilation', () => {
    const dilated = () =>
      runKernel(
        'DepthwiseConv2dNative',
        { x: noiseOf('x', [1, 5, 5, 1]), filter: noiseOf('filter', [2, 2, 1, 1]) },
        { strides: 1, pad: 'valid', dilations: 2 },
      );
    expect(dilated).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });
});
