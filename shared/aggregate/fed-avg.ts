import type { FixedPoint } from '../compress/index.ts';
import { check } from '../errors/index.ts';
import { type Layout, type Model, makeModel } from '../update/index.ts';
import type { WeightedSlice } from './sum.ts';

/**
 * FedAvg (McMahan et al. 2017, algorithm 1) on an exact integer sum:
 * w ← w + serverLearningRate · sum / (2^f · Σ weight). Each coordinate takes the same double operations in the same
 * order and one rounding to float32, so every device computes the identical bits.
 * @throws `round.too-few-participants` on a total weight of zero; `update.wrong-length`; `update.non-finite`.
 */
export function applyFedAvg(
  base: Model,
  sum: WeightedSlice,
  layout: Layout,
  fixedPoint: FixedPoint,
  serverLearningRate: number,
): Model {
  check(sum.weight > 0, 'round.too-few-participants', 'The total weight of the round is zero.', {
    expected: 'at least one example among the survivors',
  });
  check(sum.values.length === base.weights.length, 'update.wrong-length', 'The sum does not fit the model.', {
    expected: String(base.weights.length),
    received: String(sum.values.length),
  });
  const factor = serverLearningRate / (sum.weight * 2 ** fixedPoint.fractionalBits);
  const weights = new Float32Array(base.weights.length);
  for (let i = 0; i < weights.length; i++) weights[i] = base.weights[i]! + sum.values[i]! * factor;
  return makeModel(base.version + 1, layout, weights);
}
