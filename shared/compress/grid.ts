import { check } from '../errors/index.ts';
import {
  type Federation,
  mostParticipants,
  type ParticipantPrivacy,
  secureThreshold,
  smallestGroup,
} from '../federation/index.ts';
import { type AdaptiveNorm, adaptiveNormOf, jointNorm } from './adaptive-norm.ts';
import { keptCount } from './kept.ts';
import { blockLength } from './rotation.ts';
import type { Sketch } from './sketch.ts';

/**
 * How updates become integers where noise on whole updates hides participants: rotated, scaled, rounded at random to whole
 * numbers, noised, and added up modulo 2^bits (Kairouz, Liu and Steinke 2021, "The Distributed Discrete Gaussian
 * Mechanism", section 4; Agarwal, Kairouz and Liu 2021 for Skellam noise). What an accountant has to know of it is in whole
 * numbers: whatever floats did before, no update is longer than `l2Sensitivity`.
 */
export interface Grid {
  readonly kind: 'grid';
  /** Real L2 norm of the longest vector that is rounded; with `adaptive`, in units of the norm of the round. */
  readonly clipNorm: number;
  /** Set where that norm follows a quantile of the norms of updates. */
  readonly adaptive?: AdaptiveNorm;
  /** Everyone counts 1. */
  readonly maxWeight: 1;
  /** Set where all rounds are rotated alike: the noise of a tree cancels from round to round in no other way. SPEC N-05. */
  readonly hasOneRotation?: true;
  /** Set where not all coordinates are sent. SPEC Z-01. */
  readonly sketch?: Extract<Sketch, { type: 'kept' }>;
  /** Coordinates of such a vector: of an update or its sketch, and with `adaptive` the indicator. */
  readonly dimension: number;
  /** Units of the grid in one: 8 significant bits, so that the last place of a square root cannot make devices differ. */
  readonly scale: number;
  /** Of the ring that sums of a group are taken in. */
  readonly bits: 16 | 24 | 32;
  /** Squared L2 norm, in units, that rounding never exceeds: a whole number. */
  readonly squaredNormLimit: number;
  /** Of one participant's rounded update, in units. */
  readonly l2Sensitivity: number;
  /** Likewise; √d · l2Sensitivity, and no more than the squared norm, since integers are no larger than their squares. */
  readonly l1Sensitivity: number;
  /** Of the noise that hides one participant: of the sum's, or with `local` of each update's. Of each coordinate, squared units. */
  readonly noiseVariance: number;
  /** Largest magnitude in a group's sum of which no total of all groups overflows 32 bits. */
  readonly groupSumLimit: number;
  /** Whether noise is on an update before it leaves its device: then only the ring bounds its coordinates. */
  readonly isNoised: boolean;
}

/** Standard deviations of signal and noise together that a ring has room for: beyond are two in 10^9 coordinates. */
const DEVIATIONS = 6;
/**
 * No norm and no noise is made of more units than this: rounding is then one part in 10^5 or less of either for any length that
 * a device can train. It bounds the variance that has to be sampled by 2^36.
 */
const MOST_UNITS = 2 ** 18;
/** The narrowest ring is taken in which rounding adds no more than this to the variance of what comes out. */
const GOOD_OVERHEAD = 1.05;
/** A ring in which rounding would add more error than the noise that privacy needs is refused. */
const WORST_OVERHEAD = 2;
const WIDTHS = [16, 24, 32] as const;

type Policy = Pick<Federation, 'strategy' | 'cohort' | 'privacy'>;

/**
 * The grid of a federation with participant-level privacy: scale as large as the ring has room for, ring as
 * `strategy.quantizationBits` says or as narrow as makes no difference. SPEC N-06, N-07.
 * @param parameters of the model. @param keep part of them that is trained and sent; left out, all.
 * @throws `update.overflow` for a ring so narrow that rounding would drown what it is to carry.
 */
export function gridOf(federation: Policy & WithNoise, parameters: number, keep = 1): Grid {
  const { strategy, privacy } = federation;
  const { quantizationBits } = strategy;
  const adaptive = adaptiveNormOf(strategy, privacy.participant);
  const count = keptCount(parameters, keep);
  const dimension = adaptive === undefined ? count : count + 1;
  const clipNorm = adaptive === undefined ? strategy.clipNorm : jointNorm(adaptive);
  const load = loadOf(federation, dimension, clipNorm);
  const candidates = WIDTHS.filter((bits) => quantizationBits === undefined || bits === quantizationBits).map(
    (bits) => ({ bits, ...finestScale(load, bits) }),
  );
  const best = candidates.find(({ overhead }) => overhead <= GOOD_OVERHEAD) ?? candidates.at(-1);
  check(
    best !== undefined && best.overhead <= WORST_OVERHEAD,
    'update.overflow',
    'Rounding would add more error than the noise itself.',
    {
      path: 'strategy.quantizationBits',
      expected: `so many bits that rounding at most doubles the variance of the sum of ${load.groupSize}`,
      received:
        best === undefined ? String(quantizationBits) : `${best.bits} bits: ${factorOf(best.overhead)}`,
      remedy: 'Choose 24 or 32 bits, or leave strategy.quantizationBits out.',
    },
  );
  const { bits, scale } = best;
  const squaredNormLimit = squaredLimit(scale * clipNorm, dimension);
  const l2Sensitivity = Math.sqrt(squaredNormLimit);
  return {
    kind: 'grid',
    clipNorm,
    ...(adaptive === undefined ? {} : { adaptive }),
    ...(privacy.participant.mechanism === 'tree' ? { hasOneRotation: true } : {}),
    ...(keep === 1 ? {} : { sketch: { type: 'kept', length: parameters, count } }),
    maxWeight: 1,
    dimension,
    scale,
    bits,
    squaredNormLimit,
    l2Sensitivity,
    l1Sensitivity: Math.min(Math.sqrt(dimension) * l2Sensitivity, squaredNormLimit),
    noiseVariance: (load.noiseMultiplier * l2Sensitivity) ** 2,
    groupSumLimit: load.groupSumLimit,
    isNoised: privacy.participant.trust !== 'central',
  };
}

