import { verifySignature } from '../identity/index.ts';
import { type CryptoRandom, webCryptoRandom } from '../random/index.ts';
import { isCanonicalSigningKey } from './small-order.ts';
import type { CryptoSuite } from './suite.ts';
import { nobleSuite } from './suite-noble.ts';
import { badBox, badKey, checkStretch, counterAt, GCM_NONCE } from './suite-rules.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Usage = 'encrypt' | 'decrypt' | 'deriveBits' | 'verify';
/** A CryptoKey: nobody looks into it. */
type Key = object;

/** What is used of the Web Cryptography API: `globalThis.crypto` of browsers, workers and Node fits. */
export interface WebCrypto {
  getRandomValues(array: Bytes): Bytes;
  /** Missing in insecure contexts. */
  readonly subtle?: WebSubtle;
}
interface WebSubtle {
  importKey(
    format: 'raw' | 'pkcs8',
    data: Bytes,
    algorithm: string,
    extractable: boolean,
    usages: Usage[],
  ): Promise<Key>;
  encrypt(algorithm: CtrParameters | GcmParameters, key: Key, data: Bytes): Promise<ArrayBuffer>;
  decrypt(algorithm: GcmParameters, key: Key, data: Bytes): Promise<ArrayBuffer>;
  deriveBits(algorithm: { name: 'X25519'; public: Key }, key: Key, length: number): Promise<ArrayBuffer>;
  digest(algorithm: 'SHA-256', data: Bytes): Promise<ArrayBuffer>;
  verify(algorithm: 'Ed25519', key: Key, signature: Bytes, data: Bytes): Promise<boolean>;
}
interface CtrParameters {
  name: 'AES-CTR';
  counter: Bytes;
  length: number;
}
interface GcmParameters {
  name: 'AES-GCM';
  iv: Bytes;
  additionalData: Bytes;
}

/** DER of an X25519 private key up to its 32 raw bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32];
/** The base point (RFC 7748, section 4.1): agreeing with it gives one's own public key. */
const BASE_POINT = Uint8Array.of(9, ...new Array<number>(31).fill(0));

/** The suite of the browser or Node, at the speed of the machine. Needs a secure context. */
export function webSuite(crypto: WebCrypto): CryptoSuite {
  const { agreement, ...rest } = partsOf(crypto, subtleOf(crypto));
  return { name: 'webcrypto', ...agreement, ...rest.aead, ...rest.keystream, ...rest.digest, ...rest.verify };
}

/**
 * Each algorithm from WebCrypto where it works (tried once), else from noble: X25519 and Ed25519 are missing from older
 * browsers, all of them from insecure contexts. The bytes are the same.
 */
export async function bestSuite(crypto: WebCrypto | undefined, random: CryptoRandom): Promise<CryptoSuite> {
  const noble = nobleSuite(random);
  if (crypto?.subtle === undefined) return noble;
  const web = partsOf(crypto, crypto.subtle);
  const key = new Uint8Array(32).fill(1);
  const message = new Uint8Array(1);
  const [agreement, aead, keystream, digest, verify] = await Promise.all([
    works(() => web.agreement.publicKeyOf(key)),
    works(async () => web.aead.open(key, await web.aead.seal(key, message, message), message)),
    works(() => web.keystream.keystream(key, 0, 1)),
    works(() => web.digest.digest(message)),
    works(() => crypto.subtle!.importKey('raw', BASE_POINT, 'Ed25519', false, ['verify'])),
  ]);
  return {
    ...noble,
    name: keystream ? 'webcrypto' : 'noble',
    ...(agreement ? web.agreement : {}),
    ...(aead ? web.aead : {}),
    ...(keystream ? web.keystream : {}),
    ...(digest ? web.digest : {}),
    ...(verify ? web.verify : {}),
  };
}

async function works(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch {
    return false; // whatever the reason, noble does it
  }
}

