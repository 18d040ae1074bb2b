import { checkFiniteNumbers } from './finite.ts';
import { scaleWeights } from './scaled-weights.ts';
import { GROUP } from './sum-layout.ts';

/**
 * What weighted-sum.ts computes with SIMD, to the bit: sums of eight rows in float32, and theirs in double precision.
 * @throws `update.non-finite`.
 */
export function weightedSumPlainly(
  rows: readonly Float32Array[],
  weights: ArrayLike<number>,
  out: Float32Array,
): void {
  const { factors, scale } = scaleWeights(weights, rows.length);
  const sums = new Float64Array(out.length);
  for (let first = 0; first < rows.length; first += GROUP) {
    const group = rows.slice(first, first + GROUP);
    const terms = new Float32Array(GROUP);
    for (let i = 0; i < sums.length; i++) {
      for (let r = 0; r < group.length; r++) terms[r] = group[r]![i]! * factors[first + r]!;
      sums[i]! += addInPairs(terms);
    }
  }
  checkFiniteNumbers(sums.every(Number.isFinite));
  for (let i = 0; i < sums.length; i++) out[i] = scale * sums[i]!;
}

function addInPairs(terms: Float32Array): number {
  const { fround } = Math;
  const pair = (r: number): number => fround(terms[r]! + terms[r + 1]!);
  return fround(fround(pair(0) + pair(2)) + fround(pair(4) + pair(6)));
}
