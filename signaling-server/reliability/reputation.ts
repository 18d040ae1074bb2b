import type { Attended } from './attendance.ts';

/**
 * How far the server may count on a participant, 0 to 1: the mean of a Beta distribution over the chance that an invitation ends
 * with its update in the model (Jøsang and Ismail 2002, "The Beta Reputation System", sections 3.1 and 3.4):
 *
 *     reputation = (s + 1) / (s + f + 2),   s ← λ·s + 1 for a success,   f ← λ·f + w for a failure
 *
 * from s = f = 0, so from one half. It says nothing about how good updates are, which nobody sees.
 */
export interface Evidence {
  /** s: successes, the older the less. */
  readonly successes: number;
  /** f. */
  readonly failures: number;
}

export const NO_EVIDENCE: Evidence = { successes: 0, failures: 0 };

/** λ: after 35 more outcomes one counts half. */
export const FORGETTING = 0.98;

/**
 * Refusals that say the device could not, or did wrong. All others are a participant's right: a budget is spent, a policy was
 * changed, the person stopped, or the round itself was not as the protocol wants it (`privacy.*`, `ledger.*`, `aborted`,
 * `training.cancelled`, `round.*`, `secagg.*`). Whoever gives one of those for a pretext gains nothing but not to lose.
 */
const INABILITY = /^(?:training|update|data|model|storage|argument|internal)(?:\.|$)/;

/**
 * w of one outcome; 0 for a success; undefined for what is no evidence at all. A refusal for the sake of a privacy budget or
 * policy is none, whatever it costs the round: reputation must not make people pay for privacy.
 */
export function failureOf({ outcome, code }: Pick<Attended, 'outcome' | 'code'>): number | undefined {
  switch (outcome) {
    case 'survived':
      return 0;
    case 'released':
      return undefined;
    case 'refused':
      return code !== undefined && INABILITY.test(code) && code !== 'training.cancelled' ? 0.5 : undefined;
    case 'dropped-out':
      // A train goes through a tunnel.
      return 0.5;
    case 'missed-deadline':
      return 1;
    case 'rejected':
      return 2;
  }
}

/** What an outcome adds to evidence that was forgotten a little: one success, or a failure of some weight. */
export function addEvidence({ successes, failures }: Evidence, failure: number): Evidence {
  return {
    successes: FORGETTING * successes + (failure === 0 ? 1 : 0),
    failures: FORGETTING * failures + failure,
  };
}

export function reputationOf({ successes, failures }: Evidence): number {
  return (successes + 1) / (successes + failures + 2);
}
