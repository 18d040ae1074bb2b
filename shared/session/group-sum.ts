import { sha256 } from '@noble/hashes/sha2.js';
import type { WeightedSlice } from '../aggregate/index.ts';
import type { Encoding } from '../compress/index.ts';
import { check } from '../errors/index.ts';

/** Names a group's sum: SHA-256 over a tag, its weight and its values as little-endian int32. SPEC G-10. */
export function hashOfSum({ values, weight }: WeightedSlice): string {
  const hash = sha256.create();
  hash.update(new TextEncoder().encode(`murmuration group sum v1/${weight}/${values.length}/`));
  hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Whether a sum of `count` updates may be added to others without a coordinate leaving 32 bits: no honest one is larger than
 * clipNorm · weight · 2^f, but for half a unit of rounding by each. With noise there is room for
 * six standard deviations of an honest one. SPEC G-13, N-08.
 * @throws `update.overflow`.
 */
export function checkSum({ values, weight }: WeightedSlice, count: number, encoding: Encoding): void {
  const { maxWeight } = encoding;
  check(
    weight >= count && weight <= count * maxWeight,
    'update.overflow',
    "A group's sum has a weight that its members cannot have.",
    { expected: `${count} to ${count * maxWeight}`, received: String(weight) },
  );
  const limit =
    encoding.kind === undefined
      ? encoding.clipNorm * weight * 2 ** encoding.fractionalBits + count / 2
      : encoding.groupSumLimit;
  check(
    values.every((value) => Math.abs(value) <= limit),
    'update.overflow',
    "A group's sum is larger than its members' updates can make it.",
    { expected: `at most ${limit}` },
  );
}
