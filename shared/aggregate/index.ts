export type { CombineRule } from './combine-rule.ts';
export { addWords } from './native/add-words.ts';
export { type AggregationRule, addition, type Needs, type RuleFor } from './rule.ts';
export {
  applyOptimizer,
  initOptimizer,
  type OptimizerRule,
  type OptimizerStep,
  optimizerSlots,
  stalenessWeight,
  strategyOf,
} from './strategies/index.ts';
export type { Contribution, LocalWork, Preparation, Strategy } from './strategy.ts';
export { sumSlices, type WeightedSlice } from './sum.ts';
