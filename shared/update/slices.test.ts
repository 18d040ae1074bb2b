import { expect, test } from 'vitest';
import { joinSlices, sliceRange } from './slices.ts';

test('R-20: ten coordinates in four slices', () => {
  expect([0, 1, 2, 3].map((index) => sliceRange(10, 4, index))).toEqual([
    { start: 0, end: 2 },
    { start: 2, end: 5 },
    { start: 5, end: 7 },
    { start: 7, end: 10 },
  ]);
});

test('R-20: slices cover every vector exactly, and differ by at most one', () => {
  for (const length of [0, 1, 5, 16, 101_770, 50_000_000]) {
    for (const count of [1, 2, 3, 7, 16]) {
      const ranges = Array.from({ length: count }, (_, index) => sliceRange(length, count, index));
      expect(ranges[0]!.start).toBe(0);
      expect(ranges.at(-1)!.end).toBe(length);
      for (let i = 1; i < count; i++) expect(ranges[i]!.start).toBe(ranges[i - 1]!.end);
      const lengths = ranges.map(({ start, end }) => end - start);
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
    }
  }
});

test('R-20: what was cut is joined again', () => {
  const vector = Int32Array.from({ length: 11 }, (_, i) => i * i);
  const slices = [0, 1, 2].map((index) => {
    const { start, end } = sliceRange(11, 3, index);
    return vector.slice(start, end);
  });
  expect(joinSlices(11, slices)).toEqual(vector);
});

test('bad indices and lengths are refused by name', () => {
  for (const [count, index] of [
    [0, 0],
    [3, 3],
    [3, -1],
    [3, 0.5],
    [65_537, 0],
  ] as const)
    expect(() => sliceRange(10, count, index)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  expect(() => joinSlices(4, [new Int32Array(2), new Int32Array(3)])).toThrow(
    expect.objectContaining({ code: 'update.wrong-length' }),
  );
});
