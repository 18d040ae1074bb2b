export { type AdaptiveNorm, currentNorm, nextNorm, withIndicator } from './adaptive-norm.ts';
export { type ClipReport, clipUpdate } from './clip.ts';
export { arithmeticCodingBits, fixedCodingBits } from './coding-bits.ts';
export {
  checkSlice,
  type EncodedFederation,
  type Encoding,
  encodingOf,
  largestCoordinate,
  trainedCoordinates,
  vectorLengthOf,
} from './encoding.ts';
export { encodingWith, type Stages } from './encoding-with.ts';
export { keepLargest, sendPlainly } from './error-feedback.ts';
export {
  coordinateLimit,
  type FixedPoint,
  fixedPointOf,
  quantize,
  weighsStaleness,
  weightOf,
} from './fixed-point.ts';
export { certainShares, type Grid, gridOf, hidesParticipants, type WithNoise } from './grid.ts';
export { keptCoordinates, keptCount } from './kept.ts';
export { largestCoordinates, sparseTernary, topK } from './largest.ts';
export {
  type Bits,
  type Lattice,
  type LatticeReport,
  type LatticeSum,
  readLatticeSum,
  roundToLattice,
} from './lattice.ts';
export { packBits, packedLength, unpackBits } from './pack-bits.ts';
export { type CompressionPlan, type Pipeline, pipelineOf, planCompression } from './planner.ts';
export {
  finishPowerSgd,
  initPowerSgd,
  type PowerSgd,
  powerSgd,
  projectColumns,
  projectRows,
} from './power-sgd.ts';
export {
  binaryStochasticQuantize,
  type Range,
  signQuantize,
  ternGrad,
  uniformStochasticQuantize,
} from './quantizers.ts';
export { readGridSum } from './read-grid-sum.ts';
export { walshHadamard } from './rotation.ts';
export { roundToGrid, unrotateSum } from './round-to-grid.ts';
export { applySketch, expandSketch, type Sketch, sketchLength } from './sketch.ts';
export { type WireCost, type WireShape, wireCost } from './wire-cost.ts';
export { fitsValues, packValues, unpackValues } from './wire-values.ts';
