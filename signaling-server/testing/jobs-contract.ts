import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { openQueue } from '../jobs/open-queue.ts';
import { operationsRepository } from '../jobs/operations-repository.ts';
import type { JobQueue } from '../jobs/queue.ts';
import type { StoredTraining } from '../jobs/training-machine.ts';
import { trainingRepository } from '../jobs/training-repository.ts';
import type { Database } from '../storage/database.ts';
import { idempotencyKeys, incidents, switches, trainings } from '../storage/operator-schema.ts';
import type { Repository } from '../storage/repository.ts';
import { plainFederation } from './host-world.ts';
import { silentLog } from './silent-log.ts';

export interface OpenedJobs {
  readonly database: Database;
  readonly repository: Repository;
  close(): Promise<void>;
}

function trainingOf(id: string, change: Partial<StoredTraining> = {}): StoredTraining {
  return {
    id,
    jobName: 'job',
    federation: `of ${id}`,
    run: `run of ${id}`,
    status: 'CREATED',
    config: { maxRounds: 3 },
    clients: [],
    round: 0,
    fromRound: 0,
    accuracy: null,
    loss: null,
    reason: null,
    revision: 0,
    createdBy: 'somebody',
    createdAtMs: 1,
    updatedAtMs: 1,
    startedAtMs: null,
    endedAtMs: null,
    ...change,
  };
}

