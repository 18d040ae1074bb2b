import { type Layout, type Model, makeModel } from '../../update/index.ts';
import { applyOptimizer, initOptimizer, type OptimizerRule, optimizerSlots } from './server-optimizer.ts';
import type { RoundSum } from './sum-of-round.ts';

export interface ServerRule {
  readonly optimizer: OptimizerRule;
  readonly learningRate: number;
}

/** The memory of the optimizer in a model's state; the first values where the model has none, or another document's. */
export function memoryOf(
  { state, weights }: Pick<Model, 'state' | 'weights'>,
  optimizer: OptimizerRule,
  slots: number,
): readonly (Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>)[] {
  const { length } = weights;
  if (state?.length !== slots * length) return initOptimizer(optimizer, length);
  return optimizerSlots(optimizer).map((_, slot) => state.subarray(slot * length, (slot + 1) * length));
}

/**
 * The next model: the optimizer's step on the mean update of a round times `scale`. Each coordinate takes the same double
 * operations in the same order, and one rounding to float32 for the weight and for each number that is remembered: so every device
 * computes the identical bits. Plain `sgd` is FedAvg, w ← w + sum · (rate / (unit · Σ weight)). SPEC R-13, Y-01, Y-04.
 * @param more vectors that the strategy itself remembers, after those of the optimizer.
 * @throws `update.non-finite`.
 */
export function applyStep(
  base: Model,
  layout: Layout,
  sum: RoundSum,
  { optimizer, learningRate }: ServerRule,
  scale = 1,
  more: readonly Float32Array<ArrayBuffer>[] = [],
): Model {
  const { values, unit, weight, clipNorm } = sum;
  const { length } = base.weights;
  const weights = new Float32Array(length);
  const own = optimizerSlots(optimizer).length;
  if (own === 0) {
    const factor = (clipNorm * learningRate * scale) / (weight * unit);
    for (let i = 0; i < length; i++) weights[i] = base.weights[i]! + values[i]! * factor;
    return nextModel(base, layout, weights, more, sum);
  }
  const mean = (clipNorm * scale) / (weight * unit);
  const update = new Float64Array(length);
  for (let i = 0; i < length; i++) update[i] = values[i]! * mean;
  const before = memoryOf(base, optimizer, own + more.length);
  const { change, memory } = applyOptimizer(optimizer, before, update, learningRate);
  for (let i = 0; i < length; i++) weights[i] = base.weights[i]! + change[i]!;
  return nextModel(base, layout, weights, [...memory, ...more], sum);
}

function nextModel(
  { version }: Model,
  layout: Layout,
  weights: Float32Array<ArrayBuffer>,
  slots: readonly (Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>)[],
  { nextClipNorm }: RoundSum,
): Model {
  if (slots.length === 0) return makeModel(version + 1, layout, weights, nextClipNorm);
  const state = new Float32Array(slots.length * weights.length);
  slots.forEach((slot, index) => {
    state.set(slot, index * weights.length);
  });
  return makeModel(version + 1, layout, weights, nextClipNorm, state);
}
