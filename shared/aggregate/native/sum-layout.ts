/** Where things lie on a heap that sums of float32 rows are made on. */

/** Coordinates that are worked on at once: runs as long as memory likes, and sums that stay in the second cache. */
export const WIDTH = 1 << 15;
/** Rows whose sum is of float32 numbers. */
export const GROUP = 8;
/** Rows that are added in one call: whole groups. */
export const MOST_ROWS = 64;

export const POINTERS = 0;
export const WEIGHTS = POINTERS + 4 * MOST_ROWS;
export const SUMS = WEIGHTS + 4 * MOST_ROWS;
export const OUT = SUMS + 8 * WIDTH;
export const ROWS = OUT + 4 * WIDTH;
/** A line of the cache more, so that rows do not fall into the same few lines of it. */
export const STRIDE = 4 * WIDTH + 64;
/** With one group of rows that are copied in. */
export const HEAP_BYTES = ROWS + GROUP * STRIDE;

/** What kernels take: four whole vectors. */
export const wholeVectors = (width: number): number => (width + 15) & ~15;
