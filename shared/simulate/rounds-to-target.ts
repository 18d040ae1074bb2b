/** One point of a learning curve: accuracy (0 to 1) of the model that this round made. */
export interface CurvePoint {
  readonly round: number;
  readonly accuracy: number;
}

/** The best accuracy of this and all earlier rounds, so that the curve never falls (McMahan et al. 2017, section 3). */
export function bestSoFar(curve: readonly CurvePoint[]): CurvePoint[] {
  let best = 0;
  return curve.map(({ round, accuracy }) => {
    best = Math.max(best, accuracy);
    return { round, accuracy: best };
  });
}

/**
 * When the curve first crosses the target, by linear interpolation between the points around it (McMahan et al. 2017,
 * section 3). From (1, 0.90) to (2, 0.98), 0.97 is crossed at 1.875. A first point that is there already counts as is.
 * @param curve in the order of its rounds.
 * @returns rounds, fractions included; undefined when the target is not reached.
 */
export function roundsToTarget(curve: readonly CurvePoint[], target: number): number | undefined {
  const at = curve.findIndex(({ accuracy }) => accuracy >= target);
  if (at < 0) return undefined;
  const reached = curve[at]!;
  const before = curve[at - 1];
  if (before === undefined) return reached.round;
  const share = (target - before.accuracy) / (reached.accuracy - before.accuracy);
  return before.round + share * (reached.round - before.round);
}
