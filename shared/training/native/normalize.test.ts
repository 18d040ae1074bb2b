import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { normalizeGroups, normalizeRow, normalizeRowSlope } from './reference.ts';
import { AWKWARD_SIZES, testHeap, uniformNumbers, worstError } from './testing.ts';

// Node 20 knows relaxed SIMD only by this flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

describe.each(['simd', 'relaxedSimd'] as const)('normalizeRows, %s', (set) => {
  it('agrees with double precision for rows of any width', () => {
    for (const width of AWKWARD_SIZES.filter((size) => size > 1)) {
      const heap = testHeap(set);
      const rows = 3;
      const x = uniformNumbers('x', rows * width);
      const slope = uniformNumbers('slope', rows * width);
      const gamma = uniformNumbers('gamma', width);
      const beta = uniformNumbers('beta', width);
      const gammaAt = heap.place(gamma);
      const [y, normalized, products, dx] = [0, 1, 2, 3].map(() => heap.reserve(rows * width)) as [
        number,
        number,
        number,
        number,
      ];
      const scales = heap.reserve(rows);
      heap.kernels.normalizeRows(
        heap.place(x),
        rows,
        width,
        gammaAt,
        heap.place(beta),
        1e-5,
        y,
        normalized,
        scales,
      );
      heap.kernels.normalizeRowsGradient(
        heap.place(slope),
        normalized,
        scales,
        gammaAt,
        rows,
        width,
        products,
        dx,
      );
      for (let row = 0; row < rows; row++) {
        const [start, end] = [row * width, (row + 1) * width];
        const expected = normalizeRow(x.subarray(start, end), gamma, beta, 1e-5);
        const back = normalizeRowSlope(slope.subarray(start, end), expected, gamma);
        const received = (at: number) => heap.read(at + 4 * start, width);
        expect(worstError(received(y), expected.y)).toBeLessThanOrEqual(2e-6);
        expect(worstError(received(normalized), expected.normalized)).toBeLessThanOrEqual(2e-6);
        expect(worstError(received(products), back.products)).toBeLessThanOrEqual(2e-6);
        // A row of two is ±1 whatever it was: its slope is nothing but rounding, as large as what cancels.
        const scale = Math.max(1, expected.scale);
        received(dx).forEach((value, i) => {
          expect(Math.abs(value - back.dx[i]!)).toBeLessThanOrEqual(2e-6 * scale);
        });
      }
      expect(heap.firstBrokenGuard()).toBe(-1);
    }
  });
});

describe.each(['simd', 'relaxedSimd'] as const)('normalizeChannels, %s', (set) => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 3],
    [6, 2],
    [8, 8],
    [12, 4],
    [20, 5],
    [33, 3],
  ])('agrees with double precision for %i channels in %i groups', (channels, groups) => {
    const heap = testHeap(set);
    const [sets, positions] = [2, 5];
    const size = positions * channels;
    const x = uniformNumbers('x', sets * size);
    const slope = uniformNumbers('slope', sets * size);
    const gamma = uniformNumbers('gamma', channels);
    const beta = uniformNumbers('beta', channels);
    const gammaAt = heap.place(gamma);
    const [y, centred, dx] = [
      heap.reserve(sets * size),
      heap.reserve(sets * size),
      heap.reserve(sets * size),
    ];
    const perChannel = () => heap.reserve(sets * channels);
    const [means, variances, scales, gammaSums, betaSums] = [
      perChannel(),
      perChannel(),
      perChannel(),
      perChannel(),
      perChannel(),
    ];
    const { kernels } = heap;
    kernels.normalizeChannels(
      heap.place(x),
      ...([sets, positions, channels, groups, gammaAt, heap.place(beta), 1e-3] as const),
      ...([y, centred, means, variances, scales] as const),
    );
    kernels.normalizeChannelsGradient(
      ...([heap.place(slope), centred, scales, gammaAt, sets, positions, channels, groups] as const),
      ...([heap.reserve(2 * channels), dx, gammaSums, betaSums] as const),
    );
    for (let i = 0; i < sets; i++) {
      const part = (values: Float32Array) => values.subarray(i * size, (i + 1) * size);
      const expected = normalizeGroups(part(x), part(slope), gamma, beta, groups, 1e-3);
      expect(worstError(heap.read(y + 4 * i * size, size), expected.y)).toBeLessThanOrEqual(2e-6);
      expect(worstError(heap.read(dx + 4 * i * size, size), expected.dx)).toBeLessThanOrEqual(5e-6);
      const sums = (at: number) => heap.read(at + 4 * i * channels, channels);
      // What is added up partly cancels.
      expect(worstError(sums(gammaSums), expected.gammaSums)).toBeLessThanOrEqual(5e-6);
      expect(worstError(sums(betaSums), expected.betaSums)).toBeLessThanOrEqual(5e-6);
    }
    expect(heap.firstBrokenGuard()).toBe(-1);
  });
});
