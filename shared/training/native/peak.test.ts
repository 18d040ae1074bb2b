import { expect, it } from 'vitest';
import { measureMatMulGflops, measurePeakGflops } from './peak.ts';
import { testHeap } from './testing.ts';

/** The n-th reading: each run takes 8 ms, except the third, which takes 4. */
function clock() {
  let readings = 0;
  let nowMs = 0;
  return {
    now: () => {
      readings++;
      if (readings % 2 === 0) nowMs += readings === 6 ? 4 : 8;
      return nowMs;
    },
  };
}

it('counts the operations of the fastest run', () => {
  let iterations = 0;
  const kernels = {
    ...testHeap('simd').kernels,
    peakMulAdd: (n: number) => {
      iterations = n;
      return 0;
    },
  };
  // 96 million operations in 4 ms.
  expect(measurePeakGflops(kernels, clock())).toBeCloseTo(24, 9);
  expect(iterations).toBe(1_000_000);
});

it('counts two operations for each product of two numbers, and repeats small ones', () => {
  let calls = 0;
  const kernels = { ...testHeap('simd').kernels, matMul: () => void calls++ };
  const places = { a: 0, b: 0, c: 0, scratch: 0 };
  // 2·8·10·20·30 = 96,000 operations: 1,000 times a run.
  const gflops = measureMatMulGflops(kernels, clock(), { m: 10, n: 20, k: 30, batch: 8 }, places);
  expect(gflops).toBeCloseTo(24, 9);
  expect(calls % 1000).toBe(0);
});

it('runs the kernel itself', () => {
  const heap = testHeap('simd');
  const ones = new Float32Array(100 * 100).fill(1);
  const places = {
    a: heap.place(ones),
    b: heap.place(ones),
    c: heap.reserve(100 * 100),
    scratch: heap.reserve(heap.kernels.matMulScratchBytes() / 4),
  };
  measureMatMulGflops(heap.kernels, clock(), { m: 100, n: 100, k: 100, transposeB: true }, places);
  expect(heap.read(places.c, 100 * 100)).toEqual(ones.fill(100));
  expect(heap.firstBrokenGuard()).toBe(-1);
});
