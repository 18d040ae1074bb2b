import { expect, test } from 'vitest';
import { isIdx, readIdx } from './idx.ts';

const TWO_BY_THREE = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

test('shape and elements are read, also from within a larger buffer', () => {
  expect(readIdx(TWO_BY_THREE)).toEqual({ shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  const within = new Uint8Array(30);
  within.set(TWO_BY_THREE, 5);
  expect(readIdx(within.subarray(5, 5 + TWO_BY_THREE.length)).shape).toEqual([2, 3]);
});

test('other files are told apart', () => {
  expect(isIdx(TWO_BY_THREE)).toBe(true);
  expect(isIdx(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0))).toBe(false);
  expect(() => readIdx(Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 0))).toThrow('received 00 00 0d 01');
});

test('a file cut short, or with bytes too many, is refused with both lengths', () => {
  expect(() => readIdx(TWO_BY_THREE.subarray(0, 17))).toThrow(
    'Expected 18 bytes for the shape 2 × 3, received 17 bytes',
  );
  expect(() => readIdx(Uint8Array.of(...TWO_BY_THREE, 0))).toThrow('received 19 bytes');
  expect(() => readIdx(TWO_BY_THREE.subarray(0, 10))).toThrow('cut short');
});
