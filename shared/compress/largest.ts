import { checkInteger } from '../errors/index.ts';

/**
 * Indices of the `count` values of largest magnitude, ascending; of equal ones the first. O(n) on average.
 * @throws `argument.invalid` for a count out of range.
 */
export function largestCoordinates(values: ArrayLike<number>, count: number): Uint32Array<ArrayBuffer> {
  checkInteger('count', count, 0, values.length);
  const chosen = new Uint32Array(count);
  if (count === 0) return chosen;
  const magnitudes = Float64Array.from(values, Math.abs);
  const least = nthLargest(magnitudes.slice(), count);
  let above = 0;
  for (let i = 0; i < magnitudes.length; i++) if (magnitudes[i]! > least) above++;
  let equal = count - above;
  let at = 0;
  for (let i = 0; i < magnitudes.length && at < count; i++) {
    const isEqual = magnitudes[i] === least;
    if (magnitudes[i]! > least || (isEqual && equal-- > 0)) chosen[at++] = i;
  }
  return chosen;
}

/** Hoare's selection, the middle one of three as pivot: what comes in order is no worse than what does not. Reorders `values`. */
function nthLargest(values: Float64Array, n: number): number {
  let low = 0;
  let high = values.length - 1;
  const wanted = n - 1;
  while (low < high) {
    const [a, b, c] = [values[low]!, values[(low + high) >> 1]!, values[high]!];
    const pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! > pivot) i++;
      while (values[j]! < pivot) j--;
      if (i > j) break;
      const held = values[i]!;
      values[i++] = values[j]!;
      values[j--] = held;
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return values[wanted]!;
}

/** All but the `count` largest by magnitude set to zero (Aji and Heafield 2017). A copy. */
export function topK(values: ArrayLike<number>, count: number): Float64Array<ArrayBuffer> {
  const kept = new Float64Array(values.length);
  for (const i of largestCoordinates(values, count)) kept[i] = values[i]!;
  return kept;
}

/** Of the `count` largest the signs times their mean magnitude (Sattler et al. 2019, "Sparse Ternary Compression", algorithm 1). */
export function sparseTernary(values: ArrayLike<number>, count: number): Float64Array<ArrayBuffer> {
  const kept = new Float64Array(values.length);
  const largest = largestCoordinates(values, count);
  let sum = 0;
  for (const i of largest) sum += Math.abs(values[i]!);
  for (const i of largest) kept[i] = (Math.sign(values[i]!) * sum) / count;
  return kept;
}
