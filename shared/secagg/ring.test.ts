import { describe, expect, test } from 'vitest';
import {
  addKeystream,
  addVector,
  packedBytes,
  packRing,
  type RingVector,
  ringOf,
  ringVector,
  subtractVector,
  toCentred,
  toRing,
  unpackRing,
  wordBytes,
  wrap,
} from './ring.ts';

const RINGS = [{ bits: 8 }, { bits: 12 }, { bits: 16 }, { bits: 24 }, { bits: 32 }] as const;

/** Reproducible, and with every bit in use. */
const word = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;
const bytesOf = (length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => word(i) >>> 11);
const vectorOf = (ring: (typeof RINGS)[number], length: number, from = 0): RingVector =>
  ringVector(ring, length).map((_, i) => word(from + i) % 2 ** ring.bits) as RingVector;

describe('the width', () => {
  test.each([
    // 10 · 3,276 = 32,760 ≤ 32,767 < 10 · 3,277.
    [3276, 10, 16],
    [3277, 10, 24],
    // 16 · 524,287 = 8,388,592 ≤ 2^23 − 1 = 8,388,607 < 16 · 524,288.
    [524_287, 16, 24],
    [524_288, 16, 32],
    [2 ** 31 - 1, 1, 32],
    [0, 16, 16],
  ])('coordinates up to %d of %d participants fit %d bits', (limit, size, bits) => {
    expect(ringOf(limit, size)).toEqual({ bits });
  });

  test('refuses what 32 bits do not hold', () => {
    expect(() => ringOf(2 ** 31, 1)).toThrow(expect.objectContaining({ code: 'update.overflow' }));
    expect(() => ringOf(2 ** 27, 16)).toThrow(expect.objectContaining({ code: 'update.overflow' }));
  });

  test.each([
    [-1, 3],
    [1.5, 3],
    [Number.NaN, 3],
    [1, 0],
    [1, Number.POSITIVE_INFINITY],
  ])('refuses a limit of %d and a group of %d', (limit, size) => {
    expect(() => ringOf(limit, size)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });
});

describe.each(RINGS)('$bits bits', (ring) => {
  const half = 2 ** (ring.bits - 1);
  const extremes = Int32Array.of(-half, half - 1, -1, 0, 1);

  test('signed integers there and back, the extremes included', () => {
    expect([...toRing(extremes, ring)]).toEqual([half, half - 1, 2 * half - 1, 0, 1]);
    expect(toCentred(toRing(extremes, ring), ring)).toEqual(extremes);
  });

  test('the centred lift is modular clipping into [−2^(b−1), 2^(b−1))', () => {
    const vector = vectorOf(ring, 1000);
    expect([...toCentred(vector, ring)]).toEqual([...vector].map((x) => wrap(x, -half, half)));
  });

  test('little-endian on the wire, from any offset', () => {
    const vector = vectorOf(ring, 101);
    const packed = packRing(vector, ring);
    expect(packed).toHaveLength(Math.ceil((101 * ring.bits) / 8));
    const whole = packed.reduce((sum, byte, at) => sum + (BigInt(byte) << BigInt(8 * at)), 0n);
    for (const i of [0, 1, 2, 99, 100])
      expect(Number(BigInt.asUintN(ring.bits, whole >> BigInt(i * ring.bits)))).toBe(vector[i]);
    for (const offset of [0, 1, 2, 3]) {
      const shifted = new Uint8Array(packed.length + 3);
      shifted.set(packed, offset);
      const read = unpackRing(shifted.subarray(offset, offset + packed.length), 101, ring);
      expect(read).toEqual(vector);
      expect(read.buffer).not.toBe(shifted.buffer);
    }
  });

  test('a vector of another size is refused, with both sizes', () => {
    const size = packedBytes(10, ring);
    const short = new Uint8Array(size - 1);
    expect(() => unpackRing(short, 10, ring)).toThrow(expect.objectContaining({ code: 'secagg.wrong-ring' }));
    expect(() => unpackRing(short, 10, ring)).toThrow(
      new RegExp(`Expected ${size} bytes .*received ${size - 1} bytes`),
    );
  });

  // Lengths and offsets that reach every tail, more than one block, and the path without alignment.
  test.each([0, 1, 2, 3, 4, 7, 8, 9, 9001])('%d keystream words add as integers modulo 2^b do', (length) => {
    const width = wordBytes(ring);
    const store = bytesOf(length * width + 8);
    for (const offset of [0, 1, 2, 4]) {
      const keystream = store.subarray(offset, offset + length * width);
      const words = Array.from({ length }, (_, i) =>
        [...keystream.subarray(i * width, (i + 1) * width)].reduce((sum, b, at) => sum + b * 256 ** at, 0),
      );
      for (const sign of [1, -1] as const) {
        for (const from of [0, 1]) {
          const whole = vectorOf(ring, length + from, 77);
          const target = whole.subarray(from) as RingVector;
          const expected = [...target].map((x, i) => wrap(x + sign * words[i]!, 0, 2 ** ring.bits));
          addKeystream(target, keystream, ring, sign);
          expect([...target]).toEqual(expected);
        }
      }
    }
  });

  test('what was added can be subtracted, in any order', () => {
    const [a, b, c] = [vectorOf(ring, 50), vectorOf(ring, 50, 50), vectorOf(ring, 50, 100)];
    const sum = a.slice() as RingVector;
    addVector(sum, b, ring);
    addVector(sum, c, ring);
    expect([...sum]).toEqual([...a].map((x, i) => wrap(x + b[i]! + c[i]!, 0, 2 ** ring.bits)));
    subtractVector(sum, b, ring);
    subtractVector(sum, c, ring);
    expect(sum).toEqual(a);
  });

  test('other lengths are refused', () => {
    const refusal = expect.objectContaining({ code: 'secagg.wrong-ring' });
    const target = ringVector(ring, 4);
    expect(() => addVector(target, ringVector(ring, 5), ring)).toThrow(refusal);
    expect(() => subtractVector(target, ringVector(ring, 3), ring)).toThrow(refusal);
    expect(() => addKeystream(target, new Uint8Array(4 * wordBytes(ring) - 1), ring, 1)).toThrow(refusal);
  });

  test('words of another width are refused', () => {
    const other = wordBytes(ring) === 2 ? new Uint32Array(2) : new Uint16Array(2);
    const refusal = expect.objectContaining({ code: 'secagg.wrong-ring' });
    expect(() => packRing(other, ring)).toThrow(refusal);
    expect(() => toCentred(other, ring)).toThrow(refusal);
    expect(() => addVector(ringVector(ring, 2), other, ring)).toThrow(refusal);
  });
});

test.each([16, 24] as const)('%d bits refuse a coordinate beyond them', (bits) => {
  const half = 2 ** (bits - 1);
  for (const value of [half, -half - 1, 2 ** 31 - 1, -(2 ** 31)])
    expect(() => toRing(Int32Array.of(0, value, 0), { bits })).toThrow(
      expect.objectContaining({ code: 'update.overflow' }),
    );
});

// google-parfait/tensorflow-federated, aggregators/modular_clipping_test.py
test.each([
  [5, -5, 10, 5],
  [10, -5, 10, -5],
  [-5, -20, -10, -15],
  [10, 20, 40, 30],
  [50, 20, 40, 30],
  [1_073_741_829, -1_073_741_824, 1_073_741_823, -1_073_741_818],
])('%d wraps into [%d, %d) as %d', (x, lo, hi, expected) => {
  expect(wrap(x, lo, hi)).toBe(expected);
});

test('an empty range is refused', () => {
  expect(() => wrap(1, 3, 3)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});

test('Z-07: two elements of 12 bits take three bytes, and what is left over is zero', () => {
  const packed = packRing(Uint16Array.of(0x123, 0xabc, 0xdef), { bits: 12 });
  expect([...packed]).toEqual([0x23, 0xc1, 0xab, 0xef, 0x0d]);
  expect([...unpackRing(packed, 3, { bits: 12 })]).toEqual([0x123, 0xabc, 0xdef]);
  packed[4] = 0x1d;
  expect(() => unpackRing(packed, 3, { bits: 12 })).toThrow(
    expect.objectContaining({ code: 'secagg.wrong-ring' }),
  );
});
