import { check } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { type AttemptPlan, attemptPlan } from './attempt-plan.ts';
import { type SeedKind, type ShareKind, seedCommitment, shareCommitment } from './key-schedule.ts';
import { COMMITMENT_BYTES } from './signing.ts';
import type { SecureParameters, ShareCommitments } from './types.ts';

/** Shares of one holder of one dealer. */
export interface SharePair {
  readonly self: Uint8Array<ArrayBuffer>;
  readonly mask: Uint8Array<ArrayBuffer>;
}
interface DealerSeeds {
  readonly self: Uint8Array;
  readonly check: Uint8Array;
}

/** All commitments of one dealer, in the order that types.ts says; `shares` in the order of its holders. */
export function commitTo(
  plan: AttemptPlan,
  dealer: number,
  shares: readonly SharePair[],
  seeds: DealerSeeds,
): Uint8Array<ArrayBuffer> {
  const commitments = plan
    .holdersOf(dealer)
    .flatMap((holder, place) =>
      (['self', 'mask'] as const).map((kind) =>
        shareCommitment(plan, dealer, holder, kind, shares[place]![kind]),
      ),
    );
  commitments.push(seedCommitment(plan, dealer, 'self', seeds.self));
  if (plan.slices.checkWords > 0) commitments.push(seedCommitment(plan, dealer, 'check', seeds.check));
  const bytes = new Uint8Array(commitments.length * COMMITMENT_BYTES);
  commitments.forEach((commitment, i) => {
    bytes.set(commitment, i * COMMITMENT_BYTES);
  });
  return bytes;
}

/**
 * Whether a revealed share is the one that its dealer committed to. Cheap: one hash.
 * @returns false also for a holder outside the dealer's neighbourhood and for strangers.
 */
export function isCommitted(
  parameters: SecureParameters,
  { dealer, commitments }: ShareCommitments,
  holder: ParticipantId,
  kind: ShareKind,
  share: Uint8Array,
): boolean {
  const plan = attemptPlan(parameters);
  const dealerIndex = parameters.cohort.indexOf(dealer);
  const holderIndex = parameters.cohort.indexOf(holder);
  if (dealerIndex < 0 || holderIndex < 0) return false;
  const place = plan.holdersOf(dealerIndex).indexOf(holderIndex);
  if (place < 0 || share.length !== 32) return false;
  const at = 2 * place + (kind === 'self' ? 0 : 1);
  return matches(commitments, at, shareCommitment(plan, dealerIndex, holderIndex, kind, share));
}

/** @throws `secagg.bad-share` naming the dealer, which dealt shares of another seed than it committed to. */
export function checkSeed(
  plan: AttemptPlan,
  { dealer, commitments }: ShareCommitments,
  kind: SeedKind,
  seed: Uint8Array,
): void {
  const index = plan.indexOf(dealer);
  const at = 2 * plan.holdersOf(index).length + (kind === 'self' ? 0 : 1);
  check(
    matches(commitments, at, seedCommitment(plan, index, kind, seed)),
    'secagg.bad-share',
    'A dealer dealt shares of another secret than it committed to.',
    { path: dealer, remedy: 'It is left out of the next attempt.' },
  );
}

function matches(commitments: Uint8Array, at: number, commitment: Uint8Array): boolean {
  const start = at * COMMITMENT_BYTES;
  const found = commitments.subarray(start, start + COMMITMENT_BYTES);
  return found.length === COMMITMENT_BYTES && found.every((byte, i) => byte === commitment[i]);
}
