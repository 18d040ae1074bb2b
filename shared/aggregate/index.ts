export { applyFedAvg } from './fed-avg.ts';
export { sumSlices, type WeightedSlice } from './sum.ts';
