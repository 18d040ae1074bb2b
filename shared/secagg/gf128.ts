import { check } from '../errors/index.ts';
import type { Field } from './field.ts';

/**
 * GF(2^128) modulo x^128 + x^7 + x^2 + x + 1. An element is four 32-bit words (signed, which engines handle faster), the most significant first: bit 0 of the
 * last word is the coefficient of 1. As bytes, 16, big-endian (the representation of PyCryptodome's Shamir, of ssss and of
 * Flower; not the reflected one of GCM).
 *
 * Constant time: no branch and no address depends on an element, save in `inverse` and `isZero`, which tell zero from
 * the rest. Whether the compiler keeps it so, no JavaScript engine promises.
 */
export type Gf128 = Int32Array<ArrayBuffer>;

export const GF128_BYTES = 16;

/** The low part of the modulus: x^7 + x^2 + x + 1. */
export const GF128_REDUCTION = 0x87;

export const gf128: Field<Gf128> = {
  zero: Int32Array.of(0, 0, 0, 0),
  one: Int32Array.of(0, 0, 0, 1),
  add: (a, b) => a.map((word, i) => word ^ b[i]!),
  subtract: (a, b) => a.map((word, i) => word ^ b[i]!),
  multiply: multiplyGf128,
  inverse: inverseGf128,
  isZero: (a) => (a[0]! | a[1]! | a[2]! | a[3]!) === 0,
};

/** @param bytes 16 of them, big-endian. */
export function gf128FromBytes(bytes: Uint8Array): Gf128 {
  check(bytes.length === GF128_BYTES, 'argument.invalid', 'An element of GF(2^128) has another size.', {
    expected: `${GF128_BYTES} bytes`,
    received: String(bytes.length),
  });
  return wordsOfBlocks(bytes);
}

export function gf128ToBytes(element: Gf128): Uint8Array<ArrayBuffer> {
  return blocksOfWords(element);
}

/** The polynomial whose coefficients are the bits of `x`, 0 ≤ x < 2^32. */
export function gf128FromInteger(x: number): Gf128 {
  return Int32Array.of(0, 0, 0, x);
}

/** Big-endian bytes, a multiple of four, as words. */
export function wordsOfBlocks(bytes: Uint8Array): Int32Array<ArrayBuffer> {
  const words = new Int32Array(bytes.length / 4);
  for (let i = 0, at = 0; i < words.length; i++, at += 4)
    words[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  return words;
}

/** The inverse of {@link wordsOfBlocks}. */
export function blocksOfWords(words: Int32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * 4);
  for (let i = 0, at = 0; i < words.length; i++, at += 4) {
    const word = words[i]!;
    bytes[at] = word >>> 24;
    bytes[at + 1] = word >>> 16;
    bytes[at + 2] = word >>> 8;
    bytes[at + 3] = word;
  }
  return bytes;
}

/** Shift and add over all 128 bits of `b`, the addition masked instead of branched upon. */
function multiplyGf128(a: Gf128, b: Gf128): Gf128 {
  const a0 = a[0]!;
  const a1 = a[1]!;
  const a2 = a[2]!;
  const a3 = a[3]!;
  let p0 = 0;
  let p1 = 0;
  let p2 = 0;
  let p3 = 0;
  for (let i = 0; i < 4; i++) {
    const word = b[i]!;
    for (let bit = 31; bit >= 0; bit--) {
      const carry = -(p0 >>> 31) & GF128_REDUCTION;
      const take = -((word >>> bit) & 1);
      p0 = ((p0 << 1) | (p1 >>> 31)) ^ (a0 & take);
      p1 = ((p1 << 1) | (p2 >>> 31)) ^ (a1 & take);
      p2 = ((p2 << 1) | (p3 >>> 31)) ^ (a2 & take);
      p3 = (p3 << 1) ^ carry ^ (a3 & take);
    }
  }
  return Int32Array.of(p0, p1, p2, p3);
}

/** Fermat with Itoh and Tsujii's chain: with β_k = a^(2^k − 1), β_(2k) = β_k^(2^k) · β_k, and a^(2^128 − 2) = β_127². */
function inverseGf128(a: Gf128): Gf128 {
  check(!gf128.isZero(a), 'argument.invalid', 'Zero has no inverse.');
  let beta = a;
  // 127 in binary is seven ones: double, then add one, six times from β_1.
  for (let k = 1; k < 127; k = 2 * k + 1) {
    let raised = beta;
    for (let i = 0; i < k; i++) raised = multiplyGf128(raised, raised);
    const doubled = multiplyGf128(raised, beta);
    beta = multiplyGf128(multiplyGf128(doubled, doubled), a);
  }
  return multiplyGf128(beta, beta);
}

/** element · x in place, for a public x below 2^16 whose set bits decide the branches. */
export function multiplyBySmall(element: Int32Array, x: number): void {
  const a0 = element[0]!;
  const a1 = element[1]!;
  const a2 = element[2]!;
  const a3 = element[3]!;
  const low = -(x & 1);
  let p0 = a0 & low;
  let p1 = a1 & low;
  let p2 = a2 & low;
  let p3 = a3 & low;
  let over = 0;
  for (let bit = 1; x >>> bit !== 0; bit++) {
    if (((x >>> bit) & 1) === 0) continue;
    const back = 32 - bit;
    over ^= a0 >>> back;
    p0 ^= (a0 << bit) | (a1 >>> back);
    p1 ^= (a1 << bit) | (a2 >>> back);
    p2 ^= (a2 << bit) | (a3 >>> back);
    p3 ^= a3 << bit;
  }
  element[0] = p0;
  element[1] = p1;
  element[2] = p2;
  // What ran over x^128 is below 2^16, so times x^7 it still fits one word.
  element[3] = p3 ^ over ^ (over << 1) ^ (over << 2) ^ (over << 7);
}
