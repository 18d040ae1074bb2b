import { expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { SYSTEM } from '../access/principal.ts';
import { recordChange } from '../audit/record-change.ts';
import type { Seat } from './supervisor.ts';
import { createTrainingService, type TrainingServiceOptions } from './training-service.ts';

const SEAT: Seat = {
  federation: 'ward',
  run: 'run-1',
  order: () => undefined,
  state: () => ({ attempt: { round: 3, attempt: 0 }, isFinished: false, round: 2, present: 4 }),
};

function world() {
  const done: string[] = [];
  const reports: object[] = [];
  const service = createTrainingService({
    trainings: { listUnfinished: async () => [] },
    operations: {
      setSwitch: async ({ name }: { name: string }) => void done.push(name),
      openIncident: async ({ report }: { report: object }) => void reports.push(report),
    },
    overseer: { seats: () => [SEAT], refresh: async () => undefined },
    audit: {
      record: recordChange(
        async (_caller, event) => {
          done.push('entry');
          return { ...event, seq: 1 };
        },
        async (_caller, { outcome }) => done.push(outcome!),
      ),
    },
    async budgetShare() {
      done.push('budget');
      throw new MurmurationError('storage.unavailable', 'There is no access to the database.');
    },
  } as unknown as TrainingServiceOptions);
  return { service, done, reports };
}

test('everything stops before anything is reckoned, and a budget that cannot be keeps nothing going', async () => {
  const { service, done, reports } = world();
  expect((await service.stopAll(SYSTEM, 'a leak is suspected')).federations).toEqual(['ward']);
  expect(done).toEqual(['entry', 'halt', 'done', 'budget']);
  expect(reports).toEqual([
    {
      trainings: [],
      federations: [
        {
          federation: 'ward',
          run: 'run-1',
          round: 2,
          present: 4,
          abandoned: { round: 3, attempt: 0 },
          budgetShare: null,
        },
      ],
    },
  ]);
});

test('V-03: a reason that the audit does not take is refused before anything is done', async () => {
  const { service, done } = world();
  const reason = `mk_0123456789abcdef_${'x'.repeat(43)}`;
  for (const order of [service.stopAll(SYSTEM, reason), service.stop(SYSTEM, 'id', reason)])
    await expect(order).rejects.toMatchObject({ code: 'argument.invalid', facts: { path: 'reason' } });
  await expect(
    service.start(SYSTEM, { federation: 'ward', jobName: 'eyJhbGciOiJub25lIn0.e30.x' }),
  ).rejects.toMatchObject({ code: 'argument.invalid', facts: { path: 'jobName' } });
  expect(done).toEqual([]);
});
