import { add, engine, erf, exp, mul, square, type Tensor } from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

const NORMAL_DENSITY_AT_0 = 1 / Math.sqrt(2 * Math.PI);

/** x·Φ(x), the exact form of Hendrycks and Gimpel 2016. */
export function gelu(x: Tensor): Tensor {
  return hasKernel('Gelu') ? engine().runKernel('Gelu', { x }) : mul(x, distribution(x));
}

/** slope·(Φ(x) + x·φ(x)). */
export function geluSlope(slope: Tensor, x: Tensor): Tensor {
  if (hasKernel('GeluSlope')) return engine().runKernel('GeluSlope', { slope, x });
  const density = mul(exp(mul(square(x), -0.5)), NORMAL_DENSITY_AT_0);
  return mul(slope, add(distribution(x), mul(x, density)));
}

/** Φ. */
function distribution(x: Tensor): Tensor {
  return mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
}
