import { mulAdd } from './simd';

/**
 * Twelve independent chains of multiply-add on registers, nothing else: what one core can do at most with these
 * instructions. 96 floating-point operations per iteration.
 */
export function peakMulAdd(iterations: i32): f32 {
  let a = f32x4.splat(1);
  let b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
  const x = f32x4.splat(0.999);
  const y = f32x4.splat(0.001);
  for (let n = 0; n < iterations; n++) {
    a = mulAdd(a, x, y);
    b = mulAdd(b, x, y);
    c = mulAdd(c, x, y);
    d = mulAdd(d, x, y);
    e = mulAdd(e, x, y);
    f = mulAdd(f, x, y);
    g = mulAdd(g, x, y);
    h = mulAdd(h, x, y);
    i = mulAdd(i, x, y);
    j = mulAdd(j, x, y);
    k = mulAdd(k, x, y);
    l = mulAdd(l, x, y);
  }
  const sum = f32x4.add(
    f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h))),
    f32x4.add(f32x4.add(i, j), f32x4.add(k, l)),
  );
  return f32x4.extract_lane(sum, 0);
}
