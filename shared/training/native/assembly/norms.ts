import { mulAdd, sumOfLanes } from './simd';

/** Row by row over a matrix [rows, width]: what per-example clipping and bias gradients are made of. */

/** norms[row] (+)= Σ x[row, :]². */
export function rowSquaredNorms(x: usize, rows: i32, width: i32, norms: usize, accumulate: bool): void {
  for (let row = 0; row < rows; row++) {
    let s0 = f32x4.splat(0);
    let s1 = s0, s2 = s0, s3 = s0;
    let column = 0;
    for (; column + 16 <= width; column += 16) {
      const x0 = v128.load(x);
      const x1 = v128.load(x, 16);
      const x2 = v128.load(x, 32);
      const x3 = v128.load(x, 48);
      s0 = mulAdd(x0, x0, s0);
      s1 = mulAdd(x1, x1, s1);
      s2 = mulAdd(x2, x2, s2);
      s3 = mulAdd(x3, x3, s3);
      x += 64;
    }
    let sum = sumOfLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
    for (; column < width; column++) {
      const value = load<f32>(x);
      sum += value * value;
      x += 4;
    }
    store<f32>(norms, accumulate ? load<f32>(norms) + sum : sum);
    norms += 4;
  }
}

/** out[row, :] = factors[row]·x[row, :]. out may be x. */
export function scaleRows(x: usize, rows: i32, width: i32, factors: usize, out: usize): void {
  for (let row = 0; row < rows; row++) {
    const factor = load<f32>(factors);
    const factor4 = f32x4.splat(factor);
    let column = 0;
    for (; column + 4 <= width; column += 4) {
      v128.store(out, f32x4.mul(v128.load(x), factor4));
      x += 16;
      out += 16;
    }
    for (; column < width; column++) {
      store<f32>(out, load<f32>(x) * factor);
      x += 4;
      out += 4;
    }
    factors += 4;
  }
}

/** out (+)= Σ factors[row]·x[row, :]. */
export function weightedSumOfRows(
  x: usize,
  rows: i32,
  width: i32,
  factors: usize,
  out: usize,
  accumulate: bool,
): void {
  const step = <usize>width << 2;
  let adds = accumulate;
  let row = 0;
  // Four rows per pass: out is read and written once for each four.
  for (; row + 4 <= rows; row += 4) {
    addFourRows(
      x,
      step,
      width,
      load<f32>(factors),
      load<f32>(factors, 4),
      load<f32>(factors, 8),
      load<f32>(factors, 12),
      out,
      adds,
    );
    adds = true;
    x += step << 2;
    factors += 16;
  }
  for (; row < rows; row++) {
    addRow(x, width, load<f32>(factors), out, adds);
    adds = true;
    x += step;
    factors += 4;
  }
  if (!adds) memory.fill(out, 0, step);
}

/** out (+)= Σ x[row, :]: the gradient of a bias. */
export function columnSums(x: usize, rows: i32, width: i32, out: usize, accumulate: bool): void {
  const step = <usize>width << 2;
  let adds = accumulate;
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    addFourRows(x, step, width, 1, 1, 1, 1, out, adds);
    adds = true;
    x += step << 2;
  }
  for (; row < rows; row++) {
    addRow(x, width, 1, out, adds);
    adds = true;
    x += step;
  }
  if (!adds) memory.fill(out, 0, step);
}

function addFourRows(
  row0: usize,
  step: usize,
  width: i32,
  factor0: f32,
  factor1: f32,
  factor2: f32,
  factor3: f32,
  out: usize,
  accumulate: bool,
): void {
  const f0 = f32x4.splat(factor0);
  const f1 = f32x4.splat(factor1);
  const f2 = f32x4.splat(factor2);
  const f3 = f32x4.splat(factor3);
  let row1 = row0 + step;
  let row2 = row1 + step;
  let row3 = row2 + step;
  let column = 0;
  for (; column + 4 <= width; column += 4) {
    let sum = accumulate ? v128.load(out) : f32x4.splat(0);
    sum = mulAdd(v128.load(row0), f0, sum);
    sum = mulAdd(v128.load(row1), f1, sum);
    sum = mulAdd(v128.load(row2), f2, sum);
    sum = mulAdd(v128.load(row3), f3, sum);
    v128.store(out, sum);
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
    out += 16;
  }
  for (; column < width; column++) {
    let sum = accumulate ? load<f32>(out) : 0;
    sum += load<f32>(row0) * factor0;
    sum += load<f32>(row1) * factor1;
    sum += load<f32>(row2) * factor2;
    sum += load<f32>(row3) * factor3;
    store<f32>(out, sum);
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
    out += 4;
  }
}

function addRow(row: usize, width: i32, factor: f32, out: usize, accumulate: bool): void {
  const factor4 = f32x4.splat(factor);
  let column = 0;
  for (; column + 4 <= width; column += 4) {
    v128.store(out, mulAdd(v128.load(row), factor4, accumulate ? v128.load(out) : f32x4.splat(0)));
    row += 16;
    out += 16;
  }
  for (; column < width; column++) {
    store<f32>(out, load<f32>(row) * factor + (accumulate ? load<f32>(out) : 0));
    row += 4;
    out += 4;
  }
}
