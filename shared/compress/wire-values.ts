import { check } from '../errors/index.ts';
import type { Encoding } from './encoding-with.ts';
import { packBits, packedLength, unpackSigned } from './pack-bits.ts';
import { decodeIntegers, encodeIntegers } from './range-coder.ts';

/** What the first byte of coded values says. */
const PACKED = 0;
const CODED = 1;

/**
 * Integers of a slice or of a sum in the bytes that travel where nothing is masked: as wide as the lattice's ring, and 32 bits without
 * one. What a sum has beyond the ring wraps, as it does where it is masked. With entropy coding a byte says which is
 * shorter, packed or coded. SPEC R-20, Z-07, Z-12.
 */
export function packValues(values: Int32Array<ArrayBuffer>, encoding: Encoding): Uint8Array<ArrayBuffer> {
  const packed = packBits(values, wireBits(encoding));
  if (!isCoded(encoding)) return packed;
  const coded = encodeIntegers(unpackSigned(packed, values.length, wireBits(encoding)));
  return coded.length < packed.length ? tagged(CODED, coded) : tagged(PACKED, packed);
}

/**
 * The inverse of {@link packValues}, from any offset.
 * @throws `update.wrong-length` for other bytes than `length` numbers take.
 */
export function unpackValues(bytes: Uint8Array, length: number, encoding: Encoding): Int32Array<ArrayBuffer> {
  const bits = wireBits(encoding);
  if (!isCoded(encoding)) return unpackSigned(bytes, length, bits);
  const content = bytes.subarray(1);
  if (bytes[0] === PACKED) return unpackSigned(content, length, bits);
  check(bytes[0] === CODED, 'update.wrong-length', 'A slice is coded in an unknown way.', {
    expected: `${PACKED} or ${CODED} in its first byte`,
    received: String(bytes[0]),
  });
  const values = decodeIntegers(content, length);
  const largest = 2 ** (bits - 1);
  check(
    values.every((value) => value >= -largest && value < largest),
    'update.wrong-length',
    'A coded number is beyond its width.',
    { expected: `${bits} bits` },
  );
  return values;
}

/** Whether `length` numbers can have come in so many bytes. */
export function fitsValues(byteLength: number, length: number, encoding: Encoding): boolean {
  const packed = packedLength(length, wireBits(encoding));
  return isCoded(encoding) ? byteLength >= 1 && byteLength <= packed + 1 : byteLength === packed;
}

function wireBits(encoding: Encoding) {
  return encoding.kind === 'lattice' ? encoding.bits : 32;
}

function isCoded(encoding: Encoding): boolean {
  return encoding.kind === 'lattice' && encoding.isCoded;
}

function tagged(tag: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(content.length + 1);
  bytes[0] = tag;
  bytes.set(content, 1);
  return bytes;
}
