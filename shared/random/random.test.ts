import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seededRandom, shuffle, webCryptoRandom } from './index.ts';

/** xoshiro128** as its authors wrote it, in 64-bit arithmetic cut to 32 bits. */
function reference(seed: string, count: number): number[] {
  const digest = createHash('sha256').update(seed).digest();
  const s = [0, 4, 8, 12].map((at) => BigInt(digest.readUInt32BE(at))) as [bigint, bigint, bigint, bigint];
  s[3] |= 1n;
  const cut = (x: bigint) => x & 0xffffffffn;
  const rotate = (x: bigint, k: bigint) => cut((x << k) | (x >> (32n - k)));
  return Array.from({ length: count }, () => {
    const result = cut(rotate(cut(s[1] * 5n), 7n) * 9n);
    const t = cut(s[1] << 9n);
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
    return Number(result);
  });
}

describe('seeded', () => {
  test('agrees with the reference', () => {
    for (const seed of ['', 'murmuration', 'Zürich']) {
      const random = seededRandom(seed);
      expect(Array.from({ length: 100 }, () => random.uint32())).toEqual(reference(seed, 100));
    }
  });

  test('the first draws of a seed never change', () => {
    const random = seededRandom('murmuration');
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([
      1_106_487_660, 1_449_235_882, 178_078_736,
    ]);
  });

  test('a number and its text are the same seed', () => {
    expect(seededRandom(7).uint32()).toBe(seededRandom('7').uint32());
  });

  test('uniform lies in [0, 1), with mean and variance of it', () => {
    const random = seededRandom('uniform');
    const draws = Array.from({ length: 100_000 }, () => random.uniform());
    const mean = draws.reduce((sum, x) => sum + x) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.min(...draws.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(draws.every((x) => x < 1)).toBe(true);
    // Five standard errors of the mean: 5 · sqrt(1/12 / 100,000) = 0.0046.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.0046);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
  });

  test('below has no bias, also where a modulo would have one', () => {
    // 3 · 2^30 below 2^32: a bare modulo would give the lower third twice as often as the others.
    const bound = 3 * 2 ** 30;
    const random = seededRandom('below');
    const thirds = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) thirds[Math.floor(random.below(bound) / 2 ** 30)]!++;
    // Chi-square with 2 degrees of freedom: 27.6 is exceeded once in a million.
    const chiSquare = thirds.reduce((sum, seen) => sum + (seen - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(27.6);
  });

  test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('below(%d) is refused by name', (bound) => {
    expect(() => seededRandom(1).below(bound)).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });

  test('a fork does not depend on how far its parent was read', () => {
    const [fresh, read] = [seededRandom('a'), seededRandom('a')];
    read.uint32();
    expect(read.fork('x').uint32()).toBe(fresh.fork('x').uint32());
    expect(fresh.fork('x').uint32()).not.toBe(fresh.fork('y').uint32());
    expect(fresh.fork('x').uint32()).toBe(seededRandom('a/x').uint32());
  });

  test('every order of three is drawn equally often', () => {
    const random = seededRandom('shuffle');
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = (shuffle(['a', 'b', 'c'], random) as string[]).join('');
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    // Chi-square with 5 degrees of freedom: 36.2 is exceeded once in a million.
    const chiSquare = [...seen.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(36.2);
  });
});

describe('cryptographic', () => {
  test('asks for no more than 65,536 bytes at once, and fills all that was asked for', () => {
    const asked: number[] = [];
    const random = webCryptoRandom({
      getRandomValues(array) {
        asked.push(array.length);
        return array.fill(asked.length);
      },
    });
    const bytes = random.bytes(150_000);
    expect(asked).toEqual([65_536, 65_536, 18_928]);
    expect([bytes[0], bytes[65_536], bytes[149_999]]).toEqual([1, 2, 3]);
    expect(random.bytes(0)).toHaveLength(0);
  });
});
