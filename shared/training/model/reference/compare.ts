/**
 * Largest difference between two lists, over the largest number expected, or over `least` where that is more.
 * Infinite where their lengths differ or a number received is none.
 */
export function relativeDifference(
  received: ArrayLike<number>,
  expected: readonly number[],
  least = 0,
): number {
  if (received.length !== expected.length) return Infinity;
  let scale = least;
  let worst = 0;
  expected.forEach((value, i) => {
    const difference = Math.abs(value - received[i]!);
    scale = Math.max(scale, Math.abs(value));
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  });
  return worst === 0 ? 0 : worst / scale;
}
