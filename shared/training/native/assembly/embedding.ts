/**
 * sums[ids[i]] += x[i] for rows of `row` numbers; rows whose id (int32) is negative or not below `segments` are
 * left out. Clears the sums first.
 */
export function segmentSum(x: usize, ids: usize, rows: i32, row: i32, segments: i32, sums: usize): void {
  const bytes = <usize>row << 2;
  const wholeRow = bytes & ~15;
  memory.fill(sums, 0, <usize>segments * bytes);
  let from = x;
  for (let i = 0; i < rows; i++) {
    const id = load<u32>(ids + (<usize>i << 2));
    // Unsigned, so that negative ids are too large.
    if (id < <u32>segments) {
      const to = sums + <usize>id * bytes;
      let k: usize = 0;
      for (; k < wholeRow; k += 16) v128.store(to + k, f32x4.add(v128.load(to + k), v128.load(from + k)));
      for (; k < bytes; k += 4) store<f32>(to + k, load<f32>(to + k) + load<f32>(from + k));
    }
    from += bytes;
  }
}
