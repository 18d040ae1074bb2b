import { checkFinite } from '../../errors/index.ts';
import { anyNumber, checkRows, majority } from './check-rows.ts';
import { middleOf } from './geometric-median.ts';
import { emptyLike, type Row, squaredNorm } from './kernels.ts';

/**
 * Rows longer than this L2 norm are scaled down to it: norm bounding (Sun, Kairouz, Suresh, McMahan 2019, "Can You Really Backdoor
 * Federated Learning?", section 4), ByzFL's static clipping. With `median` to the median of all norms, which lies of less than
 * half of the rows cannot raise beyond an honest one.
 * @returns copies of those that were too long, and the others as they are.
 */
export function boundNorms(rows: readonly Row[], bound: number | 'median'): Row[] {
  checkRows(rows, anyNumber('A norm bound'));
  if (bound !== 'median') checkFinite('bound', bound, Number.MIN_VALUE);
  const norms = rows.map((row) => Math.sqrt(squaredNorm(row)));
  const most = bound === 'median' ? middleOf(norms) : bound;
  return rows.map((row, r) => (norms[r]! > most ? scaled(row, most / norms[r]!) : row));
}

/**
 * Adaptive robust clipping: the k = ⌊2f(n − f)/n⌋ longest rows are scaled down to the norm of the longest of the others
 * (Allouah et al. 2024, "Adaptive Gradient Clipping for Robust Federated Learning", algorithm 2).
 * @throws `aggregate.too-few` unless n ≥ 2f + 1.
 */
export function clipLongest(rows: readonly Row[], byzantine: number): Row[] {
  checkRows(rows, majority('Adaptive robust clipping', byzantine), byzantine);
  const count = Math.floor(((2 * byzantine) / rows.length) * (rows.length - byzantine));
  const norms = Float64Array.from(rows, (row) => Math.sqrt(squaredNorm(row)));
  const longest = norms.slice().sort()[rows.length - count - 1]!;
  return rows.map((row, r) => (norms[r]! > longest ? scaled(row, longest / norms[r]!) : row));
}

function scaled(row: Row, factor: number): Row {
  const out = emptyLike(row);
  for (let i = 0; i < out.length; i++) out[i] = row[i]! * factor;
  return out;
}
