import {
  cast,
  expandDims,
  matMul,
  oneHot,
  relu,
  square,
  sub,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/**
 * 1 where two ids are equal and 0 where they differ: in float32, which holds ids exactly and which every backend
 * compares faster than it does integers.
 * @param a [batch, t] int32. @param b [batch, u] int32. @returns [batch, t, u].
 */
export function equalIds(a: Tensor2D, b: Tensor2D): Tensor3D {
  const distance = sub(expandDims(cast(a, 'float32'), 2), expandDims(cast(b, 'float32'), 1));
  return relu(sub(1, square(distance)));
}

/**
 * Adds up the rows that have one id.
 * @param rows [count, units]. @param ids [count] int32, from 0 to size − 1.
 * @returns [size, units]; zeros where no row has the id.
 */
export function rowsByIdSum(rows: Tensor2D, ids: Tensor1D, size: number): Tensor2D {
  return hasKernel('UnsortedSegmentSum')
    ? unsortedSegmentSum(rows, ids, size)
    : matMul(oneHot(ids, size, 1, 0, 'float32') as Tensor2D, rows, true, false);
}
