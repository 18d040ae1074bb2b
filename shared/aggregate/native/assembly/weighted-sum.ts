import { highPair, lowPair } from './lanes';

/** Bytes of the addresses of eight rows, and of their weights. */
const GROUP_BYTES: usize = 32;
/** Sums of four lines of the cache of each row. */
const BURST_BYTES: usize = 512;

/**
 * sums[i] = Σ weights[r]·rows[r][i], on top of what is there when `onTop`. Eight rows at a time, whose sum is of float32 numbers and
 * always put together in the same way, ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)), and is added to the others in double precision: a
 * loop gives the same bits. Memory is slower than all of it.
 * @param rows addresses of `count` rows of float32. @param weights float32. @param count multiple of 8, at least 8.
 * @param from byte offset into each row. @param width multiple of 16. @param sums float64.
 */
export function sumWeighted(
  rows: usize,
  weights: usize,
  count: i32,
  from: usize,
  width: i32,
  sums: usize,
  onTop: bool,
): void {
  const end = sums + (<usize>width << 3);
  if (!onTop) {
    sumGroup(rows, weights, from, sums, end, false);
    rows += GROUP_BYTES;
    weights += GROUP_BYTES;
    count -= 8;
  }
  for (let row = 0; row < count; row += 8) {
    sumGroup(rows, weights, from, sums, end, true);
    rows += GROUP_BYTES;
    weights += GROUP_BYTES;
  }
}

/** @param onTop known where this is inlined, so that there are two of it, and neither asks. */
@inline
function sumGroup(rows: usize, weights: usize, from: usize, sums: usize, end: usize, onTop: bool): void {
  const weight0 = v128.load32_splat(weights);
  const weight1 = v128.load32_splat(weights, 4);
  const weight2 = v128.load32_splat(weights, 8);
  const weight3 = v128.load32_splat(weights, 12);
  const weight4 = v128.load32_splat(weights, 16);
  const weight5 = v128.load32_splat(weights, 20);
  const weight6 = v128.load32_splat(weights, 24);
  const weight7 = v128.load32_splat(weights, 28);
  let row0: usize = from + load<u32>(rows);
  let row1: usize = from + load<u32>(rows, 4);
  let row2: usize = from + load<u32>(rows, 8);
  let row3: usize = from + load<u32>(rows, 12);
  let row4: usize = from + load<u32>(rows, 16);
  let row5: usize = from + load<u32>(rows, 20);
  let row6: usize = from + load<u32>(rows, 24);
  let row7: usize = from + load<u32>(rows, 28);
  while (sums < end) {
    const stop = min(end, sums + BURST_BYTES);
    // A row must be read by several lines at a time, or memory changes rows more often than it likes to: an eighth of the time.
    if (stop - sums == BURST_BYTES) {
      readAhead(row0);
      readAhead(row1);
      readAhead(row2);
      readAhead(row3);
      readAhead(row4);
      readAhead(row5);
      readAhead(row6);
      readAhead(row7);
    }
    while (sums < stop) {
      putSum(
        sums,
        f32x4.add(f32x4.mul(v128.load(row0), weight0), f32x4.mul(v128.load(row1), weight1)),
        f32x4.add(f32x4.mul(v128.load(row2), weight2), f32x4.mul(v128.load(row3), weight3)),
        f32x4.add(f32x4.mul(v128.load(row4), weight4), f32x4.mul(v128.load(row5), weight5)),
        f32x4.add(f32x4.mul(v128.load(row6), weight6), f32x4.mul(v128.load(row7), weight7)),
        onTop,
      );
      putSum(
        sums + 32,
        f32x4.add(f32x4.mul(v128.load(row0, 16), weight0), f32x4.mul(v128.load(row1, 16), weight1)),
        f32x4.add(f32x4.mul(v128.load(row2, 16), weight2), f32x4.mul(v128.load(row3, 16), weight3)),
        f32x4.add(f32x4.mul(v128.load(row4, 16), weight4), f32x4.mul(v128.load(row5, 16), weight5)),
        f32x4.add(f32x4.mul(v128.load(row6, 16), weight6), f32x4.mul(v128.load(row7, 16), weight7)),
        onTop,
      );
      putSum(
        sums + 64,
        f32x4.add(f32x4.mul(v128.load(row0, 32), weight0), f32x4.mul(v128.load(row1, 32), weight1)),
        f32x4.add(f32x4.mul(v128.load(row2, 32), weight2), f32x4.mul(v128.load(row3, 32), weight3)),
        f32x4.add(f32x4.mul(v128.load(row4, 32), weight4), f32x4.mul(v128.load(row5, 32), weight5)),
        f32x4.add(f32x4.mul(v128.load(row6, 32), weight6), f32x4.mul(v128.load(row7, 32), weight7)),
        onTop,
      );
      putSum(
        sums + 96,
        f32x4.add(f32x4.mul(v128.load(row0, 48), weight0), f32x4.mul(v128.load(row1, 48), weight1)),
        f32x4.add(f32x4.mul(v128.load(row2, 48), weight2), f32x4.mul(v128.load(row3, 48), weight3)),
        f32x4.add(f32x4.mul(v128.load(row4, 48), weight4), f32x4.mul(v128.load(row5, 48), weight5)),
        f32x4.add(f32x4.mul(v128.load(row6, 48), weight6), f32x4.mul(v128.load(row7, 48), weight7)),
        onTop,
      );
      sums += 128;
      row0 += 64;
      row1 += 64;
      row2 += 64;
      row3 += 64;
      row4 += 64;
      row5 += 64;
      row6 += 64;
      row7 += 64;
    }
  }
}

