import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import { createNobleIdentity } from '../identity/index.ts';
import { webCryptoRandom } from '../random/index.ts';
import { isCanonicalAgreementKey, isCanonicalSigningKey } from './small-order.ts';
import { publishedFigures, suiteContract } from './suite-contract.ts';
import { nobleSuite } from './suite-noble.ts';
import { bestSuite, type WebCrypto, webSuite } from './suite-web.ts';
import { repeatableRandom } from './testing.ts';

const random = webCryptoRandom(crypto);
const identity = createNobleIdentity(random);
const web = () => webSuite(crypto);
const noble = () => nobleSuite(random);
const hex = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(hexToBytes(text));

/** A browser of some years ago: WebCrypto knows AES and SHA-256 only. */
const oldCrypto: WebCrypto = {
  getRandomValues: (array) => crypto.getRandomValues(array),
  subtle: {
    importKey: (format, data, algorithm, extractable, usages) =>
      algorithm === 'X25519' || algorithm === 'Ed25519'
        ? Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
        : crypto.subtle.importKey(format, data, algorithm, extractable, usages),
    encrypt: (algorithm, key, data) => crypto.subtle.encrypt(algorithm, key as CryptoKey, data),
    decrypt: (algorithm, key, data) => crypto.subtle.decrypt(algorithm, key as CryptoKey, data),
    deriveBits: () => Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError')),
    digest: (algorithm, data) => crypto.subtle.digest(algorithm, data),
    verify: () => Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError')),
  },
};

for (const [name, make] of [
  ['WebCrypto', web],
  ['noble', noble],
  ['the best of both', () => bestSuite(oldCrypto, random)],
] as const) {
  suiteContract(name, make, identity);
  publishedFigures(name, make);
}

describe('both suites', () => {
  test('give the same bytes', async () => {
    const inputs = repeatableRandom('suites');
    for (let i = 0; i < 10; i++) {
      const [key, secret, plain, label] = [32, 32, 100, 30].map((length) => inputs.bytes(length));
      const publicKey = await noble().publicKeyOf(inputs.bytes(32));
      expect(await web().publicKeyOf(secret!)).toEqual(await noble().publicKeyOf(secret!));
      expect(await web().agree(secret!, publicKey)).toEqual(await noble().agree(secret!, publicKey));
      const sealed = await web().seal(key!, plain!, label!);
      expect(await noble().seal(key!, plain!, label!)).toEqual(sealed);
      expect(await noble().open(key!, sealed, label!)).toEqual(plain);
      // From block 2^32 on the counter needs more than 32 bits.
      for (const offset of [0, 7, 2 ** 36 - 20, 2 ** 36 + 5])
        expect(await web().keystream(key!, offset, 77)).toEqual(await noble().keystream(key!, offset, 77));
    }
  });

  test('X25519: refuse every point of small order (RFC 7748, section 6.1)', async () => {
    const p = 2n ** 255n - 19n;
    const bytesOf = (u: bigint) => hex(u.toString(16).padStart(64, '0')).reverse();
    const order8 = [
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    ].map(hex);
    for (const key of [bytesOf(0n), bytesOf(1n), bytesOf(p - 1n), bytesOf(p), bytesOf(p + 1n), ...order8]) {
      expect(isCanonicalAgreementKey(key)).toBe(false);
      for (const suite of [web(), noble()]) {
        const { secret } = await suite.createAgreementKeys();
        await expect(suite.agree(secret, key)).rejects.toMatchObject({ code: 'secagg.bad-key' });
      }
    }
    const { publicKey } = await web().createAgreementKeys();
    expect(isCanonicalAgreementKey(publicKey)).toBe(true);
    expect(isCanonicalAgreementKey(publicKey.subarray(1))).toBe(false);
    expect(isCanonicalAgreementKey(bytesOf(p + 9n))).toBe(false); // the base point once more
  });

  test('Ed25519: refuse keys of small order, with which anyone could sign', async () => {
    const message = new TextEncoder().encode('anything');
    for (const point of ED25519_TORSION_SUBGROUP) {
      const key = hex(point);
      // R = 0 · B and s = 0 fit the cofactored equation for every message.
      const signature = concatBytes(ed25519.Point.ZERO.toBytes(), new Uint8Array(32));
      expect(isCanonicalSigningKey(key)).toBe(false);
      for (const suite of [web(), noble()]) expect(await suite.verify(key, message, signature)).toBe(false);
    }
  });

  test('Ed25519: decide alike on a key with a part of small order', async () => {
    const { Point } = ed25519;
    const message = new TextEncoder().encode('torsion');
    const [a, r] = [12345n, 67890n];
    const key = Point.BASE.multiply(a).add(Point.fromHex(ED25519_TORSION_SUBGROUP[1]!)).toBytes();
    const R = Point.BASE.multiply(r).toBytes();
    const digest = sha512(concatBytes(R, key, message)).toReversed();
    const k = Point.Fn.create(BigInt(`0x${bytesToHex(digest)}`));
    const s = Point.Fn.add(r, Point.Fn.mul(k, a));
    const signature = concatBytes(R, hex(s.toString(16).padStart(64, '0')).reverse());
    // OpenSSL alone refuses it: k · T is not zero there.
    const imported = await crypto.subtle.importKey('raw', key.slice(), 'Ed25519', false, ['verify']);
    expect(await crypto.subtle.verify('Ed25519', imported, signature.slice(), message)).toBe(false);
    expect(await web().verify(key, message, signature)).toBe(await noble().verify(key, message, signature));
  });

  test('Ed25519: refuse the second form of a signature, s + L (RFC 8032, section 8.4)', async () => {
    const message = new TextEncoder().encode('malleable');
    const signature = await identity.sign(message);
    const s = BigInt(`0x${bytesToHex(signature.slice(32).reverse())}`) + ed25519.Point.Fn.ORDER;
    const second = concatBytes(signature.subarray(0, 32), hex(s.toString(16).padStart(64, '0')).reverse());
    for (const suite of [web(), noble()])
      expect(await suite.verify(identity.publicKey, message, second)).toBe(false);
  });
});

describe('the best suite', () => {
  test('takes all of WebCrypto where it is there, what there is of it, or none', async () => {
    expect((await bestSuite(crypto, random)).name).toBe('webcrypto');
    expect((await bestSuite(oldCrypto, random)).name).toBe('webcrypto');
    const insecure = { getRandomValues: (array: Uint8Array<ArrayBuffer>) => array };
    expect((await bestSuite(insecure, random)).name).toBe('noble');
    expect((await bestSuite(undefined, random)).name).toBe('noble');
    expect(() => webSuite(insecure)).toThrow(/secure contexts/);
  });

  test('draws secrets from the generator of its host', async () => {
    const suite = await bestSuite(undefined, repeatableRandom('keys'));
    const { secret, publicKey } = await suite.createAgreementKeys();
    expect(secret).toEqual(repeatableRandom('keys').bytes(32));
    expect(publicKey).toEqual(await web().publicKeyOf(secret));
  });

  test.each([
    [-1, 10],
    [0.5, 10],
    [0, -1],
    [2 ** 41, 10],
  ])('a keystream from %d of %d bytes is refused', async (offset, length) => {
    for (const suite of [web(), noble()])
      await expect(suite.keystream(new Uint8Array(32), offset, length)).rejects.toMatchObject({
        code: 'argument.invalid',
      });
  });
});