export interface WithNoise {
  readonly privacy: { readonly participant: ParticipantPrivacy };
}

export function hidesParticipants<T extends Pick<Federation, 'privacy'>>(
  federation: T,
): federation is T & WithNoise {
  return federation.privacy.participant !== undefined;
}

/**
 * How many shares of noise are certain to be in a sum and unknown to those who look at it: the threshold less those who
 * may collude. Each share has 1/h of the noise. SPEC N-04.
 * @param invited participants that sum together.
 * @throws `privacy.policy-unmet` where there is none.
 */
export function certainShares(participant: ParticipantPrivacy, invited: number): number {
  const certain = secureThreshold(invited) - participant.colluding;
  check(certain >= 1, 'privacy.policy-unmet', 'So few participants cannot hide one of them.', {
    path: 'privacy.participant.colluding',
    expected: `a threshold of ⌈2n/3⌉ above ${participant.colluding} colluding participants`,
    received: `${secureThreshold(invited)}, of ${invited} invited`,
    remedy: 'Nothing was sent. Wait for more participants.',
  });
  return certain;
}

/** What the ring has to carry. */
interface Load {
  readonly clipNorm: number;
  readonly noiseMultiplier: number;
  readonly dimension: number;
  readonly groupSize: number;
  readonly groupSumLimit: number;
  /** Variance of the noise in a group's sum over that which hides one participant, at most. */
  readonly mostNoise: number;
  /** Of a full group: what rounding is compared with. */
  readonly fullNoise: number;
}

function loadOf({ cohort, privacy }: Policy & WithNoise, dimension: number, clipNorm: number): Load {
  const { participant } = privacy;
  const { groupSize } = cohort;
  const groups = Math.ceil(mostParticipants(cohort) / groupSize);
  const load = {
    clipNorm,
    noiseMultiplier: participant.noiseMultiplier,
    dimension,
    groupSize,
    groupSumLimit: Math.floor((2 ** 31 - 1) / groups),
  };
  switch (participant.trust) {
    case 'distributed': {
      const noiseOf = (invited: number) => invited / certainShares(participant, invited);
      let mostNoise = 0;
      for (let invited = smallestGroup(cohort); invited <= groupSize; invited++)
        mostNoise = Math.max(mostNoise, noiseOf(invited));
      return { ...load, mostNoise, fullNoise: noiseOf(groupSize) };
    }
    case 'local':
      return { ...load, mostNoise: groupSize, fullNoise: groupSize };
    case 'central':
      // tree(t) − tree(t − 1) has at most one node for each bit of t, and rounds.maximum is below 2^17.
      return { ...load, mostNoise: participant.mechanism === 'tree' ? 17 : 1, fullNoise: 1 };
  }
}

/** The largest scale that fits, and by how much rounding to it multiplies the variance of a full group's sum. */
function finestScale(load: Load, bits: number): { readonly scale: number; readonly overhead: number } {
  const { clipNorm, noiseMultiplier, dimension, groupSize, groupSumLimit, mostNoise } = load;
  const block = blockLength(dimension);
  const room = Math.min(2 ** (bits - 1) - 1, groupSumLimit);
  const fits = (scale: number): boolean => {
    const norm = scale * clipNorm;
    const noise = noiseMultiplier * Math.sqrt(squaredLimit(norm, dimension));
    if (norm > MOST_UNITS || noise > MOST_UNITS) return false;
    const variance = (groupSize * norm) ** 2 / block + mostNoise * noise ** 2 + groupSize / 4;
    return DEVIATIONS * Math.sqrt(variance) <= room;
  };
  const scale = largestScale(fits, MOST_UNITS / clipNorm);
  if (scale === undefined) return { scale: 0, overhead: Number.POSITIVE_INFINITY };
  const wanted = load.fullNoise * (noiseMultiplier * scale * clipNorm) ** 2;
  const noise = load.fullNoise * noiseMultiplier ** 2 * squaredLimit(scale * clipNorm, dimension);
  return { scale, overhead: (noise + groupSize / 4) / wanted };
}

/** The largest number of 8 significant bits up to `most` that fits; smaller ones fit where a larger one does. */
function largestScale(fits: (scale: number) => boolean, most: number): number | undefined {
  let power = 1;
  while (power * 128 <= most) power *= 2;
  while (power * 128 > most) power /= 2;
  for (let halvings = 0; halvings < 64; halvings++, power /= 2) {
    if (!fits(128 * power)) continue;
    let mantissa = 128;
    while (mantissa < 255 && fits((mantissa + 1) * power)) mantissa++;
    return mantissa * power;
  }
  return undefined;
}

/**
 * The square of how long a rounded vector may be whose norm was `norm` units: the second bound holds for at least 39 % of
 * roundings, the first for all (Kairouz, Liu and Steinke 2021, section 4.1, with β = e^−½, for which √(2 ln 1/β) is 1).
 */
function squaredLimit(norm: number, dimension: number): number {
  const root = Math.sqrt(dimension);
  return Math.ceil(Math.min((norm + root) ** 2, norm ** 2 + dimension / 4 + norm + root / 2));
}

function factorOf(overhead: number): string {
  return Number.isFinite(overhead) ? `${overhead.toPrecision(3)} times the variance` : 'no room at all';
}
