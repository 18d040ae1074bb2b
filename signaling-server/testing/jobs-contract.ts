import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { openQueue } from '../jobs/open-queue.ts';
import { operationsRepository } from '../jobs/operations-repository.ts';
import { createOverseer } from '../jobs/overseer.ts';
import type { JobQueue } from '../jobs/queue.ts';
import { createTrainingChanges } from '../jobs/training-changes.ts';
import type { StoredTraining } from '../jobs/training-machine.ts';
import { trainingRepository } from '../jobs/training-repository.ts';
import { createRetention } from '../rights/retention.ts';
import { DEFAULT_RETENTION } from '../rights/retention-periods.ts';
import type { Database } from '../storage/database.ts';
import { idempotencyKeys, incidents, switches, trainings } from '../storage/operator-schema.ts';
import type { Repository } from '../storage/repository.ts';
import { plainFederation } from './host-world.ts';
import { notedAudit } from './noted-audit.ts';
import { silentLog } from './silent-log.ts';

export interface OpenedJobs {
  readonly database: Database;
  readonly repository: Repository;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

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

    test('J-13: of those who take the last places at one moment no more get one than there are', async () => {
      for (let round = 1; round <= 5; round++) {
        const ids = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `${letter}${round}`);
        const created = await Promise.all(ids.map((id) => kept().insertTraining(trainingOf(id))));
        const outcomes = await Promise.all(
          created.map((training) =>
            kept().beginTraining({ ...training, status: 'RUNNING', revision: 1 }, 0, 2 * round),
          ),
        );
        expect(outcomes.toSorted()).toEqual(['begun', 'begun', 'full', 'full', 'full', 'full']);
      }
      const running = (await kept().listUnfinished()).filter(({ status }) => status === 'RUNNING');
      expect(running).toHaveLength(10);
      // A place is its own already, the answer may be lost, and what was decided by an older revision is decided again.
      const own = { ...running[0]!, status: 'RUNNING' as const };
      expect(await kept().beginTraining({ ...own, revision: 2 }, 1, 10)).toBe('begun');
      expect(await kept().beginTraining({ ...own, revision: 2 }, 1, 10)).toBe('begun');
      expect(await kept().beginTraining({ ...own, reason: 'other', revision: 2 }, 1, 10)).toBe('changed');
      expect(await operations().readSwitches()).toEqual(new Set());
    });

    test('J-13: two servers on one database begin what is due together, and no more than may run', async () => {
      const most = 2;
      const servers = [1, 2].map(() => {
        const changes = createTrainingChanges({
          repository: kept(),
          maxConcurrent: most,
          events: { emit: () => undefined },
          nowMs: () => 5,
        });
        return createOverseer({
          trainings: kept(),
          operations: operations(),
          controlsOf: async () => new Map(),
          repository: { getRun: async () => ({ round: 0 }) } as never,
          changes,
          leadership: { lead: async () => undefined },
          maxConcurrent: most,
          log: silentLog,
          pollMs: 1_000_000,
        });
      });
      const statuses = async () => (await kept().listUnfinished()).map(({ status }) => status);
      for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await kept().insertTraining(trainingOf(id));
      await Promise.all(servers.map((server) => server.refresh()));
      expect((await statuses()).toSorted()).toEqual([
        ...Array(most).fill('RUNNING'),
        ...Array(4).fill('SCHEDULED'),
      ]);
      await Promise.all(servers.map((server) => server.close()));
    });

    test('J-13: one that is to go on while all places are taken waits for its turn', async () => {
      const changes = createTrainingChanges({
        repository: kept(),
        maxConcurrent: 1,
        events: { emit: () => undefined },
        nowMs: () => 5,
      });
      await kept().insertTraining(trainingOf('a', { status: 'PAUSED' }));
      await kept().insertTraining(trainingOf('b', { status: 'PAUSED', reason: 'incident' }));
      await kept().insertTraining(trainingOf('c'));
      const became = async (id: string, type: 'resume' | 'calm') =>
        (await changes.apply(id, { type })).training.status;
      expect((await changes.apply('c', { type: 'begin', round: 0 })).training.status).toBe('RUNNING');
      expect([await became('a', 'resume'), await became('b', 'calm')]).toEqual(['SCHEDULED', 'SCHEDULED']);
      await changes.apply('c', { type: 'pause', reason: 'operator' });
      expect((await changes.apply('a', { type: 'begin', round: 0 })).training.status).toBe('RUNNING');
      expect(await became('c', 'resume')).toBe('SCHEDULED');
    });

    test('V-12: keys of requests go when they are older than a week', async () => {
      const nowMs = 100 * DAY_MS;
      const { requests } = DEFAULT_RETENTION;
      expect(requests).toBe(7);
      const claim = { principal: 'p', request: 'r', result: 'i' };
      await kept().takeKey({ ...claim, key: 'old', atMs: nowMs - requests * DAY_MS - 1 });
      await kept().takeKey({ ...claim, key: 'new', atMs: nowMs - requests * DAY_MS });
      const none = { metrics: 0, records: 0, transcripts: 0, audit: 0, inactiveParticipants: 0, alerts: 0 };
      const retention = createRetention({
        database: opened.database,
        periods: { ...none, requests },
        audit: { ...notedAudit(() => undefined), cut: async () => 0, checkpoint: async () => undefined },
        blobs: { delete: async () => undefined },
        deletion: {} as never,
        checkClock: async () => undefined,
        log: silentLog,
        nowMs: () => nowMs,
      });
      expect(await retention.sweep()).toEqual({ ...none, requests: 1 });
      expect(await kept().findKey('p', 'old')).toBeUndefined();
      expect(await kept().findKey('p', 'new')).toBeDefined();
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
