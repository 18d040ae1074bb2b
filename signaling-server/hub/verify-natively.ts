import { createPublicKey, verify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';

/** SubjectPublicKeyInfo of an Ed25519 key, up to the key itself (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * As `verifySignature` of shared/identity for whoever proves its own key to this server, five times as fast: OpenSSL computes, and
 * what it lets pass is checked beside it. It takes keys of small order, under which a signature holds for any statement, and encodings
 * that are not canonical. Whatever this accepts, `verifySignature` accepts; it may refuse a key that nobody makes by RFC 8032.
 */
export function verifyNatively(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64 || !isSound(publicKey)) return false;
  const spki = Buffer.concat([SPKI_PREFIX, publicKey]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

function isSound(publicKey: Uint8Array): boolean {
  try {
    return !ed25519.Point.fromBytes(publicKey, false).isSmallOrder();
  } catch {
    return false; // no point of the curve, or not as RFC 8032 writes it
  }
}
