import { highPair, lowPair } from './lanes';

/** The largest |x| of `bytes` bytes of float32 numbers, as bits: above those of +∞ where one is no number. */
export function largestMagnitude(numbers: usize, bytes: usize): i32 {
  const magnitude = i32x4.splat(0x7fffffff);
  let largest = i32x4.splat(0);
  const end = numbers + bytes;
  for (; numbers < end; numbers += 16)
    largest = i32x4.max_s(largest, v128.and(v128.load(numbers), magnitude));
  return max(
    max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1)),
    max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3)),
  );
}

/**
 * squares[a][b] += Σ (rows[a][i] − rows[b][i])² for a < b < count, from ≤ a < to. Differences and squares are of float32 numbers;
 * eight of them are added in float32, four such sums likewise, and then in double precision: relative error at most 13 · 2^−24.
 * @param rows float32, a row every `stride` bytes, zeros from `width` to the next multiple of 128.
 * @param squares float64, a row of `columns` ≥ count + 3 for each a, two more than asked for at most.
 * @param from even distance to `to`, unless `to` is count.
 */
export function addSquares(
  rows: usize,
  stride: usize,
  count: i32,
  width: i32,
  from: i32,
  to: i32,
  squares: usize,
  columns: i32,
  scratch: usize,
): void {
  const line = <usize>columns << 3;
  for (let a = from; a < to; a += 2) {
    const row0 = rows + <usize>a * stride;
    // Beyond the last row the last row once more: what comes of it lands beyond what is read.
    const row1 = rows + <usize>min(a + 1, count - 1) * stride;
    for (let b = a + 1; b < count; b += 4) {
      addBlock(
        row0,
        row1,
        rows + <usize>b * stride,
        rows + <usize>min(b + 1, count - 1) * stride,
        rows + <usize>min(b + 2, count - 1) * stride,
        rows + <usize>min(b + 3, count - 1) * stride,
        width,
        squares + (<usize>b << 3),
        squares + line + (<usize>b << 3),
        scratch,
      );
    }
    squares += 2 * line;
  }
}

/** Two rows against four: eight sums stay in registers. */
function addBlock(
  a0: usize,
  a1: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
  width: i32,
  out0: usize,
  out1: usize,
  scratch: usize,
): void {
  const zero = f32x4.splat(0);
  for (let at: i32 = 0; at < width; at += 128) {
    memory.fill(scratch, 0, 128);
    for (let part = 0; part < 4; part++) {
      let s00 = zero, s01 = zero, s02 = zero, s03 = zero;
      let s10 = zero, s11 = zero, s12 = zero, s13 = zero;
      for (let i = 0; i < 4; i++) {
        let x: v128, y: v128, z: v128;
        x = v128.load(a0);
        y = v128.load(a1);
        z = v128.load(b0);
        s00 = f32x4.add(s00, squareOf(f32x4.sub(x, z)));
        s10 = f32x4.add(s10, squareOf(f32x4.sub(y, z)));
        z = v128.load(b1);
        s01 = f32x4.add(s01, squareOf(f32x4.sub(x, z)));
        s11 = f32x4.add(s11, squareOf(f32x4.sub(y, z)));
        z = v128.load(b2);
        s02 = f32x4.add(s02, squareOf(f32x4.sub(x, z)));
        s12 = f32x4.add(s12, squareOf(f32x4.sub(y, z)));
        z = v128.load(b3);
        s03 = f32x4.add(s03, squareOf(f32x4.sub(x, z)));
        s13 = f32x4.add(s13, squareOf(f32x4.sub(y, z)));
        x = v128.load(a0, 16);
        y = v128.load(a1, 16);
        z = v128.load(b0, 16);
        s00 = f32x4.add(s00, squareOf(f32x4.sub(x, z)));
        s10 = f32x4.add(s10, squareOf(f32x4.sub(y, z)));
        z = v128.load(b1, 16);
        s01 = f32x4.add(s01, squareOf(f32x4.sub(x, z)));
        s11 = f32x4.add(s11, squareOf(f32x4.sub(y, z)));
        z = v128.load(b2, 16);
        s02 = f32x4.add(s02, squareOf(f32x4.sub(x, z)));
        s12 = f32x4.add(s12, squareOf(f32x4.sub(y, z)));
        z = v128.load(b3, 16);
        s03 = f32x4.add(s03, squareOf(f32x4.sub(x, z)));
        s13 = f32x4.add(s13, squareOf(f32x4.sub(y, z)));
        a0 += 32;
        a1 += 32;
        b0 += 32;
        b1 += 32;
        b2 += 32;
        b3 += 32;
      }
      addTo(scratch, s00);
      addTo(scratch + 16, s01);
      addTo(scratch + 32, s02);
      addTo(scratch + 48, s03);
      addTo(scratch + 64, s10);
      addTo(scratch + 80, s11);
      addTo(scratch + 96, s12);
      addTo(scratch + 112, s13);
    }
    for (let pair: usize = 0; pair < 4; pair++) {
      addLanes(out0 + (pair << 3), v128.load(scratch + (pair << 4)));
      addLanes(out1 + (pair << 3), v128.load(scratch + 64 + (pair << 4)));
    }
  }
}

@inline
function squareOf(x: v128): v128 {
  return f32x4.mul(x, x);
}

@inline
function addTo(sums: usize, x: v128): void {
  v128.store(sums, f32x4.add(v128.load(sums), x));
}

/** Lanes 0 and 2, lanes 1 and 3, then these two. */
@inline
function addLanes(out: usize, x: v128): void {
  const pairs = f64x2.add(lowPair(x), highPair(x));
  store<f64>(out, load<f64>(out) + (f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1)));
}

/** As {@link addSquares}, one pair after another in double precision: for numbers whose squares float32 cannot hold. */
export function addSquaresExactly(
  rows: usize,
  stride: usize,
  count: i32,
  width: i32,
  from: i32,
  to: i32,
  squares: usize,
  columns: i32,
): void {
  const end = <usize>width << 2;
  for (let a = from; a < to; a++, squares += <usize>columns << 3) {
    const x = rows + <usize>a * stride;
    for (let b = a + 1; b < count; b++) {
      const y = rows + <usize>b * stride;
      let sums = f64x2.splat(0);
      for (let at: usize = 0; at < end; at += 8) {
        const difference = f64x2.sub(lowPair(v128.load64_zero(x + at)), lowPair(v128.load64_zero(y + at)));
        sums = f64x2.add(sums, f64x2.mul(difference, difference));
      }
      const out = squares + (<usize>b << 3);
      store<f64>(out, load<f64>(out) + (f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)));
    }
  }
}
