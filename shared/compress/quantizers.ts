import { check, checkInteger } from '../errors/index.ts';

/**
 * Quantizers of the literature on single vectors, for comparison and for sending what nobody has to add up before it is decoded: each
 * scales by the vector itself, so that sums of what they send mean nothing. Federations use the lattice.
 */

/** Draws uniform over [0, 1). */
type Uniform = () => number;

/** What values are scaled to; left out, their own least and greatest. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * Each value to one of `levels` evenly spaced ones next to it, the nearer the likelier, so that the mean is exact (Suresh et al. 2017,
 * section 2.2, k-level). Values beyond the range are clipped to it; where there is no range all become its minimum.
 * @throws `argument.invalid` for fewer than two levels or none at all to quantize.
 */
export function uniformStochasticQuantize(
  values: ArrayLike<number>,
  levels: number,
  uniform: Uniform,
  range: Range = rangeOf(values),
): Float64Array<ArrayBuffer> {
  checkInteger('levels', levels, 2, 2 ** 32);
  const { min, max } = range;
  const quantized = new Float64Array(values.length).fill(min);
  if (!(max > min)) return quantized;
  for (let i = 0; i < values.length; i++) {
    const place = Math.max(0, Math.min(1, (values[i]! - min) / (max - min))) * (levels - 1);
    const floor = Math.floor(place);
    const level = uniform() < place - floor ? floor + 1 : floor;
    quantized[i] = min + (level / (levels - 1)) * (max - min);
  }
  return quantized;
}

/** Two levels: the least and the greatest (Suresh et al. 2017, section 2.1). @throws as {@link uniformStochasticQuantize}. */
export function binaryStochasticQuantize(
  values: ArrayLike<number>,
  uniform: Uniform,
  range?: Range,
): Float64Array<ArrayBuffer> {
  return uniformStochasticQuantize(values, 2, uniform, range);
}

/** How far from zero a value may be, in standard deviations (Wen et al. 2017, section 4). */
const TERNGRAD_CLIP = 2.5;

/**
 * Each value to −s, 0 or s, s the greatest magnitude once values are clipped to 2.5 standard deviations (Wen et al. 2017, "TernGrad",
 * equations 1 and 8).
 */
export function ternGrad(values: ArrayLike<number>, uniform: Uniform): Float64Array<ArrayBuffer> {
  const limit = TERNGRAD_CLIP * standardDeviation(values);
  const magnitudes = Float64Array.from(values, (value) => Math.min(Math.abs(value), limit));
  const quantized = binaryStochasticQuantize(magnitudes, uniform, { min: 0, max: rangeOf(magnitudes).max });
  for (let i = 0; i < quantized.length; i++) quantized[i]! *= Math.sign(values[i]!);
  return quantized;
}

/**
 * One sign for each value and the one scale of least squared error, ‖v‖₁ / d; of a rotated vector (Vargaftik et al. 2021, "DRIVE",
 * section 3).
 */
export function signQuantize(values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!);
  const scale = values.length === 0 ? 0 : sum / values.length;
  return Float64Array.from(values, (value) => scale * Math.sign(value));
}

/** @throws `argument.invalid` for no values. */
function rangeOf(values: ArrayLike<number>): Range {
  check(values.length > 0, 'argument.invalid', 'There is nothing to quantize.');
  let min = values[0]!;
  let max = min;
  for (let i = 1; i < values.length; i++) {
    if (values[i]! < min) min = values[i]!;
    if (values[i]! > max) max = values[i]!;
  }
  return { min, max };
}

function standardDeviation(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return Math.sqrt(squares / values.length);
}
