import { checkFinite, checkInteger } from '../../errors/index.ts';
import { anyNumber, checkRows } from './check-rows.ts';
import { distancesTo, middleOf } from './geometric-median.ts';
import { type AggregationKernels, emptyLike, plainKernels, type Row } from './kernels.ts';

export interface CentredClippingOptions {
  /** τ: L2 distance from the centre beyond which a row is pulled in. Left out, the median distance of each step. */
  readonly radius?: number;
  readonly iterations?: number;
  /** The paper takes the last round's result; left out, the coordinate median, which needs no memory. */
  readonly start?: Row;
}

/**
 * v ← v + mean of (x − v) · min(1, τ / ‖x − v‖) (Karimireddy, He, Jaggi 2021, "Learning from History for Byzantine Robust
 * Optimization", equation 6).
 */
export function centredClipping(
  rows: readonly Row[],
  { radius, iterations = 3, start }: CentredClippingOptions = {},
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, anyNumber('Centred clipping'), 0, start === undefined ? kernels : undefined);
  if (radius !== undefined) checkFinite('radius', radius, Number.MIN_VALUE);
  checkInteger('iterations', iterations, 0, 1e4);
  let centre = emptyLike(rows[0]!);
  if (start === undefined) kernels.median(rows, centre);
  else centre.set(start);
  for (let step = 0; step < iterations; step++) {
    const distances = distancesTo(centre, rows);
    const reach = radius ?? middleOf(distances);
    const factors = distances.map((distance) => (distance <= reach ? 1 : reach / distance));
    const pull = factors.reduce((sum, factor) => sum + factor, 0);
    const next = emptyLike(centre);
    kernels.weightedSum(rows, factors, next);
    for (let i = 0; i < next.length; i++) next[i] = centre[i]! + (next[i]! - pull * centre[i]!) / rows.length;
    centre = next;
  }
  return centre;
}
