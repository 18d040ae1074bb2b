/** Stores the first `count` of eight lanes, 1 to 8. */
@inline
export function storeLanes(to: usize, low: v128, high: v128, count: i32): void {
  if (count >= 8) {
    v128.store(to, low);
    v128.store(to, high, 16);
  } else if (count >= 4) {
    v128.store(to, low);
    storeLanesOfOne(to + 16, high, count - 4);
  } else {
    storeLanesOfOne(to, low, count);
  }
}

/** Stores the first `count` of four lanes, 0 to 3. */
@inline
export function storeLanesOfOne(to: usize, lanes: v128, count: i32): void {
  if (count > 0) v128.store32_lane(to, lanes, 0);
  if (count > 1) v128.store32_lane(to, lanes, 1, 4);
  if (count > 2) v128.store32_lane(to, lanes, 2, 8);
}

/** Adds the first `count` of eight lanes, 1 to 8, to what is there. */
@inline
export function addLanes(to: usize, low: v128, high: v128, count: i32): void {
  storeLanes(to, f32x4.add(loadLanes(to, count), low), f32x4.add(loadLanesOfHigh(to, count), high), count);
}

/** The first four of `count` numbers, zero beyond the last. */
export function loadLanes(from: usize, count: i32): v128 {
  if (count >= 4) return v128.load(from);
  let lanes = f32x4.splat(0);
  if (count > 0) lanes = v128.load32_lane(from, lanes, 0);
  if (count > 1) lanes = v128.load32_lane(from, lanes, 1, 4);
  if (count > 2) lanes = v128.load32_lane(from, lanes, 2, 8);
  return lanes;
}

/** The next four. */
@inline
export function loadLanesOfHigh(from: usize, count: i32): v128 {
  return loadLanes(from + 16, count - 4);
}
