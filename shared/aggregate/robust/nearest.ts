import { check, checkInteger } from '../../errors/index.ts';
import { checkRows, majority } from './check-rows.ts';
import { type AggregationKernels, plainKernels, type Row } from './kernels.ts';
import { meanOf } from './mean.ts';

/**
 * Nearest-neighbour mixing, before a rule: each row is replaced by the mean of the n − f nearest to it, itself among them
 * (Allouah et al. 2023, "Fixing by Mixing", algorithm 2). Of two as near the earlier.
 * @throws `aggregate.too-few` unless n ≥ 2f + 1.
 */
export function mixNearest(
  rows: readonly Row[],
  byzantine: number,
  kernels: AggregationKernels = plainKernels,
): Row[] {
  checkRows(rows, majority('Nearest-neighbour mixing', byzantine), byzantine, kernels);
  const squares = kernels.squaredDistances(rows);
  return rows.map((_, r) =>
    meanOf(
      nearestTo(r, rows.length - byzantine, squares, rows.length).map((near) => rows[near]!),
      kernels,
    ),
  );
}

/**
 * MoNNA: the mean of the n − f nearest to a row that is known to be honest, one's own (Farhadkhani et al. 2023, "Robust
 * Collaborative Learning with Linear Gradient Overhead", section 3).
 * @param own index of that row.
 * @throws `aggregate.too-few` unless n ≥ 2f + 1.
 */
export function nearestToOwn(
  rows: readonly Row[],
  byzantine: number,
  own: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, majority('MoNNA', byzantine), byzantine, kernels);
  checkInteger('own', own, 0, rows.length - 1);
  const squares = kernels.squaredDistances(rows);
  return meanOf(
    nearestTo(own, rows.length - byzantine, squares, rows.length).map((near) => rows[near]!),
    kernels,
  );
}

function nearestTo(r: number, count: number, squares: Float64Array, n: number): number[] {
  const order = Array.from({ length: n }, (_, other) => other);
  order.sort((a, b) => squares[r * n + a]! - squares[r * n + b]! || a - b);
  return order.slice(0, count);
}

/** More subsets than this are not gone through. */
const MOST_SUBSETS = 2 ** 22;

/**
 * Minimum-diameter averaging: the mean of those n − f rows whose largest distance from one another is smallest (El Mhamdi et al.
 * 2020, "Genuinely Distributed Byzantine Machine Learning", section 3.1); of several such sets the first by index. Goes
 * through subsets, so it is for few rows.
 * @throws `aggregate.too-few` unless n ≥ 2f + 1; `argument.invalid` for more than four million subsets.
 */
export function minimumDiameterMean(
  rows: readonly Row[],
  byzantine: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, majority('Minimum-diameter averaging', byzantine), byzantine);
  const n = rows.length;
  const subsets = binomial(n, byzantine);
  check(subsets <= MOST_SUBSETS, 'argument.invalid', 'Minimum-diameter averaging would take too long.', {
    expected: `C(n, f) of at most ${MOST_SUBSETS}`,
    received: `C(${n}, ${byzantine})`,
  });
  const squares = kernels.squaredDistances(rows);
  let best: readonly number[] = [];
  let smallest = Number.POSITIVE_INFINITY;
  const chosen: number[] = [];
  // In the order of indices, leaving what is no better than the best so far.
  const extend = (from: number, diameter: number): void => {
    if (chosen.length === n - byzantine) {
      best = [...chosen];
      smallest = diameter;
      return;
    }
    for (let r = from; r <= byzantine + chosen.length; r++) {
      let wider = diameter;
      for (const other of chosen) wider = Math.max(wider, squares[r * n + other]!);
      if (wider >= smallest) continue;
      chosen.push(r);
      extend(r + 1, wider);
      chosen.pop();
    }
  };
  extend(0, 0);
  return meanOf(
    best.map((r) => rows[r]!),
    kernels,
  );
}

function binomial(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return ways;
}
