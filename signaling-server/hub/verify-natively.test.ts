import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { nobleIdentity, verifySignature } from '../../shared/identity/index.ts';
import { verifyNatively } from './verify-natively.ts';

const identityOf = (seed: number) => nobleIdentity(new Uint8Array(32).fill(seed));
const message = new TextEncoder().encode('hello');
const identity = identityOf(1);
const signature = await identity.sign(message);
/** The order of the base point, little-endian (RFC 8032, section 5.1). */
const ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

test('I-02: accepts what a key signed, whoever signed it', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const other = identityOf(seed);
    expect(verifyNatively(other.publicKey, message, await other.sign(message))).toBe(true);
  }
});

const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** A point that is its own sum: [S]B = R + [k]A holds with S = 1 and R = B, whatever k is. */
const anyStatement = new Uint8Array([...ed25519.Point.BASE.toBytes(), 1, ...new Uint8Array(31)]);
const identityPoint = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0));
/** y = 2^255 − 18 is 1 modulo the prime: the same point, written in another way. */
const notCanonical = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0xee : i === 31 ? 0x7f : 0xff));

describe('refuses', () => {
  test.each<[string, Uint8Array, Uint8Array, Uint8Array]>([
    ['another message', identity.publicKey, flipped(message, 0), signature],
    ['another R', identity.publicKey, message, flipped(signature, 0)],
    ['another S', identity.publicKey, message, flipped(signature, 32)],
    ["another's key", identityOf(2).publicKey, message, signature],
    ['S and the order of the group more', identity.publicKey, message, malleable(signature)],
    ['a key of small order, for any statement', identityPoint, message, anyStatement],
    ['a key that is not canonical', notCanonical, message, anyStatement],
    ['a key that is no point', new Uint8Array(32).fill(2), message, signature],
    ['a key of another length', identity.publicKey.subarray(1), message, signature],
    ['a signature of another length', identity.publicKey, message, signature.subarray(1)],
  ])('%s, as the strict verification does', (_, key, statement, shown) => {
    expect(verifyNatively(key, statement, shown)).toBe(false);
    expect(verifySignature(key, statement, shown)).toBe(false);
  });
});

function malleable(from: Uint8Array): Uint8Array {
  let s = from.subarray(32).reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n) + ORDER;
  const changed = from.slice();
  for (let i = 32; i < 64; i++, s >>= 8n) changed[i] = Number(s & 255n);
  return changed;
}
