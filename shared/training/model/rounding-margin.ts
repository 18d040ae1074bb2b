import { add, mul, relu, sub, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';

/** Of float32: what a sum of products may be off by, as a share of the sum of their sizes, with room to spare. */
const ROUNDING = 2 ** -20;
/** Of a squared norm: below it, an error moves the norm by less than a hundred-thousandth. */
const NEGLIGIBLE = 2e-5;

/**
 * A squared norm that was added up from products of either sign. Where these nearly cancel, rounding is all that is
 * left, and may be below zero: a gradient that looks shorter than it is would not be clipped. So what the sum may be
 * off by is added there, and nothing elsewhere.
 * @param squaredNorms [batch]. @param sizes [batch], at least the sum of the products' absolute values.
 * @returns [batch], no smaller than the squared norms by more than a part in 50,000.
 */
export function withRoundingMargin(squaredNorms: Tensor, sizes: Tensor): Tensor1D {
  const margin = relu(sub(mul(sizes, ROUNDING), mul(squaredNorms, NEGLIGIBLE)));
  return add(squaredNorms, margin);
}
