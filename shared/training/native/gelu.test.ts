import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { gelu, geluDerivative } from './reference.ts';
import { AWKWARD_SIZES, testHeap, uniformNumbers } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

describe.each(['simd', 'relaxedSimd'] as const)('gelu, %s', (set) => {
  /** From −15, where Φ is far below what float32 can tell from 0, to 15. */
  const points = Float32Array.from({ length: 6001 }, (_, i) => (i - 3000) / 200);

  it('is x·Φ(x) to 1e-6, and its slope Φ(x) + x·φ(x)', () => {
    const heap = testHeap(set);
    const [x, outputs, slopes] = [heap.place(points), heap.reserve(6001), heap.reserve(6001)];
    heap.kernels.gelu(x, 6001, outputs);
    heap.kernels.geluGradient(heap.place(new Float32Array(6001).fill(2)), x, 6001, slopes);
    const [received, receivedSlopes] = [heap.read(outputs, 6001), heap.read(slopes, 6001)];
    points.forEach((point, i) => {
      expect(Math.abs(received[i]! - gelu(point))).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(point)));
      expect(Math.abs(receivedSlopes[i]! - 2 * geluDerivative(point))).toBeLessThanOrEqual(2e-6);
    });
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('keeps what is no number', () => {
    const heap = testHeap(set);
    const x = heap.place([Number.NaN, 1]);
    heap.kernels.gelu(x, 2, x);
    expect(heap.read(x, 2)[0]).toBeNaN();
  });

  it('fills any number of places, and nothing beyond', () => {
    const heap = testHeap(set);
    for (const n of AWKWARD_SIZES) {
      const numbers = uniformNumbers('gelu', n);
      const [x, out, slopes] = [heap.place(numbers), heap.reserve(n), heap.reserve(n)];
      heap.kernels.gelu(x, n, out);
      heap.kernels.geluGradient(x, x, n, slopes);
      const [outputs, products] = [heap.read(out, n), heap.read(slopes, n)];
      numbers.forEach((value, i) => {
        expect(Math.abs(outputs[i]! - gelu(value))).toBeLessThanOrEqual(1e-6);
        expect(Math.abs(products[i]! - value * geluDerivative(value))).toBeLessThanOrEqual(1e-6);
      });
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });
});
