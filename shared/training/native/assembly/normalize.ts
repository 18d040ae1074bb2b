import { columnSums } from './norms';
import { mulAdd, sumOfLanes } from './simd';

/**
 * Of each row of x [rows, width]: normalized = (x − mean)·scale with scale = 1/√(variance + epsilon), and
 * y = gamma·normalized + beta. The mean is taken off before squares are, so that no large squares cancel.
 */
export function normalizeRows(
  x: usize,
  rows: i32,
  width: i32,
  gamma: usize,
  beta: usize,
  epsilon: f32,
  y: usize,
  normalized: usize,
  scales: usize,
): void {
  const step = <usize>width << 2;
  const whole = step & ~15;
  for (let row = 0; row < rows; row++) {
    let sum4 = f32x4.splat(0);
    for (let at: usize = 0; at < whole; at += 16) sum4 = f32x4.add(sum4, v128.load(x + at));
    let sum = sumOfLanes(sum4);
    for (let at = whole; at < step; at += 4) sum += load<f32>(x + at);
    const mean = sum / <f32>width;

    const mean4 = f32x4.splat(mean);
    let squares4 = f32x4.splat(0);
    for (let at: usize = 0; at < whole; at += 16) {
      const centred = f32x4.sub(v128.load(x + at), mean4);
      squares4 = mulAdd(centred, centred, squares4);
    }
    let squares = sumOfLanes(squares4);
    for (let at = whole; at < step; at += 4) {
      const centred = load<f32>(x + at) - mean;
      squares += centred * centred;
    }
    const scale = <f32>1 / sqrt(squares / <f32>width + epsilon);
    store<f32>(scales, scale);

    const scale4 = f32x4.splat(scale);
    for (let at: usize = 0; at < whole; at += 16) {
      const value = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), scale4);
      v128.store(normalized + at, value);
      v128.store(y + at, mulAdd(value, v128.load(gamma + at), v128.load(beta + at)));
    }
    for (let at = whole; at < step; at += 4) {
      const value = (load<f32>(x + at) - mean) * scale;
      store<f32>(normalized + at, value);
      store<f32>(y + at, value * load<f32>(gamma + at) + load<f32>(beta + at));
    }
    x += step;
    y += step;
    normalized += step;
    scales += 4;
  }
}

/**
 * The way back: products = slope·normalized, and with g = gamma·slope,
 * dx = (g − mean(g) − normalized·mean(g·normalized))·scale, row by row.
 */
export function normalizeRowsGradient(
  slope: usize,
  normalized: usize,
  scales: usize,
  gamma: usize,
  rows: i32,
  width: i32,
  products: usize,
  dx: usize,
): void {
  const step = <usize>width << 2;
  const whole = step & ~15;
  for (let row = 0; row < rows; row++) {
    let constant4 = f32x4.splat(0);
    let proportional4 = constant4;
    for (let at: usize = 0; at < whole; at += 16) {
      const dy = v128.load(slope + at);
      const product = f32x4.mul(dy, v128.load(normalized + at));
      v128.store(products + at, product);
      const weight = v128.load(gamma + at);
      constant4 = mulAdd(dy, weight, constant4);
      proportional4 = mulAdd(product, weight, proportional4);
    }
    let constant = sumOfLanes(constant4);
    let proportional = sumOfLanes(proportional4);
    for (let at = whole; at < step; at += 4) {
      const dy = load<f32>(slope + at);
      const product = dy * load<f32>(normalized + at);
      store<f32>(products + at, product);
      constant += dy * load<f32>(gamma + at);
      proportional += product * load<f32>(gamma + at);
    }
    constant /= <f32>width;
    proportional /= <f32>width;

    const scale = load<f32>(scales);
    constant4 = f32x4.splat(constant);
    proportional4 = f32x4.splat(proportional);
    const scale4 = f32x4.splat(scale);
    for (let at: usize = 0; at < whole; at += 16) {
      const g = f32x4.sub(f32x4.mul(v128.load(slope + at), v128.load(gamma + at)), constant4);
      const centred = f32x4.sub(g, f32x4.mul(v128.load(normalized + at), proportional4));
      v128.store(dx + at, f32x4.mul(centred, scale4));
    }
    for (let at = whole; at < step; at += 4) {
      const g = load<f32>(slope + at) * load<f32>(gamma + at) - constant;
      store<f32>(dx + at, (g - load<f32>(normalized + at) * proportional) * scale);
    }
    slope += step;
    normalized += step;
    scales += 4;
    products += step;
    dx += step;
  }
}

/**
 * Of each set of x [sets, positions, channels], with mean and variance over the positions and groups of neighbouring
 * channels: centred = x − mean, and y = gamma·centred·scale + beta with scale = 1/√(variance + epsilon). Means,
 * variances and scales are [sets, channels], equal within a group.
 */
