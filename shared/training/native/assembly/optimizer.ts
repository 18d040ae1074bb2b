/**
 * Optimizer steps in place over n weights: one pass over memory each. Gradients come as sums; `scale`, one over the
 * size of the batch, makes means of them. Lanes and the rest after them compute the same operations in the same
 * order, unfused, so that a weight does not depend on its place.
 */

/** w −= rate·(scale·g + decay·w). */
export function sgdStep(w: usize, g: usize, n: i32, rate: f32, scale: f32, decay: f32): void {
  const rate4 = f32x4.splat(rate);
  const scale4 = f32x4.splat(scale);
  const decay4 = f32x4.splat(decay);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const weight = v128.load(w);
    const slope = f32x4.add(f32x4.mul(v128.load(g), scale4), f32x4.mul(weight, decay4));
    v128.store(w, f32x4.sub(weight, f32x4.mul(slope, rate4)));
    w += 16;
    g += 16;
  }
  for (; i < n; i++) {
    const weight = load<f32>(w);
    const slope = load<f32>(g) * scale + weight * decay;
    store<f32>(w, weight - slope * rate);
    w += 4;
    g += 4;
  }
}

/**
 * v ← momentum·v + scale·g + decay·w, then w −= rate·v; with Nesterov, w −= rate·(momentum·v + scale·g + decay·w) of
 * the new v (Sutskever et al. 2013, in the form that evaluates gradients at w).
 */
export function momentumStep(
  w: usize,
  g: usize,
  velocity: usize,
  n: i32,
  rate: f32,
  scale: f32,
  decay: f32,
  momentum: f32,
  nesterov: bool,
): void {
  const rate4 = f32x4.splat(rate);
  const scale4 = f32x4.splat(scale);
  const decay4 = f32x4.splat(decay);
  const momentum4 = f32x4.splat(momentum);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const weight = v128.load(w);
    const slope = f32x4.add(f32x4.mul(v128.load(g), scale4), f32x4.mul(weight, decay4));
    const next = f32x4.add(f32x4.mul(v128.load(velocity), momentum4), slope);
    const direction = nesterov ? f32x4.add(f32x4.mul(next, momentum4), slope) : next;
    v128.store(velocity, next);
    v128.store(w, f32x4.sub(weight, f32x4.mul(direction, rate4)));
    w += 16;
    g += 16;
    velocity += 16;
  }
  for (; i < n; i++) {
    const weight = load<f32>(w);
    const slope = load<f32>(g) * scale + weight * decay;
    const next = load<f32>(velocity) * momentum + slope;
    const direction = nesterov ? next * momentum + slope : next;
    store<f32>(velocity, next);
    store<f32>(w, weight - direction * rate);
    w += 4;
    g += 4;
    velocity += 4;
  }
}

/**
 * Adam (Kingma and Ba 2015, algorithm 1) with the decay of AdamW (Loshchilov and Hutter 2019, algorithm 2):
 * m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w −= rate·(m/correction1 / (√(v/correction2) + epsilon) + decay·w).
 * Betas and corrections come in double precision: 1 − β₂ would lose four digits in single.
 * @param correction1 1 − β₁ᵗ in step t = 1, 2, …
 * @param correction2 1 − β₂ᵗ.
 */
export function adamStep(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  n: i32,
  rate: f32,
  scale: f32,
  beta1: f64,
  beta2: f64,
  correction1: f64,
  correction2: f64,
  epsilon: f32,
  decay: f32,
): void {
  const keep1 = <f32>beta1;
  const keep2 = <f32>beta2;
  const rest1 = <f32>(1 - beta1);
  const rest2 = <f32>(1 - beta2);
  const unbias1 = <f32>(1 / correction1);
  const unbias2 = <f32>(1 / correction2);
  const rate4 = f32x4.splat(rate);
  const scale4 = f32x4.splat(scale);
  const keep14 = f32x4.splat(keep1);
  const keep24 = f32x4.splat(keep2);
  const rest14 = f32x4.splat(rest1);
  const rest24 = f32x4.splat(rest2);
  const unbias14 = f32x4.splat(unbias1);
  const unbias24 = f32x4.splat(unbias2);
  const epsilon4 = f32x4.splat(epsilon);
  const decay4 = f32x4.splat(decay);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const weight = v128.load(w);
    const slope = f32x4.mul(v128.load(g), scale4);
    const mean = f32x4.add(f32x4.mul(v128.load(m), keep14), f32x4.mul(slope, rest14));
    const square = f32x4.add(f32x4.mul(v128.load(v), keep24), f32x4.mul(f32x4.mul(slope, slope), rest24));
    v128.store(m, mean);
    v128.store(v, square);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(square, unbias24)), epsilon4);
    const direction = f32x4.add(f32x4.div(f32x4.mul(mean, unbias14), root), f32x4.mul(weight, decay4));
    v128.store(w, f32x4.sub(weight, f32x4.mul(direction, rate4)));
    w += 16;
    g += 16;
    m += 16;
    v += 16;
  }
  for (; i < n; i++) {
    const weight = load<f32>(w);
    const slope = load<f32>(g) * scale;
    const mean = load<f32>(m) * keep1 + slope * rest1;
    const square = load<f32>(v) * keep2 + slope * slope * rest2;
    store<f32>(m, mean);
    store<f32>(v, square);
    const root = sqrt(square * unbias2) + epsilon;
    const direction = (mean * unbias1) / root + weight * decay;
    store<f32>(w, weight - direction * rate);
    w += 4;
    g += 4;
    m += 4;
    v += 4;
  }
}
