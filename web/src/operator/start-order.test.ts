import { expect, it } from 'vitest';
import { OrderKey, type StartFields, startOrderOf } from './start-order.ts';

const NOW = Date.UTC(2026, 10, 23);
const empty: StartFields = {
  federation: 'digits',
  jobName: '',
  maxRounds: '',
  targetPercent: '',
  stopOn: 'never',
  patience: '',
  minDelta: '',
  clientsPerRound: '',
  startAt: '',
  deadlineAt: '',
  fresh: false,
};

it('leaves out what was left empty', () => {
  expect(startOrderOf(empty, NOW)).toEqual({ order: { federation: 'digits', config: {} }, faults: {} });
});

it('reads every field', () => {
  const { order, faults } = startOrderOf(
    {
      ...empty,
      jobName: ' Autumn ',
      maxRounds: '20',
      targetPercent: '95',
      stopOn: 'accuracy',
      patience: '3',
      minDelta: '0.01',
      clientsPerRound: '8',
      startAt: '2026-12-01T08:00',
      deadlineAt: '2026-12-02T08:00',
      fresh: true,
    },
    NOW,
  );
  expect(faults).toEqual({});
  expect(order).toEqual({
    federation: 'digits',
    jobName: 'Autumn',
    fresh: true,
    config: {
      maxRounds: 20,
      targetAccuracy: 0.95,
      earlyStopping: { metric: 'accuracy', patience: 3, minDelta: 0.01 },
      clientsPerRound: 8,
      startAtMs: new Date('2026-12-01T08:00').getTime(),
      deadlineAtMs: new Date('2026-12-02T08:00').getTime(),
    },
  });
});

it.each([
  ['maxRounds', { maxRounds: '0' }],
  ['maxRounds', { maxRounds: '2.5' }],
  ['clientsPerRound', { clientsPerRound: '5000' }],
  ['targetPercent', { targetPercent: '101' }],
  ['patience', { stopOn: 'loss', patience: '' }],
  ['minDelta', { stopOn: 'loss', patience: '2', minDelta: '-1' }],
  ['startAt', { startAt: '2020-01-01T00:00' }],
  ['deadlineAt', { startAt: '2026-12-02T08:00', deadlineAt: '2026-12-01T08:00' }],
  ['federation', { federation: '' }],
] as const)('says that %s is wrong in %j', (field, changes) => {
  expect(Object.keys(startOrderOf({ ...empty, ...changes }, NOW).faults)).toEqual([field]);
});

it('keeps the key of an order until it was carried out', () => {
  let count = 0;
  const key = new OrderKey(() => `key-${++count}`);
  expect(key.for({ federation: 'a' })).toBe('key-1');
  expect(key.for({ federation: 'a' })).toBe('key-1');
  expect(key.for({ federation: 'b' })).toBe('key-2');
  key.done();
  expect(key.for({ federation: 'b' })).toBe('key-3');
});
