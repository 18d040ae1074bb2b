import { describe, expect, test } from 'vitest';
import {
  type Gf128,
  gf128,
  gf128FromBytes,
  gf128FromInteger,
  gf128ToBytes,
  multiplyBySmall,
} from './gf128.ts';

/** The field in big integers, bit by bit: slow, and plain to read. */
function reference(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let i = 0n; i < 128n; i++) if ((b >> i) & 1n) product ^= a << i;
  for (let i = 255n; i >= 128n; i--) if ((product >> i) & 1n) product ^= ((1n << 128n) | 0x87n) << (i - 128n);
  return product;
}

const toHex = (x: bigint): string => x.toString(16).padStart(32, '0');
const element = (x: bigint): Gf128 => gf128FromBytes(Uint8Array.from(Buffer.from(toHex(x), 'hex')));
const integer = (a: Gf128): bigint => BigInt(`0x${Buffer.from(gf128ToBytes(a)).toString('hex')}`);

/** Reproducible elements with bits everywhere, and the ones at the edges. */
const SAMPLES = [
  ...[0n, 1n, 2n, 0x87n, 1n << 127n, (1n << 128n) - 1n, 1n << 31n, 1n << 32n, (1n << 96n) + 1n],
  ...Array.from(
    { length: 30 },
    (_, i) => (0x9e3779b97f4a7c15f39cc0605cedc835n * BigInt(2 * i + 1)) % (1n << 128n),
  ),
];

// PyCryptodome, SelfTest/Protocol/test_SecretSharing.py, test_mult_gf2 and Element_Tests.test3
test.each([
  [3n, 3n, 5n],
  [15n, 3n, 17n],
  [34n, 1n, 34n],
  [1n << 127n, 2n, 135n],
])('%s · %s = %s', (a, b, product) => {
  expect(integer(gf128.multiply(element(a), element(b)))).toBe(product);
});

test('products and sums agree with big integers', () => {
  for (const a of SAMPLES)
    for (const b of SAMPLES) {
      expect(integer(gf128.multiply(element(a), element(b)))).toBe(reference(a, b));
      expect(integer(gf128.add(element(a), element(b)))).toBe(a ^ b);
      expect(integer(gf128.subtract(element(a), element(b)))).toBe(a ^ b);
    }
});

test('an element times its inverse is one', () => {
  for (const a of SAMPLES.slice(1))
    expect(gf128.multiply(element(a), gf128.inverse(element(a)))).toEqual(gf128.one);
  expect(() => gf128.inverse(gf128.zero)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
});

test('products with small numbers are products', () => {
  for (const a of SAMPLES)
    for (const x of [0, 1, 2, 3, 255, 4096, 40_503, 65_535]) {
      const product = element(a);
      multiplyBySmall(product, x);
      expect(product).toEqual(gf128.multiply(element(a), gf128FromInteger(x)));
    }
});

describe('bytes', () => {
  test('are big-endian', () => {
    expect(gf128ToBytes(gf128FromInteger(0x010203fe))).toEqual(
      Uint8Array.of(...new Array(12).fill(0), 1, 2, 3, 254),
    );
    expect(gf128ToBytes(gf128.one).at(-1)).toBe(1);
  });

  test('are sixteen', () => {
    expect(() => gf128FromBytes(new Uint8Array(15))).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
  });
});
