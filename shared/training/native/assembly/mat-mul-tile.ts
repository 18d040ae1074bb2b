import { mulAdd } from './simd';

/**
 * The innermost loop of the matrix product: a tile of C, 2 rows by 16 columns, in eight registers. It divides the
 * batches and widths that occur, and V8 compiles it without spilling: of 16 registers it keeps one for itself and
 * lets all loads of an iteration live at once, so that larger tiles, and this one unrolled, lose up to half.
 */
export const TILE_ROWS: i32 = 2;
export const TILE_COLUMNS: i32 = 16;

/**
 * C tile (+)= two rows of A times B. From one k to the next it is aStep bytes in A (4 in a row of A as it lies, a
 * whole row when A is transposed) and bStep bytes in B.
 */
export function multiplyTile(
  depth: i32,
  a0: usize,
  a1: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c02 = c00, c03 = c00;
  let c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let x = v128.load32_splat(a0);
    c00 = mulAdd(x, b0, c00);
    c01 = mulAdd(x, b1, c01);
    c02 = mulAdd(x, b2, c02);
    c03 = mulAdd(x, b3, c03);
    x = v128.load32_splat(a1);
    c10 = mulAdd(x, b0, c10);
    c11 = mulAdd(x, b1, c11);
    c12 = mulAdd(x, b2, c12);
    c13 = mulAdd(x, b3, c13);
    a0 += aStep;
    a1 += aStep;
    b += bStep;
  }
  if (accumulate) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
    c02 = f32x4.add(c02, v128.load(c, 32));
    c03 = f32x4.add(c03, v128.load(c, 48));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  c += cStep;
  if (accumulate) {
    c10 = f32x4.add(c10, v128.load(c));
    c11 = f32x4.add(c11, v128.load(c, 16));
    c12 = f32x4.add(c12, v128.load(c, 32));
    c13 = f32x4.add(c13, v128.load(c, 48));
  }
  v128.store(c, c10);
  v128.store(c, c11, 16);
  v128.store(c, c12, 32);
  v128.store(c, c13, 48);
}

/** What of a full tile lies inside C. */
export function storeEdge(
  tile: usize,
  rows: i32,
  columns: i32,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const to = c + (<usize>column << 2);
      const value = load<f32>(tile + (<usize>column << 2));
      store<f32>(to, accumulate ? load<f32>(to) + value : value);
    }
    tile += TILE_COLUMNS << 2;
    c += cStep;
  }
}
