import { describe, expect, test } from 'vitest';
import type { Encoding } from './encoding.ts';
import { packBits, packedLength, unpackSigned } from './pack-bits.ts';
import { fitsValues, packValues, unpackValues } from './wire-values.ts';

const WIDTHS = [8, 12, 16, 24, 32] as const;

describe.each(WIDTHS)('Z-07: %d bits', (bits) => {
  const half = 2 ** (bits - 1);
  test.each([0, 1, 2, 3, 100, 101])('%d numbers there and back, the extremes included', (length) => {
    const values = Int32Array.from({ length }, (_, i) => [-half, half - 1, -1, 0, 1, 77 % half][i % 6]!);
    const bytes = packBits(values, bits);
    expect(bytes).toHaveLength(Math.ceil((length * bits) / 8));
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(unpackSigned(shifted.subarray(1), length, bits)).toEqual(values);
  });

  test('what is beyond wraps around', () => {
    const values = Int32Array.of(half, -half - 1).map((value) => value | 0);
    const read = unpackSigned(packBits(values, bits), 2, bits);
    expect([...read]).toEqual([-half, half - 1]);
  });

  test('another size is refused', () => {
    expect(() => unpackSigned(new Uint8Array(packedLength(9, bits) + 1), 9, bits)).toThrow(
      expect.objectContaining({ code: 'update.wrong-length' }),
    );
  });
});

test('Z-07: numbers of 12 bits, byte by byte', () => {
  expect([...packBits(Int32Array.of(0x123, -1, 0x456), 12)]).toEqual([0x23, 0xf1, 0xff, 0x56, 0x04]);
  expect(() => unpackSigned(Uint8Array.of(0x56, 0x14), 1, 12)).toThrow(
    expect.objectContaining({ code: 'update.wrong-length' }),
  );
});

test('R-20: without a lattice 32 bits, with one as many as its ring has', () => {
  const fixed: Encoding = { fractionalBits: 4, clipNorm: 1, maxWeight: 1 };
  const lattice = { kind: 'lattice', bits: 8 } as Encoding;
  const values = Int32Array.of(-5, 127, 0);
  expect(packValues(values, fixed)).toEqual(new Uint8Array(values.buffer));
  expect([...packValues(values, lattice)]).toEqual([251, 127, 0]);
  expect(unpackValues(packValues(values, lattice), 3, lattice)).toEqual(values);
  expect([fitsValues(12, 3, fixed), fitsValues(3, 3, lattice), fitsValues(12, 3, lattice)]).toEqual([
    true,
    true,
    false,
  ]);
});
