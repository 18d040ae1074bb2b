import { MESH_GROUP, SECURE_MINIMUM } from '../federation/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import {
  isCommitted,
  type KeyAdvert,
  neighbourhoodsOf,
  type Reveal,
  type Ring,
  type SecureParameters,
  type ShareCommitments,
  sameBytes,
  survivorDigest,
} from '../secagg/index.ts';
import type { AttemptId, MessageOf } from '../wire/index.ts';
import type { Effect } from './effects.ts';

/** What an owner of a secure round knows beside the slices: public keys, commitments, and what was revealed to it. */
export interface SecureAssignment {
  readonly adverts: readonly KeyAdvert[];
  readonly dealers: readonly ParticipantId[];
  readonly shares: readonly ShareCommitments[];
  /** By holder; kept until the plan that they belong to is here. */
  readonly reveals: ReadonlyMap<ParticipantId, MessageOf<'reveal'>>;
}

export const NOTHING_YET: SecureAssignment = { adverts: [], dealers: [], shares: [], reveals: new Map() };

/** A slice of an update, masked or plain, in the bytes that came. */
export interface HeldSlice {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly weight: number;
}

/** What a secure round is bound to beside its invitation. */
export interface SecureContext {
  readonly run: string;
  readonly federationRevision: number;
  readonly ring: Ring | undefined;
  readonly vectorLength: number;
}

/** @returns undefined in a plain round, and for a cohort that no secure round has: its members refuse it by name. */
export function parametersOf(
  { attempt, base, plan: { cohort, owners } }: MessageOf<'invite'>,
  { run, federationRevision, ring, vectorLength }: SecureContext,
): SecureParameters | undefined {
  if (ring === undefined || cohort.length < SECURE_MINIMUM) return undefined;
  if (owners.length !== 1 && (owners.length !== cohort.length || cohort.length > MESH_GROUP))
    return undefined;
  const context = { run, attempt, federationRevision, baseHash: base.hash };
  return { context, cohort, ring, vectorLength, sliceCount: owners.length };
}

/** The unmasking of one slice, once t good shares of every secret that it takes are here. SPEC A-31. */
export function unmaskEffects(
  attempt: AttemptId,
  tally: number,
  parameters: SecureParameters | undefined,
  secure: SecureAssignment,
  slice: number,
  survivors: readonly ParticipantId[],
  inputs: readonly HeldSlice[],
  group = 0,
): Effect[] {
  const { adverts, dealers, shares } = secure;
  if (parameters === undefined || dealers.length === 0) return [];
  const { threshold } = neighbourhoodsOf(parameters.context, parameters.cohort);
  const suffice = (reveals: Iterable<Pick<Reveal, 'shares'>>): boolean => {
    const held = new Map<ParticipantId, number>();
    for (const reveal of reveals)
      for (const dealer of new Set(reveal.shares.map((share) => share.dealer)))
        held.set(dealer, (held.get(dealer) ?? 0) + 1);
    return dealers.every((dealer) => (held.get(dealer) ?? 0) >= threshold);
  };
  // Counting comes first: commitments are only looked at when what came could be enough.
  if (!suffice(secure.reveals.values())) return [];
  const sifted = goodReveals(secure, parameters, survivors);
  if (sifted === undefined || !suffice(sifted.reveals)) return [];
  const { reveals, offenders } = sifted;
  const notices = offenders.map((holder): Effect => {
    const text = `${holder} revealed shares that were not dealt to it, or of other survivors; they are left out.`;
    return { type: 'notice', level: 'warning', text, error: { code: 'secagg.bad-share', message: text } };
  });
  const values = survivors.map((participant, i) => ({ participant, values: inputs[i]!.bytes }));
  const job = { parameters, slice, adverts, dealers, survivors, inputs: values, reveals, shares };
  return [...notices, { type: 'unmask', attempt, tally, group, job }];
}

/** Shares that their dealers committed to, of holders that speak of the same survivors; and who sent others. */
function goodReveals(
  { adverts, dealers, shares, reveals }: SecureAssignment,
  parameters: SecureParameters,
  survivors: readonly ParticipantId[],
): { readonly reveals: readonly Reveal[]; readonly offenders: readonly ParticipantId[] } | undefined {
  const inOrder = (ids: readonly ParticipantId[]) =>
    parameters.cohort.filter((id) => ids.includes(id)).join() === ids.join();
  // Such a plan, which only a lying coordinator makes, has no digest; participants refuse it by name.
  if (!inOrder(dealers) || !survivors.every((id) => dealers.includes(id)) || !inOrder(survivors))
    return undefined;
  const digest = survivorDigest(parameters, adverts, dealers, survivors);
  const commitments = new Map(shares.map((entry) => [entry.dealer, entry]));
  const sifted = [...reveals].map(([holder, message]) => {
    const fits = survivors.includes(holder) && sameBytes(message.digest, digest);
    const good = message.shares.filter(({ dealer, share }) => {
      const commitment = commitments.get(dealer);
      const kind = survivors.includes(dealer) ? 'self' : 'mask';
      return fits && commitment !== undefined && isCommitted(parameters, commitment, holder, kind, share);
    });
    return { holder, shares: good, isWhole: good.length === message.shares.length };
  });
  return {
    reveals: sifted.filter((reveal) => reveal.shares.length > 0),
    offenders: sifted.filter((reveal) => !reveal.isWhole).map(({ holder }) => holder),
  };
}
