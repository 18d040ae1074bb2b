import { packColumns, packTransposed, weighPanel } from './mat-mul-pack';
import { multiplyTile, storeEdge, TILE_COLUMNS, TILE_ROWS } from './mat-mul-tile';

/**
 * Matrix product in blocks (Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication"): a
 * panel of B, BLOCK_DEPTH × 16 (16 kB), stays in the first-level cache while the rows of a block of A, BLOCK_ROWS ×
 * BLOCK_DEPTH (128 kB), pass from the second. A is read where it lies, transposed or not: two numbers per step leave
 * the caches time enough, and packing it measured no faster.
 */
const BLOCK_DEPTH: i32 = 256;
const BLOCK_ROWS: i32 = 128;
const BLOCK_COLUMNS: i32 = 512;

/** From so many rows of C on, a block of B is used often enough to be worth packing. */
const MIN_ROWS_TO_PACK_B: i32 = 64;

const PANELS_OF_B: usize = (<usize>BLOCK_COLUMNS * <usize>BLOCK_DEPTH) << 2;
const TILE: usize = (<usize>TILE_ROWS * <usize>TILE_COLUMNS) << 2;

/** Bytes of scratch memory that {@link matMul} works in. */
export function matMulScratchBytes(): usize {
  return PANELS_OF_B + TILE;
}

/**
 * C (+)= op(A)·op(B) for each of `batch` products: op(A) is [m, k], op(B) [k, n], C [m, n], row-major, all apart.
 * A lies as [k, m] when transposeA, B as [n, k] when transposeB. Leading dimensions (`Lead`: from one stored row to
 * the next) and strides (`Stride`: from one product to the next; 0 shares a factor) count numbers.
 * @param weights k numbers by which the rows of B are multiplied first, B not being transposed; 0 for none.
 */
export function matMul(
  batch: i32,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aStride: i32,
  aLead: i32,
  transposeA: bool,
  b: usize,
  bStride: i32,
  bLead: i32,
  transposeB: bool,
  c: usize,
  cStride: i32,
  cLead: i32,
  accumulate: bool,
  scratch: usize,
  weights: usize,
): void {
  const aStep = <usize>aLead << 2;
  const bStep = <usize>bLead << 2;
  const cStep = <usize>cLead << 2;
  for (let product = 0; product < batch; product++) {
    if (k <= 0 && !accumulate) {
      for (let row = 0; row < m; row++) memory.fill(c + <usize>row * cStep, 0, <usize>n << 2);
    }
    multiply(m, n, k, a, aStep, transposeA, b, bStep, transposeB, c, cStep, accumulate, scratch, weights);
    a += <usize>aStride << 2;
    b += <usize>bStride << 2;
    c += <usize>cStride << 2;
  }
}

/** One product; steps in bytes. */
function multiply(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aStep: usize,
  transposeA: bool,
  b: usize,
  bStep: usize,
  transposeB: bool,
  c: usize,
  cStep: usize,
  accumulate: bool,
  scratch: usize,
  weights: usize,
): void {
  const aRow: usize = transposeA ? 4 : aStep;
  const aColumn: usize = transposeA ? aStep : 4;
  const packsB = transposeB || weights != 0 || m >= MIN_ROWS_TO_PACK_B;
  for (let p = 0; p < k; p += BLOCK_DEPTH) {
    const depth = min(BLOCK_DEPTH, k - p);
    for (let j = 0; j < n; j += BLOCK_COLUMNS) {
      const columns = min(BLOCK_COLUMNS, n - j);
      const blockOfB = b + (transposeB ? at(j, p, bStep) : at(p, j, bStep));
      const weightsOfB: usize = weights == 0 ? 0 : weights + (<usize>p << 2);
      packB(blockOfB, bStep, transposeB, packsB, depth, columns, scratch, weightsOfB);
      for (let i = 0; i < m; i += BLOCK_ROWS) {
        const rows = min(BLOCK_ROWS, m - i);
        multiplyBlock(
          rows,
          columns,
          depth,
          a + <usize>i * aRow + <usize>p * aColumn,
          aRow,
          aColumn,
          blockOfB,
          bStep,
          packsB,
          c + at(i, j, cStep),
          cStep,
          accumulate || p > 0,
          scratch,
        );
      }
    }
  }
}

function multiplyBlock(
  rows: i32,
  columns: i32,
  depth: i32,
  a: usize,
  aRow: usize,
  aColumn: usize,
  b: usize,
  bStep: usize,
  packsB: bool,
  c: usize,
  cStep: usize,
  accumulate: bool,
  panelsOfB: usize,
): void {
  const edge = panelsOfB + PANELS_OF_B;
  for (let j = 0; j < columns; j += TILE_COLUMNS) {
    const width = min(TILE_COLUMNS, columns - j);
    const packed = packsB || width < TILE_COLUMNS;
    const panel = packed ? panelsOfB + ((<usize>j * <usize>depth) << 2) : b + (<usize>j << 2);
    const panelStep: usize = packed ? TILE_COLUMNS << 2 : bStep;
    for (let i = 0; i < rows; i += TILE_ROWS) {
      const height = min(TILE_ROWS, rows - i);
      const tile = c + at(i, j, cStep);
      const row0 = a + <usize>i * aRow;
      // Where there is no second row it is the first once more, and what comes of it is not stored.
      const row1 = height > 1 ? row0 + aRow : row0;
      if (width == TILE_COLUMNS && height == TILE_ROWS) {
        multiplyTile(depth, row0, row1, aColumn, panel, panelStep, tile, cStep, accumulate);
      } else {
        multiplyTile(depth, row0, row1, aColumn, panel, panelStep, edge, TILE_COLUMNS << 2, false);
        storeEdge(edge, height, width, tile, cStep, accumulate);
      }
    }
  }
}

/** Panels of a block of B; when it is read where it lies, only the one that it does not fill. */
function packB(
  b: usize,
  bStep: usize,
  transposeB: bool,
  all: bool,
  depth: i32,
  columns: i32,
  panels: usize,
  weights: usize,
): void {
  for (let j = all ? 0 : columns & -TILE_COLUMNS; j < columns; j += TILE_COLUMNS) {
    const panel = panels + ((<usize>j * <usize>depth) << 2);
    if (transposeB) packTransposed(b + <usize>j * bStep, bStep, depth, columns - j, panel);
    else packColumns(b + (<usize>j << 2), bStep, depth, columns - j, panel);
    if (weights != 0) weighPanel(panel, depth, weights);
  }
}

@inline
function at(row: i32, column: i32, step: usize): usize {
  return <usize>row * step + (<usize>column << 2);
}
