import { check, checkInteger } from '../errors/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import {
  blocksOfWords,
  GF128_BYTES,
  GF128_REDUCTION,
  type Gf128,
  gf128,
  gf128FromInteger,
  multiplyBySmall,
  wordsOfBlocks,
} from './gf128.ts';

/**
 * Shamir's sharing (CACM 1979) over GF(2^128), each block of 16 bytes with a polynomial of its own. Any `threshold` shares
 * give the secret; fewer are independent of it, whatever is known of it otherwise. A wrong share is not noticed here.
 *
 * The xs are public; nothing branches on, and no address depends on, a secret or a share (see gf128.ts).
 */
export interface PlacedShare {
  /** Where the polynomial was evaluated. */
  readonly x: number;
  readonly share: Uint8Array;
}

/** Above the largest cohort, and small enough for {@link multiplyBySmall}. */
export const MAX_SHARE_X = 65_535;

const WORDS = GF128_BYTES / 4;

/**
 * @param secret a multiple of 16 bytes.
 * @param xs distinct, from 1 to {@link MAX_SHARE_X}; share i belongs to xs[i].
 * @param threshold from 2 to xs.length.
 * @returns a share for each x, as long as the secret.
 * @throws `argument.invalid`.
 */
export function shareSecret(
  secret: Uint8Array,
  xs: readonly number[],
  threshold: number,
  random: CryptoRandom,
): Uint8Array<ArrayBuffer>[] {
  checkBlocks(secret.length);
  checkPlaces(xs);
  checkInteger('threshold', threshold, 2, xs.length);
  const constants = wordsOfBlocks(secret);
  const shares = xs.map(() => new Int32Array(constants.length));
  for (let at = 0; at < constants.length; at += WORDS) {
    const coefficients = wordsOfBlocks(random.bytes((threshold - 1) * GF128_BYTES));
    shares.forEach((share, i) => {
      const value = share.subarray(at, at + WORDS);
      for (let c = coefficients.length - WORDS; c >= 0; c -= WORDS) {
        for (let w = 0; w < WORDS; w++) value[w]! ^= coefficients[c + w]!;
        multiplyBySmall(value, xs[i]!);
      }
      for (let w = 0; w < WORDS; w++) value[w]! ^= constants[at + w]!;
    });
  }
  return shares.map(blocksOfWords);
}

/**
 * Uses the first `threshold` of the shares.
 * @throws `secagg.below-threshold` with fewer; `argument.invalid` for a repeated or impossible x, or for shares that differ
 *   in length.
 */
export function reconstructSecret(
  shares: readonly PlacedShare[],
  threshold: number,
): Uint8Array<ArrayBuffer> {
  checkInteger('threshold', threshold, 1, MAX_SHARE_X);
  check(shares.length >= threshold, 'secagg.below-threshold', 'Too few shares to reconstruct a secret.', {
    expected: `at least ${threshold} shares`,
    received: String(shares.length),
    remedy: 'More participants must stay until the end of the round.',
  });
  const used = shares.slice(0, threshold);
  return reconstructor(used.map(({ x }) => x))(used.map(({ share }) => share));
}

/**
 * Prepares for many secrets that the same holders have shares of: shares[i] belongs to xs[i], and all are used.
 * @throws `argument.invalid` for a repeated or impossible x.
 */
export function reconstructor(
  xs: readonly number[],
): (shares: readonly Uint8Array[]) => Uint8Array<ArrayBuffer> {
  checkPlaces(xs);
  const holders = holdersByBit(weightsAtZero(xs));
  return (shares) => {
    const length = shares[0]?.length ?? 0;
    checkBlocks(length);
    check(
      shares.length === xs.length && shares.every((share) => share.length === length),
      'argument.invalid',
      'The shares of one secret differ in length, or one is missing.',
      { expected: `${xs.length} shares of ${length} bytes` },
    );
    return combine(holders, shares.map(wordsOfBlocks));
  };
}

