export { applyFedAvg } from './fed-avg.ts';
export { type AggregationRule, fedAvg, type Needs, type RuleFor } from './rule.ts';
export { sumSlices, type WeightedSlice } from './sum.ts';
