import { describe, expect, it } from 'vitest';
import { errorWords, savingWords, stageWords } from './compression-words.ts';

describe('stages in words', () => {
  it('are none where nothing is compressed', () => expect(stageWords({})).toEqual([]));

  it('are in the order of the pipeline', () => {
    expect(stageWords({ keep: 0.25, bits: 8 })).toEqual([
      expect.stringContaining('of the numbers, drawn anew'),
      'rotated, so that no number stands out',
      'rounded at random to whole numbers of 8 bits',
    ]);
    expect(stageWords({ rank: 4, bits: 12 })[0]).toBe('matrices as products of two of rank 4');
  });

  it('do not rotate what is mostly zero', () => {
    const words = stageWords({ topK: 0.01, entropyCoding: true }).join('; ');
    expect(words).toContain('added to the next update');
    expect(words).not.toContain('rotated');
    expect(words).toContain('16 bits');
    expect(words).toContain('packed');
  });

  it('leave rounding to the noise where there is any', () => {
    expect(stageWords({ keep: 0.5 }, false)).toHaveLength(1);
    expect(stageWords({ keep: 1 }, false)).toEqual([]);
  });
});

it('says what is saved', () => {
  expect(savingWords(100_000, 800_000)).toMatch(/^100.kB instead of 800.kB, 8 times less$/);
  expect(savingWords(800_000, 800_000)).toMatch(/^800.kB$/);
});

it('calls a small error small', () => {
  expect(errorWords(0)).toBe('none');
  expect(errorWords(0.0001)).toBe('less than 0.1 %');
  expect(errorWords(0.034)).toMatch(/^3\.4.?%$/);
});
