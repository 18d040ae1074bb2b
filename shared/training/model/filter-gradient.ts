import { add, pad, slice, type Tensor, type Tensor1D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { rowSquaredNorms, scaleRows, weightedRowSum } from '../ops/rows.ts';
import { sizeOf } from './layer.ts';
import { type ParameterGradient, perExampleGradient } from './parameter-gradient.ts';

/** Numbers of per-example gradients that are held at once: 128 MB. */
const MAX_PER_EXAMPLE_NUMBERS = 2 ** 25;

export interface FilterGradientParts {
  readonly inputs: Tensor4D;
  readonly slopes: Tensor4D;
  /** Of the filter. */
  readonly shape: readonly number[];
  /** Every example's gradient, [batch, ...shape]. */
  readonly each: (inputs: Tensor4D, slopes: Tensor4D) => Tensor;
  /** Their sum. */
  readonly total: (inputs: Tensor4D, slopes: Tensor4D) => Tensor;
}

/**
 * Of the filter of a convolution. It has many positions for each of its numbers, so that per-example gradients cost
 * hardly more than their sum and are made once, for norms and sum. A filter that is too large for that has its
 * norms taken a few examples at a time, and its sum from slopes that are weighted first.
 * @param maxNumbers of per-example gradients to hold at once.
 */
export function filterGradient(
  { inputs, slopes, shape, each, total }: FilterGradientParts,
  maxNumbers = MAX_PER_EXAMPLE_NUMBERS,
): ParameterGradient {
  const batch = inputs.shape[0];
  const atOnce = Math.max(1, Math.floor(maxNumbers / sizeOf(shape)));
  const { perExample, squaredNorms } = perExampleGradient(() => each(inputs, slopes));
  const areHeld = batch <= atOnce;
  return {
    perExample,
    squaredNorms: areHeld ? squaredNorms : () => normsInParts(inputs, slopes, each, atOnce),
    sum(weights) {
      if (weights === undefined) return total(inputs, slopes);
      return areHeld ? weightedRowSum(perExample(), weights) : total(inputs, scaleRows(slopes, weights));
    },
  };
}

function normsInParts(
  inputs: Tensor4D,
  slopes: Tensor4D,
  each: FilterGradientParts['each'],
  atOnce: number,
): Tensor1D {
  const batch = inputs.shape[0];
  const some = (x: Tensor4D, from: number) =>
    slice(x, [from, 0, 0, 0], [Math.min(atOnce, batch - from), -1, -1, -1]);
  const parts: Tensor1D[] = [];
  for (let from = 0; from < batch; from += atOnce) {
    parts.push(
      tidy(() => {
        const norms = rowSquaredNorms(each(some(inputs, from), some(slopes, from)));
        return pad(norms, [[from, batch - from - norms.shape[0]]]);
      }),
    );
  }
  return parts.reduce((all, part) => add(all, part));
}
