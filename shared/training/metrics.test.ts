import { describe, expect, it } from 'vitest';
import { countsOf, softmaxInPlace } from './metrics.ts';

describe('countsOf', () => {
  it('scores logits against classes', () => {
    const counts = countsOf('class', Float32Array.of(2, 0, 0, 2), Uint16Array.of(0, 0));
    expect(counts).toMatchObject({ total: 2, correct: 1 });
    // log(1 + e⁻²) for the right one and log(1 + e²) for the wrong one.
    expect(counts.lossSum).toBeCloseTo(0.126928 + 2.126928, 5);
  });

  it('counts the first of equal logits', () => {
    expect(countsOf('class', new Float32Array(6), Uint16Array.of(0, 1)).correct).toBe(1);
  });

  it('does not overflow', () => {
    expect(countsOf('class', Float32Array.of(3e38, -3e38), Uint16Array.of(0)).lossSum).toBe(0);
  });

  it('adds up squared errors of values', () => {
    const counts = countsOf('value', Float32Array.of(1, 5), Float32Array.of(4, 1));
    expect(counts).toEqual({ total: 2, correct: 0, lossSum: 9 + 16 });
  });
});

describe('softmaxInPlace', () => {
  it('turns rows of logits into probabilities', () => {
    const rows = Float32Array.of(0, Math.log(3), 1000, 1000);
    softmaxInPlace(rows, 2);
    expect([...rows]).toEqual([expect.closeTo(0.25, 6), expect.closeTo(0.75, 6), 0.5, 0.5]);
  });
});
