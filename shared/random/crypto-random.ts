/**
 * Cryptographic randomness, supplied by the host (WebCrypto in browsers, node:crypto on servers).
 * Ids, keys, nonces, noise and cohort sampling draw from this type only; a {@link SeededRandom} does not fit.
 */
export interface CryptoRandom {
  readonly kind: 'crypto';
  /** @returns `length` fresh unpredictable bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

interface WebCryptoLike {
  getRandomValues(array: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

/** getRandomValues refuses more than this many bytes at once (Web Cryptography API, section 10.1.1). */
const MAX_BYTES_PER_CALL = 65_536;

export function webCryptoRandom(crypto: WebCryptoLike): CryptoRandom {
  return {
    kind: 'crypto',
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let start = 0; start < length; start += MAX_BYTES_PER_CALL) {
        crypto.getRandomValues(bytes.subarray(start, Math.min(length, start + MAX_BYTES_PER_CALL)));
      }
      return bytes;
    },
  };
}
