import { checkFiniteNumbers } from './finite.ts';
import type { NativeKernels } from './module.ts';

/** Of all rows together: stays in the second cache. */
const TILE_BYTES = 1 << 19;
/** Coordinates that are sorted at once. */
const LINE = 16;
/** Between rows besides: rows at a power of two from one another would fall into the same few lines of a cache. */
const GAP_BYTES = 64;

/** As plainKernels.median, to the bit. @throws `update.non-finite`. */
export function median(kernels: NativeKernels, rows: readonly Float32Array[], out: Float32Array): void {
  eachTile(kernels, rows, out, (stride, width, scratch, result) =>
    kernels.medianOfRows(0, stride, rows.length, width, scratch, result),
  );
}

/** As plainKernels.trimmedMean, to the bit. @throws `update.non-finite`. */
export function trimmedMean(
  kernels: NativeKernels,
  rows: readonly Float32Array[],
  trim: number,
  out: Float32Array,
): void {
  eachTile(kernels, rows, out, (stride, width, scratch, result) =>
    kernels.trimmedMeanOfRows(0, stride, rows.length, width, scratch, result, trim),
  );
}

/** @param reduce leaves `width` numbers at `result`; 0 where a number is not finite. */
function eachTile(
  kernels: NativeKernels,
  rows: readonly Float32Array[],
  out: Float32Array,
  reduce: (stride: number, width: number, scratch: number, result: number) => number,
): void {
  const most = tileWidth(rows.length, out.length);
  const stride = 4 * most + GAP_BYTES;
  const scratch = rows.length * stride;
  const result = scratch + rows.length * 4 * LINE;
  const heap = kernels.heapOf(result + 4 * most);
  const numbers = new Float32Array(heap);
  for (let from = 0; from < out.length; from += most) {
    const width = Math.min(most, out.length - from);
    const whole = Math.ceil(width / LINE) * LINE;
    rows.forEach((row, r) => {
      const at = (r * stride) / 4;
      numbers.set(row.subarray(from, from + width), at);
      numbers.fill(0, at + width, at + whole);
    });
    checkFiniteNumbers(reduce(stride, whole, scratch, result) !== 0);
    out.set(numbers.subarray(result / 4, result / 4 + width), from);
  }
}

function tileWidth(rows: number, length: number): number {
  const fitting = Math.floor(TILE_BYTES / (4 * rows * LINE)) * LINE;
  return Math.max(4 * LINE, Math.min(fitting, Math.ceil(length / LINE) * LINE));
}
