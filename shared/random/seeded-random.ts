import { sha256 } from '@noble/hashes/sha2.js';
import { checkInteger } from '../errors/index.ts';

/**
 * Reproducible randomness for shuffling, initialization, simulation and tests: never for keys or noise.
 * xoshiro128** 1.1 (Blackman and Vigna 2018), seeded by SHA-256 of a label. Integer arithmetic only, so a
 * seed gives the same stream on every device.
 */
export interface SeededRandom {
  readonly kind: 'seeded';
  /** @returns an integer uniform over [0, 2^32). */
  uint32(): number;
  /** @returns a double uniform over [0, 1), 32 bits of it random. */
  uniform(): number;
  /** @returns an integer uniform over [0, bound), without modulo bias. @throws when bound is not in [1, 2^32]. */
  below(bound: number): number;
  /** A stream of its own, independent of how far this one has been read. */
  fork(label: string | number): SeededRandom;
}

export function seededRandom(seed: string | number): SeededRandom {
  const label = String(seed);
  const digest = sha256(new TextEncoder().encode(label));
  const view = new DataView(digest.buffer, digest.byteOffset);
  let s0 = view.getUint32(0);
  let s1 = view.getUint32(4);
  let s2 = view.getUint32(8);
  let s3 = view.getUint32(12) | 1; // the all-zero state is the one the generator cannot leave

  const uint32 = (): number => {
    const x = Math.imul(s1, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    return result;
  };

  return {
    kind: 'seeded',
    uint32,
    uniform: () => uint32() / 2 ** 32,
    below(bound) {
      checkInteger('bound', bound, 1, 2 ** 32);
      const limit = 2 ** 32 - (2 ** 32 % bound);
      let draw = uint32();
      while (draw >= limit) draw = uint32();
      return draw % bound;
    },
    fork: (child) => seededRandom(`${label}/${child}`),
  };
}

/** Fisher–Yates in place. @returns the same array. */
export function shuffle<T>(items: T[] | Uint32Array, random: SeededRandom): typeof items {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const held = items[i]!;
    items[i] = items[j]!;
    items[j] = held;
  }
  return items;
}
