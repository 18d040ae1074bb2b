/** Where things lie on a heap that sums of float32 rows are made on. */

/** Rows whose sum is of float32 numbers. */
export const GROUP = 8;
/** Rows that are added in one call: whole groups. */
export const MOST_ROWS = 64;

export const POINTERS = 0;
export const WEIGHTS = POINTERS + 4 * MOST_ROWS;
export const SUMS = WEIGHTS + 4 * MOST_ROWS;

/** Coordinates that are worked on at once, and where their sums and the rounded ones lie; offsets and lengths in bytes but for `width`. */
export interface Tile {
  readonly width: number;
  readonly out: number;
  readonly end: number;
}

const tile = (width: number): Tile => ({ width, out: SUMS + 8 * width, end: SUMS + 12 * width });
/** Of rows that are copied in: they stay in the second cache, and so do their sums. */
export const COPIED = tile(1 << 15);
/** Of rows that are read where they lie: memory likes long runs more than the cache misses sums. */
export const PLACED = tile(1 << 18);

/** A line of the cache more, so that rows do not fall into the same few lines of it. */
export const STRIDE = 4 * COPIED.width + 64;
/** With one group of rows that are copied in. */
export const HEAP_BYTES = COPIED.end + GROUP * STRIDE;

/** What kernels take: four whole vectors. */
export const wholeVectors = (width: number): number => (width + 15) & ~15;
