import { describe, expect, it } from 'vitest';
import { areaUnderRoc, rankingQuality } from './ranking.ts';

const area = (scores: number[], isPositive: number[]) => areaUnderRoc(Float64Array.from(scores), isPositive);

describe('areaUnderRoc', () => {
  it('is the share of pairs in the right order', () => {
    // Of (0.35, 0.1), (0.35, 0.4), (0.8, 0.1), (0.8, 0.4) only the second is wrong.
    expect(area([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75);
    expect(area([1, 2, 3], [0, 0, 1])).toBe(1);
    expect(area([3, 2, 1], [0, 0, 1])).toBe(0);
  });

  it('counts ties half', () => {
    expect(area([5, 5, 5, 5], [0, 1, 0, 1])).toBe(0.5);
    // (2 against 1) right, (2 against 2) half; (1 against 1) half, (1 against 2) wrong.
    expect(area([1, 2, 2, 1], [0, 0, 1, 1])).toBe(0.5);
    // (2, 1) right, (2, 2) half.
    expect(area([1, 2, 2], [0, 0, 1])).toBe(0.75);
  });

  it('is undefined with one class only, or with nothing', () => {
    expect(area([1, 2], [1, 1])).toBeUndefined();
    expect(area([1, 2], [0, 0])).toBeUndefined();
    expect(area([], [])).toBeUndefined();
  });

  it('is what counting all pairs gives', () => {
    const scores = Array.from({ length: 60 }, (_, i) => (i * 7) % 13);
    const isPositive = Array.from({ length: 60 }, (_, i) => ((i * 5) % 7 < 3 ? 1 : 0));
    let won = 0;
    let pairs = 0;
    for (let p = 0; p < 60; p++) {
      for (let n = 0; n < 60; n++) {
        if (isPositive[p] === 0 || isPositive[n] === 1) continue;
        pairs++;
        won += scores[p]! > scores[n]! ? 1 : scores[p] === scores[n] ? 0.5 : 0;
      }
    }
    expect(area(scores, isPositive)).toBeCloseTo(won / pairs, 12);
  });
});

describe('rankingQuality', () => {
  it('takes the second of two classes as the positive one', () => {
    const probabilities = Float64Array.of(0.9, 0.1, 0.6, 0.4, 0.65, 0.35, 0.2, 0.8);
    expect(rankingQuality(probabilities, [0, 0, 1, 1], 2)).toEqual({ area: 0.75, classesLeftOut: 0 });
  });

  it('averages classes told from the rest, without those that do not occur', () => {
    // Class 0: 3 and 2 against 1. Class 1: 1 against 1, a tie, and against 2. Class 2 has no example.
    const scores = Float64Array.of(3, 1, 0, 1, 1, 0, 2, 2, 0);
    const { area, classesLeftOut } = rankingQuality(scores, [0, 1, 0], 3);
    expect(area).toBeCloseTo((1 + 0.25) / 2, 12);
    expect(classesLeftOut).toBe(1);
  });

  it('has no area where all examples are of one class', () => {
    expect(rankingQuality(Float64Array.of(1, 0, 0, 1), [1, 1], 2)).toEqual({
      area: undefined,
      classesLeftOut: 1,
    });
  });
});
