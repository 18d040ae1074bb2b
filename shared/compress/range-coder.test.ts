import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { arithmeticCodingBits } from './coding-bits.ts';
import { decodeIntegers, encodeIntegers } from './range-coder.ts';

/** Sums of twelve uniform numbers: nearly normal. */
function normal(length: number, deviation: number, seed = 'normal'): Int32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Int32Array.from({ length }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random.uniform();
    return Math.round(sum * deviation);
  });
}

describe('Z-12: there and back', () => {
  test.each([
    ['nothing', Int32Array.of()],
    ['one', Int32Array.of(0)],
    ['extremes', Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0, -1, 1, 14, 15, -15, 16, 2 ** 30)],
    ['the largest again and again, which carries', new Int32Array(5000).fill(2 ** 31 - 1)],
    ['zeros', new Int32Array(5000)],
    ['small', normal(5000, 1.5)],
    ['of 16 bits', normal(5000, 3000)],
  ])('%s', (_, values) => {
    expect(decodeIntegers(encodeIntegers(values), values.length)).toEqual(values);
  });

  test('any numbers', () => {
    const random = seededRandom('any');
    for (let trial = 0; trial < 300; trial++) {
      const values = Int32Array.from({ length: random.below(60) }, () => random.uint32() >> random.below(32));
      expect(decodeIntegers(encodeIntegers(values), values.length)).toEqual(values);
    }
  });
});

test.each([
  ['deviation 1.5', normal(50_000, 1.5)],
  ['deviation 15', normal(50_000, 15)],
  ['one in a hundred', normal(50_000, 30).map((value, i) => (i % 100 === 0 ? value : 0))],
])('Z-12: numbers of %s take a tenth more than their entropy at most', (_, values) => {
  expect(8 * encodeIntegers(values).length).toBeLessThan(1.1 * arithmeticCodingBits(values));
});

describe('Z-12: bad bytes are refused by name', () => {
  const values = normal(200, 5);
  const bytes = encodeIntegers(values);
  const refusal = expect.objectContaining({ code: 'update.wrong-length' });

  test('too few, too many, of more numbers, of fewer', () => {
    expect(() => decodeIntegers(bytes.subarray(0, -1), 200)).toThrow(refusal);
    expect(() => decodeIntegers(Uint8Array.of(...bytes, 0), 200)).toThrow(refusal);
    expect(() => decodeIntegers(bytes, 260)).toThrow(refusal);
    expect(() => decodeIntegers(bytes, 100)).toThrow(refusal);
    expect(() => decodeIntegers(new Uint8Array(), 1)).toThrow(refusal);
  });

  test('whatever comes, it ends: with numbers, or with a refusal', () => {
    const random = seededRandom('noise');
    let refused = 0;
    for (let trial = 0; trial < 200; trial++) {
      const noise = Uint8Array.from({ length: 1 + random.below(100) }, () => random.below(256));
      try {
        expect(decodeIntegers(noise, 50)).toHaveLength(50);
      } catch (thrown) {
        expect(thrown).toEqual(refusal);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(190);
  });
});
