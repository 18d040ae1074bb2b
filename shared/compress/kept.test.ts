import { describe, expect, test } from 'vitest';
import { keptCoordinates, keptCount } from './kept.ts';

test('Z-02: as many as the part says, rounded up, and one at least', () => {
  expect([keptCount(10, 0.25), keptCount(10, 0.2), keptCount(10, 1), keptCount(10, 1e-9)]).toEqual([
    3, 2, 10, 1,
  ]);
});

describe('Z-02: the coordinates that are kept', () => {
  test.each([
    [1, 1],
    [7, 3],
    [10, 7],
    [1000, 1],
    [1000, 63],
    [1000, 999],
    [1000, 1000],
  ])('of %d are %d, ascending, none twice', (length, count) => {
    for (let base = 0; base < 20; base++) {
      const kept = keptCoordinates(length, count, `base ${base}`);
      expect(kept).toHaveLength(count);
      expect(kept[0]).toBeGreaterThanOrEqual(0);
      expect(kept.at(-1)).toBeLessThan(length);
      for (let i = 1; i < count; i++) expect(kept[i]!).toBeGreaterThan(kept[i - 1]!);
    }
  });

  test('are the same for the same base and others for another', () => {
    expect([...keptCoordinates(20, 5, 'base')]).toEqual([1, 3, 9, 14, 17]);
    expect(keptCoordinates(1000, 50, 'a')).toEqual(keptCoordinates(1000, 50, 'a'));
    expect(keptCoordinates(1000, 50, 'a')).not.toEqual(keptCoordinates(1000, 50, 'b'));
  });

  test('of each stretch of the vector it is its share, so that every layer has its own', () => {
    for (let base = 0; base < 50; base++) {
      const kept = keptCoordinates(1600, 100, `base ${base}`);
      for (let start = 0; start < 1600; start += 160) {
        const within = kept.filter((i) => i >= start && i < start + 160).length;
        expect(Math.abs(within - 10)).toBeLessThanOrEqual(1);
      }
    }
  });

  test('are each as likely as any other, also where most are kept', () => {
    const ROUNDS = 4000;
    const counts = new Float64Array(10);
    for (let base = 0; base < ROUNDS; base++)
      for (const i of keptCoordinates(10, 7, `base ${base}`)) counts[i]!++;
    // A binomial of 4,000 at 0.7 has a standard deviation of 29.
    for (const count of counts) expect(Math.abs(count - 0.7 * ROUNDS)).toBeLessThan(5 * 29);
  });
});

test.each([
  [0, 1],
  [5, 0],
  [5, 6],
])('%d coordinates of which %d are kept are refused', (length, count) => {
  expect(() => keptCoordinates(length, count, 'base')).toThrow(
    expect.objectContaining({ code: 'argument.invalid' }),
  );
});
