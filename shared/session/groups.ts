import { encode } from '@msgpack/msgpack';
import { sha256 } from '@noble/hashes/sha2.js';
import type { ParticipantId } from '../identity/index.ts';
import { seededRandom, shuffle } from '../random/index.ts';
import { sameBytes } from '../secagg/index.ts';
import type { AttemptId } from '../wire/index.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * How a cohort that is larger than one group is split: by commit and reveal (Blum 1983). Everyone commits to a nonce, then
 * reveals it, and the seed is a hash of all of them. Whoever wants to choose the seed would have to know the others' nonces
 * before it commits to its own. SPEC G-01 to G-06.
 *
 * What this does not hold against: whoever hears of all nonces before the last one is revealed, which the server does, may
 * withhold those of its own puppets, and so has one bit of choice for each; it may also pretend that honest participants did
 * not answer, which those notice. And the server chooses whom it invites at all.
 */

/** Of what a draw is for nothing may be open once nonces are revealed: the base model is not among it. */
export interface DrawContext {
  readonly run: string;
  readonly attempt: AttemptId;
  readonly federationRevision: number;
}

/** Sizes that the federation's document sets. */
export interface GroupSizes {
  readonly groupSize: number;
  /** Fewest that may form a group. */
  readonly fewest: number;
}

export const NONCE_BYTES = 32;

/** 32 bytes that hide the nonce and bind its owner to it. */
export function commitmentTo(run: string, participant: ParticipantId, nonce: Uint8Array): Bytes {
  return hashOf(['murmuration draw commitment v1', run, participant, nonce]);
}

/** @param entropy fresh, from the cryptographic generator. @returns 32 bytes. */
export function nonceFrom(run: string, participant: ParticipantId, entropy: string): Bytes {
  return hashOf(['murmuration draw nonce v1', run, participant, entropy]);
}

/** @param nonces nonces[i] is that of cohort[i]. @returns 32 bytes that each of the nonces changes beyond foresight. */
export function drawSeed(
  { run, attempt: { term, round, attempt }, federationRevision }: DrawContext,
  cohort: readonly ParticipantId[],
  nonces: readonly Uint8Array[],
): Bytes {
  return hashOf([
    'murmuration draw seed v1',
    run,
    term,
    round,
    attempt,
    federationRevision,
    cohort.map((id, i) => [id, nonces[i]!]),
  ]);
}

/**
 * Shuffles a cohort and cuts it into ⌈m/groupSize⌉ groups whose sizes differ by at most one, each in the order of its ids:
 * every partition of these sizes is as likely as any other. Those who would make a group smaller than the fewest, the last
 * of the shuffled cohort, sit out.
 * @returns no group at all for a cohort too small for one.
 */
export function cutGroups(
  seed: Uint8Array,
  cohort: readonly ParticipantId[],
  sizes: GroupSizes,
): ParticipantId[][] {
  const members = groupable(cohort.length, sizes);
  if (members === 0) return [];
  const label = Array.from(seed, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const shuffled = shuffle([...cohort], seededRandom(label)) as ParticipantId[];
  const count = Math.ceil(members / sizes.groupSize);
  return Array.from({ length: count }, (_, i) =>
    shuffled.slice(Math.floor((members * i) / count), Math.floor((members * (i + 1)) / count)).sort(),
  );
}

/** How many of `count` can be split into groups that are neither too large nor too small. */
export function groupable(count: number, { groupSize, fewest }: GroupSizes): number {
  for (let members = count; members >= fewest && members > 0; members--)
    if (Math.floor(members / Math.ceil(members / groupSize)) >= fewest) return members;
  return 0;
}

/** What a participant was shown in a draw, before anyone revealed anything. */
export interface ShownDraw {
  readonly cohort: readonly ParticipantId[];
  readonly commitments: readonly Uint8Array[];
}

/** How the groups of a round came about, as its invitation tells it. */
export interface DrawProof {
  /** Those who answered, in the order they were shown in. */
  readonly cohort: readonly ParticipantId[];
  readonly nonces: readonly Bytes[];
}

/** The place that a participant is told it has. */
export interface GroupClaim {
  readonly cohort: readonly ParticipantId[];
  readonly index: number;
  readonly count: number;
}

/**
 * Whether the groups follow from what everyone committed to. SPEC G-05.
 * @param own the nonce that this participant revealed.
 * @returns what is unfair about it, in words; undefined when nothing is.
 */
export function findUnfair(
  context: DrawContext,
  sizes: GroupSizes,
  shown: ShownDraw,
  { cohort, nonces }: DrawProof,
  claim: GroupClaim,
  self: ParticipantId,
  own: Uint8Array,
): string | undefined {
  if (cohort.length !== nonces.length) return 'Nonces and participants do not match.';
  const places = new Map(shown.cohort.map((id, place) => [id, place]));
  let last = -1;
  for (const [i, id] of cohort.entries()) {
    const place = places.get(id);
    if (place === undefined || place <= last) return 'Others are in the groups than were in the draw.';
    last = place;
    if (!sameBytes(commitmentTo(context.run, id, nonces[i]!), shown.commitments[place]!))
      return 'A revealed nonce is not the one that was committed to.';
  }
  const mine = nonces[cohort.indexOf(self)];
  if (mine === undefined || !sameBytes(mine, own)) return 'The nonce of this participant was left out.';
  const groups = cutGroups(drawSeed(context, cohort, nonces), cohort, sizes);
  if (groups.length !== claim.count) return 'The groups are not as many as the nonces say.';
  if (groups[claim.index]?.join() !== claim.cohort.join())
    return 'The group is not the one that the nonces say.';
  return undefined;
}

function hashOf(fields: readonly unknown[]): Bytes {
  return new Uint8Array(sha256(encode(fields)));
}
