import { BLOCK, LARGEST_SQUARED, WIDTH } from './distance-layout.ts';
import { checkFiniteNumbers } from './finite.ts';
import type { NativeKernels } from './module.ts';

const STRIDE = 4 * WIDTH;
const SCRATCH_BYTES = 128;
/** Distances that are on the heap at once, as doubles. */
const PANEL_BYTES = 1 << 22;
const [LARGEST_BITS, INFINITE_BITS] = new Int32Array(Float32Array.of(LARGEST_SQUARED, Infinity).buffer);

/**
 * Squared distances of each row to each, n × n: relative error at most 13 · 2^−24, below 2^−126 per coordinate an absolute
 * one. Never negative, zero for equal rows. Where a number is as large as 2^60, in double precision.
 * @throws `update.non-finite`.
 */
export function squaredDistances(
  kernels: NativeKernels,
  rows: readonly Float32Array[],
  panelBytes = PANEL_BYTES,
): Float64Array<ArrayBuffer> {
  const n = rows.length;
  const squares = new Float64Array(n * n);
  // Blocks of two rows and four others reach beyond the last.
  const columns = n + 4;
  const perPanel = 2 * Math.max(1, Math.floor(panelBytes / (16 * columns)));
  for (let from = 0; from < n; from += perPanel)
    addPanel(kernels, rows, { from, to: Math.min(n, from + perPanel), columns }, squares);
  return squares;
}

interface Panel {
  readonly from: number;
  readonly to: number;
  readonly columns: number;
}

/** Distances of the rows of a panel to those that come after them. */
function addPanel(
  kernels: NativeKernels,
  rows: readonly Float32Array[],
  { from, to, columns }: Panel,
  squares: Float64Array,
): void {
  const n = rows.length;
  const scratch = n * STRIDE;
  const panelAt = scratch + SCRATCH_BYTES;
  const panelLength = (to - from + 1) * columns;
  const heap = kernels.heapOf(panelAt + 8 * panelLength);
  const numbers = new Float32Array(heap);
  const panel = new Float64Array(heap, panelAt, panelLength).fill(0);
  const { length } = rows[0]!;
  for (let at = 0; at < length; at += WIDTH) {
    const width = Math.min(WIDTH, length - at);
    rows.forEach((row, r) => {
      numbers.set(row.subarray(at, at + width), r * WIDTH);
      numbers.fill(0, r * WIDTH + width, (r + 1) * WIDTH);
    });
    const largest = kernels.largestMagnitude(0, n * STRIDE);
    checkFiniteNumbers(largest < INFINITE_BITS!);
    if (largest < LARGEST_BITS!) {
      const whole = Math.ceil(width / BLOCK) * BLOCK;
      kernels.addSquares(0, STRIDE, n, whole, from, to, panelAt, columns, scratch);
    } else kernels.addSquaresExactly(0, STRIDE, n, WIDTH, from, to, panelAt, columns);
  }
  for (let a = from; a < to; a++)
    for (let b = a + 1; b < n; b++) {
      const square = panel[(a - from) * columns + b]!;
      squares[a * n + b] = square;
      squares[b * n + a] = square;
    }
}
