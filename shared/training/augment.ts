import { check } from '../errors/index.ts';
import type { TrainingSpec } from '../federation/index.ts';
import type { SeededRandom } from '../random/index.ts';
import { BYTE_TO_UNIT } from './batches.ts';
import type { CompiledModel } from './model/compile.ts';
import { firstIndices, type Rows } from './source.ts';

/** Makes a batch anew, with changes drawn for each example. */
export type Augmenter = (rows: Rows, random: SeededRandom) => Rows;

/**
 * Random changes to images while training: each batch that comes out is float32 and a copy.
 * @returns undefined when nothing is to be changed.
 * @throws `model.invalid` for data other than images.
 */
export function augmenter(
  { inputShape, inputSize }: Pick<CompiledModel, 'inputShape' | 'inputSize'>,
  { shift, rotateDegrees, flipHorizontally }: TrainingSpec['augmentation'],
): Augmenter | undefined {
  if (shift === 0 && rotateDegrees === 0 && !flipHorizontally) return undefined;
  check(inputShape.length === 3, 'model.invalid', 'Only images can be shifted, rotated and flipped.', {
    path: 'training.augmentation',
    expected: 'no augmentation',
    remedy: 'Leave augmentation out of the federation.',
  });
  const [height, width, channels] = inputShape as [number, number, number];
  const maxRadians = (rotateDegrees / 180) * Math.PI;

  return ({ examples, indices }, random) => {
    const { inputs } = examples;
    const image = new Float32Array(inputSize);
    const changed = new Float32Array(indices.length * inputSize);
    const each = examples.targets.length / Math.max(1, examples.count);
    const { length } = indices;
    const targets =
      examples.targets instanceof Uint16Array
        ? new Uint16Array(length * each)
        : new Float32Array(length * each);
    indices.forEach((index, at) => {
      const source = inputs.subarray(index * inputSize, (index + 1) * inputSize);
      if (source instanceof Float32Array) image.set(source);
      else for (let i = 0; i < inputSize; i++) image[i] = BYTE_TO_UNIT[source[i]!]!;
      const motion: Motion = {
        flip: flipHorizontally && random.below(2) === 1,
        radians: rotateDegrees === 0 ? 0 : (2 * random.uniform() - 1) * maxRadians,
        right: shift === 0 ? 0 : random.below(2 * shift + 1) - shift,
        down: shift === 0 ? 0 : random.below(2 * shift + 1) - shift,
      };
      moveImage(
        image,
        { height, width, channels },
        motion,
        changed.subarray(at * inputSize, (at + 1) * inputSize),
      );
      targets.set(examples.targets.subarray(index * each, (index + 1) * each), at * each);
    });
    return {
      examples: { count: indices.length, inputs: changed, targets },
      indices: firstIndices(indices.length),
    };
  };
}

/** What happens to an image, in this order. */
export interface Motion {
  /** Left and right change places. */
  readonly flip: boolean;
  /** Turns clockwise around the centre. */
  readonly radians: number;
  /** Moves by whole pixels. */
  readonly right: number;
  readonly down: number;
}

export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Each pixel of the result takes its value from where it came from, between four pixels by bilinear interpolation.
 * What comes from outside of the image is 0, black.
 * @param image height × width × channels. @param into as large; filled.
 */
export function moveImage(
  image: Float32Array,
  { height, width, channels }: ImageSize,
  { flip, radians, right, down }: Motion,
  into: Float32Array,
): void {
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  into.fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x - right - centreX, y - down - centreY];
      const turned = cos * dx + sin * dy + centreX;
      const fromX = flip ? width - 1 - turned : turned;
      const fromY = cos * dy - sin * dx + centreY;
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      for (let corner = 0; corner < 4; corner++) {
        const [column, row] = [left + (corner & 1), top + (corner >> 1)];
        if (column < 0 || column >= width || row < 0 || row >= height) continue;
        const weight = (1 - Math.abs(fromX - column)) * (1 - Math.abs(fromY - row));
        if (weight === 0) continue;
        for (let c = 0; c < channels; c++) {
          into[(y * width + x) * channels + c]! += weight * image[(row * width + column) * channels + c]!;
        }
      }
    }
  }
}
