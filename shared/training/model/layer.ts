import type { Tensor } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';

/** One trainable tensor of a layer. The fans are the numbers of connections into and out of one unit. */
export interface LayerParameter {
  readonly name: 'kernel' | 'bias';
  readonly shape: readonly number[];
  readonly initializer: 'zeros' | { readonly fanIn: number; readonly fanOut: number };
}

/** A layer whose shapes are known. Shapes leave out the batch axis, which always comes first. */
export interface CompiledLayer {
  readonly parameters: readonly LayerParameter[];
  readonly outputShape: readonly number[];
  /** Differentiable. @param parameters in the order of {@link CompiledLayer.parameters}. */
  apply(inputs: Tensor, parameters: readonly Tensor[]): Tensor;
}

/** `[height, width, channels]`, or a `model.invalid` that names the layer. */
export function imageShape(
  shape: readonly number[],
  path: string,
  layer: string,
): readonly [number, number, number] {
  const [height, width, channels, ...others] = shape;
  if (height === undefined || width === undefined || channels === undefined || others.length > 0) {
    throw new MurmurationError('model.invalid', `A ${layer} layer works on images.`, {
      path,
      expected: 'an input of [height, width, channels]',
      received: `[${shape.join(', ')}]`,
      remedy: `Put ${layer} layers before flatten and dense layers, and use them on image data only.`,
    });
  }
  return [height, width, channels];
}

/** Size along one axis of a window of `size` moved by `stride`, without padding. */
export function validLength(length: number, size: number, stride: number): number {
  return Math.floor((length - size) / stride) + 1;
}
