import { check } from '../errors/index.ts';
import { type Federation, mostParticipants } from '../federation/index.ts';
import { type ClippedUpdate, type QuantizedUpdate, staged } from '../update/index.ts';

/**
 * How floats become integers whose sums are exact: value = round(delta · weight · 2^fractionalBits).
 * `fractionalBits` is the largest that cannot overflow a signed 32-bit sum of all who can take part in a round:
 * maxParticipants · (clipNorm · maxWeight · 2^f + 1/2) ≤ 2^31 − 1, since clipping bounds every |delta_i| by clipNorm.
 */
export interface FixedPoint {
  /** Told apart from a {@link Grid} by not having one. */
  readonly kind?: undefined;
  readonly fractionalBits: number;
  readonly clipNorm: number;
  readonly maxWeight: number;
  /** Coordinates after those of the model, within ± clipNorm as they are (SPEC Y-02); left out, none. */
  readonly extras?: number;
}

const SUM_LIMIT = 2 ** 31 - 1;

const MAX_FRACTIONAL_BITS = 24;
/** With `quantizationBits` a unit may be worth more than 1: weights take up most of the bits. */
const MIN_FRACTIONAL_BITS = -32;

/** @throws `update.overflow` when not even whole numbers fit. SPEC R-11. */
export function fixedPointOf(federation: Pick<Federation, 'strategy' | 'cohort'>): FixedPoint {
  const { clipNorm, quantizationBits } = federation.strategy;
  const participants = mostParticipants(federation.cohort);
  const maxWeight = maxWeightOf(federation);
  const fits = (bits: number): boolean => {
    const largest = clipNorm * maxWeight * 2 ** bits + 0.5;
    if (participants * largest > SUM_LIMIT) return false;
    return quantizationBits === undefined || largest < 2 ** (quantizationBits - 1);
  };
  const least = quantizationBits === undefined ? 0 : MIN_FRACTIONAL_BITS;
  let fractionalBits = MAX_FRACTIONAL_BITS;
  while (fractionalBits >= least && !fits(fractionalBits)) fractionalBits--;
  check(fractionalBits >= least, 'update.overflow', 'Sums of updates would not fit 32 bits.', {
    path: 'strategy',
    expected: `maxParticipants · clipNorm · maxExamples below 2^31`,
    received: `${participants} · ${clipNorm} · ${maxWeight}`,
    remedy: 'Lower strategy.clipNorm or strategy.maxExamples.',
  });
  return { fractionalBits, clipNorm, maxWeight };
}

/** Where weights differ by staleness alone they are whole numbers of so many parts. SPEC E-03. */
const WEIGHT_PARTS = 64;

/** Whether updates count by the versions they are behind. SPEC E-03. */
export function weighsStaleness({ strategy }: Pick<Federation, 'strategy'>): boolean {
  return strategy.type === 'fedbuff' && strategy.stalenessExponent > 0 && strategy.maxStaleness > 0;
}

/** Most that a participant counts: under uniform weighting, everyone whose update is not stale. SPEC R-10, E-03. */
export function maxWeightOf(federation: Pick<Federation, 'strategy'>): number {
  const { weighting, maxExamples } = federation.strategy;
  if (weighting === 'examples') return maxExamples;
  return weighsStaleness(federation) ? WEIGHT_PARTS : 1;
}

/**
 * This participant's share of the weighted mean. SPEC R-10, E-03.
 * @param factor of an update that is stale, 0 to 1.
 */
export function weightOf(federation: Pick<Federation, 'strategy'>, examples: number, factor = 1): number {
  const most = maxWeightOf(federation);
  const whole = federation.strategy.weighting === 'uniform' ? most : Math.min(examples, most);
  return factor === 1 ? whole : Math.max(1, Math.round(whole * factor));
}

/** Largest magnitude an honest coordinate of this weight can have. SPEC R-12. */
export function coordinateLimit(fixedPoint: FixedPoint, weight: number): number {
  return Math.floor(fixedPoint.clipNorm * weight * 2 ** fixedPoint.fractionalBits + 0.5);
}

/**
 * Rounds to nearest. The error of a weighted mean over a total weight W is at most n / (2 · W · 2^f) per coordinate.
 * @throws `update.overflow` when a coordinate exceeds the bound the sums rely on.
 */
export function quantize(update: ClippedUpdate, fixedPoint: FixedPoint): QuantizedUpdate {
  check(
    update.weight >= 1 && update.weight <= fixedPoint.maxWeight,
    'update.overflow',
    'The weight of the update is out of range.',
    {
      expected: `1 to ${fixedPoint.maxWeight}`,
      received: String(update.weight),
    },
  );
  const factor = update.weight * 2 ** fixedPoint.fractionalBits;
  const limit = coordinateLimit(fixedPoint, update.weight);
  const values = new Int32Array(update.delta.length);
  for (let i = 0; i < values.length; i++) {
    // As Math.round, which takes five times as long.
    const value = Math.floor(update.delta[i]! * factor + 0.5);
    if (!(value <= limit && value >= -limit)) checkWithin(value, limit);
    values[i] = value;
  }
  return staged<QuantizedUpdate>({ layoutHash: update.layoutHash, values, weight: update.weight });
}

/** @throws `update.overflow`, without the value. */
export function checkWithin(value: number, limit: number): void {
  check(Math.abs(value) <= limit, 'update.overflow', 'An update is larger than the federation allows.', {
    expected: `coordinates within ±${limit}`,
    received: 'a larger one',
    remedy: 'Its sender does not follow the clipping norm; it is left out of this round.',
  });
}
