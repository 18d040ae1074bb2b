import { check, checkFinite } from '../../errors/index.ts';

/**
 * What rounds tell of one participant, from the groups it happened to be in. Groups are drawn anew each round, so that whoever
 * spoils every group it is in stands out from those who were merely beside it.
 */
export interface Reputation {
  /** q: estimated chance that its presence spoils a group, 0 to 1. */
  readonly suspicion: number;
  /** Running mean of the contribution of its groups, each shared equally among members. */
  readonly contribution: number;
  readonly rounds: number;
}

export interface GroupOutcome<Id> {
  readonly members: readonly Id[];
  /** Whether the group was spoiled, as far as can be told: 0 to 1. */
  readonly suspicion: number;
  /** What leaving it out costs; left out where nobody measured. */
  readonly contribution?: number;
}

/** Before anything is known. */
export const NEWCOMER: Reputation = { suspicion: 0.5, contribution: 0, rounds: 0 };

/** Rounds that count: older ones fade, so that whoever changes is noticed. */
const MEMORY = 50;
/** Nobody is beyond suspicion, nor beyond redemption. */
const LEAST = 0.01;

/**
 * One round. The model is a noisy or: a group is spoiled unless each member happens not to, with 1 − Π(1 − q). Estimated by
 * online expectation–maximization (Cappé and Moulines 2009, section 2): of a spoiled group each member is to blame with
 * q / (1 − Π(1 − q)), of a clean one nobody; q moves to its blame by 1 / min(rounds + 1, 50).
 * @returns a new map; those in no group keep what they had.
 * @throws `argument.invalid` for a suspicion outside 0 to 1.
 */
export function updateReputations<Id>(
  before: ReadonlyMap<Id, Reputation>,
  groups: readonly GroupOutcome<Id>[],
): Map<Id, Reputation> {
  const after = new Map(before);
  for (const { members, suspicion, contribution } of groups) {
    checkFinite('suspicion', suspicion, 0, 1);
    check(members.length > 0, 'argument.invalid', 'A group has no members.');
    const known = members.map((id) => before.get(id) ?? NEWCOMER);
    const spoiling = 1 - known.reduce((clean, { suspicion: q }) => clean * (1 - q), 1);
    members.forEach((id, m) => {
      const blame = (suspicion * known[m]!.suspicion) / spoiling;
      after.set(id, updateReputation(known[m]!, blame, (contribution ?? 0) / members.length));
    });
  }
  return after;
}

/** One participant's step towards what this round says of it. */
export function updateReputation(before: Reputation, blame: number, contribution: number): Reputation {
  const rate = 1 / Math.min(before.rounds + 1, MEMORY);
  const towards = (from: number, to: number): number => from + rate * (to - from);
  return {
    suspicion: Math.min(1 - LEAST, Math.max(LEAST, towards(before.suspicion, blame))),
    contribution: towards(before.contribution, contribution),
    rounds: before.rounds + 1,
  };
}

export interface QuarantineOptions {
  /** Suspicion from which on. */
  readonly above?: number;
  /** Before so many rounds nobody is judged. */
  readonly rounds?: number;
  /** Part of all that may be quarantined at most. */
  readonly most?: number;
}

/** Whom not to invite for now, the most suspicious first; the operator may overrule it. */
export function suspects<Id>(
  reputations: ReadonlyMap<Id, Reputation>,
  { above = 0.6, rounds = 8, most = 0.5 }: QuarantineOptions = {},
): Id[] {
  return [...reputations]
    .filter(([, reputation]) => reputation.rounds >= rounds && reputation.suspicion > above)
    .sort(([, a], [, b]) => b.suspicion - a.suspicion)
    .slice(0, Math.floor(most * reputations.size))
    .map(([id]) => id);
}
