const LINE_BYTES: usize = 64;

/**
 * Sorts 16 columns of integers at once, ascending, by merge exchange (Batcher 1968; Knuth, The Art of Computer Programming 3,
 * 5.2.2, algorithm M): what is compared with what depends on the number of rows alone.
 * @param lines 16 integers per row.
 */
export function sortRows(lines: usize, rows: i32): void {
  if (rows < 2) return;
  const top = 1 << (31 - clz<i32>(rows - 1));
  for (let p = top; p > 0; p >>= 1) {
    let r = 0;
    let d = p;
    for (let q = top; ; q >>= 1) {
      // Rows whose bit p is that of r, in runs of p.
      for (let from = r; from < rows - d; from += 2 * p) {
        const run = min<i32>(p, rows - d - from);
        exchange(lines + <usize>from * LINE_BYTES, <usize>d * LINE_BYTES, <usize>run * LINE_BYTES);
      }
      if (q == p) break;
      d = q - p;
      r = p;
    }
  }
}

@inline
function exchange(low: usize, distance: usize, bytes: usize): void {
  const end = low + bytes;
  for (; low < end; low += LINE_BYTES) {
    const high = low + distance;
    const a0 = v128.load(low);
    const b0 = v128.load(high);
    const a1 = v128.load(low, 16);
    const b1 = v128.load(high, 16);
    v128.store(low, i32x4.min_s(a0, b0));
    v128.store(high, i32x4.max_s(a0, b0));
    v128.store(low, i32x4.min_s(a1, b1), 16);
    v128.store(high, i32x4.max_s(a1, b1), 16);
    const a2 = v128.load(low, 32);
    const b2 = v128.load(high, 32);
    const a3 = v128.load(low, 48);
    const b3 = v128.load(high, 48);
    v128.store(low, i32x4.min_s(a2, b2), 32);
    v128.store(high, i32x4.max_s(a2, b2), 32);
    v128.store(low, i32x4.min_s(a3, b3), 48);
    v128.store(high, i32x4.max_s(a3, b3), 48);
  }
}
