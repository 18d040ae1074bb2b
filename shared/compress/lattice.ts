import { check } from '../errors/index.ts';
import { type Federation, mostParticipants } from '../federation/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { type ClippedUpdate, type Model, type QuantizedUpdate, staged } from '../update/index.ts';
import { maxWeightOf } from './fixed-point.ts';
import { blockLength, rotationOf } from './rotation.ts';
import { roundAtRandom } from './round-to-grid.ts';
import { applySketch, expandSketch, type Sketch, sketchLength } from './sketch.ts';

/**
 * How updates become few small integers: sketched, weighted, put in units of a norm that follows them, rotated, rounded at random
 * to whole numbers, and added up modulo 2^bits (Suresh et al. 2017, "Distributed Mean Estimation with Limited Communication",
 * sections 2 and 3, on one lattice for all, so that sums can be masked). SPEC Z-05, Z-06.
 *
 * What an update is measured by is its norm times its part of the largest weight. In units of the round's norm C, which
 * is {@link AIM} times the mean of those of the round before, it is followed by two numbers: how long it is, and
 * one {@link MARK}; their sums give the next C. Nobody's part is longer than C.
 */
export interface Lattice {
  readonly kind: 'lattice';
  /** L2 norm that updates are clipped to; C of version 0, and the largest that C can be. */
  readonly clipNorm: number;
  readonly maxWeight: number;
  readonly sketch: Sketch;
  /** Coordinates that go along with an update, after those of the model; within ± clipNorm as they are. */
  readonly extras: number;
  /** Integers that are sent: of the sketch, the extras, and two. */
  readonly dimension: number;
  /** Whether coordinates are mixed before they are rounded. */
  readonly isRotated: boolean;
  /** Whether integers that are not masked travel in as many bits as they have information. */
  readonly isCoded: boolean;
  /** Units of the lattice in C: 8 significant bits, so that the last place of a square root cannot make devices differ. */
  readonly scale: number;
  /** Of the ring that sums of a group are taken in. */
  readonly bits: Bits;
  /** Largest magnitude in a group's sum of which no total of all groups overflows 32 bits. */
  readonly groupSumLimit: number;
}

export type Bits = 8 | 12 | 16 | 24 | 32;

export const DEFAULT_BITS: Bits = 16;
/** C over the mean norm: so far may one update stand out, or all of them grow from one round to the next. */
const AIM = 4;
/**
 * Standard deviations of a coordinate of the sum that a ring has room for, if a full group's updates all point one way and are of
 * the mean norm: 3 in 10^15 coordinates are beyond 8, 6 in 10^5 when norms double from one round to the next.
 */
const DEVIATIONS = 8;
/** Of the two numbers that follow an update, and of extras, in C: 1/16 adds a tenth to the energy, and is told well from rounding. */
const MARK = 1 / 16;
/** C stays above this part of `clipNorm`, so that it is a float32 above zero. */
const LEAST = 2 ** -40;
/** Mean of p(1 − p) over where a number can lie between two integers: the variance of rounding at random. */
export const ROUNDING_VARIANCE = 1 / 6;

type Policy = Pick<Federation, 'strategy' | 'cohort'>;

/** Beside what is left out: how what is left is rounded and sent. */
export interface LatticeOptions {
  readonly bits: Bits;
  /** Coordinates that go along with an update. */
  readonly extras: number;
  /** Not where all but a few coordinates are zero. */
  readonly isRotated: boolean;
  readonly isCoded: boolean;
}

/**
 * @throws `update.overflow` for a group of which a ring so narrow holds no sum.
 */
export function latticeOf(
  { strategy, cohort }: Policy,
  sketch: Sketch,
  { bits, extras, isRotated, isCoded }: LatticeOptions,
): Lattice {
  const dimension = sketchLength(sketch) + extras + 2;
  const { groupSize } = cohort;
  const groups = Math.ceil(mostParticipants(cohort) / groupSize);
  const groupSumLimit = Math.floor((2 ** 31 - 1) / groups);
  return {
    kind: 'lattice',
    clipNorm: strategy.clipNorm,
    maxWeight: maxWeightOf({ strategy }),
    sketch,
    extras,
    dimension,
    isRotated,
    isCoded,
    scale: (isRotated ? finestScale : finestUnrotated)(
      { dimension, extras, groupSize, bits },
      Math.min(2 ** (bits - 1) - 1, groupSumLimit),
    ),
    bits,
    groupSumLimit,
  };
}

/**
 * The largest scale of which {@link DEVIATIONS} standard deviations of a full group's sum fit: of n updates of norm C/4 with their
 * marks, all pointing one way, ‖sum‖/√b in a rotated coordinate, and of rounding each of them ½ at most.
 */
