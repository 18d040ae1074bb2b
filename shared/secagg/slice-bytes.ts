import { sliceLengths } from './attempt-plan.ts';
import { packRing, type RingVector } from './ring.ts';
import { SLICE_DIGEST_BYTES } from './signing.ts';
import type { CryptoSuite } from './suite.ts';
import type { SecureParameters } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A masked vector as the slices that are sent, each in memory of its own so that it can be transferred. */
export function cut(vector: RingVector, parameters: SecureParameters): Bytes[] {
  const { offset, length } = sliceLengths(parameters);
  return Array.from({ length: parameters.sliceCount }, (_, slice) => {
    const start = offset(slice);
    return packRing(vector.slice(start, start + length(slice)) as RingVector, parameters.ring);
  });
}

/** SHA-256 of each packed slice, cut to 16 bytes, one after the other. */
export async function sliceDigests(slices: readonly Bytes[], suite: CryptoSuite): Promise<Bytes> {
  const digests = new Uint8Array(slices.length * SLICE_DIGEST_BYTES);
  for (const [i, slice] of slices.entries())
    digests.set((await suite.digest(slice)).subarray(0, SLICE_DIGEST_BYTES), i * SLICE_DIGEST_BYTES);
  return digests;
}
