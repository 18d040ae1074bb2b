import { checkFiniteNumbers } from './finite.ts';
import type { NativeKernels } from './module.ts';
import { type ScaledWeights, scaleWeights } from './scaled-weights.ts';
import {
  COPIED,
  GROUP,
  HEAP_BYTES,
  MOST_ROWS,
  PLACED,
  POINTERS,
  STRIDE,
  SUMS,
  type Tile,
  WEIGHTS,
  wholeVectors,
} from './sum-layout.ts';

type Rows = readonly Float32Array[];

/**
 * out[i] = Σ weights[r] · rows[r][i], as fast as memory is read: eight rows at a time are added in float32, their sums in double
 * precision. The error is at most 6 · 2^−24 = 3.6e−7 of Σ |weights[r] · rows[r][i]|, however many rows: a term is rounded as a
 * weight, as a product, and in three additions, ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)); the result once more; the doubles'
 * n · 2^−53 are nothing beside it. What float32 has no bits for below 2^−126 is lost besides: at most 2^−148 · Σ |weights| for
 * each row, and of a number above 1 so many times as much. Σ |weights| scales out, so that nothing overflows on the way.
 * @throws `update.non-finite`.
 */
export function weightedSum(
  kernels: NativeKernels,
  rows: Rows,
  weights: ArrayLike<number>,
  out: Float32Array,
): void {
  const numbers = new Float32Array(kernels.heapOf(HEAP_BYTES));
  sumTiles(
    kernels,
    { rows, weights: scaleWeights(weights, rows.length), out, tile: COPIED, perCall: GROUP },
    (row, place, from, width) => {
      const at = (COPIED.end + place * STRIDE) / 4;
      numbers.set(row.subarray(from, from + width), at);
      numbers.fill(0, at + width, at + wholeVectors(width));
      return 4 * (at - from);
    },
  );
}

/** The same of rows that placeRows made: they are read where they lie. @param home of homeOf. */
export function weightedSumInPlace(
  home: NativeKernels,
  rows: Rows,
  weights: ArrayLike<number>,
  out: Float32Array,
): void {
  sumTiles(
    home,
    { rows, weights: scaleWeights(weights, rows.length), out, tile: PLACED, perCall: MOST_ROWS },
    ({ byteOffset }) => byteOffset,
  );
}

interface Task {
  readonly rows: Rows;
  readonly weights: ScaledWeights;
  readonly out: Float32Array;
  readonly tile: Tile;
  /** Rows at most that lie on the heap at once: whole groups. */
  readonly perCall: number;
}

/** @param locate says where on the heap a row would begin, of which `width` numbers from `from` on are there. */
function sumTiles(
  kernels: NativeKernels,
  { rows, weights: { factors, scale }, out, tile, perCall }: Task,
  locate: (row: Float32Array, place: number, from: number, width: number) => number,
): void {
  const heap = kernels.heapOf(tile.end);
  const pointers = new Int32Array(heap, POINTERS, MOST_ROWS);
  const weights = new Float32Array(heap, WEIGHTS, MOST_ROWS);
  const sums = new Float64Array(heap, SUMS, tile.width);
  const rounded = new Float32Array(heap, tile.out, tile.width);
  for (let from = 0; from < out.length; from += tile.width) {
    const width = Math.min(tile.width, out.length - from);
    const whole = wholeVectors(width);
    for (let first = 0; first < rows.length; first += perCall) {
      const count = Math.min(perCall, rows.length - first);
      for (let r = 0; r < count; r++) {
        pointers[r] = locate(rows[first + r]!, r, from, width);
        weights[r] = factors[first + r]!;
      }
      const inGroups = Math.ceil(count / GROUP) * GROUP;
      // What is missing in the last group: nothing of the row that was just read.
      pointers.fill(pointers[count - 1]!, count, inGroups);
      weights.fill(0, count, inGroups);
      kernels.sumWeighted(POINTERS, WEIGHTS, inGroups, 4 * from, whole, SUMS, first > 0);
    }
    // Beyond the end of a row there may be anything.
    sums.fill(0, width, whole);
    checkFiniteNumbers(kernels.roundSums(SUMS, whole, tile.out, scale) !== 0);
    out.set(rounded.subarray(0, width), from);
  }
}
