import { sha256 } from '@noble/hashes/sha2.js';
import { MurmurationError } from '../errors/index.ts';
import { type Identity, participantIdOf } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { CryptoSuite } from '../secagg/index.ts';

/**
 * Cryptography for thousands of simulated rounds: the same shapes and failures as the real suites (the contract suite
 * runs on all of them), and no security at all. Agreement is Diffie-Hellman modulo 2^31 − 1; keystreams, tags and
 * signatures are a hash of 128 bits that anyone could compute.
 */
export function toySuite(random: CryptoRandom): CryptoSuite {
  return {
    name: 'toy',
    async createAgreementKeys() {
      const secret = random.bytes(32);
      return { secret, publicKey: publicKeyOf(secret) };
    },
    publicKeyOf: async (secret) => publicKeyOf(secret),
    async agree(secret, publicKey) {
      const base = new DataView(publicKey.buffer, publicKey.byteOffset).getUint32(0);
      if (base <= 1) throw new MurmurationError('secagg.bad-key', 'A public key is of small order.');
      return expanded(hashOf([numberBytes(power(base, exponentOf(secret)))]), 32);
    },
    async seal(key, plain, associated) {
      const sealed = new Uint8Array(plain.length + TAG_BYTES);
      sealed.set(covered(key, plain));
      sealed.set(tagOf(key, plain, associated), plain.length);
      return sealed;
    },
    async open(key, sealed, associated) {
      const plain = covered(key, sealed.subarray(0, Math.max(0, sealed.length - TAG_BYTES)));
      const tag = tagOf(key, plain, associated);
      if (sealed.length < TAG_BYTES || !tag.every((byte, i) => byte === sealed[plain.length + i]))
        throw new MurmurationError('secagg.bad-share', 'A sealed box does not open.');
      return plain;
    },
    keystream: async (key, offset, length) => stretch(hashOf([key]), offset, length),
    digest: async (message) => new Uint8Array(sha256(message)),
    verify: async (publicKey, message, signature) => {
      const expected = toySignature(publicKey, message);
      return signature.length === 64 && expected.every((byte, i) => byte === signature[i]);
    },
  };
}

/** An identity that {@link toySuite} believes. @param seed 32 bytes. */
export function toyIdentity(seed: Uint8Array): Identity {
  const publicKey = new Uint8Array(sha256(seed));
  return {
    id: participantIdOf(publicKey),
    publicKey,
    sign: async (message) => toySignature(publicKey, message),
  };
}

/** What the holder of this public key would sign: liars sign what they say. */
export function toySignature(publicKey: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return expanded(hashOf([publicKey, message]), 64);
}

const TAG_BYTES = 16;
const PRIME = 2 ** 31 - 1;
const GENERATOR = 7;

function publicKeyOf(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(32);
  key.set(numberBytes(power(GENERATOR, exponentOf(secret))));
  return key;
}

function exponentOf(secret: Uint8Array): number {
  return 1 + (hashOf([secret])[0]! % (PRIME - 2));
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base % PRIME, rest = exponent; rest > 0; rest >>>= 1, square = product(square, square))
    if (rest & 1) result = product(result, square);
  return result;
}

/** a · b modulo 2^31 − 1, in halves that doubles hold exactly: 2^31 · 2^16 < 2^53. */
function product(a: number, b: number): number {
  const high = (a * (b >>> 16)) % PRIME;
  return (high * 65_536 + a * (b & 65_535)) % PRIME;
}

function numberBytes(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function covered(key: Uint8Array, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const stream = stretch(hashOf([key, new Uint8Array(1)]), 0, bytes.length);
  return stream.map((byte, i) => byte ^ bytes[i]!);
}

function tagOf(key: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array<ArrayBuffer> {
  return expanded(hashOf([key, plain, associated]), TAG_BYTES);
}

type Hash = readonly [number, number, number, number];

/** Four lanes of multiply and shift (as MurmurHash3 mixes), lengths included. */
function hashOf(parts: readonly Uint8Array[]): Hash {
  let [a, b, c, d] = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];
  const take = (word: number): void => {
    a = Math.imul(a ^ word, 0xcc9e2d51);
    a ^= a >>> 15;
    b = Math.imul(b ^ a, 0x1b873593) + word;
    b ^= b >>> 13;
    c = Math.imul(c + b, 0x2c1b3c6d) ^ word;
    c ^= c >>> 12;
    d = Math.imul(d ^ c, 0x297a2d39) + a;
    d ^= d >>> 15;
  };
  for (const part of parts) {
    for (const byte of part) take(byte);
    take(part.length + 256);
  }
  for (let i = 0; i < 4; i++) take(d);
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
}

function expanded(hash: Hash, length: number): Uint8Array<ArrayBuffer> {
  return stretch(hash, 0, length);
}

/** Bytes `offset` to `offset + length` of the stream that follows from a hash: block i is a mix of it with i. */
function stretch(hash: Hash, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; ) {
    const block = Math.floor((offset + i) / 4);
    let word = Math.imul(hash[0] ^ block, 0x7feb352d) ^ hash[1];
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b) + hash[2];
    word = Math.imul(word ^ (word >>> 16), 0x2c1b3c6d) ^ hash[3];
    word ^= word >>> 13;
    for (let at = (offset + i) % 4; at < 4 && i < length; at++, i++) bytes[i] = (word >>> (8 * at)) & 255;
  }
  return bytes;
}
