import { checkFinite, checkInteger } from '../../errors/index.ts';
import { anyNumber, checkRows } from './check-rows.ts';
import { type AggregationKernels, emptyLike, plainKernels, type Row, squaredDistance } from './kernels.ts';

export interface GeometricMedianOptions {
  /** ν: a row nearer than this counts as this near. Left out, a millionth of the spread. */
  readonly smoothing?: number;
  /** So many steps and no test. Left out, until a step is below a millionth of the spread. */
  readonly iterations?: number;
  /** Left out, the coordinate median, which is near already and which lies cannot move far. */
  readonly start?: Row;
}

/** Of the spread: a step shorter than that is the last one, and ν. */
const TOLERANCE = 1e-6;
/** Steps shrink geometrically; beyond this many they do so too slowly to matter. */
const MOST_ITERATIONS = 1000;

/**
 * The point of least total distance to all rows, by the smoothed Weiszfeld algorithm: z ← Σ β x / Σ β with
 * β = 1 / max(ν, ‖x − z‖) (Pillutla, Kakade, Harchaoui 2022, "Robust Aggregation for Federated Learning", algorithm 2).
 * The field's implementations stop after a few steps from zero, which is another point; this one goes on until it stands still,
 * unless asked for a number of steps. Stands lies of less than half of the rows. The spread is the median distance of rows to
 * the coordinate median.
 */
export function geometricMedian(
  rows: readonly Row[],
  { smoothing, iterations, start }: GeometricMedianOptions = {},
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, anyNumber('A geometric median'), 0, kernels);
  if (smoothing !== undefined) checkFinite('smoothing', smoothing, Number.MIN_VALUE);
  if (iterations !== undefined) checkInteger('iterations', iterations, 0, 1e6);
  const middle = emptyLike(rows[0]!);
  kernels.median(rows, middle);
  const spread = middleOf(distancesTo(middle, rows));
  let at = start ?? middle;
  // More than half of the rows are that point: no other has a smaller sum of distances.
  if (spread === 0 && iterations === undefined) return middle;
  const nearest = smoothing ?? TOLERANCE * spread;
  for (let step = 0; step < (iterations ?? MOST_ITERATIONS); step++) {
    const next = weiszfeldStep(at, rows, nearest, kernels);
    const moved = Math.sqrt(squaredDistance(at, next));
    at = next;
    if (iterations === undefined && moved <= TOLERANCE * spread) break;
  }
  return at;
}

function weiszfeldStep(at: Row, rows: readonly Row[], nearest: number, kernels: AggregationKernels): Row {
  const betas = distancesTo(at, rows).map((distance) => 1 / Math.max(nearest, distance));
  const total = betas.reduce((sum, beta) => sum + beta, 0);
  const next = emptyLike(at);
  kernels.weightedSum(
    rows,
    betas.map((beta) => beta / total),
    next,
  );
  return next;
}

export function distancesTo(point: Row, rows: readonly Row[]): number[] {
  return rows.map((row) => Math.sqrt(squaredDistance(point, row)));
}

/** The median of numbers. */
export function middleOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
