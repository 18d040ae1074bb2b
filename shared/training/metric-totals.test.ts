import { describe, expect, it } from 'vitest';
import { addTotals, emptyTotals, f1Of, totalsOf } from './metric-totals.ts';
import type { Scoring } from './metrics.ts';

const scoring: Scoring = {
  loss: 'softmaxCrossEntropy',
  huberDelta: 1,
  target: 'class',
  classes: 7,
  outputSize: 7,
  targetsPerExample: 1,
};
/** Logits 7, 6, … 1: class 0 is the likeliest and class 6 the least likely. */
const falling = [7, 6, 5, 4, 3, 2, 1];

describe('totalsOf', () => {
  it('counts what is right, and what is among the five likeliest', () => {
    const outputs = Float32Array.from([...falling, ...falling, ...falling]);
    const totals = totalsOf(scoring, outputs, Uint16Array.of(0, 4, 5));
    expect(totals).toMatchObject({ total: 3, correct: 1, correctInTopK: 2 });
    expect(totals.classes).toEqual([
      { actual: 1, predicted: 3, right: 1 },
      ...Array.from({ length: 3 }, () => ({ actual: 0, predicted: 0, right: 0 })),
      { actual: 1, predicted: 0, right: 0 },
      { actual: 1, predicted: 0, right: 0 },
      { actual: 0, predicted: 0, right: 0 },
    ]);
  });

  it('adds up errors of values', () => {
    const values: Scoring = { ...scoring, loss: 'huber', target: 'value', classes: 0, outputSize: 1 };
    expect(totalsOf(values, Float32Array.of(1, 5), Float32Array.of(4, 4.5))).toEqual({
      total: 2,
      // 3 − ½ beyond δ = 1, and ½·½² within.
      lossSum: 2.5 + 0.125,
      correct: 0,
      correctInTopK: 0,
      absoluteErrorSum: 3.5,
      squaredErrorSum: 9.25,
      classes: [],
    });
  });

  it('keeps no table of a large vocabulary', () => {
    const words = { ...scoring, classes: 1001, outputSize: 1001, targetsPerExample: 2 };
    const totals = totalsOf(words, new Float32Array(2002), Uint16Array.of(0, 1000));
    expect(totals).toMatchObject({ total: 2, correct: 1, classes: [] });
  });
});

describe('addTotals', () => {
  const outputs = Float32Array.from([...falling, ...falling.toReversed()]);
  const parts = [0, 1].map((i) =>
    totalsOf(scoring, outputs.subarray(7 * i, 7 * (i + 1)), Uint16Array.of(i * 6)),
  );

  it('gives the totals of all from those of the parts', () => {
    expect(addTotals(parts[0]!, parts[1]!)).toEqual(totalsOf(scoring, outputs, Uint16Array.of(0, 6)));
  });

  it('has the empty totals as its zero', () => {
    expect(addTotals(emptyTotals(scoring), parts[0]!)).toEqual(parts[0]);
  });
});

describe('f1Of', () => {
  it('is the harmonic mean of precision and recall', () => {
    // Precision 2/4, recall 2/3: 2·(1/2·2/3) / (1/2 + 2/3) = 4/7.
    expect(f1Of({ actual: 3, predicted: 4, right: 2 })).toBeCloseTo(4 / 7, 12);
  });

  it('is 0 for a class that occurs and is never found, or is found and never occurs', () => {
    expect(f1Of({ actual: 3, predicted: 0, right: 0 })).toBe(0);
    expect(f1Of({ actual: 0, predicted: 3, right: 0 })).toBe(0);
  });

  it('is undefined for a class that neither occurs nor is predicted', () => {
    expect(f1Of({ actual: 0, predicted: 0, right: 0 })).toBeUndefined();
  });
});
