import { check, checkFinite } from '../../errors/index.ts';
import type { WeightedSlice } from '../sum.ts';
import { checkRows } from './check-rows.ts';
import { distancesTo, geometricMedian, middleOf } from './geometric-median.ts';
import { type AggregationKernels, plainKernels, type Row, squaredNorm } from './kernels.ts';

/** What is known of one group of a round without anyone's update: all of it from sums. */
export interface GroupScore {
  /** Distance of its mean from the geometric median of all means, in units of the median distance. */
  readonly distance: number;
  /** Cosine of its mean to that geometric median; 0 where one of them has no length. */
  readonly cosine: number;
}

/**
 * How far each group's mean is out. Over half of the groups have to be clean for it to mean anything; beyond that
 * only held-out examples tell (screening.ts).
 * @throws `aggregate.too-few` for fewer than three, of which none can be out.
 */
export function groupScores(rows: readonly Row[], kernels: AggregationKernels = plainKernels): GroupScore[] {
  checkRows(rows, { rule: 'An anomaly score', formula: '3', fewest: 3 }, 0, kernels);
  const centre = geometricMedian(rows, {}, kernels);
  const distances = distancesTo(centre, rows);
  const unit = middleOf(distances);
  const length = Math.sqrt(squaredNorm(centre));
  return rows.map((row, r) => {
    const lengths = length * Math.sqrt(squaredNorm(row));
    let inner = 0;
    for (let i = 0; i < row.length; i++) inner += row[i]! * centre[i]!;
    // Where more than half are the same, whatever is not that is as far out as can be.
    const distance = unit > 0 ? distances[r]! / unit : distances[r]! > 0 ? Number.POSITIVE_INFINITY : 0;
    return { distance, cosine: lengths > 0 ? inner / lengths : 0 };
  });
}

/**
 * The sum of all other groups: exact, and of as much memory as one model.
 * @throws `update.wrong-length`; `aggregate.bad-weight` where there is nobody else.
 */
export function withoutGroup(total: WeightedSlice, group: WeightedSlice): WeightedSlice {
  check(
    total.values.length === group.values.length,
    'update.wrong-length',
    'The sums are of different lengths.',
  );
  const weight = total.weight - group.weight;
  check(weight > 0, 'aggregate.bad-weight', 'Without this group nobody is left.', {
    expected: 'a smaller weight than that of all',
    received: `${group.weight} of ${total.weight}`,
  });
  return { values: total.values.map((value, i) => value - group.values[i]!), weight };
}

/**
 * What a group is worth to a round: by how much the held-out loss is higher without it (leave-one-out; Wang, Dang, Zhou 2019,
 * "Measure Contribution of Participants in Federated Learning", section 3). Negative for one that does harm.
 */
export function contributionOf(lossWithout: number, lossWithAll: number): number {
  checkFinite('lossWithout', lossWithout, 0);
  checkFinite('lossWithAll', lossWithAll, 0);
  return lossWithout - lossWithAll;
}

/** Of the median distance: from here on a group is surely out. */
const SURELY_OUT = 3;

/** From 0, a group like the others, to 1, one that is three times as far out or points away from them. */
export function suspicionOf({ distance, cosine }: GroupScore): number {
  const far = Math.min(1, Math.max(0, (distance - 1) / (SURELY_OUT - 1)));
  return cosine < 0 ? 1 : far;
}
