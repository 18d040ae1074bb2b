import { exp, log } from './elementary';
import { storeLanesOfOne } from './lanes';
import { sumOfLanes } from './simd';

/**
 * Softmax cross-entropy of logits [rows, classes] and class ids [rows], int32: losses[row] = −ln p(label), and
 * slopes[row, :] = p − onehot(label), its gradient. The largest logit is subtracted first, so that nothing
 * overflows. A label that is no class gives the loss NaN and p alone. slopes may be logits.
 */
export function softmaxCrossEntropy(
  logits: usize,
  labels: usize,
  rows: i32,
  classes: i32,
  losses: usize,
  slopes: usize,
): void {
  const step = <usize>classes << 2;
  const tail = classes & 3;
  const tailAt = step - (<usize>tail << 2);
  for (let row = 0; row < rows; row++) {
    const label = load<i32>(labels);
    const known = label >= 0 && label < classes;
    const picked: f32 = known ? load<f32>(logits + (<usize>label << 2)) : NaN;

    let most4 = f32x4.splat(-Infinity);
    for (let at: usize = 0; at < tailAt; at += 16) most4 = f32x4.max(most4, v128.load(logits + at));
    if (tail > 0) most4 = f32x4.max(most4, loadLanes(logits + tailAt, tail));
    const most = max(
      max(f32x4.extract_lane(most4, 0), f32x4.extract_lane(most4, 1)),
      max(f32x4.extract_lane(most4, 2), f32x4.extract_lane(most4, 3)),
    );

    most4 = f32x4.splat(most);
    let sum4 = f32x4.splat(0);
    for (let at: usize = 0; at < tailAt; at += 16) {
      const power = exp(f32x4.sub(v128.load(logits + at), most4));
      v128.store(slopes + at, power);
      sum4 = f32x4.add(sum4, power);
    }
    if (tail > 0) {
      const power = exp(f32x4.sub(loadLanes(logits + tailAt, tail), most4));
      storeLanesOfOne(slopes + tailAt, power, tail);
      sum4 = f32x4.add(sum4, power);
    }
    const sum = sumOfLanes(sum4);
    store<f32>(losses, f32x4.extract_lane(log(f32x4.splat(sum)), 0) + (most - picked));

    const unit = f32x4.splat(<f32>1 / sum);
    for (let at: usize = 0; at < tailAt; at += 16) {
      v128.store(slopes + at, f32x4.mul(v128.load(slopes + at), unit));
    }
    for (let at = tailAt; at < step; at += 4) {
      store<f32>(slopes + at, load<f32>(slopes + at) * f32x4.extract_lane(unit, 0));
    }
    if (known) {
      const slope = slopes + (<usize>label << 2);
      store<f32>(slope, load<f32>(slope) - 1);
    }
    logits += step;
    slopes += step;
    labels += 4;
    losses += 4;
  }
}

/** The first `count` lanes, 1 to 3; the others are −∞, which no maximum and no sum of powers notices. */
@inline
function loadLanes(from: usize, count: i32): v128 {
  let lanes = v128.load32_lane(from, f32x4.splat(-Infinity), 0);
  if (count > 1) lanes = v128.load32_lane(from, lanes, 1, 4);
  if (count > 2) lanes = v128.load32_lane(from, lanes, 2, 8);
  return lanes;
}
