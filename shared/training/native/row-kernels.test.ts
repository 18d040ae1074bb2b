import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import * as reference from './reference.ts';
import { AWKWARD_SIZES, testHeap, uniformNumbers, worstError } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const MATRICES = AWKWARD_SIZES.flatMap((rows) => AWKWARD_SIZES.map((width) => ({ rows, width })));
const TOLERANCE = 1e-6;

describe.each(['simd', 'relaxedSimd'] as const)('kernels over rows, %s', (set) => {
  it('adds a bias and clamps', () => {
    const heap = testHeap(set);
    const x = heap.place([-1, 0, 1, 2, 3, -4]);
    heap.kernels.addBias(x, 2, 3, heap.place([0.5, 0, -9]), 0, Number.POSITIVE_INFINITY);
    expect([...heap.read(x, 6)]).toEqual([0, 0, 0, 2.5, 3, 0]);
    for (const { rows, width } of MATRICES) {
      const [numbers, bias] = [uniformNumbers('x', rows * width), uniformNumbers('bias', width)];
      const pointer = heap.place(numbers);
      heap.kernels.addBias(pointer, rows, width, heap.place(bias), -0.5, 0.75);
      const expected = reference.addBias(numbers, width, bias, -0.5, 0.75);
      expect(worstError(heap.read(pointer, rows * width), expected)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('clamps without a bias, and keeps NaN', () => {
    const heap = testHeap(set);
    const x = heap.place([-1, 7, Number.NaN, 2, Number.NaN]);
    heap.kernels.addBias(x, 1, 5, 0, 0, 6);
    expect([...heap.read(x, 5)]).toEqual([0, 6, Number.NaN, 2, Number.NaN]);
  });

  it('lets a gradient through where ReLU was positive', () => {
    const heap = testHeap(set);
    for (const n of AWKWARD_SIZES) {
      const [dy, y] = [uniformNumbers('dy', n), uniformNumbers('y', n)];
      if (n > 2) y[2] = 0;
      const [from, out] = [heap.place(dy), heap.reserve(n)];
      heap.kernels.reluGradient(from, heap.place(y), n, out);
      expect([...heap.read(out, n)]).toEqual([...reference.reluGradient(dy, y)]);
      heap.kernels.reluGradient(from, heap.place(y), n, from);
      expect([...heap.read(from, n)]).toEqual([...reference.reluGradient(dy, y)]);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('squares and adds each row', () => {
    const heap = testHeap(set);
    const norms = heap.reserve(2);
    heap.kernels.rowSquaredNorms(heap.place([3, 4, 1, 1]), 2, 2, norms, false);
    expect([...heap.read(norms, 2)]).toEqual([25, 2]);
    heap.kernels.rowSquaredNorms(heap.place([1, 0, 0, 2]), 2, 2, norms, true);
    expect([...heap.read(norms, 2)]).toEqual([26, 6]);
    for (const { rows, width } of MATRICES) {
      const x = uniformNumbers('x', rows * width);
      const out = heap.reserve(rows);
      heap.kernels.rowSquaredNorms(heap.place(x), rows, width, out, false);
      const expected = reference.rowSquaredNorms(x, rows, width);
      expect(worstError(heap.read(out, rows), expected)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('scales each row, in place or elsewhere', () => {
    const heap = testHeap(set);
    for (const { rows, width } of MATRICES) {
      const [x, factors] = [uniformNumbers('x', rows * width), uniformNumbers('factors', rows)];
      const [from, out] = [heap.place(x), heap.reserve(rows * width)];
      const expected = reference.scaleRows(x, width, factors);
      heap.kernels.scaleRows(from, rows, width, heap.place(factors), out);
      heap.kernels.scaleRows(from, rows, width, heap.place(factors), from);
      expect(worstError(heap.read(out, rows * width), expected)).toBeLessThanOrEqual(TOLERANCE);
      expect(heap.read(from, rows * width)).toEqual(heap.read(out, rows * width));
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('adds rows up, weighted or not', () => {
    const heap = testHeap(set);
    const sums = heap.reserve(2);
    heap.kernels.weightedSumOfRows(heap.place([1, 2, 3, 4]), 2, 2, heap.place([10, 1]), sums, false);
    expect([...heap.read(sums, 2)]).toEqual([13, 24]);
    heap.kernels.columnSums(heap.place([1, 2, 3, 4]), 2, 2, sums, true);
    expect([...heap.read(sums, 2)]).toEqual([17, 30]);
    for (const { rows, width } of MATRICES) {
      const [x, factors] = [uniformNumbers('x', rows * width), uniformNumbers('factors', rows)];
      const [weighted, plain] = [heap.reserve(width), heap.reserve(width)];
      heap.kernels.weightedSumOfRows(heap.place(x), rows, width, heap.place(factors), weighted, false);
      heap.kernels.columnSums(heap.place(x), rows, width, plain, false);
      const expected = reference.weightedSumOfRows(x, rows, width, factors);
      const ones = new Float32Array(rows).fill(1);
      const expectedPlain = reference.weightedSumOfRows(x, rows, width, ones);
      expect(worstError(heap.read(weighted, width), expected)).toBeLessThanOrEqual(TOLERANCE);
      expect(worstError(heap.read(plain, width), expectedPlain)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('sums no rows to 0, or to what was there', () => {
    const heap = testHeap(set);
    const sums = heap.place([5, 6, 7]);
    heap.kernels.columnSums(0, 0, 3, sums, true);
    heap.kernels.weightedSumOfRows(0, 0, 3, 0, sums, true);
    expect([...heap.read(sums, 3)]).toEqual([5, 6, 7]);
    heap.kernels.columnSums(0, 0, 3, sums, false);
    expect([...heap.read(sums, 3)]).toEqual([0, 0, 0]);
    heap.kernels.rowSquaredNorms(0, 0, 3, sums, false);
    heap.kernels.scaleRows(0, 0, 3, 0, 0);
    expect(heap.firstBrokenGuard()).toBe(-1);
  });
});
