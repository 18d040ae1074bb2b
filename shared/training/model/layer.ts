import type { Tensor } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import type { SeededRandom } from '../../random/index.ts';
import type { ParameterGradient } from './parameter-gradient.ts';

/**
 * How a parameter starts: a constant, or uniform over ±√(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, equation
 * 16), the fans being the numbers of connections into and out of one unit; or uniform over ±limit.
 */
export type Initializer =
  | 'zeros'
  | 'ones'
  | { readonly fanIn: number; readonly fanOut: number }
  | { readonly limit: number };

export interface LayerParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  /** Left out: trained by its gradient. `statistic`: replaced by what each training pass makes of it. */
  readonly kind?: 'statistic';
}

/** What a pass through a model is for. */
export interface Pass {
  readonly training: boolean;
  /** Decides, while training, which units drop out. */
  readonly random: SeededRandom;
}

/** A layer's outputs, and the way back. Its tensors belong to the caller's tidy. */
export interface Forward {
  readonly outputs: Tensor;
  /**
   * @param slope ∂loss/∂outputs, where the loss is the sum over the batch.
   * @param wantInputs false where nobody asks for the slope of the inputs, as at the first layer.
   */
  backward(slope: Tensor, wantInputs: boolean): Backward;
}

export interface Backward {
  /** ∂loss/∂inputs; undefined when it was not asked for. */
  readonly inputs: Tensor | undefined;
  /** One for each parameter of the layer, in its order. */
  readonly parameters: readonly ParameterResult[];
}

/** What a pass has to say about a parameter: its gradient, or for a statistic its next value. */
export type ParameterResult = ParameterGradient | { readonly next: Tensor };

/**
 * A layer whose shapes are known. Shapes leave out the batch axis, which always comes first. The backward pass is
 * written out rather than left to automatic differentiation: it needs no tape, and it shows each example's part in
 * every gradient, which per-example clipping needs.
 */
export interface CompiledLayer {
  readonly parameters: readonly LayerParameter[];
  readonly outputShape: readonly number[];
  /** Multiply-adds of the forward pass for one example, in products of matrices and convolutions only. */
  readonly multiplyAdds: number;
  /** Most numbers that one example takes in any tensor inside the layer, where that is more than its outputs. */
  readonly largestInside?: number;
  /** @param parameters in the order of {@link CompiledLayer.parameters}. */
  forward(inputs: Tensor, parameters: readonly Tensor[], pass: Pass): Forward;
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

/** `[length, units]`, or a `model.invalid` that names the layer. */
export function sequenceShape(
  shape: readonly number[],
  path: string,
  layer: string,
): readonly [number, number] {
  const [length, units, ...others] = shape;
  if (length === undefined || units === undefined || others.length > 0) {
    throw new MurmurationError('model.invalid', `This layer works on sequences: ${layer}.`, {
      path,
      expected: 'an input of [length, units]',
      received: `[${shape.join(', ')}]`,
      remedy: 'Put it after an embedding layer.',
    });
  }
  return [length, units];
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
