import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../identity/index.ts';
import type { CryptoSuite } from './suite.ts';

const hex = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(hexToBytes(text));
const utf8 = (text: string) => new TextEncoder().encode(text);

/** What every {@link CryptoSuite} keeps, also one that only pretends. @param identity one whose signatures it knows. */
export function suiteContract(
  name: string,
  makeSuite: () => CryptoSuite | Promise<CryptoSuite>,
  identity: Identity,
): void {
  describe(`Crypto suite contract: ${name}`, () => {
    test('two ends agree on a secret that a third does not have; a secret gives its public key', async () => {
      const suite = await makeSuite();
      const [a, b, c] = [
        await suite.createAgreementKeys(),
        await suite.createAgreementKeys(),
        await suite.createAgreementKeys(),
      ];
      const agreed = await suite.agree(a.secret, b.publicKey);
      expect(agreed).toHaveLength(32);
      expect(await suite.agree(b.secret, a.publicKey)).toEqual(agreed);
      expect(await suite.agree(c.secret, a.publicKey)).not.toEqual(agreed);
      expect(a.secret).toHaveLength(32);
      expect(a.secret).not.toEqual(b.secret);
      expect(await suite.publicKeyOf(a.secret.slice())).toEqual(a.publicKey);
    });

    test('no secret is agreed with the key of all zeros', async () => {
      const suite = await makeSuite();
      const { secret } = await suite.createAgreementKeys();
      await expect(suite.agree(secret, new Uint8Array(32))).rejects.toMatchObject({ code: 'secagg.bad-key' });
    });

    test('what was sealed opens under the same key and label, and unchanged, only', async () => {
      const suite = await makeSuite();
      const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
      const plain = utf8('three shares');
      const sealed = await suite.seal(key, plain, utf8('label'));
      expect(sealed).toHaveLength(plain.length + 16);
      expect(await suite.open(key, sealed, utf8('label'))).toEqual(plain);
      const refused = { code: 'secagg.bad-share' };
      await expect(suite.open(other, sealed, utf8('label'))).rejects.toMatchObject(refused);
      await expect(suite.open(key, sealed, utf8('another'))).rejects.toMatchObject(refused);
      await expect(suite.open(key, sealed.subarray(1), utf8('label'))).rejects.toMatchObject(refused);
      await expect(suite.open(key, new Uint8Array(3), utf8('label'))).rejects.toMatchObject(refused);
      for (let i = 0; i < sealed.length; i++) {
        const changed = sealed.slice();
        changed[i]! ^= 1;
        await expect(suite.open(key, changed, utf8('label'))).rejects.toMatchObject(refused);
      }
    });

    test('a keystream is the same from wherever it is begun', async () => {
      const suite = await makeSuite();
      const key = new Uint8Array(32).fill(3);
      const whole = await suite.keystream(key, 0, 1000);
      expect(new Set(whole).size).toBeGreaterThan(200);
      for (const [offset, length] of [
        [0, 1000],
        [16, 32],
        [1, 15],
        [15, 2],
        [333, 667],
        [1000, 0],
      ] as const)
        expect(await suite.keystream(key, offset, length)).toEqual(whole.subarray(offset, offset + length));
      // A later, longer stretch must not disturb one that was given out.
      const again = await suite.keystream(key, 0, 1000);
      await suite.keystream(key, 0, 5000);
      expect(again).toEqual(whole);
    });

    test('a signature holds for its key and message only; nonsense is refused without an error', async () => {
      const suite = await makeSuite();
      const message = utf8('message');
      const signature = await identity.sign(message);
      expect(await suite.verify(identity.publicKey, message, signature)).toBe(true);
      expect(await suite.verify(identity.publicKey, utf8('Message'), signature)).toBe(false);
      const changed = signature.slice();
      changed[40]! ^= 1;
      expect(await suite.verify(identity.publicKey, message, changed)).toBe(false);
      expect(await suite.verify(identity.publicKey, message, signature.subarray(1))).toBe(false);
      expect(await suite.verify(new Uint8Array(32).fill(255), message, signature)).toBe(false);
      expect(await suite.verify(identity.publicKey.subarray(1), message, signature)).toBe(false);
    });

    test('the digest is SHA-256 (FIPS 180-2, appendix B.1)', async () => {
      expect(await (await makeSuite()).digest(utf8('abc'))).toEqual(
        hex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'),
      );
    });
  });
}

/** Published figures: what makes two implementations give the same bytes. */
export function publishedFigures(name: string, makeSuite: () => CryptoSuite | Promise<CryptoSuite>): void {
  describe(`Published figures: ${name}`, () => {
    test('X25519: RFC 7748, section 5.2, first vector, and section 6.1', async () => {
      const suite = await makeSuite();
      expect(
        await suite.agree(
          hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
          hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
        ),
      ).toEqual(hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'));
      const [alice, bob] = [
        hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
        hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
      ];
      const alicePublic = hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
      const bobPublic = hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
      expect(await suite.publicKeyOf(alice)).toEqual(alicePublic);
      expect(await suite.publicKeyOf(bob)).toEqual(bobPublic);
      const shared = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
      expect(await suite.agree(alice, bobPublic)).toEqual(shared);
      expect(await suite.agree(bob, alicePublic)).toEqual(shared);
    });

    test('Ed25519: RFC 8032, section 7.1, tests 1 to 3', async () => {
      const suite = await makeSuite();
      for (const [key, message, signature] of [
        [
          'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
          '',
          'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
        ],
        [
          '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
          '72',
          '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
        ],
        [
          'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
          'af82',
          '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
        ],
      ] as const)
        expect(await suite.verify(hex(key), hex(message), hex(signature))).toBe(true);
    });

    test('AES-256 in counter mode: the blocks for counters 0, 1 and 2 in McGrew and Viega 2005 (GCM), test cases 13 and 14', async () => {
      const suite = await makeSuite();
      // H is the block of counter 0; the tag of an empty message that of 1; the ciphertext of a zero block that of 2.
      expect(await suite.keystream(new Uint8Array(32), 0, 48)).toEqual(
        hex(
          'dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738bcea7403d4d606b6e074ec5d3baf39d18',
        ),
      );
    });

    test('AES-256-GCM with the zero nonce: McGrew and Viega 2005, test cases 13 and 14', async () => {
      const suite = await makeSuite();
      const [key, none] = [new Uint8Array(32), new Uint8Array(0)];
      expect(await suite.seal(key, none, none)).toEqual(hex('530f8afbc74536b9a963b4f1c4cb738b'));
      expect(await suite.seal(key, new Uint8Array(16), none)).toEqual(
        hex('cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'),
      );
    });
  });
}
