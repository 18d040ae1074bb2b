import {
  currentNorm,
  type Encoding,
  nextNorm,
  readGridSum,
  readLatticeSum,
  vectorLengthOf,
} from '../../compress/index.ts';
import { check } from '../../errors/index.ts';
import type { Model } from '../../update/index.ts';
import type { WeightedSlice } from '../sum.ts';

/** An exact sum over a cohort, as the numbers that it stands for. */
export interface RoundSum {
  /** Of the model's coordinates, in units; then, in the same units, what went along. */
  readonly values: Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  /** Weight of all survivors; under uniform weighting, how many they were. */
  readonly weight: number;
  /** Units of `values` in a sum of one: a mean is `values[i] · clipNorm / (weight · unit)`. */
  readonly unit: number;
  /** What one is of: the norm of the base where norms follow updates, 1 elsewhere. */
  readonly clipNorm: number;
  /** Of the next model, where the norm follows updates. */
  readonly nextClipNorm: number | undefined;
  /** Means of the coordinates that went along, within ±1 each if all are honest. SPEC Y-02. */
  readonly extras: (index: number) => number;
}

/**
 * Takes a sum apart: turned back where it was rotated, without its indicator where there is one. SPEC R-13, N-05, N-15, Y-02.
 * @throws `round.too-few-participants` on a total weight of zero; `update.wrong-length`.
 */
export function readSum(base: Model, sum: WeightedSlice, encoding: Encoding): RoundSum {
  const { weight } = sum;
  const dimension = base.weights.length;
  check(weight > 0, 'round.too-few-participants', 'The total weight of the round is zero.', {
    expected: 'at least one example among the survivors',
  });
  const length = vectorLengthOf(encoding, dimension);
  check(sum.values.length === length, 'update.wrong-length', 'The sum does not fit the model.', {
    expected: String(length),
    received: String(sum.values.length),
  });
  if (encoding.kind === undefined) {
    const { values } = sum;
    const unit = 2 ** encoding.fractionalBits;
    const extras = (index: number) => values[dimension + index]! / (weight * unit * encoding.clipNorm);
    return { values, weight, unit, clipNorm: 1, nextClipNorm: undefined, extras };
  }
  if (encoding.kind === 'lattice') {
    const { values, nextNorm: nextClipNorm } = readLatticeSum(sum.values, encoding, base);
    const extras = (index: number) => values[dimension + index]! / (weight * encoding.clipNorm);
    return { values, weight, unit: 1, clipNorm: 1, nextClipNorm, extras };
  }
  const { adaptive, scale: unit } = encoding;
  const values = readGridSum(sum.values, encoding, base.hash);
  const clipNorm = adaptive === undefined ? 1 : currentNorm(base, adaptive);
  const nextClipNorm =
    adaptive === undefined ? undefined : nextNorm(clipNorm, values[dimension]! / (weight * unit), adaptive);
  return { values, weight, unit, clipNorm, nextClipNorm, extras: () => 0 };
}
