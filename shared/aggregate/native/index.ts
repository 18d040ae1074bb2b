export { type ChosenKernels, createAggregationKernels } from './kernels.ts';
export { placeRows } from './placed-rows.ts';
export { type CoordinateRange, splitByCoordinates } from './split.ts';
export { type WeightedAccumulator, weightedAccumulator } from './weighted-accumulator.ts';
