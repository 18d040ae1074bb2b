import { ctr, gcm } from '@noble/ciphers/aes.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

import { verifySignature } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { CryptoSuite } from './suite.ts';
import { badBox, badKey, checkStretch, counterAt, GCM_NONCE } from './suite-rules.ts';

/** The suite in JavaScript, for hosts whose WebCrypto lacks an algorithm or that have none (insecure contexts). */
export function nobleSuite(random: CryptoRandom): CryptoSuite {
  const publicKeyOf = async (secret: Uint8Array<ArrayBuffer>) => new Uint8Array(x25519.getPublicKey(secret));
  return {
    name: 'noble',
    publicKeyOf,
    async createAgreementKeys() {
      const secret = random.bytes(32);
      return { secret, publicKey: await publicKeyOf(secret) };
    },
    async agree(secret, publicKey) {
      try {
        return new Uint8Array(x25519.getSharedSecret(secret, publicKey));
      } catch (cause) {
        throw badKey(cause);
      }
    },
    seal: async (key, plain, associated) => new Uint8Array(gcm(key, GCM_NONCE, associated).encrypt(plain)),
    async open(key, sealed, associated) {
      try {
        return new Uint8Array(gcm(key, GCM_NONCE, associated).decrypt(sealed));
      } catch (cause) {
        throw badBox(cause);
      }
    },
    async keystream(key, offset, length) {
      const { block, skip } = checkStretch(offset, length);
      const zeros = new Uint8Array(skip + length);
      return new Uint8Array(ctr(key, counterAt(block)).encrypt(zeros)).subarray(skip);
    },
    digest: async (message) => new Uint8Array(sha256(message)),
    verify: async (publicKey, message, signature) => verifySignature(publicKey, message, signature),
  };
}
