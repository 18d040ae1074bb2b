import { mulAdd } from './simd';

/**
 * Twelve independent chains of multiply-add on registers, nothing else: what one core can do at most with these
 * instructions. 96 floating-point operations per iteration.
 */
export function peakMulAdd(iterations: i32): f32 {
  // One number, and no constant: engines load constants anew for each use, and with two the registers do not suffice.
  const x = f32x4.splat(<f32>1 - <f32>1 / <f32>(iterations + 2));
  let a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
  for (let n = 0; n < iterations; n++) {
    a = mulAdd(a, x, x);
    b = mulAdd(b, x, x);
    c = mulAdd(c, x, x);
    d = mulAdd(d, x, x);
    e = mulAdd(e, x, x);
    f = mulAdd(f, x, x);
    g = mulAdd(g, x, x);
    h = mulAdd(h, x, x);
    i = mulAdd(i, x, x);
    j = mulAdd(j, x, x);
    k = mulAdd(k, x, x);
    l = mulAdd(l, x, x);
  }
  const sum = f32x4.add(
    f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h))),
    f32x4.add(f32x4.add(i, j), f32x4.add(k, l)),
  );
  return f32x4.extract_lane(sum, 0);
}
