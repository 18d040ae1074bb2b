/** Weights over a power of two, in float32. */
export interface ScaledWeights {
  readonly factors: Float32Array;
  readonly scale: number;
}

/** Beyond these 1 / scale, or twice it, is no number. */
const [LEAST_SCALE, MOST_SCALE] = [2 ** -1000, 2 ** 1000];

/**
 * Magnitudes of all factors together are ½ at most, so that no sum of finite float32 numbers overflows, and above ⅛, so that
 * as little as can be is lost below. Of weights that are not finite such factors.
 */
export function scaleWeights(weights: ArrayLike<number>, count: number): ScaledWeights {
  let total = 0;
  for (let r = 0; r < count; r++) total += Math.abs(weights[r]!);
  let scale = 1;
  while (scale < 2 * total && scale < MOST_SCALE) scale *= 2;
  while (scale > 4 * total && total > 0 && scale > LEAST_SCALE) scale /= 2;
  return { factors: Float32Array.from({ length: count }, (_, r) => weights[r]! / scale), scale };
}
