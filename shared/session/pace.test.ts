import { describe, expect, test } from 'vitest';
import { fixedPointOf } from '../compress/index.ts';
import { type Federation, parseFederation, sampleFederations } from '../federation/index.ts';
import { maxStalenessOf, paceOf } from './pace.ts';

function federationOf(strategy: Record<string, unknown>): Federation {
  const { privacy: _, ...plain } = sampleFederations[0]! as unknown as Record<string, unknown>;
  return parseFederation({ ...plain, strategy });
}
const fedbuff = { type: 'fedbuff', weighting: 'uniform' };
const weights = (strategy: Record<string, unknown>, examples = 100) => {
  const pace = paceOf(federationOf(strategy), examples)!;
  return [0, 1, 3, 8, 15, 10_000].map((staleness) => pace.weightAt(staleness));
};

describe('E-03: weights', () => {
  test('uniform: 64 over the square root of one more than the versions behind, and 1 at least', () => {
    expect(weights(fedbuff)).toEqual([64, 45, 32, 21, 16, 1]);
  });

  test('by examples: so many, capped, times the same', () => {
    const byExamples = { type: 'fedbuff', weighting: 'examples', maxExamples: 60 };
    expect(weights(byExamples, 10)).toEqual([10, 7, 5, 3, 3, 1]);
    expect(weights(byExamples, 100)[0]).toBe(60);
  });

  test.each([{ stalenessExponent: 0 }, { maxStaleness: 0 }])('with %o nothing is stale: 1 each', (change) => {
    expect(weights({ ...fedbuff, ...change })).toEqual([1, 1, 1, 1, 1, 1]);
    expect(fixedPointOf(federationOf({ ...fedbuff, ...change })).maxWeight).toBe(1);
  });

  test('the largest is what sums have room for', () => {
    expect(fixedPointOf(federationOf(fedbuff)).maxWeight).toBe(64);
  });
});

test('other strategies have no pace of their own', () => {
  const federation = federationOf({ type: 'fedavg' });
  expect(paceOf(federation, 10)).toBeUndefined();
  expect(maxStalenessOf(federation)).toBeUndefined();
});