export function normalizeChannels(
  x: usize,
  sets: i32,
  positions: i32,
  channels: i32,
  groups: i32,
  gamma: usize,
  beta: usize,
  epsilon: f32,
  y: usize,
  centred: usize,
  means: usize,
  variances: usize,
  scales: usize,
): void {
  const step = <usize>channels << 2;
  const whole = step & ~15;
  const share = <f32>1 / <f32>positions;
  for (let set = 0; set < sets; set++) {
    columnSums(x, positions, channels, means, false);
    averageGroups(means, channels, groups, share);
    memory.fill(variances, 0, step);
    for (let position = 0; position < positions; position++) {
      for (let at: usize = 0; at < whole; at += 16) {
        const value = f32x4.sub(v128.load(x + at), v128.load(means + at));
        v128.store(centred + at, value);
        v128.store(variances + at, mulAdd(value, value, v128.load(variances + at)));
      }
      for (let at = whole; at < step; at += 4) {
        const value = load<f32>(x + at) - load<f32>(means + at);
        store<f32>(centred + at, value);
        store<f32>(variances + at, load<f32>(variances + at) + value * value);
      }
      x += step;
      centred += step;
    }
    averageGroups(variances, channels, groups, share);
    for (let at: usize = 0; at < step; at += 4) {
      store<f32>(scales + at, <f32>1 / sqrt(load<f32>(variances + at) + epsilon));
    }
    centred -= step * <usize>positions;
    for (let position = 0; position < positions; position++) {
      for (let at: usize = 0; at < whole; at += 16) {
        const factor = f32x4.mul(v128.load(scales + at), v128.load(gamma + at));
        v128.store(y + at, mulAdd(v128.load(centred + at), factor, v128.load(beta + at)));
      }
      for (let at = whole; at < step; at += 4) {
        const factor = load<f32>(scales + at) * load<f32>(gamma + at);
        store<f32>(y + at, load<f32>(centred + at) * factor + load<f32>(beta + at));
      }
      centred += step;
      y += step;
    }
    means += step;
    variances += step;
    scales += step;
  }
}

/**
 * The way back: betaSums = Σ slope and gammaSums = Σ slope·centred·scale over the positions, both [sets, channels];
 * and with g = gamma·slope and the normalized n = centred·scale, dx = (g − mean(g) − n·mean(g·n))·scale, the means
 * being those of a set and group.
 * @param room for 2·channels numbers.
 */
export function normalizeChannelsGradient(
  slope: usize,
  centred: usize,
  scales: usize,
  gamma: usize,
  sets: i32,
  positions: i32,
  channels: i32,
  groups: i32,
  room: usize,
  dx: usize,
  gammaSums: usize,
  betaSums: usize,
): void {
  const step = <usize>channels << 2;
  const whole = step & ~15;
  const all = step * <usize>positions;
  const share = <f32>1 / <f32>positions;
  const constants = room;
  const proportions = room + step;
  for (let set = 0; set < sets; set++) {
    memory.fill(betaSums, 0, step);
    memory.fill(gammaSums, 0, step);
    for (let position = 0; position < positions; position++) {
      for (let at: usize = 0; at < whole; at += 16) {
        const dy = v128.load(slope + at);
        v128.store(betaSums + at, f32x4.add(v128.load(betaSums + at), dy));
        v128.store(gammaSums + at, mulAdd(dy, v128.load(centred + at), v128.load(gammaSums + at)));
      }
      for (let at = whole; at < step; at += 4) {
        const dy = load<f32>(slope + at);
        store<f32>(betaSums + at, load<f32>(betaSums + at) + dy);
        store<f32>(gammaSums + at, load<f32>(gammaSums + at) + dy * load<f32>(centred + at));
      }
      slope += step;
      centred += step;
    }
    for (let at: usize = 0; at < step; at += 4) {
      const gammaSum = load<f32>(gammaSums + at) * load<f32>(scales + at);
      store<f32>(gammaSums + at, gammaSum);
      store<f32>(constants + at, load<f32>(gamma + at) * load<f32>(betaSums + at));
      store<f32>(proportions + at, load<f32>(gamma + at) * gammaSum);
    }
    averageGroups(constants, channels, groups, share);
    averageGroups(proportions, channels, groups, share);
    for (let at: usize = 0; at < step; at += 4) {
      const scale = load<f32>(scales + at);
      store<f32>(constants + at, load<f32>(constants + at) * scale);
      store<f32>(proportions + at, load<f32>(proportions + at) * scale * scale);
    }
    slope -= all;
    centred -= all;
    for (let position = 0; position < positions; position++) {
      for (let at: usize = 0; at < whole; at += 16) {
        const factor = f32x4.mul(v128.load(scales + at), v128.load(gamma + at));
        const own = f32x4.sub(f32x4.mul(v128.load(slope + at), factor), v128.load(constants + at));
        v128.store(dx + at, f32x4.sub(own, f32x4.mul(v128.load(centred + at), v128.load(proportions + at))));
      }
      for (let at = whole; at < step; at += 4) {
        const own = load<f32>(slope + at) * load<f32>(scales + at) * load<f32>(gamma + at);
        store<f32>(
          dx + at,
          own - load<f32>(constants + at) - load<f32>(centred + at) * load<f32>(proportions + at),
        );
      }
      slope += step;
      centred += step;
      dx += step;
    }
    scales += step;
    gammaSums += step;
    betaSums += step;
  }
}

/** Puts in the place of each number the mean of its group, times share. */
function averageGroups(values: usize, channels: i32, groups: i32, share: f32): void {
  const size = channels / groups;
  const factor = share / <f32>size;
  for (let group = 0; group < groups; group++) {
    let sum: f32 = 0;
    for (let i = 0; i < size; i++) sum += load<f32>(values + (<usize>i << 2));
    sum *= factor;
    for (let i = 0; i < size; i++) {
      store<f32>(values, sum);
      values += 4;
    }
  }
}
