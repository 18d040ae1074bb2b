import { formatDelta, formatEpsilon } from './epsilon-words.ts';
import { counted, formatPercent } from './format.ts';
import type {
  BoundForecast,
  DatasetBudget,
  PrivacyUnit,
  RoundForecast,
  SpendingLimit,
  Spent,
} from './services.ts';

export const UNIT_WORDS: Readonly<Record<PrivacyUnit, string>> = {
  record: 'single examples',
  participant: 'you as a participant',
};

/** What a meter shows. `after` where one more round is spoken of. */
export interface Meter {
  readonly label: string;
  readonly unit: PrivacyUnit;
  readonly spent: Spent;
  readonly after?: Spent | undefined;
  readonly limit: number | undefined;
}

/** What is spent, with as many digits as it takes to see that it is below the limit, or above. */
export function formatSpent(epsilon: number, limit: number | undefined, locale?: string): string {
  const short = formatEpsilon(epsilon, locale);
  if (limit === undefined || epsilon === limit || short !== formatEpsilon(limit, locale)) return short;
  return new Intl.NumberFormat(locale, { maximumSignificantDigits: 6 }).format(epsilon);
}

/** From here on a person is warned. */
const NEAR = 0.8;

/** How full: of what is spent, or would be after the round. */
export type Fullness = 'open' | 'fine' | 'near' | 'full';

export function fullnessOf({ spent, limit }: Pick<Meter, 'spent' | 'limit'>): Fullness {
  if (limit === undefined) return 'open';
  if (spent.epsilon >= limit) return 'full';
  return spent.epsilon >= NEAR * limit ? 'near' : 'fine';
}

/** The meter as a sentence. */
export function meterWords({ unit, spent, after, limit }: Meter): string {
  const words = (epsilon: number) => (epsilon === Infinity ? 'infinitely much' : formatSpent(epsilon, limit));
  const used =
    spent.epsilon === 0
      ? 'Nothing is spent'
      : spent.epsilon === Infinity
        ? `An infinite epsilon is spent for ${UNIT_WORDS[unit]}`
        : `An epsilon of ${words(spent.epsilon)}, at delta ${formatDelta(spent.delta)}, is spent for ${UNIT_WORDS[unit]}`;
  const next =
    after === undefined || after.epsilon === spent.epsilon
      ? ''
      : `, ${words(after.epsilon)} after the next round`;
  const most = limit === undefined ? '; no limit is set' : `, of at most ${formatEpsilon(limit)}`;
  return `${used}${next}${most}.`;
}

/** What to say above the meter when it fills; undefined while there is room. */
export function warningWords(meter: Pick<Meter, 'spent' | 'limit' | 'after'>): string | undefined {
  const { spent, limit, after } = meter;
  if (limit === undefined) return undefined;
  const fullness = fullnessOf(meter);
  if (fullness === 'full')
    return spent.epsilon > limit
      ? 'More than the limit is spent: this device refuses every round that would release something of this data.'
      : 'The limit is spent: this device refuses every further round that would release something of this data.';
  if (after !== undefined && after.epsilon > limit)
    return 'The next round would exceed the limit: this device will refuse it.';
  if (fullness === 'near')
    return `${formatPercent(Math.floor((1000 * spent.epsilon) / limit) / 1000)} of the limit is spent.`;
  return undefined;
}

/** Why an epsilon is infinite. */
export const INFINITE_WORDS: Readonly<Record<PrivacyUnit, string>> = {
  record:
    'Something was released without noise that hides single examples. No finite epsilon covers that, and nothing can take it back.',
  participant:
    'Something was released without noise that hides a whole participant. No finite epsilon covers that, and nothing can take it back.',
};

/**
 * Of which unit to speak: that of the limit; else the one for which something finite holds, the participant first, since it
 * covers records too.
 */
export function shownUnit({ limit, spent }: Pick<DatasetBudget, 'limit' | 'spent'>): PrivacyUnit {
  if (limit !== undefined) return limit.unit;
  return spent.participant.epsilon > 0 && Number.isFinite(spent.participant.epsilon)
    ? 'participant'
    : 'record';
}

export function meterOf(budget: DatasetBudget): Meter {
  const unit = shownUnit(budget);
  return {
    label: `Privacy spent of ${budget.name}`,
    unit,
    spent: budget.spent[unit],
    limit: budget.limit?.epsilon,
  };
}

const BOUND_LABELS: Readonly<Record<BoundForecast['of'], string>> = {
  federation: 'Budget of this federation',
  device: 'Your limit for this data',
};

