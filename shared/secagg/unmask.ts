import { check } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { attemptPlan, checkSurvivorCount } from './attempt-plan.ts';
import { applyMasks } from './masking.ts';
import { recoverMasks } from './recover-masks.ts';
import { addVector, ringVector, toCentred, unpackRing } from './ring.ts';
import { sliceDigests } from './slice-bytes.ts';
import type { CryptoSuite } from './suite.ts';
import type { KeyAdvert, Reveal, SecureParameters, ShareCommitments } from './types.ts';

export { type SliceLengths, sliceLengths } from './attempt-plan.ts';
export { isCommitted } from './commitments.ts';
export { survivorDigest } from './signing.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** All that an owner has of one slice. */
export interface UnmaskJob {
  readonly parameters: SecureParameters;
  readonly slice: number;
  /** Of U1. */
  readonly adverts: readonly KeyAdvert[];
  /** U2. */
  readonly dealers: readonly ParticipantId[];
  /** U3. */
  readonly survivors: readonly ParticipantId[];
  /** Packed masked slices of all survivors. */
  readonly inputs: readonly {
    readonly participant: ParticipantId;
    readonly values: Uint8Array<ArrayBuffer>;
  }[];
  /** Of any holders; those that do not fit their commitments are not used. */
  readonly reveals: readonly Reveal[];
  /** Of all dealers, their signatures checked. */
  readonly shares: readonly ShareCommitments[];
}

export interface UnmaskedSlice {
  /** Centred: values, then check words. */
  readonly sum: Int32Array<ArrayBuffer>;
  /** Digests of the inputs in the order of survivors, 16 bytes each. */
  readonly digests: Uint8Array<ArrayBuffer>;
}

/**
 * Adds up one slice and takes off the masks: of survivors the self masks, of those who left the masks they shared with
 * survivors (Bonawitz et al. 2017, figure 4, round 4).
 * @throws `secagg.inconsistent` for a missing input or lists that cannot be; `secagg.wrong-ring` naming whose input does not
 *   fit; `secagg.below-threshold` naming the dealers of whom shares are missing; `secagg.bad-share` naming a dealer that dealt
 *   shares of another secret.
 */
export async function unmaskSlice(job: UnmaskJob, suite: CryptoSuite): Promise<UnmaskedSlice> {
  const { parameters, slice, survivors } = job;
  const { ring } = parameters;
  const plan = attemptPlan(parameters);
  const dealers = plan.indicesOf(job.dealers);
  const surviving = plan.indicesOf(survivors);
  checkSurvivorCount(survivors);
  for (const [i, index] of surviving.entries())
    check(dealers.includes(index), 'secagg.inconsistent', 'Someone survived who dealt no shares.', {
      path: survivors[i]!,
    });

  const length = plan.slices.length(slice);
  const inputs = inputsOf(job, plan.slices.wireBytes(slice));
  const total = ringVector(ring, length);
  for (const input of inputs) addVector(total, unpackRing(input, length, ring), ring);

  const masks = await recoverMasks(job, suite);
  await applyMasks(total, masks, plan.slices.offset(slice), ring, suite);
  for (const { key } of masks) key.fill(0);
  return { sum: toCentred(total, ring), digests: await sliceDigests(inputs, suite) };
}

/** Inputs in the order of survivors, each there once and of the right size. */
function inputsOf({ inputs, survivors }: UnmaskJob, expectedBytes: number): Bytes[] {
  const found = new Map(inputs.map(({ participant, values }) => [participant, values]));
  return survivors.map((path) => {
    const values = found.get(path);
    check(values !== undefined, 'secagg.inconsistent', 'The slice of a survivor is missing.', { path });
    check(values.length === expectedBytes, 'secagg.wrong-ring', 'A masked slice has another size.', {
      path,
      expected: `${expectedBytes} bytes`,
      received: `${values.length} bytes`,
      remedy: 'Its sender uses another ring or another layout; it is left out.',
    });
    return values;
  });
}

/** Weight of a sum: of the survivors' adverts. */
export function totalWeight(adverts: readonly KeyAdvert[], survivors: readonly ParticipantId[]): number {
  const weights = new Map(adverts.map(({ participant, weight }) => [participant, weight]));
  return survivors.reduce((sum, survivor) => {
    const weight = weights.get(survivor);
    check(weight !== undefined, 'secagg.inconsistent', 'Someone survived who sent no keys.', {
      path: survivor,
    });
    return sum + weight;
  }, 0);
}
