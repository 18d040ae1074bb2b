import { expect, test } from 'vitest';
import { stalenessWeight } from './staleness.ts';

test.each([
  [0, 0.5, 1],
  [1, 0.5, Math.SQRT1_2],
  [8, 0.5, 1 / 3],
  [10, 0, 1],
  [3, 1, 1 / 4],
  [1, 10, 2 ** -10],
  [15, 0.75, 1 / 8],
  [2, 0.3, 3 ** -0.3],
  [9999, 7.1, 10_000 ** -7.1],
])('Y-50: %d versions behind with exponent %d count %d', (behind, exponent, weight) => {
  expect(stalenessWeight(behind, exponent) / weight).toBeCloseTo(1, 13);
});

test('Y-50: whole and half powers are as exact as their roots', () => {
  expect(stalenessWeight(3, 0.5)).toBe(0.5);
  expect(stalenessWeight(8, 1.5)).toBe(1 / 27);
});

test.each([
  [-1, 0.5],
  [1, -0.5],
  [Number.NaN, 1],
  [1, Number.POSITIVE_INFINITY],
])('%d versions and exponent %d are refused', (behind, exponent) => {
  expect(() => stalenessWeight(behind, exponent)).toThrow(
    expect.objectContaining({ code: 'argument.invalid' }),
  );
});
