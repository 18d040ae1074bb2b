/** What is done to all numbers of an array, or to all rows of a matrix, in one pass over memory. */

/** x[row, :] = clamp(x[row, :] + bias, least, most), in place; bias 0 is none. ReLU is least 0, linear is ∓∞. */
export function addBias(x: usize, rows: i32, width: i32, bias: usize, least: f32, most: f32): void {
  const low = f32x4.splat(least);
  const high = f32x4.splat(most);
  for (let row = 0; row < rows; row++) {
    let column = 0;
    let b = bias;
    for (; column + 4 <= width; column += 4) {
      const sum = bias == 0 ? v128.load(x) : f32x4.add(v128.load(x), v128.load(b));
      // One instruction each on x86, unlike max and min; NaN stays, since it is the first operand.
      v128.store(x, f32x4.pmin(f32x4.pmax(sum, low), high));
      x += 16;
      b += 16;
    }
    for (; column < width; column++) {
      const sum = bias == 0 ? load<f32>(x) : load<f32>(x) + load<f32>(b);
      store<f32>(x, min(max(sum, least), most));
      x += 4;
      b += 4;
    }
  }
}

/** out = dy where y > 0, otherwise 0: the gradient of ReLU from what it returned. out may be dy. */
export function reluGradient(dy: usize, y: usize, n: i32, out: usize): void {
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    v128.store(out, v128.and(v128.load(dy), f32x4.gt(v128.load(y), zero)));
    dy += 16;
    y += 16;
    out += 16;
  }
  for (; i < n; i++) {
    store<f32>(out, load<f32>(y) > 0 ? load<f32>(dy) : 0);
    dy += 4;
    y += 4;
    out += 4;
  }
}
