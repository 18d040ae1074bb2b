import { check } from '../errors/index.ts';
import type { Federation, RobustSpec } from './document.ts';
import { mostParticipants } from './group-limits.ts';

/** How many updates, or sums of groups, a rule has to put together. */
export interface RobustNeed {
  readonly fewest: number;
  /** As the paper has it: `2f + 3`. */
  readonly formula: string;
  /** With the numbers: `n ≥ 2f + 3 = 7`. */
  readonly arithmetic: string;
}

/** The largest of what rule, mixing and selection need. SPEC F-18. */
export function robustNeedOf({ rule, byzantine: f, mixing }: RobustSpec): RobustNeed {
  const of = (formula: string, fewest: number): RobustNeed => ({
    fewest,
    formula,
    arithmetic: `n ≥ ${formula === String(fewest) ? formula : `${formula} = ${fewest}`}`,
  });
  const majority = of('2f + 1', 2 * f + 1);
  switch (rule.type) {
    case 'mean':
      return mixing === 'none' ? of('1', 1) : majority;
    case 'krum':
      return of('2f + 3', 2 * f + 3);
    case 'multi-krum': {
      // Of more than n − f that are chosen f may lie, and the mean of them stands no lie.
      const most = (rule.select ?? 0) + f;
      return rule.select !== undefined && most > 2 * f + 3 ? of('select + f', most) : of('2f + 3', 2 * f + 3);
    }
    case 'bulyan':
      return of('4f + 3', 4 * f + 3);
    default:
      return majority;
  }
}

/** Whether what comes of it is the weighted mean that there is without it, a sum and no more. */
export function isPlainMean({ rule, mixing, normBound, screening }: RobustSpec): boolean {
  return rule.type === 'mean' && mixing === 'none' && normBound === undefined && screening === 'none';
}

/** Whether a robust rule puts together the sums of groups; it is single updates otherwise. */
export function combinesGroups({ cohort }: Pick<Federation, 'cohort'>): boolean {
  return mostParticipants(cohort) > cohort.groupSize;
}

/**
 * What a robust rule asks of the rest of a federation. SPEC F-18 to F-20.
 * @throws `federation.invalid`, naming the field that does not go with it, and the arithmetic.
 */
export function checkRobustRule(federation: Federation): void {
  const { strategy, privacy, evaluation } = federation;
  const { robust } = strategy;
  if (robust === undefined) return;
  if (isPlainMean(robust)) {
    refuseUnless(
      robust.byzantine === 0,
      'A mean stands no lie: one liar alone can make it anything.',
      'strategy.robust.byzantine',
      '0 with rule "mean" and nothing before it',
      String(robust.byzantine),
    );
    return;
  }
  refuseUnless(
    strategy.type === 'fedavg' || strategy.type === 'fedbuff',
    'What this strategy sends is not a vector among others, so that a rule could tell a lie by it.',
    'strategy.type',
    'fedavg or fedbuff with strategy.robust',
    strategy.type,
  );
  refuseUnless(
    strategy.weighting === 'uniform',
    'A weight is a claim, and a liar would claim much: robust rules weigh everyone the same.',
    'strategy.weighting',
    'uniform with strategy.robust',
    strategy.weighting,
  );
  refuseUnless(
    privacy.participant?.trust !== 'central',
    'The noise that a trusted server adds is sized for a sum, and what a robust rule makes can change by more.',
    'privacy.participant.trust',
    'distributed or local with strategy.robust',
    'central',
  );
  refuseUnless(
    privacy.participant?.adaptiveClipping === undefined,
    'A norm that follows updates needs the count of those within it, which a robust rule does not give.',
    'privacy.participant.adaptiveClipping',
    'nothing with strategy.robust',
    'given',
  );
  const namesRadius = robust.rule.type === 'centred-clipping' && robust.rule.radius !== undefined;
  refuseUnless(
    strategy.compression === undefined || (typeof robust.normBound !== 'number' && !namesRadius),
    'Compressed updates are measured by one another, so that no length can be named.',
    namesRadius ? 'strategy.robust.rule.radius' : 'strategy.robust.normBound',
    'median, or nothing, with strategy.compression',
    'a number',
  );
  refuseUnless(
    strategy.compression?.topK === undefined,
    'Of the largest coordinates everyone sends others, so that most of those that a rule looks at are zero.',
    'strategy.compression.topK',
    'nothing with strategy.robust; strategy.compression.keep sends the same of all',
    'given',
  );
  checkWhatIsSeen(federation);
  checkEnough(federation, robust);
  refuseUnless(
    robust.screening === 'none' || evaluation === 'server',
    'Only a server with held-out examples can tell what makes a model worse.',
    'strategy.robust.screening',
    'none, or evaluation "server"',
    `${robust.screening}, evaluation "${evaluation}"`,
  );
}

function checkWhatIsSeen(federation: Federation): void {
  if (combinesGroups(federation)) return;
  const { paths, privacy } = federation;
  refuseUnless(
    paths.every((path) => path === 'server'),
    'A robust rule has to see whole updates, and an owner of a slice sees that slice.',
    'paths',
    '["server"], or cohort.maxParticipants above cohort.groupSize',
    JSON.stringify(paths),
  );
  refuseUnless(
    privacy.secureAggregation === 'none',
    'A robust rule has to see single updates, which masks hide.',
    'privacy.secureAggregation',
    'none, or cohort.maxParticipants above cohort.groupSize, so that the rule sees the sums of groups',
    privacy.secureAggregation,
  );
}

function checkEnough({ cohort, privacy }: Federation, robust: RobustSpec): void {
  const { minParticipants, groupSize } = cohort;
  const { fewest, arithmetic } = robustNeedOf(robust);
  const overGroups = mostParticipants(cohort) > groupSize;
  const count = overGroups ? Math.ceil(minParticipants / groupSize) : minParticipants;
  const secure = privacy.secureAggregation === 'none' ? '' : 'secure ';
  refuseUnless(
    count >= fewest,
    overGroups
      ? `A round may come to fewer groups than the rule needs to stand f = ${robust.byzantine} that are spoiled.`
      : `A round may come to fewer updates than the rule needs to stand f = ${robust.byzantine} lies.`,
    overGroups ? 'cohort.minParticipants' : 'strategy.robust.byzantine',
    arithmetic,
    overGroups
      ? `n = ${count} ${secure}groups: minParticipants ${minParticipants} in groups of ${groupSize}`
      : `n = minParticipants = ${count}`,
    overGroups
      ? `Set cohort.minParticipants to at least ${(fewest - 1) * groupSize + 1}, or lower strategy.robust.byzantine.`
      : 'Raise cohort.minParticipants, or lower strategy.robust.byzantine.',
  );
}

function refuseUnless(
  condition: boolean,
  summary: string,
  path: string,
  expected: string,
  received: string,
  remedy?: string,
): void {
  check(condition, 'federation.invalid', summary, {
    path,
    expected,
    received,
    ...(remedy === undefined ? {} : { remedy }),
  });
}
