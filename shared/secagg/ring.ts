import { type Encoding, largestCoordinate, packBits, packedLength, unpackBits } from '../compress/index.ts';
import { check, checkInteger } from '../errors/index.ts';
import { wordKernels } from './native/module.ts';
import { addTerms, type Term } from './native/words.ts';
import type { Ring } from './types.ts';

/**
 * Integers modulo 2^bits, two's complement, in [0, 2^bits). Addition is associative and commutative and every
 * element has an inverse, so masks cancel exactly in whatever order slices arrive.
 * Up to 16 bits are held in 16-bit words, 24 and 32 in 32-bit words; the bits above are always zero.
 */
export type RingVector = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Widths that an encoding without a ring of its own may get. */
const WIDTHS = [16, 24, 32] as const;

/**
 * The narrowest ring in which a sum of `groupSize` coordinates of magnitude up to `coordinateLimit` cannot wrap:
 * groupSize · coordinateLimit ≤ 2^(bits−1) − 1.
 * @throws `update.overflow` when not even 32 bits hold it.
 */
export function ringOf(coordinateLimit: number, groupSize: number): Ring {
  checkInteger('coordinateLimit', coordinateLimit, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('groupSize', groupSize, 1, 2 ** 20);
  const bits = WIDTHS.find((width) => groupSize * coordinateLimit <= 2 ** (width - 1) - 1);
  check(bits !== undefined, 'update.overflow', 'Sums of updates would not fit 32 bits.', {
    expected: 'groupSize · coordinateLimit below 2^31',
    received: `${groupSize} · ${coordinateLimit}`,
    remedy: 'Lower the clipping norm, the weights or the resolution of the fixed point.',
  });
  return { bits };
}

/** The ring that sums of a federation are taken in. SPEC A-10, N-06. @throws as {@link ringOf}. */
export function ringFor(encoding: Encoding, groupSize: number): Ring {
  return encoding.kind === undefined
    ? ringOf(largestCoordinate(encoding), groupSize)
    : { bits: encoding.bits };
}

/** Bytes of `length` elements on the wire. SPEC Z-07. */
export function packedBytes(length: number, ring: Ring): number {
  return packedLength(length, ring.bits);
}

/** Bytes of an element in memory, and of keystream that mask it. */
export function wordBytes(ring: Ring): 2 | 4 {
  return ring.bits <= 16 ? 2 : 4;
}

/** Of a word, the bits that the ring has. */
export function wordMask(ring: Ring): number {
  return ring.bits === 32 ? -1 : 2 ** ring.bits - 1;
}

/** `length` zeros. */
export function ringVector(ring: Ring, length: number): RingVector {
  return wordBytes(ring) === 2 ? new Uint16Array(length) : new Uint32Array(length);
}

/**
 * Signed integers into the ring; a copy.
 * @throws `update.overflow` when one lies outside [−2^(bits−1), 2^(bits−1)), which {@link toCentred} could not give back.
 */
export function toRing(values: Int32Array, ring: Ring): RingVector {
  check(fitsRing(values, ring), 'update.overflow', 'A coordinate does not fit the ring.', {
    expected: `coordinates from −2^${ring.bits - 1} to 2^${ring.bits - 1} − 1`,
    received: 'a larger one',
    remedy: 'Choose the ring from the largest coordinate that the federation allows.',
  });
  const vector = wordBytes(ring) === 2 ? new Uint16Array(values) : new Uint32Array(values);
  reduce(vector, ring);
  return vector;
}

/** Takes every word into the ring, in place. */
export function reduce(vector: RingVector, ring: Ring): void {
  if (ring.bits === 8 * vector.BYTES_PER_ELEMENT) return;
  const mask = wordMask(ring);
  for (let i = 0; i < vector.length; i++) vector[i]! &= mask;
}

/** Whether all of `values` lie in [−2^(bits−1), 2^(bits−1)). */
export function fitsRing(values: Int32Array, ring: Ring): boolean {
  const shift = 32 - ring.bits;
  let lost = 0;
  for (let i = 0; i < values.length; i++) lost |= ((values[i]! << shift) >> shift) ^ values[i]!;
  return lost === 0;
}

/** Lifts to the representative in [−2^(bits−1), 2^(bits−1)): {@link wrap} of every element. A copy. */
export function toCentred(vector: RingVector, ring: Ring): Int32Array<ArrayBuffer> {
  checkWords(vector, ring);
  if (ring.bits === 16)
    return new Int32Array(new Int16Array(vector.buffer, vector.byteOffset, vector.length));
  const values = new Int32Array(vector);
  const shift = 32 - ring.bits;
  if (shift > 0) for (let i = 0; i < values.length; i++) values[i] = (values[i]! << shift) >> shift;
  return values;
}

/**
 * The integer congruent to `x` modulo hi − lo in [lo, hi): modular clipping, Kairouz, Liu and Steinke 2021
 * (The distributed discrete Gaussian mechanism). Exact for safe integers.
 */
export function wrap(x: number, lo: number, hi: number): number {
  check(hi > lo, 'argument.invalid', 'An empty range cannot be wrapped into.', {
    expected: 'lo below hi',
    received: `${lo} and ${hi}`,
  });
  return x - Math.floor((x - lo) / (hi - lo)) * (hi - lo);
}

/**
 * As `packBits` of shared/compress, little-endian. For 16 and 32 bits a view of the vector's own memory, else a copy: write no more
 * to the vector while the bytes are in use.
 */
export function packRing(vector: RingVector, ring: Ring): Uint8Array<ArrayBuffer> {
  checkWords(vector, ring);
  if (ring.bits === 8 * vector.BYTES_PER_ELEMENT)
    return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  return packBits(vector, ring.bits);
}

/**
 * The inverse of {@link packRing}: always a copy, from any offset.
 * @throws `secagg.wrong-ring` when the bytes are not `length` elements of the ring.
 */
export function unpackRing(bytes: Uint8Array, length: number, ring: Ring): RingVector {
  check(
    bytes.length === packedBytes(length, ring),
    'secagg.wrong-ring',
    'A masked vector has another size.',
    {
      expected: `${packedBytes(length, ring)} bytes (${length} elements of ${ring.bits} bits)`,
      received: `${bytes.length} bytes`,
      remedy: 'Its sender uses another ring or another layout; it is left out.',
    },
  );
  const vector = ringVector(ring, length);
  if (ring.bits === 8 * vector.BYTES_PER_ELEMENT) {
    new Uint8Array(vector.buffer).set(bytes);
    return vector;
  }
  // One vector has one form: bytes are compared, hashed and signed.
  check(
    unpackBits(bytes, vector, ring.bits),
    'secagg.wrong-ring',
    'What is left over after a masked vector is not zero.',
    { remedy: 'Its sender packs elements in another way; it is left out.' },
  );
  return vector;
}

/**
 * target ± keystream, in place: `wordBytes` of keystream for each element, little-endian. Bits of a word above those of the
 * ring are not used. Taking no byte twice is the caller's concern.
 * @throws `secagg.wrong-ring` when the keystream is not exactly as long as the target.
 */
export function addKeystream(target: RingVector, keystream: Uint8Array, ring: Ring, sign: 1 | -1): void {
  checkWords(target, ring);
  check(keystream.length === target.byteLength, 'secagg.wrong-ring', 'A keystream has another size.', {
    expected: `${target.byteLength} bytes`,
    received: `${keystream.length} bytes`,
  });
  addBytes(target, [{ bytes: keystream, sign }], ring);
}

/** target + other, in place. @throws `secagg.wrong-ring` when lengths differ. */
export function addVector(target: RingVector, other: RingVector, ring: Ring): void {
  checkPair(target, other, ring);
  addBytes(target, [{ bytes: bytesOf(other), sign: 1 }], ring);
}

/** target − other, in place. @throws `secagg.wrong-ring` when lengths differ. */
export function subtractVector(target: RingVector, other: RingVector, ring: Ring): void {
  checkPair(target, other, ring);
  addBytes(target, [{ bytes: bytesOf(other), sign: -1 }], ring);
}

function addBytes(target: RingVector, terms: readonly Term[], ring: Ring): void {
  const mask = wordMask(ring);
  const kernels = wordKernels();
  if (kernels !== undefined) addTerms(kernels, target, terms, mask);
  else addTermsPlainly(target, terms, mask);
}

/** What `addTerms` of native/words.ts does, in JavaScript: its reference, and its stand-in where there is no SIMD. */
export function addTermsPlainly(target: RingVector, terms: readonly Term[], mask: number): void {
  for (const { bytes, sign } of terms) {
    const aligned = bytes.byteOffset % target.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
    const { buffer, byteOffset } = aligned;
    const words =
      target instanceof Uint16Array
        ? new Int16Array(buffer, byteOffset, target.length)
        : new Int32Array(buffer, byteOffset, target.length);
    for (let i = 0; i < target.length; i++) target[i] = (target[i]! + sign * words[i]!) & mask;
  }
}

function bytesOf(vector: RingVector): Uint8Array<ArrayBuffer> {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

function checkPair(target: RingVector, other: RingVector, ring: Ring): void {
  checkWords(target, ring);
  checkWords(other, ring);
  check(target.length === other.length, 'secagg.wrong-ring', 'Two vectors differ in length.', {
    expected: `${target.length} elements`,
    received: String(other.length),
  });
}

/** @throws `secagg.wrong-ring` when the vector's words are not those of the ring. */
export function checkWords(vector: RingVector, ring: Ring): void {
  check(vector.BYTES_PER_ELEMENT === wordBytes(ring), 'secagg.wrong-ring', 'A vector is of another ring.', {
    expected: `words of ${wordBytes(ring)} bytes for ${ring.bits} bits`,
    received: `words of ${vector.BYTES_PER_ELEMENT} bytes`,
  });
}
