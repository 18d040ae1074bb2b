/** How long a budget lasts. */

export interface Spending {
  /** Epsilon spent; null: no finite bound holds. */
  readonly epsilon: number | null;
  /** Epsilon allowed; undefined: no limit. */
  readonly limit: number | undefined;
  /** Rounds that were paid with it. */
  readonly rounds: number;
}

export type Forecast =
  | { readonly kind: 'no-limit' }
  | { readonly kind: 'spent' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'rounds'; readonly left: number; readonly perRound: number };

/**
 * Rounds that still fit a limit, if each costs what the rounds so far cost on average. Later rounds of the same kind cost less than earlier ones
 * (composition grows slower than linearly), so that mostly more will fit.
 */
export function forecastOf({ epsilon, limit, rounds }: Spending): Forecast {
  if (limit === undefined) return { kind: 'no-limit' };
  if (epsilon === null || epsilon >= limit) return { kind: 'spent' };
  if (rounds <= 0 || epsilon <= 0) return { kind: 'unknown' };
  const perRound = epsilon / rounds;
  return { kind: 'rounds', left: Math.floor((limit - epsilon) / perRound + 1e-9), perRound };
}

export const FORECAST_METHOD =
  'Reckoned from the epsilon left divided by the average epsilon of a round so far. Later rounds of the same kind cost less than earlier ones, so mostly more rounds will fit; what a device is asked to give is checked exactly, round by round.';
