import type { NodeId, ParticipantId } from '../../identity/index.ts';
import {
  type AttemptContext,
  type Confirmation,
  type KeyAdvert,
  neighbourhoodsOf,
  type ShareBundle,
} from '../../secagg/index.ts';
import { type RoundState, remaining } from './state.ts';

/**
 * How far a secure round is, and what came for it: keys, shares, confirmations. Pure functions over it; who is told
 * what follows in `secure-mail.ts`. docs/decisions/0017; SPEC C-40 to C-48.
 */
export interface SecureRound {
  /** Everyone is everyone's neighbour. */
  readonly complete: boolean;
  /** Members of a neighbourhood, its centre included, who can give back a secret of its centre. */
  readonly threshold: number;
  /** Of each member of the cohort by index, without itself; null in a complete graph. */
  readonly neighbours: readonly (readonly number[])[] | null;
  /** The server is here and allowed to own slices: it is told whatever an owner must know. */
  readonly serverMayOwn: boolean;
  readonly stage: SecureStage;
}

export type SecureStage =
  | { readonly name: 'keys'; readonly adverts: ReadonlyMap<ParticipantId, KeyAdvert> }
  /** `roster` is U1. */
  | {
      readonly name: 'shares';
      readonly roster: ReadonlySet<ParticipantId>;
      readonly bundles: ReadonlyMap<ParticipantId, ShareBundle>;
    }
  /** `dealers` is U2: whose masks are in everyone's vector. Fixed for the rest of the attempt. */
  | { readonly name: 'masking'; readonly dealers: readonly ParticipantId[] }
  | {
      readonly name: 'confirming';
      readonly dealers: readonly ParticipantId[];
      /** Who owned each slice as survivors were fixed: their deputies hold what these would take with them. */
      readonly firstOwners: readonly NodeId[];
      readonly confirmations: ReadonlyMap<ParticipantId, Confirmation>;
    }
  | {
      readonly name: 'revealing';
      readonly firstOwners: readonly NodeId[];
      readonly confirmed: ReadonlySet<ParticipantId>;
      /** Since when the present owner of each slice can add it up. */
      readonly sinceMs: readonly number[];
      /** Slices whose sum was disputed, with the owner that sent it. */
      readonly disputed: ReadonlyMap<number, NodeId>;
    };

export type SecureRoundState = RoundState & { secure: SecureRound };

export function isSecure(round: RoundState): round is SecureRoundState {
  return round.secure !== undefined;
}

/** What becomes of a message of a stage. */
export type Verdict = 'counted' | 'repeated' | 'inconsistent' | 'malformed' | 'early' | 'late';

interface Taken {
  readonly verdict: Verdict;
  readonly secure: SecureRound;
}

export function beginSecure(
  context: AttemptContext,
  cohort: readonly ParticipantId[],
  serverMayOwn: boolean,
): SecureRound {
  const { complete, threshold, of } = neighbourhoodsOf(context, cohort);
  return {
    complete,
    threshold,
    neighbours: complete ? null : cohort.map((_, index) => of(index)),
    serverMayOwn,
    stage: { name: 'keys', adverts: new Map() },
  };
}

/** Fewest that must remain before survivors are fixed; in a k-regular graph {@link isRecoverable} asks for more. */
export function neededBy({ secure }: RoundState, minParticipants: number): number {
  return secure?.complete ? Math.max(minParticipants, secure.threshold) : minParticipants;
}

/** Neighbours of a member, without itself, in the cohort's order. */
export function neighboursOf({ plan, secure }: RoundState, id: ParticipantId): readonly ParticipantId[] {
  const { cohort } = plan;
  const neighbours = secure?.neighbours?.[cohort.indexOf(id)];
  return neighbours?.map((index) => cohort[index]!) ?? cohort.filter((other) => other !== id);
}