/** Trainings, switches, fences and jobs; the same for every database. */
export function jobsContract(name: string, open: () => Promise<OpenedJobs>): void {
  describe(`trainings and jobs on ${name}`, () => {
    let opened: OpenedJobs;
    beforeAll(async () => {
      opened = await open();
    }, 120_000);
    afterAll(() => opened?.close());
    const kept = () => trainingRepository(opened.database);
    const operations = () => operationsRepository(opened.database);
    beforeEach(async () => {
      for (const table of [trainings, idempotencyKeys, switches, incidents])
        await opened.database.run((db) => db.delete(table));
    });

    test('a training is kept as it is; the same id once, of a federation one that is not over', async () => {
      const training = trainingOf('a', {
        accuracy: 0.25,
        config: { earlyStopping: { metric: 'loss', patience: 2, minDelta: 0.5 } },
      });
      expect(await kept().insertTraining(training)).toEqual(training);
      expect(await kept().insertTraining({ ...training, jobName: 'another' })).toEqual(training);
      const second = trainingOf('b', { federation: training.federation });
      await expect(kept().insertTraining(second)).rejects.toMatchObject({ code: 'http.conflict' });
      await kept().replaceTraining({ ...training, status: 'STOPPED', revision: 1 }, 0);
      expect(await kept().insertTraining(second)).toEqual(second);
      expect(await kept().findTraining('c')).toBeUndefined();
    });

    test('of two that change a training at once one is told to decide again', async () => {
      const training = await kept().insertTraining(trainingOf('a'));
      const change = (reason: string) =>
        kept().replaceTraining({ ...training, status: 'SCHEDULED', reason, revision: 1, updatedAtMs: 2 }, 0);
      const outcomes = await Promise.all([change('x'), change('y')]);
      expect(outcomes.toSorted()).toEqual([false, true]);
      expect((await kept().findTraining('a'))!.revision).toBe(1);
      // An answer that was lost: the same change is there.
      const winner = outcomes[0] ? 'x' : 'y';
      expect(await change(winner)).toBe(true);
    });

    test('lists go from the newest; those that are not over from the oldest; of a run the unfinished one counts', async () => {
      for (const [id, status, createdAtMs] of [
        ['a', 'STOPPED', 3],
        ['b', 'RUNNING', 2],
        ['c', 'PAUSED', 1],
        ['d', 'FAILED', 2],
      ] as const)
        await kept().insertTraining(trainingOf(id, { status, createdAtMs, run: id < 'c' ? 'r' : 's' }));
      const page = (query: object) =>
        kept()
          .listTrainings({ limit: 9, ...query })
          .then((rows) => rows.map(({ id }) => id).join(''));
      expect(await page({})).toBe('adbc');
      expect(await page({ limit: 2 })).toBe('ad');
      expect(await page({ before: { createdAtMs: 2, id: 'd' } })).toBe('bc');
      expect(await page({ status: 'PAUSED' })).toBe('c');
      expect(await page({ federation: 'of a' })).toBe('a');
      expect((await kept().listUnfinished()).map(({ id }) => id)).toEqual(['c', 'b']);
      const newest = await kept().newestTrainings(['r', 's', 'nothing']);
      expect([...newest].map(([run, { id }]) => [run, id])).toEqual([
        ['r', 'b'],
        ['s', 'c'],
      ]);
    });

    test('J-11: a key is taken once by each principal, for one request', async () => {
      const claim = { principal: 'p', key: 'k', request: 'r', result: 'first', atMs: 1 };
      const { atMs: _, ...taken } = claim;
      expect(await kept().takeKey(claim)).toEqual(taken);
      expect(await kept().takeKey({ ...claim, request: 'other', result: 'second' })).toEqual(taken);
      expect((await kept().takeKey({ ...claim, principal: 'q', result: 'third' })).result).toBe('third');
      expect(await kept().findKey('p', 'other')).toBeUndefined();
    });

    test('switches are as they were set last; incidents are closed together', async () => {
      const set = (isOn: boolean) =>
        operations().setSwitch({ name: 'halt', isOn, reason: 'why', setBy: 'me', setAtMs: 1 });
      expect(await operations().readSwitches()).toEqual(new Set());
      await set(true);
      expect(await operations().readSwitches()).toEqual(new Set(['halt']));
      await set(false);
      expect(await operations().readSwitches()).toEqual(new Set());
      const incident = { id: 'i', openedAtMs: 1, openedBy: 'me', reason: 'why', report: { rounds: 2 } };
      await operations().openIncident(incident);
      await operations().openIncident({ ...incident, reason: 'again' });
      expect(await operations().listIncidents(9)).toEqual([{ ...incident, closedAtMs: null }]);
      await operations().closeIncidents(5);
      expect((await operations().listIncidents(9))[0]!.closedAtMs).toBe(5);
    });

    test('J-10: a coordinator whose term was superseded writes neither records nor models', async () => {
      const { repository } = opened;
      const federation = plainFederation('fenced');
      await repository.putFederation(federation);
      const run = (await repository.currentRun(federation)).id;
      const term = await repository.nextTerm(run);
      const hash = 'a'.repeat(64);
      const record = {
        ...{ round: 1, term, attempt: 0, coordinator: 'server' as const, federationRevision: 1 },
        ...{ baseHash: hash, hash, survivors: [], dropped: [], startedAtMs: 0, trainMs: 0, exchangeMs: 0 },
        ...{ applyMs: 0, evaluation: null, secure: null },
      };
      const { layout } = compileModel(federation);
      const model = (version: number) =>
        makeModel(version, layout, new Float32Array(layout.length).fill(version));
      const evaluation = { total: 4, correct: 1, lossSum: 2 };
      await repository.saveRecord(run, record, { term });
      await repository.saveRecord(run, record, { term });
      await repository.saveRecord(run, { ...record, evaluation }, { term });
      await repository.saveModel(run, model(1), { term });
      await repository.saveModel(run, model(1), { term });
      // Its own, raised over one that a participant had seen.
      await repository.raiseTerm(run, term + 3);
      await repository.raiseTerm(run, term + 1);
      await repository.saveRecord(run, { ...record, round: 2 }, { term: term + 3 });

      expect(await repository.nextTerm(run)).toBe(term + 4);
      const conflict = { code: 'storage.conflict' };
      const stale = { term: term + 3 };
      await expect(repository.saveRecord(run, { ...record, round: 3 }, stale)).rejects.toMatchObject(
        conflict,
      );
      await expect(repository.saveRecord(run, record, stale)).rejects.toMatchObject(conflict);
      await expect(repository.saveModel(run, model(3), stale)).rejects.toMatchObject(conflict);
      expect(await repository.loadRecords(run, 1)).toEqual([
        { ...record, evaluation },
        { ...record, round: 2 },
      ]);
      expect((await repository.loadModel(run))!.version).toBe(1);
    });

    test('J-08: an ended run is taken up again, unless another one is open', async () => {
      const { repository } = opened;
      const federation = plainFederation('reopened');
      await repository.putFederation(federation);
      const run = (await repository.currentRun(federation)).id;
      await repository.endRun(run, 'stopped');
      await repository.reopenRun(run);
      expect((await repository.getRun(run)).status).toBe('open');
      await repository.endRun(run, 'stopped');
      const other = await repository.startRun(federation);
      await repository.reopenRun(run);
      expect((await repository.getRun(run)).status).toBe('stopped');
      expect((await repository.currentRun(federation)).id).toBe(other.id);
    });

    describe('the queue', () => {
      let queue: JobQueue;
      const openOne = () => openQueue({ database: opened.database, log: silentLog, pollMs: 50 });
      beforeAll(async () => {
        queue = await openOne();
      }, 60_000);
      afterAll(() => queue?.close());

      test('what is sent is done, with its data, also what was sent before anybody worked', async () => {
        await queue.send('greet', { name: 'Ada' });
        expect(await queue.backlog()).toBe(1);
        const done = await new Promise((resolve) => {
          void queue.work('greet', async (data) => resolve(data));
        });
        expect(done).toEqual({ name: 'Ada' });
        await expect.poll(() => queue.backlog()).toBe(0);
      });

      test('of one name and key one waits at a time; what is for later is no backlog', async () => {
        for (let i = 0; i < 3; i++)
          await queue.send('later', { i }, { startAfterMs: 3_600_000, singletonKey: 'k' });
        expect(await queue.backlog()).toBe(0);
        const rows = await opened.database.script(`select data from jobs.job where name = 'later'`, []);
        expect(rows).toEqual([{ data: { i: 0 } }]);
      });

      test('what fails is dead after its tries, and seen', async () => {
        await queue.work('break', async () => {
          throw new Error('never');
        });
        await queue.send('break', {}, { retryLimit: 0 });
        await expect
          .poll(() => queue.failed(9), { timeout: 10_000 })
          .toMatchObject([{ name: 'break', retries: 0 }]);
      });

      test('closing ends handlers, and what they had begun is done by the next one', async () => {
        const first = await openOne();
        const begun = new Promise<void>((resolve) => {
          void first.work('slow', (_, signal) => {
            resolve();
            return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          });
        });
        await first.send('slow', {});
        await begun;
        await first.close();
        const done = new Promise<void>((resolve) => {
          void queue.work('slow', async () => resolve());
        });
        await done;
      }, 20_000);

      test('a script that fails leaves no transaction behind', async () => {
        await expect(opened.database.script('BEGIN; select nothing; COMMIT;', [])).rejects.toMatchObject({
          code: 'internal',
        });
        expect(await opened.database.script('select 1 as one', [])).toEqual([{ one: 1 }]);
      });
    });
  });
}
