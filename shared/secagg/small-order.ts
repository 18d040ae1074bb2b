import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/**
 * Points of small order give everyone the same shared secret, or let anyone sign: none of them is a key. Their
 * coordinates are derived from the eight points of the Edwards curve; u = (1 + y) / (1 − y) is the Montgomery form
 * (RFC 7748, section 4.1), and −1 is the one u of small order on the twist.
 */
const { Fp } = ed25519.Point;
const SMALL_Y = new Set(ED25519_TORSION_SUBGROUP.map((hex) => ed25519.Point.fromHex(hex).y));
const SMALL_U = new Set([
  Fp.ORDER - 1n,
  ...[...SMALL_Y].map((y) => (y === 1n ? 0n : Fp.div(Fp.add(Fp.ONE, y), Fp.sub(Fp.ONE, y)))),
]);

/** Whether these are the 32 bytes of an X25519 key in its one canonical form, not of small order. */
export function isCanonicalAgreementKey(key: Uint8Array): boolean {
  if (key.length !== 32) return false;
  const u = littleEndian(key);
  return u < Fp.ORDER && !SMALL_U.has(u);
}

/** Whether 32 bytes may be an Ed25519 key (RFC 8032, section 5.1.3): canonical, and y not of small order. */
export function isCanonicalSigningKey(key: Uint8Array): boolean {
  if (key.length !== 32) return false;
  const y = littleEndian(key) & ((1n << 255n) - 1n); // the top bit is the sign of x
  return y < Fp.ORDER && !SMALL_Y.has(y);
}

function littleEndian(key: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(key.slice().reverse())}`);
}
