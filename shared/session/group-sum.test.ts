import { expect, test } from 'vitest';
import { checkSum, hashOfSum } from './group-sum.ts';

const sum = { values: Int32Array.of(1, -2, 3), weight: 5 };
const fixedPoint = { fractionalBits: 1, clipNorm: 3, maxWeight: 10 };

test('G-10: the hash is of weight, length and values', () => {
  const other = [
    { ...sum, weight: 6 },
    { ...sum, values: Int32Array.of(1, -2, 4) },
    { ...sum, values: Int32Array.of(1, -2) },
    { ...sum, values: Int32Array.of(1, -2, 3, 0) },
  ];
  expect(hashOfSum(sum)).toMatch(/^[0-9a-f]{64}$/);
  expect(hashOfSum({ weight: 5, values: Int32Array.of(9, 1, -2, 3).subarray(1) })).toBe(hashOfSum(sum));
  expect(new Set([sum, ...other].map(hashOfSum)).size).toBe(5);
});

test('G-13: of weight 5 by two, no coordinate exceeds 3 · 5 · 2 and half a unit for each of them', () => {
  for (const value of [31, -31])
    expect(() => checkSum({ values: Int32Array.of(0, value), weight: 5 }, 2, fixedPoint)).not.toThrow();
  for (const value of [32, -32, -(2 ** 31)])
    expect(() => checkSum({ values: Int32Array.of(0, value), weight: 5 }, 2, fixedPoint)).toThrow(
      expect.objectContaining({ code: 'update.overflow' }),
    );
});

test('G-13: two of at most 10 examples each weigh 2 to 20', () => {
  for (const weight of [2, 20])
    expect(() => checkSum({ values: Int32Array.of(0), weight }, 2, fixedPoint)).not.toThrow();
  for (const weight of [0, 1, 21])
    expect(() => checkSum({ values: Int32Array.of(0), weight }, 2, fixedPoint)).toThrow(
      expect.objectContaining({ code: 'update.overflow' }),
    );
});
