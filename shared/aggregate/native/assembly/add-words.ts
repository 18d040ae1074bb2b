/** target += source modulo 2^32, in place, vectors of 16 bytes: what lies between is overwritten. @param bytes of each. */
export function addWords(target: usize, source: usize, bytes: usize): void {
  const end = target + bytes;
  for (; target < end; target += 16, source += 16)
    v128.store(target, i32x4.add(v128.load(target), v128.load(source)));
}
