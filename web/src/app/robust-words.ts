import type { Federation, RobustSpec } from '../../../shared/federation/index.ts';
import { type Inspected, inspectedBy } from '../../../shared/federation/inspected.ts';
// Not by the index, which would bring the validation of documents into the first chunk of the page.
import { combinesGroups, isPlainMean, robustNeedOf } from '../../../shared/federation/robust-rules.ts';

export { type Inspected, inspectedBy };

export const INSPECTED_TERMS: Readonly<Record<Inspected, string>> = {
  nothing: 'nothing: it is added up',
  update: 'your update by itself',
  'noisy-update': 'your update by itself, with your noise in it',
  'group-sum': 'the sum of each group by itself',
};

/** As a participant is told it; undefined where there is nothing to say beside what is added up. */
export function inspectedSentence(inspected: Inspected): string | undefined {
  switch (inspected) {
    case 'nothing':
      return undefined;
    case 'update':
      return 'The server sees your update by itself: it holds it against all others, to leave out those that lie.';
    case 'noisy-update':
      return 'The server sees your update by itself, with the noise that this device put into it: it holds it against all others, to leave out those that lie.';
    case 'group-sum':
      return 'The server sees the sum of your group by itself: it holds it against those of the other groups, to leave out those that were spoiled.';
  }
}

export interface RobustWords {
  readonly name: string;
  /** One sentence each: the rule, and what comes before it. */
  readonly sentences: readonly string[];
  /** `n ≥ 2f + 1 = 5`. */
  readonly arithmetic: string;
}

/** Undefined where the mean is taken and nothing stands between it and a lie. */
export function robustWords({
  strategy,
  cohort,
}: Pick<Federation, 'strategy' | 'cohort'>): RobustWords | undefined {
  const { robust } = strategy;
  if (robust === undefined || isPlainMean(robust)) return undefined;
  const what = combinesGroups({ cohort }) ? 'group sums' : 'updates';
  return {
    name: NAMES[robust.rule.type],
    sentences: [...before(robust, what), ruleSentence(robust, what)],
    arithmetic: robustNeedOf(robust).arithmetic,
  };
}

const NAMES: Readonly<Record<RobustSpec['rule']['type'], string>> = {
  mean: 'Mean, with bounds',
  median: 'Coordinate-wise median',
  'trimmed-mean': 'Trimmed mean',
  'geometric-median': 'Geometric median',
  krum: 'Krum',
  'multi-krum': 'Multi-Krum',
  bulyan: 'Bulyan',
  'centred-clipping': 'Centred clipping',
};

function ruleSentence({ rule, byzantine: f }: RobustSpec, what: string): string {
  switch (rule.type) {
    case 'mean':
      return `The mean of the ${what} that are left is taken.`;
    case 'median':
      return `Of each number of the model the middle one among the ${what} is taken.`;
    case 'trimmed-mean':
      return `Of each number of the model the ${f === 1 ? 'largest and the smallest' : `${f} largest and the ${f} smallest`} among the ${what} are left out, and the mean of the others is taken.`;
    case 'geometric-median':
      return `The point of which the distances to all ${what} add up to least is taken.`;
    case 'krum':
      return `One of the ${what} is taken: that which is nearest to its n − ${f} − 2 neighbours.`;
    case 'multi-krum':
      return `The mean of the ${rule.select ?? `n − ${f}`} ${what} is taken that are nearest to their neighbours.`;
    case 'bulyan':
      return `The n − ${2 * f} ${what} that are nearest to their neighbours are chosen one after the other, and of each number the mean of those around the middle is taken.`;
    case 'centred-clipping':
      return `${what[0]!.toUpperCase()}${what.slice(1)} that are farther than ${rule.radius === undefined ? 'the median distance' : rule.radius} from the centre are pulled in, ${rule.iterations === 1 ? 'once' : `${rule.iterations} times over`}.`;
  }
}

function before({ screening, normBound, mixing }: RobustSpec, what: string): readonly string[] {
  return [
    ...(screening === 'held-out'
      ? [
          `The server tries each of the ${what} on examples that its operator supplied, and leaves out what makes the model worse: this works even where liars spoil most of them, and is as good as those examples.`,
        ]
      : []),
    ...(normBound === undefined
      ? []
      : [
          `Longer ${what} are scaled down to ${normBound === 'median' ? 'the median of their lengths' : `a length of ${normBound}`}.`,
        ]),
    ...(mixing === 'none'
      ? []
      : [`Each of the ${what} is first replaced by the mean of those nearest to it.`]),
  ];
}
