import { exp } from './elementary';
import { loadLanes, storeLanesOfOne } from './lanes';
import { mulAdd } from './simd';

/** out[i] = x·Φ(x), Φ being the normal distribution (Hendrycks and Gimpel 2016). out may be x. */
export function gelu(x: usize, n: i32, out: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    v128.store(out, geluOf(v128.load(x)));
    x += 16;
    out += 16;
  }
  if (i < n) storeLanesOfOne(out, geluOf(loadLanes(x, n - i)), n - i);
}

/** out[i] = slope[i]·(Φ(x) + x·φ(x)), φ being the normal density. out may be slope. */
export function geluGradient(slope: usize, x: usize, n: i32, out: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    v128.store(out, f32x4.mul(v128.load(slope), derivativeOf(v128.load(x))));
    x += 16;
    slope += 16;
    out += 16;
  }
  if (i < n) {
    const product = f32x4.mul(loadLanes(slope, n - i), derivativeOf(loadLanes(x, n - i)));
    storeLanesOfOne(out, product, n - i);
  }
}

@inline
function geluOf(x: v128): v128 {
  return f32x4.mul(x, distribution(x, bell(x)));
}

@inline
function derivativeOf(x: v128): v128 {
  const power = bell(x);
  // 1 / √(2π)
  const density = f32x4.mul(power, f32x4.splat(0.3989422804014327));
  return mulAdd(x, density, distribution(x, power));
}

/** e^(−x²/2) */
@inline
function bell(x: v128): v128 {
  return exp(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
}

/**
 * Φ(x) within 1e-7, by the approximation 7.1.26 of Abramowitz and Stegun 1964 (Hastings 1955), which needs the same
 * power as the density. Below zero nothing is subtracted from 1, so that x·Φ(x) goes to 0.
 */
@inline
function distribution(x: v128, power: v128): v128 {
  // 0.3275911·|x|/√2
  const one = f32x4.splat(1);
  const t = f32x4.div(one, mulAdd(f32x4.abs(x), f32x4.splat(0.23164188), one));
  // Half of the coefficients in the book.
  let p = mulAdd(f32x4.splat(0.5307027145), t, f32x4.splat(-0.7265760135));
  p = mulAdd(p, t, f32x4.splat(0.7107068705));
  p = mulAdd(p, t, f32x4.splat(-0.142248368));
  p = mulAdd(p, t, f32x4.splat(0.127414796));
  const below = f32x4.mul(f32x4.mul(p, t), power);
  return v128.bitselect(below, f32x4.sub(one, below), f32x4.lt(x, f32x4.splat(0)));
}