/** One meter per bound; without any, what the data has spent, for the unit that the policy speaks of. */
export function forecastMeters(
  { bounds, before, after }: Pick<RoundForecast, 'bounds' | 'before' | 'after'>,
  unit: PrivacyUnit,
): readonly Meter[] {
  if (bounds.length === 0)
    return [
      {
        label: 'Spent of this data',
        unit,
        spent: before[unit],
        after: after[unit],
        limit: undefined,
      },
    ];
  return bounds.map(({ of, limit, before, after }) => ({
    label: BOUND_LABELS[of],
    unit: limit.unit,
    spent: before,
    after,
    limit: limit.epsilon,
  }));
}

/** What a round costs, and how many there may be, before anybody joins. */
export function forecastWords(
  { before, after, roundsLeft, bounds }: RoundForecast,
  unit: PrivacyUnit,
): string {
  const cost = after[unit].epsilon - before[unit].epsilon;
  const price = !Number.isFinite(after[unit].epsilon)
    ? `A round costs an infinite epsilon for ${UNIT_WORDS[unit]}: nothing is promised.`
    : `The next round adds ${formatEpsilon(cost)} to the epsilon for ${UNIT_WORDS[unit]} (delta ${formatDelta(after[unit].delta)}).`;
  if (roundsLeft === undefined)
    return bounds.length === 0 ? `${price} No limit is set, neither by the federation nor by you.` : price;
  const left =
    roundsLeft === 0
      ? 'No round fits what is left.'
      : `${counted(roundsLeft, 'round')} ${roundsLeft === 1 ? 'fits' : 'fit'} what is left.`;
  return `${price} ${left}`;
}

/** "at most an epsilon of 8 for single examples, with delta 10⁻⁵". */
export function limitWords({ unit, epsilon, delta }: SpendingLimit): string {
  return `at most an epsilon of ${formatEpsilon(epsilon)} for ${UNIT_WORDS[unit]}, with delta ${formatDelta(delta)}`;
}

export type LimitChange = 'same' | 'first' | 'lower' | 'raise' | 'other' | 'remove';

/** Whether a change lets more be spent; a change of unit or delta compares with nothing, and is asked about too. */
export function limitChange(before: SpendingLimit | undefined, now: SpendingLimit | undefined): LimitChange {
  if (now === undefined) return before === undefined ? 'same' : 'remove';
  if (before === undefined) return 'first';
  if (before.unit !== now.unit || before.delta !== now.delta) return 'other';
  if (before.epsilon === now.epsilon) return 'same';
  return now.epsilon < before.epsilon ? 'lower' : 'raise';
}

/** What to be asked before it is done; undefined: nothing to ask. */
export function limitQuestion(
  change: LimitChange,
  now: SpendingLimit | undefined,
): { readonly heading: string; readonly text: string; readonly action: string } | undefined {
  switch (change) {
    case 'raise':
    case 'other':
      return {
        heading: change === 'raise' ? 'Let more be spent?' : 'Change what the limit means?',
        text: `This device may then spend ${limitWords(now!)}. What is released under a higher limit cannot be taken back by lowering it again.`,
        action: change === 'raise' ? 'Raise the limit' : 'Change the limit',
      };
    case 'remove':
      return {
        heading: 'Remove your limit?',
        text: 'Only the budgets of federations then bound what is spent of this data, and some set none. What is released cannot be taken back.',
        action: 'Remove the limit',
      };
    default:
      return undefined;
  }
}

/** What is wrong with a limit that was typed, per field. */
export function limitFaults(
  { epsilon, delta }: Pick<SpendingLimit, 'epsilon' | 'delta'>,
  unit: PrivacyUnit,
  records: number | undefined,
): { readonly epsilon?: string; readonly delta?: string } {
  return {
    ...(epsilon > 0 && Number.isFinite(epsilon) ? {} : { epsilon: 'A number above 0.' }),
    ...(delta > 0 && delta < 1
      ? unit === 'record' && records !== undefined && delta * records > 1
        ? { delta: `At most ${formatDelta(1 / records)}: one over the number of examples.` }
        : {}
      : { delta: 'Above 0, and below 1.' }),
  };
}

export interface LockWords {
  readonly title: string;
  readonly what: string;
}

/** What happened to a ledger that does not verify; never as something the person did. */
export const LOCK_WORDS = {
  title: 'The ledger of this data is locked.',
  what: 'A ledger is a chain: each entry carries the fingerprint of the one before it, and where it ends is kept apart from it. Here that does not hold together: an entry was changed, lost, added or cut off, by damage to the storage or by somebody at this browser. What was spent of this data is therefore not known, and nothing is guessed: no round can use it until you decide.',
} as const;
