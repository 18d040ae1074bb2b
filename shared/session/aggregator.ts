import { type CombineRule, type Strategy, sumSlices, type WeightedSlice } from '../aggregate/index.ts';
import {
  combineKept,
  fewest,
  type GroupOutcome,
  type GroupScore,
  groupScores,
  needsOf,
  type Screened,
  screenGroups,
  suspicionOf,
} from '../aggregate/robust/index.ts';
import type { Encoding } from '../compress/index.ts';
import { check, hasCode } from '../errors/index.ts';
import { type RobustSpec, robustNeedOf } from '../federation/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import type { Layout, Model } from '../update/index.ts';
import type { AttemptId } from '../wire/index.ts';
import type { CentralNoise } from './central-noise.ts';
import type { Part, PartsOfSum } from './effects.ts';
import type { Judge, Verdict } from './judge.ts';

/**
 * What becomes of whole updates, or of the sums of groups, where that is more than their sum: noised by a server that is trusted to,
 * screened on held-out examples, put together by a robust rule. Owner and combiner ask for it alike. SPEC section 18.
 */
export interface Aggregator {
  /**
   * @param base that the parts are changes to; asked for only where they are screened.
   * @throws `aggregate.too-few`, `aggregate.all-screened`, `update.overflow`, and what the judge throws: nothing is published then.
   */
  aggregate(
    parts: PartsOfSum,
    base: () => Promise<Model>,
    signal: AbortSignal,
  ): Promise<{ readonly sum: WeightedSlice; readonly outcomes: readonly PartOutcome[] }>;
}

/** What a round tells of one part, for whoever keeps reputations. */
export interface PartOutcome extends GroupOutcome<ParticipantId> {
  /** False where screening left it out. */
  readonly isKept: boolean;
}

/** Of one attempt, whether or not it was committed. */
export interface AggregateReport {
  readonly attempt: AttemptId;
  readonly outcomes: readonly PartOutcome[];
}

export interface AggregatorContext {
  readonly robust: RobustSpec | undefined;
  readonly encoding: Encoding;
  readonly layout: Layout;
  readonly strategy: Strategy;
  readonly noise: CentralNoise | undefined;
  /** The federation's rule. */
  readonly combine: CombineRule;
  readonly judge: Judge | undefined;
}

/** Fewer parts have no middle that one could be far from. */
const FEWEST_TO_SCORE = 3;

export function createAggregator(context: AggregatorContext): Aggregator {
  const { robust, encoding, noise, combine } = context;

  async function combineRobustly(
    spec: RobustSpec,
    parts: readonly Part[],
    screened: Screened | undefined,
    signal: AbortSignal,
  ): Promise<WeightedSlice> {
    const kept = screened?.kept.map((index) => parts[index]!) ?? parts;
    check(
      kept.length > 0,
      'aggregate.all-screened',
      'On the held-out examples every one of them makes the model worse.',
      {
        expected: `one of ${parts.length} that improves it`,
        remedy: 'The model stays as it is, and the round is tried again.',
      },
    );
    // What was seen to do no harm needs no majority: SPEC Q-07.
    if (screened !== undefined && kept.length < fewest(spec))
      return combineKept(parts, screened.kept, spec, encoding);
    return combine(kept, signal);
  }

  return {
    async aggregate({ attempt, parts }, base, signal) {
      if (robust === undefined || needsOf(robust) === 'sum') {
        const sum = sumSlices(parts);
        noise?.addTo(sum.values, attempt);
        return { sum, outcomes: [] };
      }
      checkEnough(parts.length, robust);
      const screened =
        robust.screening === 'held-out' ? await screen(parts, await base(), context, signal) : undefined;
      const sum = await combineRobustly(robust, parts, screened, signal);
      return { sum, outcomes: outcomesOf(parts, screened) };
    },
  };
}

/** Screened or not: with fewer than the rule stands, liars could be all there are. SPEC Q-04. */
function checkEnough(count: number, robust: RobustSpec): void {
  const { fewest: needed, arithmetic } = robustNeedOf(robust);
  check(count >= needed, 'aggregate.too-few', 'The robust rule has too little to put together.', {
    expected: `n of at least ${needed}, since f = ${robust.byzantine} and ${arithmetic}`,
    received: String(count),
    remedy: 'The round is tried again; nothing weaker is used.',
  });
}

async function screen(
  parts: readonly Part[],
  base: Model,
  { strategy, layout, encoding, judge }: AggregatorContext,
  signal: AbortSignal,
): Promise<Screened> {
  check(judge !== undefined, 'aggregate.no-held-out', 'There are no held-out examples to screen by.');
  let first: Verdict | undefined;
  return screenGroups({
    count: parts.length,
    lossOf: async (candidates) => {
      const model =
        candidates.length === 0
          ? base
          : stepOf(() => strategy.apply(base, sumSlices(candidates.map((i) => parts[i]!)), layout, encoding));
      if (model === undefined) return Number.NaN;
      const verdict = await judge.evaluate(model, signal);
      first ??= verdict;
      check(
        verdict.heldOut === first.heldOut,
        'round.superseded',
        'The held-out examples were replaced while this round was screened by them.',
        { remedy: 'It is tried again.' },
      );
      return verdict.lossSum / verdict.total;
    },
  });
}

/** A step that leaves the floats is as bad as can be, and no failure of the server's. */
function stepOf(apply: () => Model): Model | undefined {
  try {
    return apply();
  } catch (thrown) {
    if (hasCode(thrown, 'update.non-finite')) return undefined;
    throw thrown;
  }
}

/** How far out each part is, and where it was measured how much better the model is with it alone. */
function outcomesOf(parts: readonly Part[], screened: Screened | undefined): PartOutcome[] {
  // Where liars may be most of the parts, what is far from their middle may be what is right.
  const scores = screened === undefined && parts.length >= FEWEST_TO_SCORE ? scoresOf(parts) : undefined;
  const suspicion = (i: number, isKept: boolean): number =>
    scores === undefined ? (isKept ? 0 : 1) : suspicionOf(scores[i]!);
  const kept = new Set(screened?.kept ?? parts.keys());
  return parts.map(({ members }, i) => {
    const loss = screened?.losses[i];
    const isKept = kept.has(i);
    return {
      members,
      isKept,
      suspicion: suspicion(i, isKept),
      ...(loss === undefined || !Number.isFinite(loss) ? {} : { contribution: screened!.baseLoss - loss }),
    };
  });
}

function scoresOf(parts: readonly Part[]): GroupScore[] {
  return groupScores(parts.map(({ values, weight }) => Float32Array.from(values, (value) => value / weight)));
}
