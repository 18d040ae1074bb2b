import { randomFillSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type CryptoRandom, seededRandom, shuffle, webCryptoRandom } from '../random/index.ts';
import { gf128, gf128FromBytes, gf128FromInteger, gf128ToBytes } from './gf128.ts';
import { evaluatePolynomial, lagrangeWeights } from './lagrange.ts';
import { reconstructor, reconstructSecret, shareSecret, weightsAtZero } from './shamir.ts';

const random = webCryptoRandom({ getRandomValues: (array) => randomFillSync(array) });
const fromHex = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, 'hex'));

/** Hands out the given bytes: how a test says what the coefficients are. */
function randomOf(bytes: Uint8Array): CryptoRandom {
  let at = 0;
  return {
    kind: 'crypto',
    bytes(length) {
      at += length;
      return Uint8Array.from(bytes.subarray(at - length, at));
    },
  };
}

/** All subsets of `size` of 0 … n − 1. */
function subsets(n: number, size: number): number[][] {
  if (size === 0) return [[]];
  if (n < size) return [];
  return [...subsets(n - 1, size), ...subsets(n - 1, size - 1).map((chosen) => [...chosen, n - 1])];
}

// y = secret + c1·x + c2·x², as PyCryptodome's Shamir with ssss=False, which Flower uses.
const SECRET = fromHex('5a'.repeat(16));
const COEFFICIENTS = fromHex('deadbeefcafebabe001122334455667789abcdef012345670000000000000001');
const SHARES = [
  '0d5c295a9187a5835a4b78691e0f3c2c',
  'c1ae1039cb2a3aba5a781e3cd2f09739',
  '96a8633900f7c5635a693c0f96a5f14f',
  'ba507f156394e6d25a1ed2974b0fc627',
  'ed560c15a849190b5a0ff0a40f5aa051',
].map(fromHex);

describe('three of five, by the published polynomial', () => {
  test('shares', () => {
    expect(shareSecret(SECRET, [1, 2, 3, 4, 5], 3, randomOf(COEFFICIENTS))).toEqual(SHARES);
  });

  test.each(subsets(5, 3))('holders %d, %d and %d have the secret', (...holders) => {
    const held = holders.map((i) => ({ x: i + 1, share: SHARES[i]! }));
    expect(reconstructSecret(held, 3)).toEqual(SECRET);
    expect(reconstructSecret(held.reverse(), 3)).toEqual(SECRET);
  });

  test('two have another', () => {
    for (const holders of subsets(5, 2)) {
      const held = holders.map((i) => ({ x: i + 1, share: SHARES[i]! }));
      expect(reconstructSecret(held, 2)).not.toEqual(SECRET);
      expect(() => reconstructSecret(held, 3)).toThrow(
        expect.objectContaining({ code: 'secagg.below-threshold' }),
      );
    }
  });

  test('of more, exactly the first three are used', () => {
    const held = SHARES.map((share, i) => ({ x: i + 1, share }));
    const spoiled = [...held.slice(0, 3), { x: 4, share: new Uint8Array(16) }];
    expect(reconstructSecret(spoiled, 3)).toEqual(SECRET);
  });
});

test('every wrong bit of a share gives another secret', () => {
  for (let bit = 0; bit < 128; bit++) {
    const wrong = SHARES[1]!.slice();
    wrong[bit >> 3]! ^= 1 << (bit & 7);
    const held = [SHARES[0]!, wrong, SHARES[2]!].map((share, i) => ({ x: i + 1, share }));
    expect(reconstructSecret(held, 3)).not.toEqual(SECRET);
  }
});

test.each([
  [2, 3],
  [7, 10],
  [11, 16],
  [40, 60],
])('%d of %d, two blocks, far places', (threshold, n) => {
  const places = Array.from({ length: n }, (_, i) => 65_535 - 1000 * i);
  const secret = random.bytes(32);
  const shares = shareSecret(secret, places, threshold, random);
  const held = shares.map((share, i) => ({ x: places[i]!, share }));
  for (let run = 0; run < 5; run++) {
    shuffle(held as never, seededRandom(run));
    expect(reconstructSecret(held, threshold)).toEqual(secret);
  }
});

test('the fast forms are the plain ones', () => {
  const xs = [3, 1, 4, 15, 9, 2, 6, 4096, 65_535];
  const points = xs.map(gf128FromInteger);
  expect(weightsAtZero(xs)).toEqual(lagrangeWeights(gf128, points, gf128.zero));
  const coefficients = random.bytes(8 * 16);
  const polynomial = [
    SECRET,
    ...Array.from({ length: 8 }, (_, c) => coefficients.subarray(16 * c, 16 * (c + 1))),
  ];
  expect(shareSecret(SECRET, xs, 9, randomOf(coefficients))).toEqual(
    points.map((x) => gf128ToBytes(evaluatePolynomial(gf128, polynomial.map(gf128FromBytes), x))),
  );
});

test('one preparation serves many secrets, and leaves the shares as they were', () => {
  const xs = [5, 2, 9];
  const reconstruct = reconstructor(xs);
  for (let i = 0; i < 10; i++) {
    const secret = random.bytes(48);
    const shares = shareSecret(secret, xs, 3, random);
    const copies = shares.map((share) => share.slice());
    expect(reconstruct(shares)).toEqual(secret);
    expect(shares).toEqual(copies);
  }
});

test('one share of a constant secret takes every value of every byte', () => {
  // 16 · 4,000 bytes over 256 values: chi-square with 255 degrees of freedom exceeds 377 once in a million.
  const seen = new Float64Array(256);
  for (let run = 0; run < 4000; run++)
    for (const byte of shareSecret(new Uint8Array(16), [1, 2, 3], 2, random)[2]!) seen[byte]!++;
  expect(seen.reduce((sum, count) => sum + (count - 250) ** 2 / 250, 0)).toBeLessThan(377);
});

describe('bad input', () => {
  const refusal = expect.objectContaining({ code: 'argument.invalid' });

  test.each([0, 8, 17, 31])('a secret of %d bytes', (length) => {
    expect(() => shareSecret(new Uint8Array(length), [1, 2, 3], 2, random)).toThrow(refusal);
  });

  test.each([0, 1, 4, 1.5, Number.NaN])('a threshold of %d among three', (threshold) => {
    expect(() => shareSecret(SECRET, [1, 2, 3], threshold, random)).toThrow(refusal);
  });

  test.each([[[0, 1, 2]], [[1, 2, 1]], [[1, 2, 65_536]], [[1, 2, -3]], [[1, 2, 2.5]], [[]]])(
    'places %j',
    (places) => {
      expect(() => shareSecret(SECRET, places, 2, random)).toThrow(refusal);
      expect(() => reconstructor(places)).toThrow(refusal);
    },
  );

  test('shares that differ in length, or too few for what was prepared', () => {
    const held = [SHARES[0]!, new Uint8Array(32), SHARES[2]!].map((share, i) => ({ x: i + 1, share }));
    expect(() => reconstructSecret(held, 3)).toThrow(refusal);
    expect(() => reconstructor([1, 2, 3])(SHARES.slice(0, 2))).toThrow(refusal);
    expect(() => reconstructor([1, 2])([new Uint8Array(0), new Uint8Array(0)])).toThrow(refusal);
  });
});
