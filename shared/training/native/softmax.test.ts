import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import * as reference from './reference.ts';
import { AWKWARD_SIZES, type TestHeap, testHeap, uniformNumbers, worstError } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

describe.each(['simd', 'relaxedSimd'] as const)('softmaxCrossEntropy, %s', (set) => {
  it('is ln 2 for two equal logits, however large', () => {
    for (const logit of [0, 1e30, -1e30]) {
      const { losses, slopes } = run(testHeap(set), [logit, logit], [1], 2);
      expect(losses[0]).toBeCloseTo(Math.LN2, 6);
      expect([...slopes]).toEqual([0.5, -0.5]);
    }
  });

  it('neither overflows nor loses a hopeless class', () => {
    const { losses, slopes } = run(testHeap(set), [1000, 0, -1000], [1], 3);
    expect(losses[0]).toBe(1000);
    expect([...slopes]).toEqual([1, -1, 0]);
  });

  it('agrees with the reference', () => {
    const heap = testHeap(set);
    for (const rows of AWKWARD_SIZES) {
      for (const classes of [...AWKWARD_SIZES, 10]) {
        const logits = uniformNumbers('logits', rows * classes).map((x) => 20 * x);
        const labels = Array.from({ length: rows }, (_, row) => (row * 7) % classes);
        const { losses, slopes } = run(heap, logits, labels, classes);
        const expected = reference.softmaxCrossEntropy(logits, labels, rows, classes);
        expect(worstError(slopes, expected.slopes)).toBeLessThanOrEqual(1e-6);
        // A loss near 0 is the logarithm of a sum near 1, which float32 knows to 6e-8.
        losses.forEach((loss, row) => {
          expect(Math.abs(loss - expected.losses[row]!)).toBeLessThanOrEqual(2e-7 + 2e-7 * loss);
        });
      }
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('knows eˣ to two units in the last place', () => {
    const heap = testHeap(set);
    for (let x = -87; x <= 0; x += 0.0625 + 1 / 1024) {
      const { slopes } = run(heap, [x, 0, 0], [1], 3);
      // p = eˣ / (2 + eˣ); its division and sum round three times more.
      const expected = Math.exp(x) / (2 + Math.exp(x));
      expect(Math.abs(slopes[0]! / expected - 1), `${x}`).toBeLessThanOrEqual(3.5 * 2 ** -23);
    }
  });

  it('may overwrite the logits', () => {
    const heap = testHeap(set);
    const logits = uniformNumbers('logits', 21);
    const [pointer, labels, losses] = [heap.place(logits), heap.place([2, 0, 6], 'int32'), heap.reserve(3)];
    heap.kernels.softmaxCrossEntropy(pointer, labels, 3, 7, losses, pointer);
    const apart = run(heap, logits, [2, 0, 6], 7);
    expect(heap.read(pointer, 21)).toEqual(apart.slopes);
    expect(heap.read(losses, 3)).toEqual(apart.losses);
  });

  it.each([-1, 3, 2 ** 30])('answers a label that is no class with NaN: %i', (label) => {
    const heap = testHeap(set);
    const { losses, slopes } = run(heap, [0, 0, 0], [label], 3);
    expect(losses[0]).toBeNaN();
    expect(worstError(slopes, [1 / 3, 1 / 3, 1 / 3])).toBeLessThanOrEqual(1e-7);
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it.each([
    [Number.NaN, 0, 0, 0, 0],
    [0, 0, 0, 0, Number.NaN],
    [Number.POSITIVE_INFINITY, 0, 0, 0, 0],
    [0, Number.POSITIVE_INFINITY, 0, 0, 0],
    new Array<number>(5).fill(Number.NEGATIVE_INFINITY),
  ])('shows by its loss that logits were not finite, case %#', (...logits) => {
    expect(Number.isFinite(run(testHeap(set), logits, [1], 5).losses[0])).toBe(false);
  });

  it('takes no rows', () => {
    const heap = testHeap(set);
    heap.kernels.softmaxCrossEntropy(0, 0, 0, 10, 0, 0);
    expect(heap.firstBrokenGuard()).toBe(-1);
  });
});

function run(heap: TestHeap, logits: ArrayLike<number>, labels: number[], classes: number) {
  const [losses, slopes] = [heap.reserve(labels.length), heap.reserve(logits.length)];
  const { kernels } = heap;
  const pointers = [heap.place(logits), heap.place(labels, 'int32')] as const;
  kernels.softmaxCrossEntropy(...pointers, labels.length, classes, losses, slopes);
  return { losses: heap.read(losses, labels.length), slopes: heap.read(slopes, logits.length) };
}
