import { expect, test } from 'vitest';
import { plainFederation } from '../testing/host-world.ts';
import { checkStart, requestHash } from './start-order.ts';
import type { StartTraining, TrainingConfig } from './training.ts';

const NOW_MS = 1_000_000_000;
const federation = plainFederation('f', { cohort: { minParticipants: 3, groupSize: 8 } });
const evaluated = plainFederation('f', { evaluation: 'local' });
const pathOf = (order: Partial<StartTraining>, of = federation): string | undefined => {
  try {
    checkStart({ federation: 'f', ...order }, of, NOW_MS);
    return undefined;
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'argument.invalid' });
    return (thrown as { facts: { path: string } }).facts.path;
  }
};
const ids = (count: number) => Array.from({ length: count }, (_, i) => String(i).repeat(22).slice(0, 22));

test.each<[string, TrainingConfig]>([
  ['maxRounds', { maxRounds: 0 }],
  ['maxRounds', { maxRounds: 1.5 }],
  ['maxAbandoned', { maxAbandoned: 0 }],
  ['targetAccuracy', { targetAccuracy: 1.1 }],
  ['targetAccuracy', { targetAccuracy: Number.NaN }],
  ['earlyStopping.patience', { earlyStopping: { metric: 'loss', patience: 0, minDelta: 0 } }],
  ['earlyStopping.minDelta', { earlyStopping: { metric: 'loss', patience: 1, minDelta: -1 } }],
  ['clientsPerRound', { clientsPerRound: 1 }],
  ['startAtMs', { startAtMs: NOW_MS - 60_001 }],
  ['deadlineAtMs', { deadlineAtMs: NOW_MS }],
  ['deadlineAtMs', { startAtMs: NOW_MS + 10, deadlineAtMs: NOW_MS + 10 }],
])('config.%s: %j is refused', (field, config) => {
  expect(pathOf({ config }, evaluated)).toBe(`config.${field}`);
});

test('what nobody evaluates has no target', () => {
  expect(pathOf({ config: { targetAccuracy: 0.9 } })).toBe('config.targetAccuracy');
  expect(pathOf({ config: { earlyStopping: { metric: 'loss', patience: 1, minDelta: 0 } } })).toBe(
    'config.earlyStopping',
  );
  expect(pathOf({ config: { targetAccuracy: 0.9 } }, evaluated)).toBeUndefined();
});

test('names and clients are checked; clients are as many as a round needs, and different', () => {
  expect(pathOf({ jobName: '' })).toBe('jobName');
  expect(pathOf({ clients: ids(2) })).toBe('clients');
  expect(pathOf({ clients: [...ids(3), ids(1)[0]!] })).toBe('clients');
  expect(pathOf({ clients: [...ids(3), 'x'] })).toBe('clients[3]');
  expect(pathOf({ clients: ids(3), config: { clientsPerRound: 3 } })).toBeUndefined();
});

test('a clock that is a little ahead is no reason to refuse', () => {
  expect(pathOf({ config: { startAtMs: NOW_MS - 1, deadlineAtMs: NOW_MS + 1 } })).toBeUndefined();
});

test('J-11: requests are the same when they ask the same, whatever the order of fields', () => {
  expect(requestHash({ federation: 'f', jobName: 'j' })).toBe(requestHash({ jobName: 'j', federation: 'f' }));
  expect(requestHash({ federation: 'f' })).not.toBe(requestHash({ federation: 'g' }));
});
