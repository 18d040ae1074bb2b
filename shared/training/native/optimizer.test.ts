import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import * as reference from './reference.ts';
import { AWKWARD_SIZES, testHeap, uniformNumbers, worstError } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const TOLERANCE = 1e-6;

describe.each(['simd', 'relaxedSimd'] as const)('optimizer steps, %s', (set) => {
  it('goes down the mean gradient', () => {
    const heap = testHeap(set);
    const w = heap.place([1, 2]);
    heap.kernels.sgdStep(w, heap.place([8, -4]), 2, 0.5, 0.25, 0);
    expect([...heap.read(w, 2)]).toEqual([0, 2.5]);
    heap.kernels.sgdStep(w, heap.place([0, 0]), 2, 0.5, 1, 0.5);
    expect([...heap.read(w, 2)]).toEqual([0, 1.875]);
  });

  it('gathers momentum', () => {
    const heap = testHeap(set);
    const [w, v, g] = [heap.place([0]), heap.place([0]), heap.place([1])];
    for (let step = 0; step < 2; step++) heap.kernels.momentumStep(w, g, v, 1, 1, 1, 0, 0.5, false);
    // v: 1, 1.5; w: −1, −2.5
    expect([heap.read(v, 1)[0], heap.read(w, 1)[0]]).toEqual([1.5, -2.5]);
    heap.kernels.momentumStep(w, g, v, 1, 1, 1, 0, 0.5, true);
    // v: 1.75; w: −2.5 − (0.5·1.75 + 1)
    expect([heap.read(v, 1)[0], heap.read(w, 1)[0]]).toEqual([1.75, -4.375]);
  });

  it('starts Adam with steps of the learning rate, whatever the gradient', () => {
    const heap = testHeap(set);
    const [w, m, v] = [heap.place([0, 0]), heap.place([0, 0]), heap.place([0, 0])];
    heap.kernels.adamStep(
      w,
      heap.place([1e-3, -50]),
      m,
      v,
      2,
      0.01,
      1,
      0.9,
      0.999,
      1 - 0.9,
      1 - 0.999,
      1e-12,
      0,
    );
    expect(worstError(heap.read(w, 2), [-0.01, 0.01])).toBeLessThanOrEqual(TOLERANCE);
  });

  it.each([
    { momentum: 0, nesterov: false },
    { momentum: 0.9, nesterov: false },
    { momentum: 0.9, nesterov: true },
  ])('SGD agrees with the reference: $momentum, $nesterov', ({ momentum, nesterov }) => {
    const heap = testHeap(set);
    const settings = { rate: 0.1, scale: 1 / 32, decay: 1e-2, momentum, nesterov };
    const { rate, scale, decay } = settings;
    for (const n of AWKWARD_SIZES) {
      const start = uniformNumbers('w', n);
      const expected = Array.from(start, (w) => ({ w, velocity: 0 }));
      const [w, v] = [heap.place(start), heap.place(new Float32Array(n))];
      for (let step = 0; step < 3; step++) {
        const g = uniformNumbers(`gradient ${step}`, n).map((x) => 32 * x);
        if (momentum === 0) heap.kernels.sgdStep(w, heap.place(g), n, rate, scale, decay);
        else heap.kernels.momentumStep(w, heap.place(g), v, n, rate, scale, decay, momentum, nesterov);
        expected.forEach((state, i) => {
          expected[i] = reference.momentumStep(state.w, g[i]!, state.velocity, settings);
        });
      }
      const weights = expected.map((state) => state.w);
      expect(worstError(heap.read(w, n), weights)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it.each([0, 0.01])('Adam agrees with the reference, decay %d', (decay) => {
    const heap = testHeap(set);
    const settings = { rate: 1e-2, scale: 1 / 32, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, decay };
    const { rate, scale, beta1, beta2, epsilon } = settings;
    for (const n of AWKWARD_SIZES) {
      const start = uniformNumbers('w', n);
      const expected = Array.from(start, (w) => ({ w, m: 0, v: 0 }));
      const [w, m, v] = [heap.place(start), heap.place(new Float32Array(n)), heap.place(new Float32Array(n))];
      for (let t = 1; t <= 3; t++) {
        const g = uniformNumbers(`gradient ${t}`, n).map((x) => 32 * x);
        const corrections = [1 - beta1 ** t, 1 - beta2 ** t] as const;
        const pointers = [w, heap.place(g), m, v] as const;
        heap.kernels.adamStep(...pointers, n, rate, scale, beta1, beta2, ...corrections, epsilon, decay);
        expected.forEach((state, i) => {
          expected[i] = reference.adamStep(state.w, g[i]!, state.m, state.v, t, settings);
        });
      }
      const weights = expected.map((state) => state.w);
      expect(worstError(heap.read(w, n), weights)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('treats a weight alike wherever it stands', () => {
    const heap = testHeap(set);
    const [w, m, v] = [heap.place([3, 3, 3, 3, 3]), heap.reserve(5), heap.reserve(5)];
    const g = heap.place([0.3, 0.3, 0.3, 0.3, 0.3]);
    heap.kernels.sgdStep(w, g, 5, 0.07, 0.3, 0.01);
    heap.kernels.momentumStep(w, g, heap.place([1, 1, 1, 1, 1]), 5, 0.07, 0.3, 0.01, 0.9, true);
    for (const moments of [m, v]) heap.kernels.columnSums(0, 0, 5, moments, false);
    heap.kernels.adamStep(w, g, m, v, 5, 0.07, 0.3, 0.9, 0.999, 0.1, 0.001, 1e-8, 0.01);
    expect(new Set(heap.read(w, 5)).size).toBe(1);
  });

  it('takes no weights', () => {
    const heap = testHeap(set);
    heap.kernels.sgdStep(0, 0, 0, 1, 1, 0);
    heap.kernels.momentumStep(0, 0, 0, 0, 1, 1, 0, 0.9, false);
    heap.kernels.adamStep(0, 0, 0, 0, 0, 1, 1, 0.9, 0.999, 0.1, 0.001, 1e-8, 0);
    expect(heap.firstBrokenGuard()).toBe(-1);
  });
});
