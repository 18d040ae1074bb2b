import type { ParticipantId } from '../../shared/identity/index.ts';
import {
  addVector,
  type CryptoSuite,
  ringVector,
  sliceLengths,
  toCentred,
  type UnmaskJob,
  unpackRing,
} from '../../shared/secagg/index.ts';
import { applyMasks } from '../../shared/secagg/masking.ts';
import { recoverMasks } from '../../shared/secagg/recover-masks.ts';
import { sliceDigests } from '../../shared/secagg/slice-bytes.ts';
import { type SecureAssignment, unmaskEffects } from '../../shared/session/owner-secure.ts';
import { ATTEMPT } from './cohort.ts';

/** Milliseconds of the server, which owns the whole vector. */
export interface ServerCost {
  /** Masked vectors are unpacked, hashed and added up. */
  readonly collectMs: number;
  /** Revealed shares are compared with their commitments. */
  readonly siftMs: number;
  /** Secrets are put together and checked, and keys agreed on. */
  readonly reconstructMs: number;
  /** Keystreams are expanded and taken off. */
  readonly unmaskMs: number;
  readonly masks: number;
  /** Of these the keystreams were really expanded; `unmaskMs` is scaled up from them. */
  readonly masksExpanded: number;
}

/**
 * What `unmaskSlice` does, in parts.
 * @param inputs masked vectors of the survivors.
 * @param maxMasks expands no more keystreams than this, all of the full length; the sum is not unmasked then.
 */
export async function measureServer(
  parameters: UnmaskJob['parameters'],
  assignment: SecureAssignment,
  survivors: readonly ParticipantId[],
  inputs: readonly Uint8Array<ArrayBuffer>[],
  maxMasks: number,
  suite: CryptoSuite,
  nowMs: () => number,
): Promise<{ readonly cost: ServerCost; readonly sum: Int32Array }> {
  const { ring } = parameters;
  const length = sliceLengths(parameters).length(0);
  const from = nowMs();
  const held = inputs.map((bytes) => ({ bytes, weight: 1 }));
  const effects = unmaskEffects(ATTEMPT, 1, parameters, assignment, 0, survivors, held);
  const effect = effects.find(({ type }) => type === 'unmask');
  if (effect?.type !== 'unmask') throw new Error('The shares do not suffice.');
  const sifted = nowMs();
  const total = ringVector(ring, length);
  for (const input of inputs) addVector(total, unpackRing(input, length, ring), ring);
  await sliceDigests(inputs, suite);
  const collected = nowMs();
  const masks = await recoverMasks(effect.job, suite);
  const reconstructed = nowMs();
  const expanded = masks.slice(0, maxMasks);
  await applyMasks(total, expanded, 0, ring, suite);
  const unmaskMs = ((nowMs() - reconstructed) * masks.length) / expanded.length;
  const cost = {
    ...{ siftMs: sifted - from, collectMs: collected - sifted, reconstructMs: reconstructed - collected },
    ...{ unmaskMs, masks: masks.length, masksExpanded: expanded.length },
  };
  return { cost, sum: toCentred(total, ring) };
}
