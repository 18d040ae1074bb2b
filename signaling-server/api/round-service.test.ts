import { expect, test } from 'vitest';
import { SYSTEM } from '../access/principal.ts';
import { createRoundService, type RoundUnderWay } from './round-service.ts';

const record = (round: number, more: object = {}) => ({
  round,
  hash: `h${round}`,
  evaluation: { total: 10, correct: round, lossSum: 5 },
  startedAtMs: 100 * round,
  trainMs: 1,
  exchangeMs: 2,
  applyMs: 3,
  ...more,
});

function world(
  status: 'open' | 'stopped',
  round: number,
  underWay?: RoundUnderWay,
  records: object[] = [record(1), record(2), record(2, { hash: 'again', rollback: { to: 1 } })],
) {
  const run = { id: 'run', federation: 'digits', status, term: 1, round, model: null };
  return createRoundService({
    repository: {
      getFederation: async () => ({}),
      currentRun: async () => run,
      getRun: async () => run,
      listRecords: async (_run: string, from: number) =>
        records.filter((each) => (each as { round: number }).round >= from),
      listVersions: async () => [{ version: 1, hash: 'h1' }],
    } as never,
    underWay: () => underWay,
  });
}

test('the current round is under way, awaited, or the last of a run that is over', async () => {
  const about = { run: 'run', federation: 'digits' };
  expect(await world('open', 2, { round: 3, startedAtMs: 7 }).current(SYSTEM, 'digits')).toEqual({
    ...about,
    round: 3,
    status: 'in_progress',
    startedAtMs: 7,
    completedAtMs: null,
    modelVersion: null,
  });
  expect(await world('open', 2).current(SYSTEM, 'digits')).toMatchObject({ round: 3, status: 'waiting' });
  expect(await world('stopped', 0, undefined, []).current(SYSTEM, 'digits')).toMatchObject({
    round: 1,
    status: 'waiting',
  });
  // Of a round that was committed twice, the later record counts.
  expect(await world('stopped', 2).current(SYSTEM, 'digits')).toEqual({
    ...about,
    round: 2,
    status: 'rolled_back',
    startedAtMs: 200,
    completedAtMs: 206,
    modelVersion: 2,
  });
});

test('a round that never was is not found', async () => {
  await expect(world('open', 2).get(SYSTEM, 'run', 9)).rejects.toMatchObject({ code: 'http.not-found' });
  expect(await world('open', 2).get(SYSTEM, 'run', 1)).toMatchObject({
    status: 'completed',
    completedAtMs: 106,
  });
});

test('versions come with what their evaluation said, once each, and whether their file is here', async () => {
  const { items, next } = await world('open', 2).versions(SYSTEM, 'digits', { limit: 1 });
  expect([items, next]).toEqual([
    [
      {
        run: 'run',
        version: 1,
        round: 1,
        accuracy: 0.1,
        loss: 0.5,
        hash: 'h1',
        isStored: true,
        createdAtMs: 106,
      },
    ],
    '1',
  ]);
  const rest = await world('open', 2).versions(SYSTEM, 'digits', { after: 1 });
  expect([rest.items.map(({ hash, isStored }) => [hash, isStored]), rest.next]).toEqual([
    [['again', false]],
    null,
  ]);
});
