import type { EventOf } from '../events.ts';

/** What the last rounds and evaluations of one federation's run say. Alerts and metrics judge by the same. */
export interface RoundWindow {
  readonly run: string;
  /** Of committed rounds, oldest first. */
  readonly rounds: readonly {
    readonly round: number;
    readonly invited: number;
    readonly survivors: number;
  }[];
  /** Ascending by round, one for each, all on one held-out set. SPEC Q-26. */
  readonly accuracies: readonly {
    readonly round: number;
    readonly value: number;
    readonly heldOut: string | null;
  }[];
}

/** Enough that one small cohort with a bad day does not count, few enough that it is noticed while it matters. */
export const ROUNDS_KEPT = 5;
/** Invitations below which a share says nothing: with 10, one that is lost is a tenth. */
export const MIN_INVITED = 10;
/** Evaluations among which the best is looked for. */
export const EVALUATIONS_KEPT = 10;

type WindowEvent = EventOf<'round-committed' | 'metric' | 'rolled-back'>;

/** Another run of the federation begins anew. Rounds told twice, by two replicas, count once. */
export function extendWindow(before: RoundWindow | undefined, event: WindowEvent): RoundWindow {
  const window = before?.run === event.run ? before : { run: event.run, rounds: [], accuracies: [] };
  if (event.type === 'round-committed') {
    const { round, invited, survivors } = event;
    const others = window.rounds.filter((each) => each.round !== round);
    return { ...window, rounds: [...others, { round, invited, survivors }].slice(-ROUNDS_KEPT) };
  }
  if (event.type === 'rolled-back')
    return { ...window, accuracies: window.accuracies.filter(({ round }) => round <= event.to) };
  if (event.name !== 'accuracy' || !Number.isFinite(event.value)) return window;
  const { round, value, heldOut } = event;
  const newest = window.accuracies.at(-1);
  const isOfOther = newest !== undefined && newest.heldOut !== heldOut;
  // Told late, of a set that was replaced since.
  if (isOfOther && round <= newest.round) return window;
  const others = isOfOther ? [] : window.accuracies.filter((each) => each.round !== round);
  const accuracies = [...others, { round, value, heldOut }].sort((a, b) => a.round - b.round);
  return { ...window, accuracies: accuracies.slice(-EVALUATIONS_KEPT) };
}

/**
 * Share of the invited, over the window, whose update did not enter the sum: 0 to 1. Undefined below {@link MIN_INVITED}.
 * Rounds that were abandoned say nothing about single participants, and are counted elsewhere.
 */
export function dropOutShare({ rounds }: RoundWindow): number | undefined {
  const invited = rounds.reduce((sum, round) => sum + round.invited, 0);
  if (invited < MIN_INVITED) return undefined;
  const survivors = rounds.reduce((sum, round) => sum + Math.min(round.survivors, round.invited), 0);
  return 1 - survivors / invited;
}

/** The newest accuracy and the best of those kept; undefined before the first evaluation. */
export function accuracyOf({
  accuracies,
}: RoundWindow): { readonly newest: number; readonly best: number } | undefined {
  const newest = accuracies.at(-1);
  if (newest === undefined) return undefined;
  return { newest: newest.value, best: Math.max(...accuracies.map(({ value }) => value)) };
}
