/**
 * x·y + z for four float32 lanes: one fused instruction where the engine has relaxed SIMD (its rounding then
 * depends on the processor), two otherwise.
 */
@inline
export function mulAdd(x: v128, y: v128, z: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(x, y, z) : f32x4.add(f32x4.mul(x, y), z);
}
