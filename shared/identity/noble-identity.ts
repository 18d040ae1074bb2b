import { ed25519 } from '@noble/curves/ed25519.js';
import type { CryptoRandom } from '../random/index.ts';
import type { Identity } from './identity.ts';
import { participantIdOf } from './participant-id.ts';

/**
 * An identity whose private key lives in this process's memory: for Node, for tests, and for browsers whose
 * WebCrypto has no Ed25519. Gone when the process ends.
 */
export function createNobleIdentity(random: CryptoRandom): Identity {
  return nobleIdentity(random.bytes(32));
}

/** @param privateKey a 32-byte Ed25519 seed (RFC 8032, section 5.1.5); not copied, and must not change. */
export function nobleIdentity(privateKey: Uint8Array<ArrayBuffer>): Identity {
  const publicKey = new Uint8Array(ed25519.getPublicKey(privateKey));
  return {
    id: participantIdOf(publicKey),
    publicKey,
    sign: (message) => Promise.resolve(new Uint8Array(ed25519.sign(message, privateKey))),
  };
}
