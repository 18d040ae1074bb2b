import { check } from '../../errors/index.ts';
import { anyNumber, checkRows } from './check-rows.ts';
import { type AggregationKernels, emptyLike, plainKernels, type Row } from './kernels.ts';

/** Weights beyond this are no count of examples. */
const MOST_WEIGHT = 2 ** 31 - 1;

/** Everyone counts 1. The sum first, then one division per coordinate. Stands no lie at all. */
export function mean(rows: readonly Row[], kernels: AggregationKernels = plainKernels): Row {
  checkRows(rows, anyNumber('A mean'), 0, kernels);
  return meanOf(rows, kernels);
}

/**
 * Σ weight · row / Σ weight: FedAvg (McMahan et al. 2017, algorithm 1). A weight is a claim, so that this stands no lie.
 * @throws `aggregate.bad-weight` for weights that are negative, no number, beyond 2^31 − 1, or zero in all.
 */
export function weightedMean(
  rows: readonly Row[],
  weights: readonly number[],
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, anyNumber('A mean'), 0, kernels);
  const total = totalWeight(weights, rows.length);
  const out = emptyLike(rows[0]!);
  kernels.weightedSum(rows, weights, out);
  for (let i = 0; i < out.length; i++) out[i]! /= total;
  return out;
}

/** @throws `aggregate.bad-weight`. */
export function totalWeight(weights: readonly number[], count: number): number {
  check(weights.length === count, 'aggregate.bad-weight', 'Weights and updates do not match.', {
    expected: `${count} weights`,
    received: String(weights.length),
  });
  let total = 0;
  for (const weight of weights) {
    check(
      weight >= 0 && weight <= MOST_WEIGHT,
      'aggregate.bad-weight',
      'A weight is no number of examples.',
      {
        expected: `0 to ${MOST_WEIGHT}`,
        received: String(weight),
      },
    );
    total += weight;
  }
  check(total > 0, 'aggregate.bad-weight', 'All weights together are zero.', {
    expected: 'a positive weight',
  });
  return total;
}

/** Of rows that are known to be good. */
export function meanOf(rows: readonly Row[], kernels: AggregationKernels): Row {
  const out = emptyLike(rows[0]!);
  kernels.weightedSum(
    rows,
    rows.map(() => 1),
    out,
  );
  for (let i = 0; i < out.length; i++) out[i]! /= rows.length;
  return out;
}
