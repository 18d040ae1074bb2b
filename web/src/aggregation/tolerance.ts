// Not by the index, which would bring all rules along.
import { groupTolerance } from '../../../shared/aggregate/robust/tolerance.ts';
import { SECURE_MINIMUM } from '../../../shared/federation/group-limits.ts';
import type { Federation } from '../../../shared/federation/index.ts';

/** Parts of a round's participants that lie, of which the table speaks. */
export const LIAR_SHARES = [0.05, 0.1, 0.25, 0.4] as const;

/** What a round of so many participants in random groups stands. Plain numbers, so that it crosses to a worker and back. */
export interface ToleranceQuestion {
  readonly participants: number;
  readonly groupSize: number;
  readonly fewest: number;
  readonly byzantine: number;
}

export interface Tolerance {
  /** Members of each group. */
  readonly sizes: readonly number[];
  readonly sittingOut: number;
  readonly certainLiars: number;
  readonly likelyLiars: number;
  readonly rows: readonly ToleranceRow[];
}

export interface ToleranceRow {
  /** 0 to 1. */
  readonly share: number;
  readonly liars: number;
  /** That more groups are spoiled than the rule stands. */
  readonly chanceBeyondRule: number;
  /** That half of the groups are spoiled, or more. */
  readonly chanceOfMajority: number;
}

/** @param participants of the round that is asked about. */
export function toleranceQuestion(
  { cohort, privacy, strategy }: Pick<Federation, 'cohort' | 'privacy' | 'strategy'>,
  participants: number,
): ToleranceQuestion {
  return {
    participants,
    groupSize: cohort.groupSize,
    fewest: privacy.secureAggregation === 'none' ? 1 : SECURE_MINIMUM,
    byzantine: Math.min(participants, strategy.robust?.byzantine ?? 0),
  };
}

/** @throws `argument.invalid` for numbers that no document has. */
export function toleranceOf(question: ToleranceQuestion): Tolerance {
  const [first, ...others] = LIAR_SHARES.map((share) => {
    const liars = Math.round(share * question.participants);
    return { share, liars, figures: groupTolerance({ ...question, liars }) };
  });
  const { sizes, sittingOut, certainLiars, likelyLiars } = first!.figures;
  return {
    sizes,
    sittingOut,
    certainLiars,
    likelyLiars,
    rows: [first!, ...others].map(({ share, liars, figures }) => ({
      share,
      liars,
      chanceBeyondRule: 1 - figures.chanceWithinRule,
      chanceOfMajority: figures.chanceOfMajority,
    })),
  };
}
