import { setFlagsFromString } from 'node:v8';
import { type Tensor1D, tensor, tensor1d, unsortedSegmentSum } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { segmentSums } from '../native/conv-reference.ts';
import { useBackend } from '../testing.ts';
import { type Guards, noiseOf, relativeDifference, runKernel, useInstructionSet } from './conv2d-testing.ts';

describe.each(['simd', 'relaxedSimd'] as const)('UnsortedSegmentSum in %s', (set) => {
  let guards: Guards;
  beforeAll(async () => {
    setFlagsFromString('--experimental-wasm-relaxed-simd');
    guards = await useInstructionSet(set);
  });
  afterEach(() => expect(guards.broken()).toBe(0));

  it('adds rows up by id, and leaves out those of no segment', () => {
    const sums = runKernel(
      'UnsortedSegmentSum',
      {
        x: tensor([1, 2, 10, 20, 100, 200, 1000, 2000, 5, 5], [5, 2]),
        segmentIds: tensor1d([2, 0, 2, -1, 3], 'int32'),
      },
      { numSegments: 3 },
    );
    expect(sums.shape).toEqual([3, 2]);
    expect([...sums.dataSync()]).toEqual([10, 20, 0, 0, 101, 202]);
  });

  it.each([
    { shape: [1, 1], segments: 1 },
    { shape: [50], segments: 7 },
    { shape: [40, 3], segments: 5 },
    { shape: [64, 17], segments: 100 },
    { shape: [33, 2, 5], segments: 4 },
    { shape: [0, 4], segments: 3 },
  ])('agrees with the reference and the cpu backend: $shape in $segments', async ({ shape, segments }) => {
    const ids = Array.from({ length: shape[0]! }, (_, i) => ((i * 7919) % (segments + 2)) - 1);
    const row = shape.slice(1).reduce((product, size) => product * size, 1);
    const sum = () => unsortedSegmentSum(noiseOf('x', shape), tensor1d(ids, 'int32') as Tensor1D, segments);
    const received = sum();
    const expected = segmentSums(noiseOf('x', shape).dataSync(), ids, segments, row);
    expect(received.shape).toEqual([segments, ...shape.slice(1)]);
    expect(relativeDifference(expected, received.dataSync())).toBeLessThanOrEqual(1e-6);
    if (shape[0] === 0) return;
    await useBackend('cpu');
    const cpu = sum().dataSync();
    await useBackend('wasm');
    expect(relativeDifference(cpu, received.dataSync())).toBeLessThanOrEqual(1e-6);
  });

  it('refuses ids that do not fit', () => {
    for (const segmentIds of [tensor1d([0], 'int32'), tensor1d([0, 1], 'float32')])
      expect(() =>
        runKernel('UnsortedSegmentSum', { x: tensor([1, 2], [2]), segmentIds }, { numSegments: 2 }),
      ).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });
});
