import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { arithmeticCodingBits, fixedCodingBits } from './coding-bits.ts';
import { binaryStochasticQuantize, signQuantize, ternGrad, uniformStochasticQuantize } from './quantizers.ts';

const seeded = seededRandom('quantizers');
const uniform = () => seeded.uniform();

function meanOf(draw: () => Float64Array, length: number): number[] {
  const mean = new Array<number>(length).fill(0);
  for (let trial = 0; trial < 4000; trial++)
    for (const [i, value] of draw().entries()) mean[i]! += value / 4000;
  return mean;
}

describe('the mean of what comes out is what went in', () => {
  const values = [0, 1, 100];
  test('on many levels', () => {
    const mean = meanOf(() => uniformStochasticQuantize(values, 125, uniform), 3);
    for (const [i, value] of mean.entries()) expect(value).toBeCloseTo(values[i]!, 1);
  });
  test('on two', () => {
    // One in a hundred is 100: a standard deviation of 10, over √4000.
    const mean = meanOf(() => binaryStochasticQuantize(values, uniform), 3);
    for (const [i, value] of mean.entries())
      expect(Math.abs(value - values[i]!)).toBeLessThan(5 * (10 / Math.sqrt(4000)));
  });
  test('of TernGrad, where nothing is clipped', () => {
    const even = [1, -2, 0.5, 2];
    const mean = meanOf(() => ternGrad(even, uniform), 4);
    for (const [i, value] of mean.entries())
      expect(Math.abs(value - even[i]!)).toBeLessThan(5 / Math.sqrt(4000));
  });
});

test('values on their levels stay, those beyond a range are clipped to it', () => {
  expect([...uniformStochasticQuantize([0, 2, 2, 4], 3, uniform)]).toEqual([0, 2, 2, 4]);
  expect([...uniformStochasticQuantize([-9, 9], 5, uniform, { min: -1, max: 1 })]).toEqual([-1, 1]);
  expect([...uniformStochasticQuantize([4, 4], 4, uniform)]).toEqual([4, 4]);
});

test('signs times the mean magnitude: [1, −2, 3] becomes [2, −2, 2]', () => {
  expect([...signQuantize([1, -2, 3])]).toEqual([2, -2, 2]);
  expect([...signQuantize([])]).toEqual([]);
});

test('bits: five different values, and three values on three levels', () => {
  // 5 log₂ 5 + 5 log₂ 2e + 64 + 2.
  expect(arithmeticCodingBits([1, 2, 3, 4, 5])).toBeCloseTo(89.82311, 4);
  expect(arithmeticCodingBits([])).toBe(66);
  expect(fixedCodingBits(3, 3, 1)).toBeCloseTo(68.75489, 4);
});

test('fewer than two levels and nothing to quantize are refused', () => {
  const code = 'argument.invalid';
  expect(() => uniformStochasticQuantize([1], 1, uniform)).toThrow(expect.objectContaining({ code }));
  expect(() => uniformStochasticQuantize([], 2, uniform)).toThrow(expect.objectContaining({ code }));
});
