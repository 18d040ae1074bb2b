import { createHmac } from 'node:crypto';
import type { CryptoRandom } from '../../shared/random/index.ts';

/**
 * The same bytes for the same key, and unpredictable without it: HMAC-SHA-256 of a counter. For answers that have to come out the same when they are asked for again.
 * @param key 32 secret bytes, used for nothing else.
 */
export function keyedRandom(key: Uint8Array): CryptoRandom {
  let counter = 0n;
  return {
    kind: 'crypto',
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) {
        const place = Buffer.alloc(8);
        place.writeBigUInt64BE(counter++);
        const block = createHmac('sha256', key).update(place).digest();
        bytes.set(block.subarray(0, Math.min(32, length - at)), at);
      }
      return bytes;
    },
  };
}
