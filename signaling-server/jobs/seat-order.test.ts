import { expect, test } from 'vitest';
import { type SeatView, seatOrders } from './seat-order.ts';
import type { StoredTraining } from './training-machine.ts';

const training = (status: StoredTraining['status'], change: Partial<StoredTraining> = {}): StoredTraining =>
  ({ status, config: {}, clients: [], fromRound: 0, reason: null, ...change }) as StoredTraining;
const viewOf = (change: Partial<SeatView>): SeatView => ({
  training: undefined,
  control: 'managed',
  isDraining: false,
  isHalted: false,
  ...change,
});
const verb = (change: Partial<SeatView>) => seatOrders(viewOf(change)).at(-1)!.name;

test.each([
  ['open', undefined, 'go'],
  ['managed', undefined, 'hold'],
  ['open', 'CREATED', 'hold'],
  ['managed', 'SCHEDULED', 'hold'],
  ['managed', 'RUNNING', 'go'],
  ['open', 'PAUSED', 'hold'],
  ['managed', 'STOPPING', 'end'],
  ['open', 'STOPPED', 'hold'],
  ['open', 'SUCCEEDED', 'hold'],
  ['managed', 'FAILED', 'hold'],
] as const)('J-07: %s, with a training that is %s: %s', (control, status, expected) => {
  const change = { control, training: status && training(status) };
  expect(verb(change)).toBe(expected);
  expect(verb({ ...change, isDraining: true })).toBe(expected === 'go' ? 'hold' : expected);
  expect(verb({ ...change, isDraining: true, isHalted: true })).toBe('halt');
});

test('limits come first, counted from where the training began', () => {
  const clients = ['A'.repeat(22)];
  const [limit] = seatOrders(
    viewOf({
      training: training('RUNNING', { config: { maxRounds: 5, clientsPerRound: 3 }, clients, fromRound: 7 }),
    }),
  );
  expect(limit).toEqual({
    name: 'limit',
    limits: { maximumRounds: 12, targetAccuracy: undefined, clientsPerRound: 3, clients: new Set(clients) },
  });
});

test.each([
  ['operator: enough', 'stopped'],
  ['early-stopping', 'early-stopping'],
  ['maximum-rounds', 'maximum-rounds'],
  ['deadline', 'failed'],
  ['round.deadline', 'failed'],
] as const)('over %s the run ends as %s', (reason, expected) => {
  expect(seatOrders(viewOf({ training: training('STOPPING', { reason }) })).at(-1)).toEqual({
    name: 'end',
    reason: expected,
  });
});
