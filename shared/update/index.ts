export { type Layout, layoutOf, type ParameterShape } from './layout.ts';
export {
  countWeights,
  hashModel,
  type Model,
  type ModelContent,
  makeModel,
  modelBytes,
  modelFromBytes,
  splitModelBytes,
} from './model.ts';
export { joinSlices, type SliceRange, sliceRange } from './slices.ts';
export {
  type ClippedUpdate,
  type LocalUpdate,
  type MaskedUpdate,
  type Masking,
  type NoisedUpdate,
  type QuantizedUpdate,
  type RecordNoise,
  type SparseUpdate,
  staged,
} from './stages.ts';
