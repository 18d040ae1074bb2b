import type { Noise, PrivacyEvent } from '../../shared/privacy/index.ts';

/** One row that is another instead takes one from a count and gives one to another: L1 distance of two histograms of as many rows. */
const SENSITIVITY = 2;

/**
 * How many rows fall into each class, with two-sided geometric noise (Ghosh, Roughgarden and Sundararajan 2009) of scale 2 / ε on each count. The number of
 * rows is public, so that neighbouring batches differ in one row's content, not in its presence.
 * @returns integers, some below 0: cutting them off is left to the reader, since it would bias sums.
 */
export function noisyCounts(
  labels: ArrayLike<number>,
  classes: number,
  epsilon: number,
  noise: Pick<Noise, 'addDiscreteLaplace'>,
): Int32Array {
  const counts = new Int32Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  noise.addDiscreteLaplace(counts, SENSITIVITY / epsilon);
  return counts;
}

export function countsEvent(epsilon: number): PrivacyEvent {
  return { mechanism: 'discrete-laplace', scale: SENSITIVITY / epsilon, sensitivity: SENSITIVITY };
}
