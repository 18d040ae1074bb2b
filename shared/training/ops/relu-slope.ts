import { engine, mul, step, type Tensor } from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/** The slope where the output is above zero, and zero elsewhere. Both of one shape. */
export function reluSlope(slope: Tensor, outputs: Tensor): Tensor {
  return hasKernel('ReluSlope')
    ? engine().runKernel('ReluSlope', { slope, outputs })
    : mul(slope, step(outputs));
}
