import {
  matMul,
  slice,
  square,
  sub,
  sum,
  type Tensor2D,
  tensor2d,
  tidy,
  topk,
  transpose,
} from '@tensorflow/tfjs-core';
import { type AggregationKernels, plainKernels, type Row } from '../../shared/aggregate/robust/index.ts';

/** Coordinates at a time: a few hundred rows of them fit any memory. */
const CHUNK = 65_536;

/**
 * The four operations on whatever backend of tfjs is active; on TensorFlow's own library they use all cores. In float32, so rows
 * in double precision are left to the plain loops.
 */
export const tfjsKernels: AggregationKernels = {
  weightedSum(rows, weights, out) {
    if (!areSingle(rows)) return plainKernels.weightedSum(rows, weights, out);
    const each = tensor2d(Float32Array.from(weights), [1, rows.length]);
    eachChunk(rows, (stack, start) => {
      out.set(matMul(each, stack).dataSync<'float32'>(), start);
    });
    each.dispose();
  },

  median(rows, out) {
    if (!areSingle(rows)) return plainKernels.median(rows, out);
    const n = rows.length;
    eachChunk(rows, (stack, start) => {
      const sorted = sortedColumns(stack);
      for (let i = 0; i * n < sorted.length; i++)
        out[start + i] = (sorted[i * n + ((n - 1) >> 1)]! + sorted[i * n + (n >> 1)]!) * 0.5;
    });
  },

  trimmedMean(rows, trim, out) {
    if (!areSingle(rows)) return plainKernels.trimmedMean(rows, trim, out);
    const kept = rows.length - 2 * trim;
    eachChunk(rows, (stack, start) => {
      const { values } = topk(transpose(stack), rows.length, true);
      const middle = slice(values, [0, trim], [-1, kept]);
      out.set(
        sum(middle, 1)
          .dataSync<'float32'>()
          .map((total) => total / kept),
        start,
      );
    });
  },

  squaredDistances(rows) {
    if (!areSingle(rows)) return plainKernels.squaredDistances(rows);
    const n = rows.length;
    const squares = new Float64Array(n * n);
    eachChunk(rows, (stack) => {
      for (let a = 0; a + 1 < n; a++) {
        const others = slice(stack, [a + 1, 0], [-1, -1]);
        const own = slice(stack, [a, 0], [1, -1]);
        const part = sum(square(sub(others, own)), 1).dataSync<'float32'>();
        part.forEach((value, i) => {
          const b = a + 1 + i;
          squares[a * n + b]! += value;
          squares[b * n + a]! += value;
        });
      }
    });
    return squares;
  },
};

/** Each column from the largest to the smallest, one column after the other. */
function sortedColumns(stack: Tensor2D): Float32Array {
  return topk(transpose(stack), stack.shape[0], true).values.dataSync<'float32'>();
}

function eachChunk(
  rows: readonly Float32Array<ArrayBuffer>[],
  visit: (stack: Tensor2D, start: number) => void,
): void {
  const length = rows[0]!.length;
  for (let start = 0; start < length; start += CHUNK) {
    const width = Math.min(CHUNK, length - start);
    const numbers = new Float32Array(rows.length * width);
    rows.forEach((row, r) => void numbers.set(row.subarray(start, start + width), r * width));
    tidy(() => visit(tensor2d(numbers, [rows.length, width]), start));
  }
}

function areSingle(rows: readonly Row[]): rows is readonly Float32Array<ArrayBuffer>[] {
  return rows.every((row) => row instanceof Float32Array);
}
