import { createNobleIdentity, type Identity, participantIdOf } from '../../shared/identity/index.ts';
import { seededRandom, webCryptoRandom } from '../../shared/random/index.ts';
import { ringOf, type SecureParameters } from '../../shared/secagg/index.ts';

/** A cohort whose updates fill the 16-bit ring. */
export interface BenchCohort {
  readonly parameters: SecureParameters;
  readonly identities: readonly Identity[];
  /** Coordinates take this many bits, sign included: the most of which `size` fit 16 bits. */
  readonly quantizationBits: number;
}

export const BASE_HASH = '0'.repeat(64);
export const ATTEMPT = { term: 1, round: 1, attempt: 1 };
export const RUN = 'bench';
export const REVISION = 1;

export async function makeCohort(
  size: number,
  topology: 'mesh' | 'server',
  vectorLength: number,
): Promise<BenchCohort> {
  const identities = await Promise.all(Array.from({ length: size }, createIdentity));
  const quantizationBits = Math.floor(Math.log2((2 ** 15 - 1) / size)) + 1;
  const ring = ringOf(largestCoordinate(quantizationBits), size);
  if (ring.bits !== 16) throw new Error(`${size} updates of ${quantizationBits} bits do not fit 16 bits.`);
  const parameters: SecureParameters = {
    context: { run: RUN, attempt: ATTEMPT, federationRevision: REVISION, baseHash: BASE_HASH },
    cohort: identities.map(({ id }) => id),
    ring,
    vectorLength,
    sliceCount: topology === 'mesh' ? size : 1,
  };
  return { parameters, identities, quantizationBits };
}

/** A participant's update: uniform over all that `quantizationBits` allow. */
export function makeUpdate(seed: string, length: number, quantizationBits: number): Int32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const limit = largestCoordinate(quantizationBits);
  return Int32Array.from({ length }, () => random.below(2 * limit + 1) - limit);
}

export function largestCoordinate(quantizationBits: number): number {
  return 2 ** (quantizationBits - 1) - 1;
}

/** Who leaves: `share` of the cohort, rounded down, spread evenly; never the first. */
export function leavers(size: number, share: number): ReadonlySet<number> {
  const count = Math.floor(size * share);
  return new Set(Array.from({ length: count }, (_, i) => Math.floor(((i + 1) * size) / count) - 1));
}

/** As a browser makes its own: WebCrypto signs where it can. */
async function createIdentity(): Promise<Identity> {
  const { subtle } = globalThis.crypto;
  let pair: CryptoKeyPair;
  try {
    pair = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
  } catch (error) {
    if (error instanceof Error && error.name === 'NotSupportedError')
      return createNobleIdentity(webCryptoRandom(globalThis.crypto));
    throw error;
  }
  const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
  return {
    id: participantIdOf(publicKey),
    publicKey,
    sign: async (message) => new Uint8Array(await subtle.sign('Ed25519', pair.privateKey, message)),
  };
}
