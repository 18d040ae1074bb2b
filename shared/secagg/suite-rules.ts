import { checkInteger, MurmurationError } from '../errors/index.ts';

/** What both suites agree on, so that they give the same bytes and the same errors. */

/** Every key seals one message only, so that one nonce serves all (NIST SP 800-38D, section 8: unique per key). */
export const GCM_NONCE = new Uint8Array(12);

const BLOCK_BYTES = 16;

/** @returns the block in which the stretch begins, and how many bytes of it come before. */
export function checkStretch(offset: number, length: number): { block: number; skip: number } {
  checkInteger('keystream offset in bytes', offset, 0, 2 ** 40);
  checkInteger('keystream length in bytes', length, 0, 2 ** 31 - 1 - BLOCK_BYTES);
  return { block: Math.floor(offset / BLOCK_BYTES), skip: offset % BLOCK_BYTES };
}

/** The counter block (NIST SP 800-38A, section 6.5) of `block`: big-endian, from zero. */
export function counterAt(block: number): Uint8Array<ArrayBuffer> {
  const counter = new Uint8Array(BLOCK_BYTES);
  new DataView(counter.buffer).setBigUint64(8, BigInt(block));
  return counter;
}

export function badKey(cause?: unknown): MurmurationError {
  return new MurmurationError('secagg.bad-key', 'A key cannot be agreed with.', {
    expected: 'an X25519 public key that is not of small order',
    cause,
  });
}

export function badBox(cause?: unknown): MurmurationError {
  return new MurmurationError('secagg.bad-share', 'Sealed shares do not open.', {
    expected: 'what their dealer sealed for this participant in this attempt',
    cause,
  });
}
