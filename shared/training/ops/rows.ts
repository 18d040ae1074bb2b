import {
  engine,
  matMul,
  mul,
  ones,
  reshape,
  square,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/** ‖xᵢ‖² of each example. @param x [batch, ...]. @returns [batch]. */
export function rowSquaredNorms(x: Tensor): Tensor1D {
  const rows = asRows(x);
  if (hasKernel('RowSquaredNorms')) return engine().runKernel('RowSquaredNorms', { x: rows });
  return sum(square(rows), 1);
}

/** weightsᵢ·xᵢ for each example. @param x [batch, ...]. @param weights [batch]. @returns the shape of x. */
export function scaleRows<T extends Tensor>(x: T, weights: Tensor1D): T {
  const rows = asRows(x);
  if (hasKernel('ScaleRows')) {
    return reshape(engine().runKernel('ScaleRows', { x: rows, weights }), x.shape) as T;
  }
  return reshape(mul(rows, reshape(weights, [rows.shape[0]!, 1])), x.shape) as T;
}

/** Σ weightsᵢ·xᵢ. @param x [batch, ...rest]. @param weights [batch]. @returns [...rest]. */
export function weightedRowSum(x: Tensor, weights: Tensor1D): Tensor {
  const rows = asRows(x);
  const total = hasKernel('WeightedRowSum')
    ? (engine().runKernel('WeightedRowSum', { x: rows, weights }) as Tensor)
    : matMul(reshape(weights, [1, rows.shape[0]!]), rows as never);
  return reshape(total, x.shape.slice(1));
}

/** Σ weightsᵢ·leftᵢ ⊗ rightᵢ. @param left [batch, features]. @param right [batch, units]. @returns [features, units]. */
export function weightedProduct(left: Tensor2D, right: Tensor2D, weights: Tensor1D): Tensor2D {
  if (hasKernel('WeightedProduct')) return engine().runKernel('WeightedProduct', { left, right, weights });
  return matMul(left, scaleRows(right, weights), true, false);
}

/** Σ xᵢ. @param x [rows, ...rest]. @returns [...rest]. */
export function rowSum(x: Tensor): Tensor {
  const rows = asRows(x);
  const total = hasKernel('ColumnSums')
    ? engine().runKernel<Tensor>('ColumnSums', { x: rows })
    : sum(rows, 0);
  return reshape(total, x.shape.slice(1));
}

/**
 * Σ over the positions of each example: elsewhere by a product with ones, since backends are slow to add up along an
 * axis in the middle.
 * @param x [batch, positions, units]. @returns [batch, units].
 */
export function positionSums(x: Tensor3D): Tensor2D {
  if (hasKernel('PositionSums')) return engine().runKernel('PositionSums', { x });
  const [batch, positions, units] = x.shape;
  return reshape(matMul(x, ones([batch, positions, 1]), true, false), [batch, units]);
}

function asRows(x: Tensor): Tensor {
  const batch = x.shape[0] ?? 1;
  return reshape(x, [batch, x.size / Math.max(1, batch)]);
}
