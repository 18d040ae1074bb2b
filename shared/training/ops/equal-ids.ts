import { cast, expandDims, relu, square, sub, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

/**
 * 1 where two ids are equal and 0 where they differ: in float32, which holds ids exactly and which every backend
 * compares faster than it does integers.
 * @param a [batch, t] int32. @param b [batch, u] int32. @returns [batch, t, u].
 */
export function equalIds(a: Tensor2D, b: Tensor2D): Tensor3D {
  const distance = sub(expandDims(cast(a, 'float32'), 2), expandDims(cast(b, 'float32'), 1));
  return relu(sub(1, square(distance)));
}
