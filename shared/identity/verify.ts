import { ed25519 } from '@noble/curves/ed25519.js';

/**
 * Strict Ed25519 verification (RFC 8032, section 5.1.7, canonical encodings only), so that every host agrees
 * on which signatures hold.
 * @returns false for a wrong signature and for a key or signature that is not well-formed; never throws.
 */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false; // bytes that are no point of the curve: as wrong as any other wrong signature
  }
}
