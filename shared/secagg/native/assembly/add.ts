/** Whole vectors of 16 bytes only: what lies between the last element and the end of its vector is overwritten. */

/** (target + source) & mask in 16-bit words, in place. @param bytes of each. */
export function add16(target: usize, source: usize, bytes: usize, mask: i32): void {
  const end = target + bytes;
  const masks = i16x8.splat(<i16>mask);
  for (; target < end; target += 16, source += 16)
    v128.store(target, v128.and(i16x8.add(v128.load(target), v128.load(source)), masks));
}

/** (target − source) & mask in 16-bit words, in place. @param bytes of each. */
export function subtract16(target: usize, source: usize, bytes: usize, mask: i32): void {
  const end = target + bytes;
  const masks = i16x8.splat(<i16>mask);
  for (; target < end; target += 16, source += 16)
    v128.store(target, v128.and(i16x8.sub(v128.load(target), v128.load(source)), masks));
}

/** (target + source) & mask in 32-bit words, in place. @param bytes of each. */
export function add32(target: usize, source: usize, bytes: usize, mask: i32): void {
  const end = target + bytes;
  const masks = i32x4.splat(mask);
  for (; target < end; target += 16, source += 16)
    v128.store(target, v128.and(i32x4.add(v128.load(target), v128.load(source)), masks));
}

/** (target − source) & mask in 32-bit words, in place. @param bytes of each. */
export function subtract32(target: usize, source: usize, bytes: usize, mask: i32): void {
  const end = target + bytes;
  const masks = i32x4.splat(mask);
  for (; target < end; target += 16, source += 16)
    v128.store(target, v128.and(i32x4.sub(v128.load(target), v128.load(source)), masks));
}
