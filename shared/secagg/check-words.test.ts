import { describe, expect, test } from 'vitest';
import { CHECK_WORDS, toeplitzWords } from './check-words.ts';
import { addVector, type RingVector, ringVector } from './ring.ts';

const RINGS = [{ bits: 8 }, { bits: 12 }, { bits: 16 }, { bits: 24 }, { bits: 32 }] as const;
const word = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;
const vectorOf = (ring: (typeof RINGS)[number], length: number, from: number): RingVector =>
  ringVector(ring, length).map((_, i) => word(from + i) % 2 ** ring.bits) as RingVector;

/** The definition, in big integers. */
function reference(row: RingVector, values: RingVector, bits: number): number[] {
  return Array.from({ length: CHECK_WORDS }, (_, j) => {
    const sum = [...values].reduce((total, value, k) => total + BigInt(row[j + k]!) * BigInt(value), 0n);
    return Number(sum % 2n ** BigInt(bits));
  });
}

describe.each(RINGS)('$bits bits', (ring) => {
  test.each([0, 1, 2, 3, 4, 5, 100, 2048, 2049, 4099])('%d values agree with the definition', (length) => {
    const row = vectorOf(ring, length + CHECK_WORDS - 1, 0);
    const values = vectorOf(ring, length, 5000);
    expect([...toeplitzWords(row, values, ring)]).toEqual(reference(row, values, ring.bits));
  });

  test('the largest values everywhere', () => {
    const largest = 2 ** ring.bits - 1;
    const [row, values] = [ringVector(ring, 70 + CHECK_WORDS - 1), ringVector(ring, 70)];
    // (−1) · (−1) = 1, seventy times.
    const words = toeplitzWords(row.fill(largest) as RingVector, values.fill(largest) as RingVector, ring);
    expect([...words]).toEqual(new Array(CHECK_WORDS).fill(70));
  });

  test('the words of a sum are the sum of the words', () => {
    const row = vectorOf(ring, 100 + CHECK_WORDS - 1, 0);
    const [a, b] = [vectorOf(ring, 100, 1000), vectorOf(ring, 100, 2000)];
    const words = toeplitzWords(row, a, ring);
    addVector(words, toeplitzWords(row, b, ring), ring);
    addVector(a, b, ring);
    expect(toeplitzWords(row, a, ring)).toEqual(words);
  });

  test('one wrong bit anywhere, the highest included, changes them', () => {
    const row = vectorOf(ring, 64 + CHECK_WORDS - 1, 0);
    const values = vectorOf(ring, 64, 1000);
    const words = toeplitzWords(row, values, ring);
    for (let k = 0; k < 64; k++) {
      for (const bit of [0, ring.bits - 1]) {
        const wrong = values.slice() as RingVector;
        wrong[k]! ^= 2 ** bit;
        expect(toeplitzWords(row, wrong, ring)).not.toEqual(words);
      }
    }
  });
});

test('out_j = Σ_k row[j + k] · values[k]', () => {
  // Row 1, 2, 3, … and values 1, 10, 100: (1 + 20 + 300, 2 + 30 + 400, …).
  const row = Uint32Array.from({ length: 34 }, (_, i) => i + 1);
  const words = toeplitzWords(row, Uint32Array.of(1, 10, 100), { bits: 32 });
  expect([...words].slice(0, 3)).toEqual([321, 432, 543]);
});

test.each([33, 35])('a row of %d words for 3 values is refused', (length) => {
  expect(() => toeplitzWords(new Uint16Array(length), new Uint16Array(3), { bits: 16 })).toThrow(
    expect.objectContaining({ code: 'secagg.wrong-ring' }),
  );
});

test('words of another width are refused', () => {
  expect(() => toeplitzWords(new Uint32Array(34), new Uint32Array(3), { bits: 16 })).toThrow(
    expect.objectContaining({ code: 'secagg.wrong-ring' }),
  );
});
