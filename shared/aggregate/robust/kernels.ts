/** One vector of a round: an update, or the mean of a group. */
export type Row = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/**
 * The four operations that take the time of every robust rule. Rows are finite and of one length, which the caller has checked
 * (but see refusesNonFinite), and at least one; `out` is of that length and none of them.
 *
 * Every implementation gives the same bits wherever it runs. Two implementations agree exactly on the median, which picks
 * numbers and at most halves a sum of two; a weighted sum, a trimmed mean and a distance may differ by the order of additions
 * and by their precision: at most by n · 2^−24 of the sum of magnitudes where one adds n float32 numbers in float32; native/ says
 * of its own by how much less.
 */
export interface AggregationKernels {
  /** Each operation refuses rows that are not finite (`update.non-finite`): the caller need not look. */
  readonly refusesNonFinite?: true;
  /** out[i] = Σ weights[r] · rows[r][i]. */
  weightedSum(rows: readonly Row[], weights: ArrayLike<number>, out: Row): void;
  /** The middle number of each coordinate; of an even number of rows the mean of the middle two. */
  median(rows: readonly Row[], out: Row): void;
  /** Of each coordinate the mean of what is left without the `trim` largest and the `trim` smallest; 2 · trim < rows. */
  trimmedMean(rows: readonly Row[], trim: number, out: Row): void;
  /** Squared L2 distances of each row to each: n × n, symmetric, zeros on the diagonal. */
  squaredDistances(rows: readonly Row[]): Float64Array<ArrayBuffer>;
}

/** The reference: plain loops in double precision, in the order of rows and of coordinates. */
export const plainKernels: AggregationKernels = {
  weightedSum(rows, weights, out) {
    const sum = new Float64Array(out.length);
    rows.forEach((row, r) => {
      const weight = weights[r]!;
      for (let i = 0; i < sum.length; i++) sum[i]! += weight * row[i]!;
    });
    out.set(sum);
  },

  median(rows, out) {
    const upper = rows.length >> 1;
    const lower = (rows.length - 1) >> 1;
    eachSortedColumn(rows, (sorted, i) => {
      out[i] = (sorted[lower]! + sorted[upper]!) * 0.5;
    });
  },

  trimmedMean(rows, trim, out) {
    const kept = rows.length - 2 * trim;
    eachSortedColumn(rows, (sorted, i) => {
      let sum = 0;
      for (let r = trim; r < trim + kept; r++) sum += sorted[r]!;
      out[i] = sum / kept;
    });
  },

  squaredDistances(rows) {
    const n = rows.length;
    const squares = new Float64Array(n * n);
    for (let a = 0; a < n; a++)
      for (let b = a + 1; b < n; b++) {
        const square = squaredDistance(rows[a]!, rows[b]!);
        squares[a * n + b] = square;
        squares[b * n + a] = square;
      }
    return squares;
  },
};

export function squaredDistance(a: Row, b: Row): number {
  let square = 0;
  for (let i = 0; i < a.length; i++) square += (a[i]! - b[i]!) ** 2;
  return square;
}

export function squaredNorm(row: Row): number {
  let square = 0;
  for (const value of row) square += value * value;
  return square;
}

/** A row of zeros, of the length and the precision of this one. */
export function emptyLike(row: Row): Row {
  return row instanceof Float32Array ? new Float32Array(row.length) : new Float64Array(row.length);
}

/** @param visit is given the coordinate's numbers in ascending order, in memory that the next coordinate uses again. */
export function eachSortedColumn(
  rows: readonly Row[],
  visit: (sorted: Float64Array, coordinate: number) => void,
): void {
  const column = new Float64Array(rows.length);
  for (let i = 0; i < rows[0]!.length; i++) {
    for (let r = 0; r < rows.length; r++) column[r] = rows[r]![i]!;
    visit(column.sort(), i);
  }
}
