import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import * as reference from './reference.ts';
import { AWKWARD_SIZES, type TestHeap, testHeap, uniformNumbers, worstError } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

interface Product extends reference.MatMulShape {
  readonly batch?: number;
  /** Numbers at the end of each stored row that belong to no matrix. */
  readonly gap?: number;
  readonly accumulate?: boolean;
  readonly shares?: 'a' | 'b';
  readonly weighted?: boolean;
}

const TRANSPOSITIONS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

describe.each(['simd', 'relaxedSimd'] as const)('matMul, %s', (set) => {
  it('multiplies [1 2; 3 4] by [5 6; 7 8]', () => {
    const heap = testHeap(set);
    const [a, b, c] = [heap.place([1, 2, 3, 4]), heap.place([5, 6, 7, 8]), heap.reserve(4)];
    const scratch = scratchOn(heap);
    heap.kernels.matMul(1, 2, 2, 2, a, 0, 2, false, b, 0, 2, false, c, 0, 2, false, scratch);
    expect([...heap.read(c, 4)]).toEqual([19, 22, 43, 50]);
    heap.kernels.matMul(1, 2, 2, 2, a, 0, 2, true, b, 0, 2, false, c, 0, 2, true, scratch);
    // [1 3; 2 4]·[5 6; 7 8] = [26 30; 38 44], on top of what was there.
    expect([...heap.read(c, 4)]).toEqual([45, 52, 81, 94]);
  });

  describe.each(TRANSPOSITIONS)('transposed %s, %s', (transposeA, transposeB) => {
    it('agrees with the reference for every combination of awkward sizes', () => {
      const heap = testHeap(set, 16);
      for (const m of AWKWARD_SIZES) {
        for (const n of AWKWARD_SIZES) {
          for (const k of AWKWARD_SIZES) {
            const product = { m, n, k, transposeA, transposeB };
            expect(errorOf(heap, product), JSON.stringify(product)).toBeLessThanOrEqual(4e-6);
          }
        }
      }
      expect(heap.firstBrokenGuard()).toBe(-1);
    });

    it.each([
      // Several blocks in each dimension, with rests.
      { m: 131, n: 530, k: 259 },
      { m: 260, n: 17, k: 515 },
      // The first layer of a perceptron, and its gradient.
      { m: 32, n: 200, k: 784 },
      { m: 784, n: 200, k: 32 },
    ])('agrees with the reference: $m × $n × $k', (shape) => {
      const heap = testHeap(set);
      expect(errorOf(heap, { ...shape, transposeA, transposeB })).toBeLessThanOrEqual(2e-6);
      expect(heap.firstBrokenGuard()).toBe(-1);
    });

    it.each([
      { m: 5, n: 19, k: 6, batch: 3 },
      { m: 5, n: 19, k: 6, batch: 3, gap: 3 },
      { m: 70, n: 33, k: 300, gap: 1, accumulate: true },
      { m: 6, n: 16, k: 5, batch: 4, shares: 'a' },
      { m: 6, n: 18, k: 5, batch: 4, shares: 'b', accumulate: true },
    ] as const)('strides, gaps between rows, sums: %j', (shape) => {
      const heap = testHeap(set);
      expect(errorOf(heap, { ...shape, transposeA, transposeB })).toBeLessThanOrEqual(2e-6);
      expect(heap.firstBrokenGuard()).toBe(-1);
    });
  });

  it.each([
    { m: 784, n: 200, k: 600 },
    { m: 5, n: 19, k: 3 },
    { m: 63, n: 16, k: 257 },
    { m: 64, n: 530, k: 300 },
  ])('is that of B with its rows weighted: $m × $n × $k', (shape) => {
    for (const transposeA of [false, true]) {
      const heap = testHeap(set);
      const product = { ...shape, transposeA, transposeB: false, weighted: true };
      expect(errorOf(heap, product)).toBeLessThanOrEqual(2e-6);
      expect(heap.firstBrokenGuard()).toBe(-1);
    }
  });

  it.each([
    [0, 3, 2],
    [3, 0, 2],
    [0, 0, 0],
  ])('does nothing for an empty product: %i × %i × %i', (m, n, k) => {
    const heap = testHeap(set);
    errorOf(heap, { m, n, k, transposeA: false, transposeB: false });
    expect(heap.firstBrokenGuard()).toBe(-1);
  });

  it('is 0 over no terms, or what was there', () => {
    const heap = testHeap(set);
    const c = heap.place([1, 2, 3, 4]);
    const scratch = scratchOn(heap);
    const sum = (accumulate: boolean) =>
      heap.kernels.matMul(1, 2, 2, 0, 0, 0, 0, false, 0, 0, 2, false, c, 0, 2, accumulate, scratch);
    sum(true);
    expect([...heap.read(c, 4)]).toEqual([1, 2, 3, 4]);
    sum(false);
    expect([...heap.read(c, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('lets NaN and infinity through, and only where they belong', () => {
    const heap = testHeap(set);
    const [a, b, c] = [heap.place([1, Number.NaN, 3]), heap.place([1, 0]), heap.reserve(6)];
    const scratch = scratchOn(heap);
    heap.kernels.matMul(1, 3, 2, 1, a, 0, 1, false, b, 0, 2, false, c, 0, 2, false, scratch);
    expect([...heap.read(c, 6)]).toEqual([1, 0, Number.NaN, Number.NaN, 3, 0]);
  });
});

const scratches = new WeakMap<TestHeap, number>();
function scratchOn(heap: TestHeap): number {
  const pointer = scratches.get(heap) ?? heap.reserve(heap.kernels.matMulScratchBytes() / 4);
  scratches.set(heap, pointer);
  return pointer;
}

/** Worst error of a product against the reference, relative to its largest number. */
function errorOf(heap: TestHeap, product: Product): number {
  const { m, n, k, transposeA, transposeB, batch = 1, gap = 0, accumulate = false, shares } = product;
  const weights = product.weighted === true ? uniformNumbers('weights', k) : undefined;
  const [aRows, aColumns] = transposeA ? [k, m] : [m, k];
  const [bRows, bColumns] = transposeB ? [n, k] : [k, n];
  const a = uniformNumbers('a', (shares === 'a' ? 1 : batch) * aRows * aColumns);
  const b = uniformNumbers('b', (shares === 'b' ? 1 : batch) * bRows * bColumns);
  const before = uniformNumbers('c', batch * m * n);
  const pointers = {
    a: heap.place(withGaps(a, aColumns, gap)),
    b: heap.place(withGaps(b, bColumns, gap)),
    c: heap.place(withGaps(before, n, gap)),
    scratch: scratchOn(heap),
  };
  heap.kernels.matMul(
    batch,
    m,
    n,
    k,
    pointers.a,
    shares === 'a' ? 0 : aRows * (aColumns + gap),
    aColumns + gap,
    transposeA,
    pointers.b,
    shares === 'b' ? 0 : bRows * (bColumns + gap),
    bColumns + gap,
    transposeB,
    pointers.c,
    m * (n + gap),
    n + gap,
    accumulate,
    pointers.scratch,
    weights === undefined ? 0 : heap.place(weights),
  );
  const weighted = weights === undefined ? b : b.map((value, i) => value * weights[Math.floor(i / n)]!);
  const expected = before.slice();
  for (let i = 0; i < batch; i++) {
    const own = reference.matMul(
      shares === 'a' ? a : a.subarray(i * m * k, (i + 1) * m * k),
      shares === 'b' ? weighted : weighted.subarray(i * k * n, (i + 1) * k * n),
      product,
    );
    own.forEach((value, j) => {
      expected[i * m * n + j] = accumulate ? value + expected[i * m * n + j]! : value;
    });
  }
  return worstError(heap.read(pointers.c, batch * m * (n + gap)), withGaps(expected, n, gap));
}

/** Rows of `width` numbers, each followed by `gap` sevens. */
function withGaps(numbers: Float32Array, width: number, gap: number): Float32Array {
  const rows = width === 0 ? 0 : numbers.length / width;
  const spread = new Float32Array(rows * (width + gap)).fill(7);
  for (let row = 0; row < rows; row++) {
    spread.set(numbers.subarray(row * width, (row + 1) * width), row * (width + gap));
  }
  return spread;
}
