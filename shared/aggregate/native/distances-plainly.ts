import { BLOCK, LARGEST_SQUARED, WIDTH } from './distance-layout.ts';
import { checkFiniteNumbers } from './finite.ts';

const LANES = 4;
/** Squares of a lane that are added up before their sum is added to others. */
const RUN = 8;

/**
 * What squared-distances.ts computes with SIMD, to the bit: four sums side by side, in float32, of blocks of 128 coordinates,
 * and the blocks' in double precision.
 * @throws `update.non-finite`.
 */
export function squaredDistancesPlainly(rows: readonly Float32Array[]): Float64Array<ArrayBuffer> {
  const n = rows.length;
  const squares = new Float64Array(n * n);
  const { length } = rows[0]!;
  for (let from = 0; from < length; from += WIDTH) {
    const to = Math.min(length, from + WIDTH);
    const largest = rows.reduce((most, row) => Math.max(most, largestOf(row, from, to)), 0);
    checkFiniteNumbers(largest < Number.POSITIVE_INFINITY);
    const add = largest < LARGEST_SQUARED ? addInBlocks : addExactly;
    for (let a = 0; a < n; a++)
      for (let b = a + 1; b < n; b++)
        squares[a * n + b] = add(squares[a * n + b]!, rows[a]!, rows[b]!, from, to);
  }
  for (let a = 0; a < n; a++) for (let b = 0; b < a; b++) squares[a * n + b] = squares[b * n + a]!;
  return squares;
}

/** NaN where one is. */
function largestOf(row: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(row[i]!));
  return largest;
}

type Add = (before: number, a: Float32Array, b: Float32Array, from: number, to: number) => number;

const addInBlocks: Add = (before, a, b, from, to) => {
  const { fround } = Math;
  const run = new Float32Array(LANES);
  const sums = new Float32Array(LANES);
  let total = before;
  for (let start = from; start < to; start += BLOCK) {
    const end = Math.min(to, start + BLOCK);
    sums.fill(0);
    for (let part = start; part < end; part += RUN * LANES) {
      run.fill(0);
      for (let i = part; i < Math.min(end, part + RUN * LANES); i++) {
        const difference = fround(a[i]! - b[i]!);
        run[(i - part) % LANES]! += fround(difference * difference);
      }
      for (let lane = 0; lane < LANES; lane++) sums[lane]! += run[lane]!;
    }
    total += sums[0]! + sums[2]! + (sums[1]! + sums[3]!);
  }
  return total;
};

/** Even coordinates and odd ones. */
const addExactly: Add = (before, a, b, from, to) => {
  let [even, odd] = [0, 0];
  for (let i = from; i < to; i += 2) even += (a[i]! - b[i]!) ** 2;
  for (let i = from + 1; i < to; i += 2) odd += (a[i]! - b[i]!) ** 2;
  return before + (even + odd);
};
