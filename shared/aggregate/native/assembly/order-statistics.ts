import { highPair, lowPair } from './lanes';
import { sortRows } from './sort';

/** Of what is sorted at once: 16 coordinates, four vectors, a line of the cache. */
const LINE_BYTES: usize = 64;
/** Bits of +∞: what has these or more, without the sign, is not finite. */
const INFINITE = 0x7f800000;

/**
 * out[i] = the middle of rows[0..count][i], of an even number the mean of the middle two.
 * @param rows float32, a row every `stride` bytes. @param width multiple of 16. @param scratch 64 bytes per row.
 * @returns whether all numbers are finite.
 */
export function medianOfRows(
  rows: usize,
  stride: usize,
  count: i32,
  width: i32,
  scratch: usize,
  out: usize,
): bool {
  let largest = i32x4.splat(0);
  const lower = scratch + <usize>((count - 1) >> 1) * LINE_BYTES;
  const upper = scratch + <usize>(count >> 1) * LINE_BYTES;
  const end = rows + (<usize>width << 2);
  for (; rows < end; rows += LINE_BYTES) {
    largest = gather(rows, stride, count, scratch, largest);
    sortRows(scratch, count);
    for (let at: usize = 0; at < LINE_BYTES; at += 16, out += 16) {
      const low = numbersOf(v128.load(lower + at));
      v128.store(out, lower == upper ? low : meanOfTwo(low, numbersOf(v128.load(upper + at))));
    }
  }
  return isFinite(largest);
}

/**
 * out[i] = the mean of what is left of rows[0..count][i] without the `trim` smallest and the `trim` largest: added in
 * ascending order in double precision, so that a loop over sorted doubles gives the same bits.
 */
export function trimmedMeanOfRows(
  rows: usize,
  stride: usize,
  count: i32,
  width: i32,
  scratch: usize,
  out: usize,
  trim: i32,
): bool {
  let largest = i32x4.splat(0);
  const first = scratch + <usize>trim * LINE_BYTES;
  const beyond = scratch + <usize>(count - trim) * LINE_BYTES;
  const kept = f64x2.splat(<f64>(count - 2 * trim));
  const end = rows + (<usize>width << 2);
  for (; rows < end; rows += LINE_BYTES) {
    largest = gather(rows, stride, count, scratch, largest);
    sortRows(scratch, count);
    for (let at: usize = 0; at < LINE_BYTES; at += 16, out += 16) {
      let low = f64x2.splat(0);
      let high = low;
      for (let row = first; row < beyond; row += LINE_BYTES) {
        const numbers = numbersOf(v128.load(row + at));
        low = f64x2.add(low, lowPair(numbers));
        high = f64x2.add(high, highPair(numbers));
      }
      v128.store(out, rounded(f64x2.div(low, kept), f64x2.div(high, kept)));
    }
  }
  return isFinite(largest);
}

/** Lines of all rows, side by side, as integers in the order of the numbers. @returns the largest bits without sign. */
@inline
function gather(rows: usize, stride: usize, count: i32, scratch: usize, largest: v128): v128 {
  const magnitude = i32x4.splat(0x7fffffff);
  const end = scratch + <usize>count * LINE_BYTES;
  for (; scratch < end; scratch += LINE_BYTES, rows += stride)
    for (let at: usize = 0; at < LINE_BYTES; at += 16) {
      const bits = v128.load(rows + at);
      largest = i32x4.max_s(largest, v128.and(bits, magnitude));
      v128.store(scratch + at, numbersOf(bits));
    }
  return largest;
}

@inline
function isFinite(largest: v128): bool {
  return !v128.any_true(i32x4.ge_s(largest, i32x4.splat(INFINITE)));
}

/**
 * From the bits of float32 numbers to integers in the same order, −0 before +0, and back: negative ones have all bits but
 * the sign turned over. Integers, since comparing floating-point numbers mishandles −0 and NaN or takes longer.
 */
@inline
function numbersOf(bits: v128): v128 {
  return v128.xor(bits, i32x4.shr_u(i32x4.shr_s(bits, 31), 1));
}

@inline
function meanOfTwo(a: v128, b: v128): v128 {
  const half = f64x2.splat(0.5);
  return rounded(
    f64x2.mul(f64x2.add(lowPair(a), lowPair(b)), half),
    f64x2.mul(f64x2.add(highPair(a), highPair(b)), half),
  );
}

@inline
function rounded(low: v128, high: v128): v128 {
  return i64x2.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}
