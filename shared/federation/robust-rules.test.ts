import { describe, expect, test } from 'vitest';
import { MurmurationError } from '../errors/index.ts';
import { parseFederation, type RobustSpec, robustNeedOf, sampleFederations } from './index.ts';

type Fields = Readonly<Record<string, unknown>>;

const strategyWith = (robust: Fields, others: Fields = {}): Fields => ({
  type: 'fedavg',
  weighting: 'uniform',
  robust: { rule: { type: 'median' }, byzantine: 1, ...robust },
  ...others,
});
const digits = sampleFederations.find(({ id }) => id === 'digits') as unknown as Fields;
/** Single updates at the server. */
const overUpdates = (robust: Fields = {}, others: Fields = {}, strategy: Fields = {}): Fields => ({
  ...digits,
  strategy: strategyWith(robust, strategy),
  paths: ['server'],
  cohort: { minParticipants: 10, groupSize: 16 },
  ...others,
});
/** Secure sums of groups of three; eighteen of twenty make six. */
const overGroups = (robust: Fields = {}, others: Fields = {}): Fields => ({
  ...digits,
  strategy: strategyWith(robust),
  privacy: { secureAggregation: 'secagg' },
  cohort: { minParticipants: 16, groupSize: 3, maxParticipants: 20 },
  ...others,
});

function errorOf(document: unknown): MurmurationError | undefined {
  try {
    parseFederation(document);
  } catch (thrown) {
    if (thrown instanceof MurmurationError) return thrown;
    throw thrown;
  }
  return undefined;
}

describe('allowed', () => {
  test.each<[string, Fields]>([
    ['updates at the server', overUpdates()],
    [
      'updates with noise of their own',
      overUpdates({}, { privacy: { participant: { trust: 'local', noiseMultiplier: 1 } } }),
    ],
    ['sums of secure groups', overGroups()],
    ['sums of plain groups', overGroups({}, { privacy: {} })],
    ['no lie at all', overUpdates({ byzantine: 0 })],
    ['the mean of all but one', overUpdates({ rule: { type: 'multi-krum', select: 9 } })],
    ['fedbuff', overUpdates({}, {}, { type: 'fedbuff', stalenessExponent: 0 })],
    ['screening by the server', overGroups({ screening: 'held-out' }, { evaluation: 'server' })],
    [
      'a plain mean anywhere',
      { ...digits, strategy: { type: 'fedavg', robust: { rule: { type: 'mean' }, byzantine: 0 } } },
    ],
  ])('%s', (_, document) => {
    expect(errorOf(document)).toBeUndefined();
  });
});

test.each<[string, string, Fields]>([
  ['F-18', 'strategy.type', overUpdates({}, {}, { type: 'scaffold', population: 100 })],
  ['F-18', 'strategy.type', overUpdates({}, {}, { type: 'fednova' })],
  ['F-18', 'strategy.type', overUpdates({}, {}, { type: 'qfedavg' })],
  ['F-18', 'strategy.weighting', overUpdates({}, {}, { weighting: 'examples' })],
  [
    'F-18',
    'privacy.participant.trust',
    overUpdates({}, { privacy: { participant: { trust: 'central', noiseMultiplier: 1 } } }),
  ],
  [
    'F-18',
    'privacy.participant.adaptiveClipping',
    overUpdates(
      {},
      { privacy: { participant: { trust: 'local', noiseMultiplier: 1, adaptiveClipping: {} } } },
    ),
  ],
  ['F-18', 'strategy.robust.normBound', overUpdates({ normBound: 1 }, {}, { compression: { bits: 16 } })],
  [
    'F-18',
    'strategy.robust.rule.radius',
    overUpdates({ rule: { type: 'centred-clipping', radius: 1 } }, {}, { compression: { bits: 16 } }),
  ],
  ['F-18', 'strategy.compression.topK', overUpdates({}, {}, { compression: { topK: 0.01 } })],
  ['F-18', 'strategy.robust.byzantine', overUpdates({ rule: { type: 'mean' }, byzantine: 1 })],
  ['F-19', 'paths', overUpdates({}, { paths: ['relay', 'server'] })],
  ['F-19', 'privacy.secureAggregation', overUpdates({}, { privacy: { secureAggregation: 'secagg' } })],
  ['F-19', 'strategy.robust.byzantine', overUpdates({ rule: { type: 'krum' }, byzantine: 4 })],
  ['F-19', 'strategy.robust.byzantine', overUpdates({ rule: { type: 'bulyan' }, byzantine: 2 })],
  ['F-19', 'strategy.robust.byzantine', overUpdates({ rule: { type: 'trimmed-mean' }, byzantine: 5 })],
  ['F-19', 'strategy.robust.byzantine', overUpdates({ rule: { type: 'multi-krum', select: 10 } })],
  [
    'F-19',
    'strategy.robust.byzantine',
    overUpdates({ rule: { type: 'mean' }, mixing: 'nearest-neighbours', byzantine: 5 }),
  ],
  ['F-19', 'cohort.minParticipants', overGroups({ byzantine: 3 })],
  [
    'F-19',
    'cohort.minParticipants',
    overGroups({}, { cohort: { minParticipants: 3, groupSize: 3, maxParticipants: 20 } }),
  ],
  ['F-20', 'strategy.robust.screening', overGroups({ screening: 'held-out' })],
  [
    'F-03',
    'cohort.minParticipants',
    overGroups({}, { cohort: { minParticipants: 21, groupSize: 3, maxParticipants: 20 } }),
  ],
])('%s: %s is named', (_, path, document) => {
  const error = errorOf(document);
  expect(error?.code).toBe('federation.invalid');
  expect(error?.facts.path).toBe(path);
});

test('F-19: the arithmetic is in the message, and what to do', () => {
  const krum = errorOf(overUpdates({ rule: { type: 'krum' }, byzantine: 4 }));
  expect(krum?.message).toContain('n ≥ 2f + 3 = 11, received n = minParticipants = 10');
  // Sixteen in groups of three are six groups; f = 3 needs seven.
  const groups = errorOf(overGroups({ byzantine: 3 }));
  expect(groups?.message).toContain('n ≥ 2f + 1 = 7, received n = 6 secure groups');
  expect(groups?.message).toContain('at least 19');
});

test('F-03: without a robust rule a round of several groups may be of one, so that the fewest fit one', () => {
  const { strategy: _, ...plain } = overGroups();
  expect(errorOf(plain)?.facts.path).toBe('cohort.minParticipants');
});

test('what each rule needs', () => {
  const needOf = (rule: RobustSpec['rule'], byzantine: number, mixing: RobustSpec['mixing'] = 'none') =>
    robustNeedOf({ rule, byzantine, mixing, screening: 'none' }).arithmetic;
  expect(needOf({ type: 'mean' }, 0)).toBe('n ≥ 1');
  expect(needOf({ type: 'mean' }, 2, 'nearest-neighbours')).toBe('n ≥ 2f + 1 = 5');
  expect(needOf({ type: 'median' }, 2)).toBe('n ≥ 2f + 1 = 5');
  expect(needOf({ type: 'krum' }, 2)).toBe('n ≥ 2f + 3 = 7');
  expect(needOf({ type: 'multi-krum', select: 3 }, 2)).toBe('n ≥ 2f + 3 = 7');
  expect(needOf({ type: 'multi-krum', select: 9 }, 2)).toBe('n ≥ select + f = 11');
  expect(needOf({ type: 'bulyan' }, 2)).toBe('n ≥ 4f + 3 = 11');
});