/** The first advert of a participant counts: others of its keys may already be on their way to someone. */
export function takeKeys(secure: SecureRound, from: ParticipantId, advert: KeyAdvert): Taken {
  const { stage } = secure;
  if (stage.name !== 'keys') return { verdict: 'late', secure };
  if (advert.participant !== from) return { verdict: 'malformed', secure };
  const before = stage.adverts.get(from);
  if (before !== undefined) return { verdict: isSame(before, advert) ? 'repeated' : 'inconsistent', secure };
  const adverts = new Map(stage.adverts).set(from, advert);
  return { verdict: 'counted', secure: { ...secure, stage: { ...stage, adverts } } };
}

/** Exactly one box for every neighbour in U1: a box less would be a share less, one more is for nobody. */
export function takeShares(round: SecureRoundState, from: ParticipantId, bundle: ShareBundle): Taken {
  const { secure } = round;
  const { stage } = secure;
  if (stage.name === 'keys') return { verdict: 'early', secure };
  if (stage.name !== 'shares' || !stage.roster.has(from)) return { verdict: 'late', secure };
  const expected = new Set(neighboursOf(round, from).filter((id) => stage.roster.has(id)));
  const addressed = new Set(bundle.boxes.map(({ to }) => to));
  const fits =
    bundle.shares.dealer === from &&
    bundle.boxes.length === expected.size &&
    [...expected].every((id) => addressed.has(id));
  if (!fits) return { verdict: 'malformed', secure };
  const before = stage.bundles.get(from);
  if (before !== undefined) return { verdict: isSame(before, bundle) ? 'repeated' : 'inconsistent', secure };
  const bundles = new Map(stage.bundles).set(from, bundle);
  return { verdict: 'counted', secure: { ...secure, stage: { ...stage, bundles } } };
}

/** Of survivors only, once there are any, until the confirmations were passed on. */
export function takeConfirmation(
  { plan, secure }: SecureRoundState,
  from: ParticipantId,
  confirmation: Confirmation,
): Taken {
  const { stage } = secure;
  if (stage.name === 'revealing') return { verdict: 'late', secure };
  if (stage.name !== 'confirming' || plan.survivors === null) return { verdict: 'early', secure };
  if (confirmation.participant !== from || !plan.survivors.includes(from))
    return { verdict: 'malformed', secure };
  const before = stage.confirmations.get(from);
  if (before !== undefined)
    return { verdict: isSame(before, confirmation) ? 'repeated' : 'inconsistent', secure };
  const confirmations = new Map(stage.confirmations).set(from, confirmation);
  return { verdict: 'counted', secure: { ...secure, stage: { ...stage, confirmations } } };
}

/** Whether all that remain have sent what the stage asks for. */
export function isComplete(round: SecureRoundState): boolean {
  const { stage } = round.secure;
  if (stage.name === 'keys') return remaining(round).every((id) => stage.adverts.has(id));
  if (stage.name === 'shares') return remaining(round).every((id) => stage.bundles.has(id));
  return false;
}

/**
 * Whether these can give back every secret that takes the masks off a sum: of each dealer's neighbourhood, itself
 * included, at least the threshold are among them (Bell et al. 2020, section 3).
 */
export function isRecoverable(
  round: SecureRoundState,
  dealers: readonly ParticipantId[],
  present: readonly ParticipantId[],
): boolean {
  const { complete, threshold, neighbours } = round.secure;
  if (complete || neighbours === null) return present.length >= threshold;
  const [dealt, here] = [new Set(dealers), new Set(present)];
  const isHere = round.plan.cohort.map((id) => here.has(id));
  const heldOf = (index: number): number =>
    [index, ...neighbours[index]!].filter((other) => isHere[other]).length;
  return round.plan.cohort.every((id, index) => !dealt.has(id) || heldOf(index) >= threshold);
}

/** Same content, byte for byte. */
function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return left.length === right.size && left.every(([key, value]) => isSame(value, right.get(key)));
}
