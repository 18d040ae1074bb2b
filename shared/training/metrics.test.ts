import { describe, expect, it } from 'vitest';
import { classOfRow, countsOf, lossOfRow, probabilitiesOfRow, rankOfClass, type Scoring } from './metrics.ts';

const scoring = (more: Partial<Scoring> = {}): Scoring => ({
  loss: 'softmaxCrossEntropy',
  huberDelta: 1,
  target: 'class',
  classes: 2,
  outputSize: 2,
  targetsPerExample: 1,
  ...more,
});
const oneLogit = scoring({ loss: 'sigmoidCrossEntropy', outputSize: 1 });
const values = scoring({ loss: 'meanSquaredError', target: 'value', classes: 0, outputSize: 1 });

describe('countsOf', () => {
  it('scores logits against classes', () => {
    const counts = countsOf(scoring(), Float32Array.of(2, 0, 0, 2), Uint16Array.of(0, 0));
    expect(counts).toMatchObject({ total: 2, correct: 1 });
    // log(1 + e⁻²) for the right one and log(1 + e²) for the wrong one.
    expect(counts.lossSum).toBeCloseTo(0.126928 + 2.126928, 5);
  });

  it('counts the first of equal logits', () => {
    const three = scoring({ classes: 3, outputSize: 3 });
    expect(countsOf(three, new Float32Array(6), Uint16Array.of(0, 1)).correct).toBe(1);
  });

  it('scores one logit for two labels', () => {
    const counts = countsOf(oneLogit, Float32Array.of(2, 2, -2, 0), Uint16Array.of(1, 0, 0, 0));
    expect(counts).toMatchObject({ total: 4, correct: 3 });
    expect(counts.lossSum).toBeCloseTo(0.126928 + 2.126928 + 0.126928 + Math.log(2), 5);
  });

  it('adds up squared errors of values', () => {
    const counts = countsOf(values, Float32Array.of(1, 5), Float32Array.of(4, 1));
    expect(counts).toEqual({ total: 2, correct: 0, lossSum: 9 + 16 });
  });
});

describe('lossOfRow', () => {
  it('does not overflow', () => {
    expect(lossOfRow(scoring(), Float32Array.of(3e38, -3e38), 0)).toBe(0);
    const logit = Math.fround(3e38);
    expect(lossOfRow(oneLogit, Float32Array.of(logit), 1)).toBe(0);
    expect(lossOfRow(oneLogit, Float32Array.of(logit), 0)).toBe(logit);
  });

  it('adds up the labels that are each told from the rest', () => {
    const labels = scoring({ loss: 'sigmoidCrossEntropy', classes: 3, outputSize: 3 });
    // On at 0, off at 0, off at 2: log 2 + log 2 + log(1 + e²).
    expect(lossOfRow(labels, Float32Array.of(0, 0, 2), 0)).toBeCloseTo(2 * Math.log(2) + 2.126928, 5);
  });

  it('is squared near the target and linear beyond for Huber', () => {
    const huber = { loss: 'huber', huberDelta: 2 } as const;
    expect(lossOfRow(huber, Float32Array.of(5), 4)).toBe(0.5);
    expect(lossOfRow(huber, Float32Array.of(6), 4)).toBe(2);
    expect(lossOfRow(huber, Float32Array.of(-1), 4)).toBe(2 * (5 - 1));
  });
});

describe('rankOfClass', () => {
  it('counts those that come before', () => {
    const row = Float32Array.of(1, 3, 2, 3);
    expect([0, 1, 2, 3].map((k) => rankOfClass(row, k))).toEqual([3, 0, 2, 1]);
    expect(classOfRow(row)).toBe(1);
  });

  it('knows a single logit', () => {
    expect([0, 1].map((k) => rankOfClass(Float32Array.of(0.1), k))).toEqual([1, 0]);
  });
});

describe('probabilitiesOfRow', () => {
  const of = (scored: Scoring, ...row: number[]): number[] => {
    const into = new Float64Array(scored.classes);
    probabilitiesOfRow(scored, Float32Array.from(row), into);
    return [...into];
  };

  it('is the softmax of logits', () => {
    expect(of(scoring(), 0, Math.log(3))).toEqual([expect.closeTo(0.25, 6), expect.closeTo(0.75, 6)]);
    expect(of(scoring(), 1000, 1000)).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.5, 12)]);
  });

  it('is the sigmoid of one logit, and the rest', () => {
    expect(of(oneLogit, Math.log(3))).toEqual([expect.closeTo(0.25, 6), expect.closeTo(0.75, 6)]);
    expect(of(oneLogit, -3e38)).toEqual([1, 0]);
  });

  it('is the sigmoid of each logit where labels are told apart one by one', () => {
    const labels = scoring({ loss: 'sigmoidCrossEntropy', classes: 3, outputSize: 3 });
    expect(of(labels, 0, 0, Math.log(3))).toEqual([0.5, 0.5, expect.closeTo(0.75, 6)]);
  });
});
