import type { Encoding } from '../../compress/index.ts';
import { check } from '../../errors/index.ts';
import { isPlainMean, type RobustSpec, robustNeedOf } from '../../federation/index.ts';
import { createAggregationKernels, placeRows } from '../native/index.ts';
import type { Needs } from '../rule.ts';
import { sumSlices, type WeightedSlice } from '../sum.ts';
import { bulyan } from './bulyan.ts';
import { centredClipping } from './centred-clipping.ts';
import { checkCount } from './check-rows.ts';
import { coordinateMedian, trimmedMean } from './coordinate-wise.ts';
import { geometricMedian } from './geometric-median.ts';
import type { AggregationKernels, Row } from './kernels.ts';
import { krum, multiKrum } from './krum.ts';
import { totalWeight, weightedMean } from './mean.ts';
import { mixNearest } from './nearest.ts';
import { boundNorms } from './norm-bound.ts';

/** A CombineRule that is done at once. */
export type RobustRule = (sums: readonly WeightedSlice[]) => WeightedSlice;

const LARGEST = 2 ** 31 - 1;

/** A plain mean is a sum and its weight; everything else looks at each vector. */
export function needsOf(robust: RobustSpec | undefined): Needs {
  return robust === undefined || isPlainMean(robust) ? 'sum' : 'individual';
}

/** How many updates, or sums of groups, have to be put together. */
export function fewest(robust: RobustSpec): number {
  return robustNeedOf(robust).fewest;
}

/**
 * The rule of a federation's document, over updates or over the sums of groups: each vector is divided by its weight in double
 * precision and rounded once to float32; norms are bounded, neighbours mixed, the rule applied, in this order; the result times
 * the total weight is rounded to the nearest integer. What it is made of is the same on every device, so with the same kernels
 * so are its bits; kernels.ts says by how much others may differ. Weights count in a mean only. A plain mean is the exact sum.
 *
 * Lengths in the document are of real vectors; `encoding` says how many units of the integers are one.
 * @throws `aggregate.too-few`, `aggregate.bad-weight`, `update.wrong-length`; `update.overflow` where the result does not fit 32 bits.
 */
export function combineRuleOf(
  robust: RobustSpec | undefined,
  encoding: Encoding,
  kernels: AggregationKernels = createAggregationKernels(),
): RobustRule {
  // Who is kept by screening is decided before.
  if (robust === undefined || isPlainMean({ ...robust, screening: 'none' })) return sumSlices;
  const unit = unitOf(robust, encoding);
  return (sums) => {
    const { formula, fewest } = robustNeedOf(robust);
    checkCount(sums.length, { rule: nameOf(robust), formula, fewest }, robust.byzantine);
    const weights = sums.map(({ weight }) => weight);
    const total = totalWeight(weights, sums.length);
    const rows = applyBefore(toRows(sums), robust, unit, kernels);
    return toSlice(applyRule(rows, weights, robust, unit, kernels), total);
  };
}

/**
 * Of those that screening kept: their rule, or where they are fewer than it needs, their mean, since each of them was seen to do
 * no harm. Where nobody was kept, a step of no length with the weight of all.
 * @param kept indices of `sums`, as screening.ts gives them.
 */
export function combineKept(
  sums: readonly WeightedSlice[],
  kept: readonly number[],
  robust: RobustSpec,
  encoding: Encoding,
  kernels: AggregationKernels = createAggregationKernels(),
): WeightedSlice {
  if (kept.length === 0) {
    const [first] = sums;
    check(first !== undefined, 'aggregate.too-few', 'There is nothing to put together.');
    const weight = totalWeight(
      sums.map((sum) => sum.weight),
      sums.length,
    );
    return { values: new Int32Array(first.values.length), weight };
  }
  const left = kept.map((index) => sums[index]!);
  if (left.length >= fewest(robust)) return combineRuleOf(robust, encoding, kernels)(left);
  const bounded: RobustSpec = { ...robust, rule: { type: 'mean' }, mixing: 'none', byzantine: 0 };
  return combineRuleOf({ ...bounded, screening: 'none' }, encoding, kernels)(left);
}

function applyBefore(
  rows: readonly Row[],
  { normBound, mixing, byzantine }: RobustSpec,
  unit: number,
  kernels: AggregationKernels,
): readonly Row[] {
  const bound = typeof normBound === 'number' ? normBound * unit : normBound;
  const bounded = bound === undefined ? rows : boundNorms(rows, bound);
  return mixing === 'none' ? bounded : mixNearest(bounded, byzantine, kernels);
}

function applyRule(
  rows: readonly Row[],
  weights: readonly number[],
  { rule, byzantine }: RobustSpec,
  unit: number,
  kernels: AggregationKernels,
): Row {
  switch (rule.type) {
    case 'mean':
      return weightedMean(rows, weights, kernels);
    case 'median':
      return coordinateMedian(rows, kernels);
    case 'trimmed-mean':
      return trimmedMean(rows, byzantine, kernels);
    case 'geometric-median':
      return geometricMedian(rows, {}, kernels);
    case 'krum':
      return krum(rows, byzantine, kernels);
    case 'multi-krum':
      return multiKrum(rows, byzantine, rule.select, kernels);
    case 'bulyan':
      return bulyan(rows, byzantine, kernels);
    case 'centred-clipping': {
      const radius = rule.radius === undefined ? {} : { radius: rule.radius * unit };
      return centredClipping(rows, { ...radius, iterations: rule.iterations }, kernels);
    }
  }
}

/** Units of the integers in one. A lattice's follow the norms of updates, so that no length but the median can be named there. */
function unitOf({ rule, normBound }: RobustSpec, encoding: Encoding): number {
  if (encoding.kind === 'grid') return encoding.scale;
  if (encoding.kind === undefined) return 2 ** encoding.fractionalBits;
  const isLength =
    typeof normBound === 'number' || (rule.type === 'centred-clipping' && rule.radius !== undefined);
  check(!isLength, 'argument.invalid', 'Compressed updates are measured by one another.', {
    path: typeof normBound === 'number' ? 'strategy.robust.normBound' : 'strategy.robust.rule.radius',
    expected: 'median, or nothing, with strategy.compression',
    received: 'a length',
  });
  return 1;
}

/** Written where kernels add them up without copying. */
function toRows(sums: readonly WeightedSlice[]): Row[] {
  const { length } = sums[0]!.values;
  const placed = placeRows(sums.length, length);
  return sums.map(({ values, weight }, r) => {
    const row = values.length === length ? placed[r]! : new Float32Array(values.length);
    for (let i = 0; i < row.length; i++) row[i] = values[i]! / weight;
    return row;
  });
}

function toSlice(row: Row, weight: number): WeightedSlice {
  const values = new Int32Array(row.length);
  for (let i = 0; i < row.length; i++) {
    const value = Math.round(row[i]! * weight);
    if (!(value <= LARGEST && value >= -LARGEST))
      check(false, 'update.overflow', 'What a robust rule made does not fit 32 bits.', {
        expected: `coordinates within ±${LARGEST}`,
        received: 'a larger one',
      });
    values[i] = value;
  }
  return { values, weight };
}

function nameOf({ rule, mixing }: RobustSpec): string {
  return mixing === 'none' ? `The rule "${rule.type}"` : `The rule "${rule.type}" after mixing`;
}
