import { expect, test } from 'vitest';
import { contributionOf, groupScores, type Row, suspicionOf, withoutGroup } from './index.ts';

const rows = (...lists: readonly (readonly number[])[]): Row[] =>
  lists.map((list) => Float64Array.from(list));
const slice = (values: number[], weight: number) => ({ values: Int32Array.from(values), weight });

/** The median of 0, 1, 2, 3, 10 on a line is 2; distances 2, 1, 0, 1, 8, of which 1 is in the middle. */
test('distances are in units of the median distance to the geometric median', () => {
  const scores = groupScores(rows([0], [1], [2], [3], [10]));
  for (const [i, distance] of [2, 1, 0, 1, 8].entries()) expect(scores[i]!.distance).toBeCloseTo(distance, 4);
});

test('whoever points elsewhere has a small cosine', () => {
  const scores = groupScores(rows([1, 0], [1, 0.1], [1, -0.1], [0, 1], [-1, 0]));
  expect(scores[0]!.cosine).toBeGreaterThan(0.99);
  expect(scores[4]!.cosine).toBeLessThan(-0.99);
  expect(suspicionOf(scores[4]!)).toBe(1);
  expect(suspicionOf(scores[0]!)).toBe(0);
});

test('suspicion rises from the median distance to three times that', () => {
  expect([0.5, 1, 2, 3, 50].map((distance) => suspicionOf({ distance, cosine: 1 }))).toEqual([
    0, 0, 0.5, 1, 1,
  ]);
  expect(suspicionOf({ distance: Number.POSITIVE_INFINITY, cosine: 0 })).toBe(1);
});

test('among those that are alike, whatever is not is as far out as can be', () => {
  const scores = groupScores(rows([1, 1], [1, 1], [1, 1], [5, 5]));
  expect(scores.map(({ distance }) => distance)).toEqual([0, 0, 0, Number.POSITIVE_INFINITY]);
  expect(groupScores(rows([0], [0], [0]))[0]).toEqual({ distance: 0, cosine: 0 });
});

test('of two nobody can say which is out', () => {
  expect(() => groupScores(rows([1], [2]))).toThrow(expect.objectContaining({ code: 'aggregate.too-few' }));
});

test('the sum of the others is exact', () => {
  expect(withoutGroup(slice([5, -7], 6), slice([2, 3], 2))).toEqual(slice([3, -10], 4));
  expect(() => withoutGroup(slice([1], 2), slice([1], 2))).toThrow(
    expect.objectContaining({ code: 'aggregate.bad-weight' }),
  );
  expect(() => withoutGroup(slice([1], 2), slice([1, 2], 1))).toThrow(
    expect.objectContaining({ code: 'update.wrong-length' }),
  );
});

test('a group is worth what the loss is higher without it', () => {
  expect(contributionOf(0.75, 0.5)).toBe(0.25);
  expect(contributionOf(0.25, 0.5)).toBe(-0.25);
  expect(() => contributionOf(Number.NaN, 1)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});
