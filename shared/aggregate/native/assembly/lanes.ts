/** Four float32 numbers as doubles: the first two. */
@inline
export function lowPair(numbers: v128): v128 {
  return f64x2.promote_low_f32x4(numbers);
}

/** The last two. */
@inline
export function highPair(numbers: v128): v128 {
  return f64x2.promote_low_f32x4(i64x2.shuffle(numbers, numbers, 1, 1));
}
