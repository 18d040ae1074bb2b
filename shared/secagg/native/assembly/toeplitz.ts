/**
 * out_j += Σ_k row[j + k] · values[k] modulo 2^16, 0 ≤ j < 32. The 32 sums stay in registers, eight to a vector; each value
 * multiplies the 32 words of the row that begin where it does.
 * @param row length + 31 words. @param out 32 words.
 */
export function toeplitz16(row: usize, values: usize, length: i32, out: usize): void {
  let sum0 = v128.load(out);
  let sum1 = v128.load(out, 16);
  let sum2 = v128.load(out, 32);
  let sum3 = v128.load(out, 48);
  const end = values + 2 * length;
  for (; values < end; values += 2, row += 2) {
    const value = v128.load16_splat(values);
    sum0 = i16x8.add(sum0, i16x8.mul(v128.load(row), value));
    sum1 = i16x8.add(sum1, i16x8.mul(v128.load(row, 16), value));
    sum2 = i16x8.add(sum2, i16x8.mul(v128.load(row, 32), value));
    sum3 = i16x8.add(sum3, i16x8.mul(v128.load(row, 48), value));
  }
  v128.store(out, sum0);
  v128.store(out, sum1, 16);
  v128.store(out, sum2, 32);
  v128.store(out, sum3, 48);
}

/** {@link toeplitz16} modulo 2^32, four sums to a vector. */
export function toeplitz32(row: usize, values: usize, length: i32, out: usize): void {
  let sum0 = v128.load(out);
  let sum1 = v128.load(out, 16);
  let sum2 = v128.load(out, 32);
  let sum3 = v128.load(out, 48);
  let sum4 = v128.load(out, 64);
  let sum5 = v128.load(out, 80);
  let sum6 = v128.load(out, 96);
  let sum7 = v128.load(out, 112);
  const end = values + 4 * length;
  for (; values < end; values += 4, row += 4) {
    const value = v128.load32_splat(values);
    sum0 = i32x4.add(sum0, i32x4.mul(v128.load(row), value));
    sum1 = i32x4.add(sum1, i32x4.mul(v128.load(row, 16), value));
    sum2 = i32x4.add(sum2, i32x4.mul(v128.load(row, 32), value));
    sum3 = i32x4.add(sum3, i32x4.mul(v128.load(row, 48), value));
    sum4 = i32x4.add(sum4, i32x4.mul(v128.load(row, 64), value));
    sum5 = i32x4.add(sum5, i32x4.mul(v128.load(row, 80), value));
    sum6 = i32x4.add(sum6, i32x4.mul(v128.load(row, 96), value));
    sum7 = i32x4.add(sum7, i32x4.mul(v128.load(row, 112), value));
  }
  v128.store(out, sum0);
  v128.store(out, sum1, 16);
  v128.store(out, sum2, 32);
  v128.store(out, sum3, 48);
  v128.store(out, sum4, 64);
  v128.store(out, sum5, 80);
  v128.store(out, sum6, 96);
  v128.store(out, sum7, 112);
}
