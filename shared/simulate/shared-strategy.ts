import type { Strategy, WeightedSlice } from '../aggregate/index.ts';
import type { Model } from '../update/index.ts';

/**
 * A strategy for all nodes of a process: who applies the same sum to the same base is given the same model, which is computed
 * once. A hundred participants need then not compute, nor hash, nor hold it a hundred times.
 */
export function sharedStrategy(strategy: Strategy): Strategy {
  let last: { readonly base: Model; readonly sum: WeightedSlice; readonly model: Model } | undefined;
  return {
    ...strategy,
    apply(base, sum, layout, encoding) {
      if (last !== undefined && isSameModel(last.base, base) && isSameSum(last.sum, sum)) return last.model;
      const model = strategy.apply(base, sum, layout, encoding);
      last = { base, sum, model };
      return model;
    },
  };
}

function isSameModel(a: Model, b: Model): boolean {
  return a.hash === b.hash && a.version === b.version;
}

function isSameSum(a: WeightedSlice, b: WeightedSlice): boolean {
  if (a.weight !== b.weight || a.values.length !== b.values.length) return false;
  for (let i = 0; i < a.values.length; i++) if (a.values[i] !== b.values[i]) return false;
  return true;
}
