export { flipLabels, plantTrigger, type Trigger } from './data.ts';
export { mostHarmful, type SearchOptions } from './optimal.ts';
export {
  gaussian,
  infinite,
  innerProductManipulation,
  littleFactor,
  littleIsEnough,
  mimic,
  signFlip,
} from './vectors.ts';