function subtleOf(crypto: WebCrypto): WebSubtle {
  if (crypto.subtle === undefined) throw new TypeError('WebCrypto is available in secure contexts only.');
  return crypto.subtle;
}

function partsOf(crypto: WebCrypto, subtle: WebSubtle) {
  const random = webCryptoRandom(crypto);
  // Taking in a private key costs more than agreeing with it, and one secret agrees with every neighbour.
  const secrets = new WeakMap<Bytes, Promise<Key>>();
  let zeros: Bytes = new Uint8Array(0);

  const importSecret = (secret: Bytes): Promise<Key> => {
    const known = secrets.get(secret);
    if (known !== undefined) return known;
    const encoded = new Uint8Array([...PKCS8_PREFIX, ...secret]);
    const key = subtle.importKey('pkcs8', encoded, 'X25519', false, ['deriveBits']);
    secrets.set(secret, key);
    return key.finally(() => encoded.fill(0));
  };
  const agreeRaw = async (secret: Bytes, publicKey: Bytes): Promise<Bytes> => {
    const [mine, theirs] = await Promise.all([
      importSecret(secret),
      subtle.importKey('raw', publicKey, 'X25519', true, []),
    ]);
    return new Uint8Array(await subtle.deriveBits({ name: 'X25519', public: theirs }, mine, 256));
  };

  return {
    agreement: {
      publicKeyOf: (secret: Bytes) => agreeRaw(secret, BASE_POINT),
      async createAgreementKeys() {
        const secret = random.bytes(32);
        return { secret, publicKey: await agreeRaw(secret, BASE_POINT) };
      },
      async agree(secret: Bytes, publicKey: Bytes) {
        let shared: Bytes;
        try {
          shared = await agreeRaw(secret, publicKey);
        } catch (cause) {
          throw badKey(cause);
        }
        // Early implementations did not refuse small order themselves.
        if (shared.every((byte) => byte === 0)) throw badKey();
        return shared;
      },
    },
    aead: {
      async seal(key: Bytes, plain: Bytes, associated: Bytes) {
        const imported = await subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
        return new Uint8Array(await subtle.encrypt(gcm(associated), imported, plain));
      },
      async open(key: Bytes, sealed: Bytes, associated: Bytes) {
        const imported = await subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
        try {
          return new Uint8Array(await subtle.decrypt(gcm(associated), imported, sealed));
        } catch (cause) {
          throw badBox(cause);
        }
      },
    },
    keystream: {
      async keystream(key: Bytes, offset: number, length: number) {
        const { block, skip } = checkStretch(offset, length);
        const imported = await subtle.importKey('raw', key, 'AES-CTR', false, ['encrypt']);
        if (zeros.length < skip + length) zeros = new Uint8Array(skip + length);
        const counter = counterAt(block);
        const parameters = { name: 'AES-CTR', counter, length: 64 } as const;
        const stream = await subtle.encrypt(parameters, imported, zeros.subarray(0, skip + length));
        return new Uint8Array(stream, skip);
      },
    },
    digest: {
      digest: async (message: Bytes) => new Uint8Array(await subtle.digest('SHA-256', message)),
    },
    verify: {
      /** Hosts differ on keys and signatures with a part of small order: what this one refuses, noble decides. */
      async verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) {
        if (publicKey.length !== 32 || signature.length !== 64) return false;
        if (!isCanonicalSigningKey(publicKey)) return false;
        try {
          const key = await subtle.importKey('raw', publicKey.slice(), 'Ed25519', false, ['verify']);
          if (await subtle.verify('Ed25519', key, signature.slice(), message.slice())) return true;
        } catch {
          return verifySignature(publicKey, message, signature); // bytes that are no point are refused in their own way
        }
        return verifySignature(publicKey, message, signature);
      },
    },
  };
}

function gcm(associated: Bytes): GcmParameters {
  return { name: 'AES-GCM', iv: GCM_NONCE, additionalData: associated };
}
