import { check } from '../errors/index.ts';

type Words = Uint16Array | Uint32Array | Int32Array;

/** Bytes of `length` numbers of so many bits each. */
export function packedLength(length: number, bits: number): number {
  return Math.ceil((length * bits) / 8);
}

/**
 * The low `bits` of each word, little-endian, one after the other: of two numbers of 12 bits the first has the lower four of their
 * second byte, and what is left over at the end is zero. A copy. SPEC Z-07.
 */
export function packBits(words: Words, bits: 8 | 12 | 16 | 24 | 32): Uint8Array<ArrayBuffer> {
  const { length } = words;
  const bytes = new Uint8Array(packedLength(length, bits));
  if (bits === 12) {
    for (let i = 0, at = 0; i < length; i += 2, at += 3) {
      const pair = (words[i]! & 0xfff) | (((words[i + 1] ?? 0) & 0xfff) << 12);
      bytes[at] = pair;
      bytes[at + 1] = pair >>> 8;
      // Beyond an odd last number there is no third byte: nothing is written.
      bytes[at + 2] = pair >>> 16;
    }
    return bytes;
  }
  const size = bits / 8;
  for (let byte = 0; byte < size; byte++)
    for (let i = 0, at = byte; i < length; i++, at += size) bytes[at] = words[i]! >>> (8 * byte);
  return bytes;
}

/**
 * The inverse of {@link packBits}, unsigned, into `words`; the caller has compared lengths.
 * @returns false where what is left over at the end is not zero: one vector has one form.
 */
export function unpackBits(bytes: Uint8Array, words: Words, bits: 8 | 12 | 16 | 24 | 32): boolean {
  const { length } = words;
  if (bits === 12) {
    for (let i = 0, at = 0; i < length; i += 2, at += 3) {
      words[i] = bytes[at]! | ((bytes[at + 1]! & 15) << 8);
      if (i + 1 < length) words[i + 1] = (bytes[at + 1]! >>> 4) | (bytes[at + 2]! << 4);
    }
    return length % 2 === 0 || bytes.at(-1)! >>> 4 === 0;
  }
  const size = bits / 8;
  for (let i = 0, at = 0; i < length; i++, at += size) {
    let word = 0;
    for (let byte = size - 1; byte >= 0; byte--) word = (word << 8) | bytes[at + byte]!;
    words[i] = word;
  }
  return true;
}

/** Signed numbers that {@link packBits} packed: the representative in [−2^(bits−1), 2^(bits−1)). @throws `update.wrong-length`. */
export function unpackSigned(
  bytes: Uint8Array,
  length: number,
  bits: 8 | 12 | 16 | 24 | 32,
): Int32Array<ArrayBuffer> {
  check(
    bytes.byteLength === packedLength(length, bits),
    'update.wrong-length',
    'A slice has the wrong size.',
    {
      expected: `${packedLength(length, bits)} bytes`,
      received: String(bytes.byteLength),
    },
  );
  const values = new Int32Array(length);
  check(unpackBits(bytes, values, bits), 'update.wrong-length', 'A slice has bits left over.', {
    expected: 'zeros after the last number',
  });
  const shift = 32 - bits;
  if (shift > 0) for (let i = 0; i < length; i++) values[i] = (values[i]! << shift) >> shift;
  return values;
}
