import { hexToBytes } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { webCryptoRandom } from '../random/index.ts';
import {
  createNobleIdentity,
  fromBase64Url,
  isParticipantId,
  nobleIdentity,
  participantIdOf,
  participantIdToBytes,
  toBase64Url,
  verifySignature,
} from './index.ts';

const bytesOf = (hex: string) => new Uint8Array(hexToBytes(hex));
// RFC 8032, section 7.1, TEST 3
const rfc = {
  privateKey: bytesOf('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'),
  publicKey: bytesOf('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
  message: bytesOf('af82'),
  signature: bytesOf(
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ),
};

test('base64url agrees with the vectors of RFC 4648, section 10, without padding', () => {
  for (const [plain, encoded] of [
    ['', ''],
    ['f', 'Zg'],
    ['fo', 'Zm8'],
    ['foo', 'Zm9v'],
    ['foobar', 'Zm9vYmFy'],
  ] as const) {
    const bytes = new TextEncoder().encode(plain);
    expect(toBase64Url(bytes)).toBe(encoded);
    expect(fromBase64Url(encoded)).toEqual(bytes);
  }
  expect(toBase64Url(new Uint8Array([0xfb, 0xff]))).toBe('-_8');
});

test('base64url refuses padding, foreign characters, impossible lengths and unused bits', () => {
  for (const text of ['Zg==', 'Z+', 'Z', 'Zh']) expect(() => fromBase64Url(text)).toThrow(/base64url/);
});

test('base64url carries more bytes than a call takes arguments', () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i);
  expect(Buffer.compare(fromBase64Url(toBase64Url(bytes)), bytes)).toBe(0);
});

test('the noble identity signs as RFC 8032 says', async () => {
  const identity = nobleIdentity(rfc.privateKey);
  expect(identity.publicKey).toEqual(rfc.publicKey);
  expect(await identity.sign(rfc.message)).toEqual(rfc.signature);
});

test('I-01: a participant id is the first 16 bytes of the SHA-256 of the key', async () => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', rfc.publicKey));
  const id = participantIdOf(rfc.publicKey);
  expect(id).toBe(Buffer.from(digest.subarray(0, 16)).toString('base64url'));
  expect(isParticipantId(id)).toBe(true);
  expect(participantIdToBytes(id)).toEqual(digest.subarray(0, 16));
  expect(() => participantIdOf(rfc.publicKey.subarray(1))).toThrow(/publicKey/);
});

test('I-03: a signature holds for its key and message only', async () => {
  expect(verifySignature(rfc.publicKey, rfc.message, rfc.signature)).toBe(true);
  const other = createNobleIdentity(webCryptoRandom(crypto));
  expect(verifySignature(other.publicKey, rfc.message, rfc.signature)).toBe(false);
  expect(verifySignature(rfc.publicKey, bytesOf('af83'), rfc.signature)).toBe(false);
  expect(verifySignature(rfc.publicKey, rfc.message, rfc.signature.subarray(1))).toBe(false);
  expect(verifySignature(rfc.publicKey.subarray(1), rfc.message, rfc.signature)).toBe(false);
  expect(verifySignature(new Uint8Array(32).fill(255), rfc.message, rfc.signature)).toBe(false);
});

test('I-03: a key of small order, under which anyone could forge, is refused', () => {
  // The identity point as key, with R = identity and s = 0, satisfies the cofactored equation for any message.
  const identityPoint = new Uint8Array(32);
  identityPoint[0] = 1;
  const signature = new Uint8Array(64);
  signature[0] = 1;
  expect(verifySignature(identityPoint, rfc.message, signature)).toBe(false);
});

test('WebCrypto accepts what the noble identity signs', async () => {
  const identity = createNobleIdentity(webCryptoRandom(crypto));
  const message = new TextEncoder().encode('a message');
  const key = await crypto.subtle.importKey('raw', identity.publicKey, 'Ed25519', false, ['verify']);
  expect(await crypto.subtle.verify('Ed25519', key, await identity.sign(message), message)).toBe(true);
});
