import { checkInteger } from '../../errors/index.ts';
import { anyNumber, checkRows, majority } from './check-rows.ts';
import { type AggregationKernels, eachSortedColumn, emptyLike, plainKernels, type Row } from './kernels.ts';

/**
 * Of each coordinate the middle number, of an even number of rows the mean of the middle two, as NumPy has it (Yin, Chen,
 * Ramchandran, Bartlett 2018, "Byzantine-Robust Distributed Learning", definition 1).
 */
export function coordinateMedian(rows: readonly Row[], kernels: AggregationKernels = plainKernels): Row {
  checkRows(rows, anyNumber('A median'), 0, kernels);
  const out = emptyLike(rows[0]!);
  kernels.median(rows, out);
  return out;
}

/**
 * Of each coordinate the mean without the f largest and the f smallest (Yin et al. 2018, definition 2, where f is βn).
 * @throws `aggregate.too-few` unless n ≥ 2f + 1.
 */
export function trimmedMean(
  rows: readonly Row[],
  byzantine: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, majority('A trimmed mean', byzantine), byzantine, kernels);
  const out = emptyLike(rows[0]!);
  kernels.trimmedMean(rows, byzantine, out);
  return out;
}

/**
 * Of each coordinate the mean of the `count` numbers nearest to a reference; of two as near the smaller, so that the order of
 * rows does not matter. The second half of Bulyan.
 */
export function meanNearest(rows: readonly Row[], reference: Row, count: number): Row {
  checkRows([...rows, reference], anyNumber('A mean'));
  checkInteger('count', count, 1, rows.length);
  const out = emptyLike(rows[0]!);
  eachSortedColumn(rows, (sorted, i) => {
    // What is nearest lies side by side: the window moves up while what comes in is nearer than what falls out.
    let start = 0;
    while (
      start + count < sorted.length &&
      sorted[start + count]! - reference[i]! < reference[i]! - sorted[start]!
    )
      start++;
    let sum = 0;
    for (let r = start; r < start + count; r++) sum += sorted[r]!;
    out[i] = sum / count;
  });
  return out;
}

/** The mean around the median, of the n − f nearest to it (Xie, Koyejo, Gupta 2018, "Generalized Byzantine-tolerant SGD"). */
export function meanAroundMedian(
  rows: readonly Row[],
  byzantine: number,
  kernels: AggregationKernels = plainKernels,
): Row {
  checkRows(rows, majority('A mean around the median', byzantine), byzantine, kernels);
  return meanNearest(rows, coordinateMedian(rows, kernels), rows.length - byzantine);
}
