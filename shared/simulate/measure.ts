import type { EvaluationCounts, TrainJob } from '../session/index.ts';
import type { Model } from '../update/index.ts';
import type { Compute } from './simulate-rounds.ts';

/** The test set is evaluated in so many parts, whatever the number of workers, so that sums are the same. */
const PARTS = 8;
/** Models whose evaluation is remembered: a server judges what is measured anyway. */
const REMEMBERED = 4;

/** @returns what evaluates a model on all of the test set, once. */
export function createMeasure(
  { evaluate }: Pick<Compute, 'evaluate'>,
  signal: TrainJob['signal'],
): (model: Model) => Promise<EvaluationCounts> {
  const known = new Map<string, Promise<EvaluationCounts>>();

  async function evaluateParts(model: Model): Promise<EvaluationCounts> {
    const parts = await Promise.all(
      Array.from({ length: PARTS }, (_, index) => evaluate({ model, part: { index, count: PARTS }, signal })),
    );
    return parts.reduce((sum, { total, correct, lossSum }) => ({
      total: sum.total + total,
      correct: sum.correct + correct,
      lossSum: sum.lossSum + lossSum,
    }));
  }

  return (model) => {
    const counts = known.get(model.hash) ?? evaluateParts(model);
    known.set(model.hash, counts);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
    return counts;
  };
}
