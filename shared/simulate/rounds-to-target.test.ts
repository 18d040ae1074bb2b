import { expect, test } from 'vitest';
import { bestSoFar, type CurvePoint, roundsToTarget } from './rounds-to-target.ts';

const curveOf = (...accuracies: number[]): CurvePoint[] =>
  accuracies.map((accuracy, i) => ({ round: i + 1, accuracy }));

test('the crossing lies on the line between two rounds', () => {
  expect(roundsToTarget(curveOf(0.9, 0.98), 0.97)).toBeCloseTo(1.875, 12);
  expect(roundsToTarget(curveOf(0.5, 0.75, 1), 0.875)).toBe(2.5);
});

test('a target met exactly is met in that round', () => {
  expect(roundsToTarget(curveOf(0.5, 0.75, 1), 0.75)).toBe(2);
});

test('a target that the first round meets counts as one round', () => {
  expect(roundsToTarget(curveOf(0.99, 0.5), 0.97)).toBe(1);
});

test('a target that is not met has no round', () => {
  expect(roundsToTarget(curveOf(0.5, 0.96, 0.9), 0.97)).toBeUndefined();
  expect(roundsToTarget([], 0.97)).toBeUndefined();
});

test('rounds between points count', () => {
  const sparse = [
    { round: 10, accuracy: 0.5 },
    { round: 20, accuracy: 1 },
  ];
  expect(roundsToTarget(sparse, 0.75)).toBe(15);
});

test('best so far never falls', () => {
  expect(bestSoFar(curveOf(0.5, 0.4, 0.6, 0.55)).map(({ accuracy }) => accuracy)).toEqual([
    0.5, 0.5, 0.6, 0.6,
  ]);
});

test('after a dip the monotone curve crosses later than the raw one starts, at another place', () => {
  // Raw: from 0.4 to 0.8, 0.7 is three quarters of the way. Monotone: from 0.6 to 0.8, half of it.
  const curve = curveOf(0.6, 0.4, 0.8);
  expect(roundsToTarget(curve, 0.7)).toBeCloseTo(2.75, 12);
  expect(roundsToTarget(bestSoFar(curve), 0.7)).toBeCloseTo(2.5, 12);
});