function finestScale({ dimension, extras, groupSize, bits }: Shape, room: number): number {
  const variance = (room / DEVIATIONS) ** 2 - groupSize / 4;
  const scale =
    (Math.sqrt(Math.max(0, variance)) * Math.sqrt(blockLength(dimension))) / (groupSize * lengthOf(extras));
  check(scale > 0, 'update.overflow', 'So narrow a ring holds no sum of so many updates.', {
    path: 'strategy.compression.bits',
    expected: `${DEVIATIONS}² · groupSize / 4 below (2^(bits−1) − 1)²`,
    received: `${DEVIATIONS}² · ${groupSize} / 4 with ${bits} bits`,
    remedy: 'Choose more bits or smaller groups.',
  });
  return truncated(scale);
}

/** Of what is not rotated all of it may be in one coordinate: a full group's in the same. */
function finestUnrotated({ extras, groupSize, bits }: Shape, room: number): number {
  const scale = (room - groupSize) / (groupSize * lengthOf(extras));
  check(scale > 0, 'update.overflow', 'So narrow a ring holds no sum of so many updates.', {
    path: 'strategy.compression.bits',
    expected: 'groupSize below 2^(bits−1) − 1',
    received: `${groupSize} with ${bits} bits`,
    remedy: 'Choose more bits or smaller groups.',
  });
  return truncated(scale);
}

interface Shape {
  readonly dimension: number;
  readonly extras: number;
  readonly groupSize: number;
  readonly bits: Bits;
}

/** Of an update of norm C/4 with what follows it, in C. */
function lengthOf(extras: number): number {
  return Math.sqrt(AIM ** -2 + MARK ** 2 * (1 + AIM ** -2 + extras));
}

/** To 8 significant bits, downwards. */
function truncated(value: number): number {
  let power = 1;
  while (power * 256 <= value) power *= 2;
  while (power * 128 > value) power /= 2;
  return Math.floor(value / power) * power;
}

/** C of updates trained from this model. Of another document the same run may have left one out of bounds. SPEC Z-06. */
export function roundNorm(base: Pick<Model, 'clipNorm'>, { clipNorm }: Lattice): number {
  return Math.min(clipNorm, Math.max(base.clipNorm ?? clipNorm, clipNorm * LEAST));
}

/** What became of one update, measured by whoever sends it. Norms are of what is sent, in units of it. */
export interface LatticeReport {
  /** ‖what is sent − what was to be sent‖ / ‖what was to be sent‖: by rounding, and by what wraps. */
  readonly relativeError: number;
  /** Coordinates that alone are beyond the ring. Of those only a sum is beyond nobody knows. */
  readonly wrapped: number;
  /** By how much the update was shortened because it stood out; 1 where it was not. */
  readonly shortened: number;
}

/**
 * Sketch, weight, measure, rotate, round at random, wrap into the ring.
 * @param update of the model's parameters and the lattice's extras.
 * @throws `update.wrong-length`; `update.overflow` for a weight out of range.
 */
export function roundToLattice(
  update: ClippedUpdate,
  lattice: Lattice,
  base: Pick<Model, 'hash' | 'clipNorm'>,
  random: CryptoRandom,
): { readonly update: QuantizedUpdate; readonly report: LatticeReport } {
  const { sketch, dimension, extras, scale, bits, maxWeight } = lattice;
  check(
    update.weight >= 1 && update.weight <= maxWeight,
    'update.overflow',
    'The weight of the update is out of range.',
    { expected: `1 to ${maxWeight}`, received: String(update.weight) },
  );
  check(
    update.delta.length === sketch.length + extras,
    'update.wrong-length',
    'The update does not fit the model.',
    { expected: String(sketch.length + extras), received: String(update.delta.length) },
  );
  const norm = roundNorm(base, lattice);
  const share = update.weight / maxWeight;
  const values = applySketch(sketch, update.delta.subarray(0, sketch.length), base.hash);
  const length = (share * normOf(values)) / norm;
  const shortened = Math.min(1, 1 / length);
  const exact = new Float64Array(dimension);
  const factor = (share * shortened * scale) / norm;
  for (let i = 0; i < values.length; i++) exact[i] = values[i]! * factor;
  const extraFactor = (share * MARK * scale) / lattice.clipNorm;
  for (let i = 0; i < extras; i++) exact[values.length + i] = update.delta[sketch.length + i]! * extraFactor;
  exact[dimension - 2] = Math.min(1, length) * MARK * scale;
  exact[dimension - 1] = MARK * scale;
  if (lattice.isRotated) rotationOf(dimension, base.hash).rotate(exact);
  const rounded = new Int32Array(dimension);
  roundAtRandom(exact, rounded, random);
  const report = { ...measure(exact, rounded, bits), shortened };
  return {
    update: staged<QuantizedUpdate>({
      layoutHash: update.layoutHash,
      values: rounded,
      weight: update.weight,
    }),
    report,
  };
}

