import { TILE_COLUMNS } from './mat-mul-tile';

const PANEL_STEP: usize = <usize>TILE_COLUMNS << 2;

/**
 * `width` columns of B [depth, n] as a contiguous panel [depth, TILE_COLUMNS]. What is beyond `width` stays as it was:
 * only columns of C that are not stored come of it.
 */
export function packColumns(b: usize, bStep: usize, depth: i32, width: i32, panel: usize): void {
  if (width < TILE_COLUMNS) {
    for (let k = 0; k < depth; k++) {
      for (let column = 0; column < width; column++) {
        store<f32>(panel + (<usize>column << 2), load<f32>(b + (<usize>column << 2)));
      }
      b += bStep;
      panel += PANEL_STEP;
    }
    return;
  }
  for (let k = 0; k < depth; k++) {
    v128.store(panel, v128.load(b));
    v128.store(panel, v128.load(b, 16), 16);
    v128.store(panel, v128.load(b, 32), 32);
    v128.store(panel, v128.load(b, 48), 48);
    b += bStep;
    panel += PANEL_STEP;
  }
}

/** Multiplies the rows of a panel by `weights`: while it is in the first cache, where a pass over B itself would go to the second. */
export function weighPanel(panel: usize, depth: i32, weights: usize): void {
  for (let k = 0; k < depth; k++) {
    const weight = v128.load32_splat(weights);
    v128.store(panel, f32x4.mul(v128.load(panel), weight));
    v128.store(panel, f32x4.mul(v128.load(panel, 16), weight), 16);
    v128.store(panel, f32x4.mul(v128.load(panel, 32), weight), 32);
    v128.store(panel, f32x4.mul(v128.load(panel, 48), weight), 48);
    weights += 4;
    panel += PANEL_STEP;
  }
}

/** The same panel from B as it lies when transposed: [n, depth]. */
export function packTransposed(b: usize, bStep: usize, depth: i32, width: i32, panel: usize): void {
  transpose(b, bStep, min(width, TILE_COLUMNS), depth, panel, PANEL_STEP);
}

/** [rows, columns] to [columns, rows]; steps in bytes. */
function transpose(
  from: usize,
  fromStep: usize,
  rows: i32,
  columns: i32,
  to: usize,
  toStep: usize,
): void {
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    transposeFour(from + <usize>row * fromStep, fromStep, columns, to + (<usize>row << 2), toStep);
  }
  for (; row < rows; row++) {
    let source = from + <usize>row * fromStep;
    let target = to + (<usize>row << 2);
    for (let column = 0; column < columns; column++) {
      store<f32>(target, load<f32>(source));
      source += 4;
      target += toStep;
    }
  }
}

/** Four rows become four columns. */
function transposeFour(row0: usize, fromStep: usize, columns: i32, to: usize, toStep: usize): void {
  let row1 = row0 + fromStep;
  let row2 = row1 + fromStep;
  let row3 = row2 + fromStep;
  let column = 0;
  for (; column + 4 <= columns; column += 4) {
    const x0 = v128.load(row0);
    const x1 = v128.load(row1);
    const x2 = v128.load(row2);
    const x3 = v128.load(row3);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
    to += toStep;
    v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3));
    to += toStep;
    v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2));
    to += toStep;
    v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3));
    to += toStep;
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
  }
  for (; column < columns; column++) {
    store<f32>(to, load<f32>(row0));
    store<f32>(to, load<f32>(row1), 4);
    store<f32>(to, load<f32>(row2), 8);
    store<f32>(to, load<f32>(row3), 12);
    to += toStep;
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
  }
}