/** The first line is asked for next anyhow. A load may trap, so that none is left out for not being used. */
@inline
function readAhead(row: usize): void {
  load<i32>(row, 64);
  load<i32>(row, 128);
  load<i32>(row, 192);
}

@inline
function putSum(sums: usize, a: v128, b: v128, c: v128, d: v128, onTop: bool): void {
  const sum = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  // Zero is added, too: minus zero would be other bits.
  v128.store(sums, f64x2.add(onTop ? v128.load(sums) : f64x2.splat(0), lowPair(sum)));
  v128.store(sums, f64x2.add(onTop ? v128.load(sums, 16) : f64x2.splat(0), highPair(sum)), 16);
}

/** sums[i] += weight·row[i], in double precision. @param width multiple of 4. @param sums float64. */
export function addRow(row: usize, weight: f64, width: i32, sums: usize): void {
  const weights = f64x2.splat(weight);
  const end = row + (<usize>width << 2);
  for (; row < end; row += 16, sums += 32) {
    const numbers = v128.load(row);
    v128.store(sums, f64x2.add(v128.load(sums), f64x2.mul(lowPair(numbers), weights)));
    v128.store(sums, f64x2.add(v128.load(sums, 16), f64x2.mul(highPair(numbers), weights)), 16);
  }
}

/** out[i] = scale·sums[i] as float32, to the nearest. @param width even. @returns whether all sums are finite. */
export function roundSums(sums: usize, width: i32, out: usize, scale: f64): bool {
  // Zero times a number is zero, and times anything else is none.
  let zeros = f64x2.splat(0);
  const nothing = zeros;
  const scales = f64x2.splat(scale);
  const end = out + (<usize>width << 2);
  for (; out < end; out += 8, sums += 16) {
    const sum = v128.load(sums);
    zeros = f64x2.add(zeros, f64x2.mul(sum, nothing));
    v128.store64_lane(out, f32x4.demote_f64x2_zero(f64x2.mul(sum, scales)), 0);
  }
  return f64x2.extract_lane(zeros, 0) + f64x2.extract_lane(zeros, 1) == 0;
}
