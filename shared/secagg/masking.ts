import { release } from './release.ts';
import { addKeystream, type RingVector, wordBytes } from './ring.ts';
import type { CryptoSuite } from './suite.ts';
import type { Ring } from './types.ts';

/**
 * Elements expanded at once: 1 or 2 MB of keystream. Smaller ones wait for WebCrypto more often than they work, larger ones
 * take memory and no less time.
 */
export const CHUNK_ELEMENTS = 1 << 19;

/** One mask: the keystream under `key`, added or taken off. */
export interface Mask {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly sign: 1 | -1;
}

/**
 * target += Σ sign · keystream, in place, where target[0] is element `offset` of the masked vector. Memory stays flat: two
 * chunks of keystream, of which one is expanded while the other is added.
 */
export async function applyMasks(
  target: RingVector,
  masks: readonly Mask[],
  offset: number,
  ring: Ring,
  suite: CryptoSuite,
): Promise<void> {
  const word = wordBytes(ring);
  const turns = Math.ceil(target.length / CHUNK_ELEMENTS) * masks.length;
  const startOf = (turn: number): number => Math.floor(turn / masks.length) * CHUNK_ELEMENTS;
  const expand = (turn: number): Promise<Uint8Array<ArrayBuffer>> | undefined => {
    if (turn >= turns) return undefined;
    const start = startOf(turn);
    const length = Math.min(CHUNK_ELEMENTS, target.length - start);
    return suite.keystream(masks[turn % masks.length]!.key, (offset + start) * word, length * word);
  };
  let next = expand(0);
  for (let turn = 0; next !== undefined; turn++) {
    const stream = await next;
    next = expand(turn + 1);
    const chunk = target.subarray(startOf(turn), startOf(turn) + CHUNK_ELEMENTS) as RingVector;
    addKeystream(chunk, stream, ring, masks[turn % masks.length]!.sign);
    release(stream);
  }
}
