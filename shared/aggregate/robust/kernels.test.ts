import { expect, test } from 'vitest';
import { type AggregationKernels, plainKernels, type Row } from './kernels.ts';

const rows = (...lists: readonly (readonly number[])[]): Row[] =>
  lists.map((list) => Float32Array.from(list));
const filled = (length: number, run: (out: Row) => void): number[] => {
  const out = new Float32Array(length);
  run(out);
  return [...out];
};
const { weightedSum, median, trimmedMean, squaredDistances }: AggregationKernels = plainKernels;

test('by hand', () => {
  expect(filled(2, (out) => weightedSum(rows([1, 2], [3, 4]), [2, -1], out))).toEqual([-1, 0]);
  expect(filled(1, (out) => median(rows([7], [1], [3]), out))).toEqual([3]);
  expect(filled(1, (out) => median(rows([7], [1], [3], [4]), out))).toEqual([3.5]);
  expect(filled(1, (out) => trimmedMean(rows([7], [1], [3], [4]), 1, out))).toEqual([3.5]);
  expect([...squaredDistances(rows([0, 0], [3, 4], [0, 1]))]).toEqual([0, 25, 1, 25, 0, 18, 1, 18, 0]);
});

test('what is given stays as it is', () => {
  const given = rows([3], [1], [2]);
  filled(1, (out) => median(given, out));
  expect(given.map((row) => row[0])).toEqual([3, 1, 2]);
});

/** In single precision 2^24 + 1 is 2^24. */
test('sums are of double precision, rounded once', () => {
  const given = rows([2 ** 24], [1], [1]);
  expect(filled(1, (out) => weightedSum(given, [1, 1, 1], out))).toEqual([2 ** 24 + 2]);
});
