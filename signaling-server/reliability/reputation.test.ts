import { describe, expect, test } from 'vitest';
import { isUnreliable, quarantineMs } from './quarantine.ts';
import { addEvidence, type Evidence, failureOf, NO_EVIDENCE, reputationOf } from './reputation.ts';

const after = (...failures: number[]): Evidence => failures.reduce(addEvidence, NO_EVIDENCE);
const times = (count: number, failure: number): number[] => Array<number>(count).fill(failure);

describe('reputation', () => {
  test('begins at one half, and moves as the formula says', () => {
    expect(reputationOf(NO_EVIDENCE)).toBe(0.5);
    expect(reputationOf(after(0))).toBe(2 / 3);
    expect(reputationOf(after(1))).toBe(1 / 3);
    // s = 0.98, f = 1.
    expect(reputationOf(after(0, 1))).toBeCloseTo(1.98 / 3.98, 12);
  });

  test('forgets: after fifty good rounds a bad beginning weighs little, and is never above 1', () => {
    expect(reputationOf(after(...times(10, 1), ...times(50, 0)))).toBeGreaterThan(0.8);
    expect(reputationOf(after(...times(1000, 0)))).toBeLessThan(1);
    // The limit of s is 1 / (1 − 0.98).
    expect(reputationOf(after(...times(1000, 0)))).toBeCloseTo(51 / 52, 6);
  });

  test.each([
    'privacy.budget-exceeded',
    'privacy.policy-changed',
    'privacy.ledger-locked',
    'ledger.broken-chain',
    'training.cancelled',
    'aborted',
    'round.unfair-draw',
    'secagg.bad-share',
    'made up',
  ])('a refusal for %s is no fault', (code) => {
    expect(failureOf({ outcome: 'refused', code })).toBeUndefined();
  });

  test.each([
    ['survived', undefined, 0],
    ['released', undefined, undefined],
    ['refused', 'training.failed', 0.5],
    ['refused', 'internal', 0.5],
    ['refused', undefined, undefined],
    ['dropped-out', undefined, 0.5],
    ['missed-deadline', undefined, 1],
    ['rejected', 'update.overflow', 2],
  ] as const)('%s %s weighs %s', (outcome, code, weight) => {
    expect(failureOf({ outcome, code })).toBe(weight);
  });
});

describe('quarantine', () => {
  test.each([
    ['rejections', 2, 2],
    ['missed deadlines', 1, 5],
    ['drop-outs', 0.5, 9],
  ])('of a newcomer: so many %s in a row, and not one fewer', (_, weight, count) => {
    expect(isUnreliable(after(...times(count - 1, weight)))).toBe(false);
    expect(isUnreliable(after(...times(count, weight)))).toBe(true);
  });

  test('whoever is mostly reliable is not', () => {
    expect(isUnreliable(after(0, 1, 0, 1, 0, 1, 0, 1, 0, 1))).toBe(false);
  });

  test('lasts ten minutes, then twice as long each time, up to a day', () => {
    const minutes = [0, 1, 2, 7, 8, 1000].map((before) => quarantineMs(before) / 60_000);
    expect(minutes).toEqual([10, 20, 40, 1280, 1440, 1440]);
  });
});