/** Lagrange's weights at zero, Π_{m≠j} x_m / (x_j − x_m), by products with small numbers and one inversion. */
export function weightsAtZero(xs: readonly number[]): Gf128[] {
  const numerator = gf128FromInteger(1);
  for (const x of xs) multiplyBySmall(numerator, x);
  const denominators = xs.map((x, j) => {
    const product = gf128FromInteger(x);
    for (let m = 0; m < xs.length; m++) if (m !== j) multiplyBySmall(product, x ^ xs[m]!);
    return product;
  });
  // Montgomery's trick: prefix products, one inverse, and back.
  const prefixes: Gf128[] = [];
  let product = gf128.one;
  for (const denominator of denominators) {
    prefixes.push(product);
    product = gf128.multiply(product, denominator);
  }
  let rest = gf128.multiply(gf128.inverse(product), numerator);
  const weights = new Array<Gf128>(xs.length);
  for (let j = xs.length - 1; j >= 0; j--) {
    weights[j] = gf128.multiply(rest, prefixes[j]!);
    rest = gf128.multiply(rest, denominators[j]!);
  }
  return weights;
}

/** For each of the 128 bits, the highest first, the holders whose weight has it. */
function holdersByBit(weights: readonly Gf128[]): Uint16Array[] {
  const holders: number[][] = Array.from({ length: 8 * GF128_BYTES }, () => []);
  weights.forEach((weight, j) => {
    for (let bit = 0; bit < holders.length; bit++)
      if ((weight[bit >>> 5]! >>> (31 - (bit & 31))) & 1) holders[bit]!.push(j);
  });
  return holders.map((indices) => Uint16Array.from(indices));
}

/**
 * Σ weight_j · share_j of every block, all products side by side (Straus 1964): 128 doublings for all, and an addition
 * for each bit of each weight. Weights are public, so their bits may decide.
 */
function combine(holders: readonly Uint16Array[], shares: readonly Int32Array[]): Uint8Array<ArrayBuffer> {
  const length = shares[0]!.length;
  const flat = new Int32Array(shares.length * WORDS);
  const secret = new Int32Array(length);
  for (let at = 0; at < length; at += WORDS) {
    for (let j = 0; j < shares.length; j++) flat.set(shares[j]!.subarray(at, at + WORDS), j * WORDS);
    let p0 = 0;
    let p1 = 0;
    let p2 = 0;
    let p3 = 0;
    for (const adding of holders) {
      const carry = -(p0 >>> 31) & GF128_REDUCTION;
      p0 = (p0 << 1) | (p1 >>> 31);
      p1 = (p1 << 1) | (p2 >>> 31);
      p2 = (p2 << 1) | (p3 >>> 31);
      p3 = (p3 << 1) ^ carry;
      for (let i = 0; i < adding.length; i++) {
        const from = adding[i]! * WORDS;
        p0 ^= flat[from]!;
        p1 ^= flat[from + 1]!;
        p2 ^= flat[from + 2]!;
        p3 ^= flat[from + 3]!;
      }
    }
    secret[at] = p0;
    secret[at + 1] = p1;
    secret[at + 2] = p2;
    secret[at + 3] = p3;
  }
  return blocksOfWords(secret);
}

function checkBlocks(length: number): void {
  check(length > 0 && length % GF128_BYTES === 0, 'argument.invalid', 'Secrets are shared in whole blocks.', {
    expected: `a multiple of ${GF128_BYTES} bytes`,
    received: `${length} bytes`,
  });
}

/** Zero would be the secret itself. */
function checkPlaces(xs: readonly number[]): void {
  check(xs.length > 0, 'argument.invalid', 'A secret is shared among no one.');
  for (const x of xs) checkInteger('The place of a share', x, 1, MAX_SHARE_X);
  check(new Set(xs).size === xs.length, 'argument.invalid', 'Two shares have the same place.', {
    expected: 'distinct xs',
  });
}