/** Wraps in place, and says what that and rounding did. */
function measure(
  exact: Float64Array,
  rounded: Int32Array,
  bits: number,
): Pick<LatticeReport, 'relativeError' | 'wrapped'> {
  const shift = 32 - bits;
  let wrapped = 0;
  let errors = 0;
  let squares = 0;
  for (let i = 0; i < exact.length; i++) {
    const value = (rounded[i]! << shift) >> shift;
    if (value !== Math.floor(exact[i]!) && value !== Math.ceil(exact[i]!)) wrapped++;
    rounded[i] = value;
    errors += (value - exact[i]!) ** 2;
    squares += exact[i]! ** 2;
  }
  return { relativeError: squares === 0 ? 0 : Math.sqrt(errors / squares), wrapped };
}

/** What a sum on the lattice says. */
export interface LatticeSum {
  /** Of the model's parameters and of the extras: Σ weight · coordinate. */
  readonly values: Float64Array<ArrayBuffer>;
  /** C of updates trained from the model that the sum makes. */
  readonly nextNorm: number;
}

/**
 * Undoes what {@link roundToLattice} did, on a sum. Where rounding alone would be longer than the sum of updates, as it may be while C is
 * still that of the document, the updates are left out: the round moves nothing but the norm. SPEC Z-08.
 * @param sum exact, or off by multiples of the ring's size where it did not fit.
 * @throws `update.wrong-length`.
 */
export function readLatticeSum(
  sum: Int32Array,
  lattice: Lattice,
  base: Pick<Model, 'hash' | 'clipNorm'>,
): LatticeSum {
  const { sketch, dimension, extras, scale, maxWeight } = lattice;
  check(sum.length === dimension, 'update.wrong-length', 'The sum does not fit the model.', {
    expected: String(dimension),
    received: String(sum.length),
  });
  const norm = roundNorm(base, lattice);
  const units = new Float64Array(sum);
  if (lattice.isRotated) rotationOf(dimension, base.hash).unrotate(units);
  const count = Math.max(1, Math.round(units[dimension - 1]! / (MARK * scale)));
  const lengths = Math.max(0, units[dimension - 2]! / (MARK * scale));
  const kept = sketchLength(sketch);
  const values = new Float64Array(sketch.length + extras);
  const rounding = Math.sqrt(roundedOf(sum, lattice) * count * ROUNDING_VARIANCE) / scale;
  if (lengths >= rounding) {
    const sketched = units.subarray(0, kept);
    const factor = (norm * maxWeight) / scale;
    for (let i = 0; i < kept; i++) sketched[i]! *= factor;
    values.set(expandSketch(sketch, sketched, base.hash));
  }
  const extraFactor = (lattice.clipNorm * maxWeight) / (MARK * scale);
  for (let i = 0; i < extras; i++) values[sketch.length + i] = units[kept + i]! * extraFactor;
  // Of what is told no better than that, the norm must not fall below what can be told.
  const told = (2 * Math.sqrt(ROUNDING_VARIANCE / count)) / (MARK * scale);
  const mean = Math.min(1, Math.max(told, lengths / count)) * norm;
  return { values, nextNorm: roundNorm({ clipNorm: AIM * mean }, lattice) };
}

/** Coordinates of updates that rounding changed: of what is not rotated zeros are exact. */
function roundedOf(sum: Int32Array, { isRotated, sketch }: Lattice): number {
  const kept = sketchLength(sketch);
  if (isRotated) return kept;
  let rounded = 0;
  for (let i = 0; i < kept; i++) if (sum[i] !== 0) rounded++;
  return rounded;
}

/**
 * Expected length of what rounding adds to the mean of a full group, in units of the mean of updates that are all alike and a quarter
 * of C long: √(d n v) / (n · scale / 4), v = 1/6 (Suresh et al. 2017, theorem 3, with the variance in place of its bound).
 */
export function roundingErrorOf(lattice: Lattice, groupSize: number): number {
  return (AIM * Math.sqrt((sketchLength(lattice.sketch) * ROUNDING_VARIANCE) / groupSize)) / lattice.scale;
}

function normOf(values: Float64Array): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  return Math.sqrt(squares);
}
