export { type ClipReport, clipUpdate } from './clip.ts';
export {
  checkSlice,
  coordinateLimit,
  type FixedPoint,
  fixedPointOf,
  largestCoordinate,
  quantize,
  weightOf,
} from './fixed-point.ts';
