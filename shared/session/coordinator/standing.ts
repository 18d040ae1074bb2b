import type { ModelRef, RoundRecord } from '../../wire/index.ts';

type Evaluation = NonNullable<RoundRecord['evaluation']>;

/** What is known of a run's versions: the best, and how many evaluations in a row were worse. SPEC Q-21. */
export interface Standing {
  readonly best: { readonly model: ModelRef; readonly evaluation: Evaluation } | undefined;
  /** In a row, and by more than the threshold. */
  readonly worse: number;
}

export const UNJUDGED: Standing = { best: undefined, worse: 0 };

/** Accuracy; of no examples there is none. */
export function accuracyOf({ correct, total }: Evaluation): number | undefined {
  return total > 0 ? correct / total : undefined;
}

/**
 * With one more evaluated version. Of two alike the earlier stays the best; a return to the best begins the count anew. What was counted
 * on another held-out set says nothing about this one: both begin anew. SPEC Q-26.
 * @param threshold of accuracy, 0 to 1.
 */
export function weighed(standing: Standing, record: RoundRecord, threshold: number): Standing {
  if (record.rollback !== undefined) return { ...standing, worse: 0 };
  const { evaluation, round: version, hash } = record;
  const accuracy = evaluation === null ? undefined : accuracyOf(evaluation);
  if (accuracy === undefined) return standing;
  const best = standing.best && accuracyOf(standing.best.evaluation);
  const isOfAnotherSet = standing.best?.evaluation.heldOut !== evaluation!.heldOut;
  if (best === undefined || isOfAnotherSet || accuracy > best)
    return { best: { model: { version, hash }, evaluation: evaluation! }, worse: 0 };
  return { ...standing, worse: accuracy < best - threshold ? standing.worse + 1 : 0 };
}

/**
 * Of a run so far. @param records by round; of two of one round the last counts.
 * @param revision of the document: under another one versions may have been measured by other examples.
 */
export function standingOf(records: readonly RoundRecord[], threshold: number, revision: number): Standing {
  const own = records.filter(({ federationRevision }) => federationRevision === revision);
  const lineage = new Map(own.map((record) => [record.round, record]));
  return [...lineage.values()].reduce((standing, record) => weighed(standing, record, threshold), UNJUDGED);
}
