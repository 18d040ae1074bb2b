import type { EarlyStopping } from './training.ts';

/**
 * Whether the last `patience` evaluations in a row improved on the best before them by less than `minDelta`.
 * @param values of the metric, by round, of this training alone. Accuracy improves upwards, loss downwards.
 */
export function isStalled(values: readonly number[], { metric, patience, minDelta }: EarlyStopping): boolean {
  const sign = metric === 'loss' ? -1 : 1;
  let best = Number.NEGATIVE_INFINITY;
  let since = 0;
  for (const value of values) {
    const score = sign * value;
    if (score - best >= minDelta && score > best) {
      best = score;
      since = 0;
    } else since++;
  }
  return since >= patience;
}
