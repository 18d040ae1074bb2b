import { classOfRow, lossOfRow, rankOfClass, type Scoring } from './metrics.ts';

/** A right answer among so many of the likeliest counts for top-k accuracy. */
export const TOP_K = 5;
/** With more, tables per class would be larger than what they tell. */
const MAX_COUNTED_CLASSES = 1000;

/**
 * What most metrics are computed from. Totals of several batches or devices add up ({@link addTotals}): the addition
 * is associative and commutative, with {@link emptyTotals} as its zero.
 */
export interface MetricTotals {
  /** Targets, of which an example may have several. */
  readonly total: number;
  readonly lossSum: number;
  readonly correct: number;
  /** Right answers among the {@link TOP_K} likeliest. */
  readonly correctInTopK: number;
  /** Σ |error| and Σ error², in units of the standardized target. */
  readonly absoluteErrorSum: number;
  readonly squaredErrorSum: number;
  /** One per class; none for a value target, or where there are too many classes. */
  readonly classes: readonly ClassCounts[];
}

export interface ClassCounts {
  /** Targets of the class. */
  readonly actual: number;
  /** Answers that name it. */
  readonly predicted: number;
  /** Both. */
  readonly right: number;
}

export function emptyTotals({ classes }: Pick<Scoring, 'classes'>): MetricTotals {
  const length = classes > MAX_COUNTED_CLASSES ? 0 : classes;
  return {
    total: 0,
    lossSum: 0,
    correct: 0,
    correctInTopK: 0,
    absoluteErrorSum: 0,
    squaredErrorSum: 0,
    classes: Array.from({ length }, () => ({ actual: 0, predicted: 0, right: 0 })),
  };
}

/** @param outputs [targets.length × outputSize]: logits, or values. */
export function totalsOf(
  scoring: Scoring,
  outputs: Float32Array,
  targets: Float32Array | Uint16Array,
): MetricTotals {
  const { outputSize } = scoring;
  const { classes, ...totals } = emptyTotals(scoring) as Mutable<MetricTotals>;
  const counts = classes as readonly Mutable<ClassCounts>[];
  totals.total = targets.length;
  for (let i = 0; i < targets.length; i++) {
    const row = outputs.subarray(i * outputSize, (i + 1) * outputSize);
    const target = targets[i]!;
    totals.lossSum += lossOfRow(scoring, row, target);
    if (scoring.target === 'value') {
      totals.absoluteErrorSum += Math.abs(row[0]! - target);
      totals.squaredErrorSum += (row[0]! - target) ** 2;
      continue;
    }
    const answer = classOfRow(row);
    const isRight = answer === target;
    if (isRight) totals.correct++;
    if (rankOfClass(row, target) < TOP_K) totals.correctInTopK++;
    if (counts.length === 0) continue;
    counts[target]!.actual++;
    counts[answer]!.predicted++;
    if (isRight) counts[target]!.right++;
  }
  return { ...totals, classes: counts };
}

/** @param a @param b of one model, and so of as many classes. */
export function addTotals(a: MetricTotals, b: MetricTotals): MetricTotals {
  return {
    total: a.total + b.total,
    lossSum: a.lossSum + b.lossSum,
    correct: a.correct + b.correct,
    correctInTopK: a.correctInTopK + b.correctInTopK,
    absoluteErrorSum: a.absoluteErrorSum + b.absoluteErrorSum,
    squaredErrorSum: a.squaredErrorSum + b.squaredErrorSum,
    classes: a.classes.map((counts, k) => ({
      actual: counts.actual + b.classes[k]!.actual,
      predicted: counts.predicted + b.classes[k]!.predicted,
      right: counts.right + b.classes[k]!.right,
    })),
  };
}

/**
 * F1 = 2·right / (actual + predicted), the harmonic mean of precision and recall (van Rijsbergen 1979, chapter 7).
 * Undefined for a class that neither occurs nor is predicted.
 */
export function f1Of({ actual, predicted, right }: ClassCounts): number | undefined {
  return actual + predicted === 0 ? undefined : (2 * right) / (actual + predicted);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
