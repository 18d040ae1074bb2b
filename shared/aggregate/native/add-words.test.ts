import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addWords, addWordsPlainly } from './add-words.ts';

const words = (length: number, from: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => Math.imul(from + i + 1, 0x9e3779b1));

test('sums are those of the plain loop, at the edges of 32 bits too', () => {
  const target = Int32Array.of(1, -1, 2 ** 31 - 1, 5);
  addWords(target, Int32Array.of(2, -3, 1, -5));
  expect([...target]).toEqual([3, -4, -(2 ** 31), 0]);
});

test('of every length, and nothing beyond it', () => {
  const lengths = fc.oneof(fc.nat(70), fc.constantFrom(16_383, 16_384, 16_385, 40_001));
  fc.assert(
    fc.property(lengths, fc.nat(), (length, seed) => {
      const [fast, plain] = [words(length + 3, seed), words(length + 3, seed)];
      const source = words(length, seed + 17);
      addWords(fast.subarray(1, length + 1), source);
      addWordsPlainly(plain.subarray(1, length + 1), source);
      expect(fast.every((word, i) => word === plain[i])).toBe(true);
    }),
  );
});
