import {
  add,
  engine,
  maximum,
  minimum,
  mul,
  type NamedTensorMap,
  rsqrt,
  type Tensor1D,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/**
 * min(1, clipNorm / ‖gᵢ‖) for each example i; 1 where its gradient is zero.
 * @param squaredNorms those of the parts of each gradient, [batch] each. A sum that rounding made negative is zero.
 */
export function clipWeights(squaredNorms: readonly Tensor1D[], clipNorm: number): Tensor1D {
  if (hasKernel('ClipWeights')) {
    return engine().runKernel('ClipWeights', squaredNorms as unknown as NamedTensorMap, { clipNorm });
  }
  const squaredNorm = squaredNorms.reduce((total, norms) => add(total, norms));
  return minimum(mul(rsqrt(maximum(squaredNorm, 0)), clipNorm), 1) as Tensor1D;
}
