import {
  add,
  engine,
  matMul,
  mean,
  mul,
  reshape,
  rsqrt,
  square,
  sub,
  type Tensor,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/** gamma·(x − mean) / √(variance + ε) + beta, with the moments of each row. */
export interface NormalizedRows {
  readonly outputs: Tensor2D;
  backward(slope: Tensor2D): {
    readonly inputs: () => Tensor2D;
    /** What each row adds to the gradient of gamma, [rows, width]; to that of beta it adds the slope itself. */
    readonly gamma: Tensor2D;
  };
}

/**
 * The mean is taken off before squares are, so that no large squares cancel.
 * @param x [rows, width]. @param gamma, beta [width].
 */
export function normalizeRows(x: Tensor2D, gamma: Tensor, beta: Tensor, epsilon: number): NormalizedRows {
  if (hasKernel('NormalizeRows')) return normalizeNatively(x, gamma, beta, epsilon);
  const width = x.shape[1];
  const centred = sub(x, mean(x, 1, true));
  const scale = rsqrt(add(mean(square(centred), 1, true), epsilon));
  const normalized = mul(centred, scale) as Tensor2D;
  return {
    outputs: add(mul(normalized, gamma), beta) as Tensor2D,
    backward(slope) {
      const products = mul(slope, normalized) as Tensor2D;
      return {
        gamma: products,
        // With g = gamma·slope, and y normalized: (g − mean(g) − y·mean(g·y)) · scale (Ba et al. 2016).
        inputs() {
          const shares = reshape(mul(gamma, 1 / width), [1, width]) as Tensor2D;
          const meanWith = (values: Tensor2D) => reshape(matMul(shares, values, false, true), [-1, 1]);
          const constant = meanWith(slope);
          const proportional = mul(normalized, meanWith(products));
          return mul(sub(sub(mul(slope, gamma), constant), proportional), scale);
        },
      };
    },
  };
}

function normalizeNatively(x: Tensor2D, gamma: Tensor, beta: Tensor, epsilon: number): NormalizedRows {
  const [outputs, normalized, scales] = engine().runKernel(
    'NormalizeRows',
    { x, gamma, beta },
    { epsilon },
  ) as unknown as [Tensor2D, Tensor2D, Tensor];
  return {
    outputs,
    backward(slope) {
      const [products, inputs] = engine().runKernel('NormalizeRowsSlope', {
        slope,
        normalized,
        scales,
        gamma,
      }) as unknown as [Tensor2D, Tensor2D];
      return { gamma: products, inputs: () => inputs };
    },
  };
}
