import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Federation } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import { createMemoryNetwork } from '../../shared/testing/memory-network.ts';
import { systemClock } from '../../shared/transport/clock.ts';
import type { Training, TrainingStatus } from '../jobs/training.ts';
import { localLeadership } from '../replicas/leadership.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import {
  CALLER,
  type HostOptions,
  type HostWorld,
  joinDevice,
  openHost,
  plainFederation,
  removeFolder,
} from '../testing/host-world.ts';
import { silentLog } from '../testing/silent-log.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const IDS = ['A', 'B', 'C'].map((letter) => letter.repeat(22) as ParticipantId);

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
});
afterAll(async () => {
  await database?.close();
  await removeFolder(folder);
});
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(options: HostOptions = {}): Promise<HostWorld> {
  const host = await openHost({ folder, database, ...options });
  closers.push(host.close);
  return host;
}

/** Devices train when the test lets them. */
function latch() {
  let open: () => void = () => undefined;
  let isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    pass: (signal: AbortSignal) =>
      Promise.race([
        isOpen,
        new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]),
    open: () => open(),
    shut() {
      isOpen = new Promise<void>((resolve) => {
        open = resolve;
      });
    },
  };
}

async function enter(
  host: HostWorld,
  federation: Federation,
  run: string,
  train?: (signal: AbortSignal) => Promise<void>,
  count = 2,
) {
  host.arrive(federation.id);
  await host.logged(({ msg, federation: id }) => msg === 'coordinating' && id === federation.id);
  const isSecure = federation.privacy.secureAggregation === 'secagg';
  const devices = IDS.slice(0, count).map((id) =>
    joinDevice(id, federation, {
      run,
      network: host.network,
      isSecure,
      ...(train === undefined ? {} : { train }),
    }),
  );
  closers.push(async () => {
    for (const device of devices) device.close();
  });
  return devices;
}

const became = async (host: HostWorld, id: string, status: TrainingStatus): Promise<Training> =>
  (await host.event('training', ({ training }) => training.id === id && training.status === status)).training;
const committed = (host: HostWorld, federation: string, round: number) =>
  host.event('round-committed', (event) => event.federation === federation && event.round === round);

test('J-02 J-04 J-07: a managed federation waits for a training, pauses between rounds, and ends with its last one', async () => {
  const host = await open();
  const federation = plainFederation('managed');
  await host.repository.putFederation(federation);
  const run = (await host.repository.currentRun(federation)).id;
  const gate = latch();
  const devices = await enter(host, federation, run, gate.pass);
  await vi.waitUntil(() => devices.every(({ standbys }) => standbys.includes('round.on-hold')));
  expect(host.stateOf('managed')!.coordinator!.lastAttempt).toBeUndefined();

  const { service } = host.trainings;
  const started = await service.start(CALLER, { federation: 'managed', config: { maxRounds: 3 } });
  expect(started).toMatchObject({ status: 'RUNNING', run, round: 0 });
  await host.event('round-started', (event) => event.federation === 'managed');

  const paused = await service.pause(CALLER, started.id);
  expect(paused).toMatchObject({ status: 'PAUSED', reason: 'operator' });
  gate.open();
  await committed(host, 'managed', 1);
  await vi.waitUntil(() => host.stateOf('managed')!.coordinator!.status.name === 'gathering');
  expect(host.stateOf('managed')!.coordinator!.model!.version).toBe(1);

  // Otherwise it could be over before the order is answered.
  gate.shut();
  expect((await service.resume(CALLER, started.id)).status).toBe('RUNNING');
  gate.open();
  const done = await became(host, started.id, 'SUCCEEDED');
  expect(done).toMatchObject({ reason: 'maximum-rounds', round: 3 });
  await vi.waitUntil(async () => (await host.repository.getRun(run)).status === 'finished');
  const phases = host.events.flatMap((event) => (event.type === 'round-phase' ? [event.phase] : []));
  expect(phases.slice(0, 3)).toEqual(['client_selection', 'collect_updates', 'aggregation']);
  const rounds = host.events.filter(({ type }) => type === 'round-committed');
  expect(rounds).toMatchObject(
    [1, 2, 3].map((round) => ({ round, training: started.id, survivors: 2, invited: 2 })),
  );
  expect(host.audited.map(({ action }) => action)).toEqual([
    'training.start',
    'training.pause',
    'training.resume',
  ]);
});

test('J-09: a server that is killed in the middle of a round goes on with it after the restart', async () => {
  const network = createMemoryNetwork(systemClock, seededRandom('network'));
  const before = await open({ network });
  const federation = plainFederation('killed');
  await before.repository.putFederation(federation);
  const run = (await before.repository.currentRun(federation)).id;
  const gate = latch();
  const { id } = await before.trainings.service.start(CALLER, {
    federation: 'killed',
    config: { maxRounds: 3 },
  });
  gate.open();
  await enter(before, federation, run, gate.pass);
  await committed(before, 'killed', 1);
  gate.shut();
  await before.event('round-started', ({ federation: of, round }) => of === 'killed' && round >= 2);
  await before.crash();

  const after = await open({ network });
  expect(await after.trainings.service.get(CALLER, id)).toMatchObject({ status: 'RUNNING', run });
  after.arrive('killed');
  await after.event('round-started', (event) => event.federation === 'killed');
  gate.open();
  const done = await became(after, id, 'SUCCEEDED');
  expect(done).toMatchObject({ reason: 'maximum-rounds', round: 3, run });
  const records = await after.repository.loadRecords(run, 1);
  expect(records.map(({ round }) => round)).toEqual([1, 2, 3]);
});

test('J-05: everything stops at once, stays stopped over a restart, with a report, and goes on by order', async () => {
  const network = createMemoryNetwork(systemClock, seededRandom('network'));
  const host = await open({ network });
  const federation = plainFederation('incident');
  await host.repository.putFederation(federation);
  const run = (await host.repository.currentRun(federation)).id;
  const gate = latch();
  const { service } = host.trainings;
  const { id } = await service.start(CALLER, { federation: 'incident', config: { maxRounds: 2 } });
  await enter(host, federation, run, gate.pass);
  await host.event('round-started', (event) => event.federation === 'incident');

  const stopped = await service.stopAll(CALLER, 'Something is wrong.');
  expect(stopped.federations).toContain('incident');
  expect(stopped.trainings).toMatchObject([{ id, status: 'PAUSED', reason: 'incident' }]);
  await host.event(
    'round-abandoned',
    ({ federation: of, code }) => of === 'incident' && code === 'round.on-hold',
  );
  const [report] = await host.trainings.incidents(1);
  expect(report).toMatchObject({
    reason: 'Something is wrong.',
    closedAtMs: null,
    report: {
      trainings: [{ id, run, status: 'RUNNING', round: 0 }],
      federations: [
        { federation: 'incident', present: 2, abandoned: { round: 1, attempt: 0 }, budgetShare: null },
      ],
    },
  });
  await expect(service.start(CALLER, { federation: 'incident' })).rejects.toMatchObject({
    code: 'http.unavailable',
  });
  await host.close();

  const again = await open({ network });
  expect(again.trainings.service.drainState()).toMatchObject({ halted: true, empty: true });
  again.arrive('incident');
  await again.logged(({ msg }) => msg === 'coordinating');
  await vi.waitUntil(() => (again.stateOf('incident')?.coordinator?.members.size ?? 0) === 2);
  expect(again.stateOf('incident')!.coordinator!.hold).toMatchObject({ code: 'round.on-hold' });
  gate.open();
  await again.trainings.service.resumeAll(CALLER);
  await became(again, id, 'SUCCEEDED');
  expect((await again.trainings.incidents(1))[0]!.closedAtMs).toBeTypeOf('number');
});

test('J-04: draining lets the round under way finish, says when it is over, and begins nothing', async () => {
  const host = await open();
  const federation = plainFederation('drained');
  await host.repository.putFederation(federation);
  const run = (await host.repository.currentRun(federation)).id;
  const gate = latch();
  const { service } = host.trainings;
  const { id } = await service.start(CALLER, { federation: 'drained' });
  await enter(host, federation, run, gate.pass);
  await host.event('round-started', (event) => event.federation === 'drained');
  expect(await service.drain(CALLER)).toEqual({
    draining: true,
    empty: false,
    roundsUnderWay: 1,
    halted: false,
  });
  await expect(service.start(CALLER, { federation: 'drained' })).rejects.toMatchObject({
    code: 'http.unavailable',
  });
  gate.open();
  await committed(host, 'drained', 1);
  await vi.waitUntil(() => service.drainState().empty);
  expect((await service.get(CALLER, id)).status).toBe('RUNNING');
  await service.undrain(CALLER);
  await committed(host, 'drained', 2);
  expect((await service.stop(CALLER, id, 'enough')).reason).toBe('operator: enough');
  expect(await became(host, id, 'STOPPED')).toMatchObject({ reason: 'operator: enough' });
});

test('J-08: a training goes on from the newest model, or in a fresh run; a stopped run is taken up again', async () => {
  const host = await open();
  const federation = plainFederation('again');
  await host.repository.putFederation(federation);
  const run = (await host.repository.currentRun(federation)).id;
  const { service } = host.trainings;
  await enter(host, federation, run);
  const first = await service.start(CALLER, { federation: 'again', config: { maxRounds: 1 } });
  await became(host, first.id, 'SUCCEEDED');
  const second = await service.start(CALLER, { federation: 'again', config: { maxRounds: 2 } });
  expect(second).toMatchObject({ run, round: 1 });
  expect((await host.repository.getRun(run)).status).toBe('open');
  await service.stop(CALLER, second.id);
  await vi.waitUntil(async () => (await service.get(CALLER, second.id)).status === 'STOPPED');

  const fresh = await service.start(CALLER, { federation: 'again', fresh: true });
  expect(fresh.run).not.toBe(run);
  expect(fresh.round).toBe(0);
  await vi.waitUntil(() => host.stateOf('again')?.coordinator?.model?.version === undefined);
  await service.stop(CALLER, fresh.id);
});

test('who stalls, is late, or comes to nothing again and again ends by itself', async () => {
  let nowMs = Date.now();
  const host = await open({ nowMs: () => nowMs });
  const { service } = host.trainings;
  const stalling = plainFederation('stalling', { evaluation: 'local' });
  await host.repository.putFederation(stalling);
  await enter(host, stalling, (await host.repository.currentRun(stalling)).id);
  const { id } = await service.start(CALLER, {
    federation: 'stalling',
    config: { earlyStopping: { metric: 'accuracy', patience: 2, minDelta: 0.01 } },
  });
  expect(await became(host, id, 'SUCCEEDED')).toMatchObject({
    reason: 'early-stopping',
    accuracy: 1,
    loss: 0,
  });

  const late = plainFederation('late');
  await host.repository.putFederation(late);
  const deadline = await service.start(CALLER, {
    federation: 'late',
    config: { deadlineAtMs: nowMs + 3_600_000 },
  });
  nowMs += 3_600_001;
  expect(await became(host, deadline.id, 'FAILED')).toMatchObject({ reason: 'deadline' });

  const lost = plainFederation('lost');
  await host.repository.putFederation(lost);
  const failing = await service.start(CALLER, { federation: 'lost', config: { maxAbandoned: 1 } });
  await enter(host, lost, failing.run, async () => {
    throw new Error('no memory left');
  });
  expect(await became(host, failing.id, 'FAILED')).toMatchObject({ reason: 'round.too-few-participants' });
});

test('a training begins when its time has come, whatever the clock did meanwhile, and one waits for the other', async () => {
  let nowMs = Date.now();
  const host = await open({ nowMs: () => nowMs, maxConcurrent: 1 });
  const { service } = host.trainings;
  for (const id of ['first', 'second']) await host.repository.putFederation(plainFederation(id));
  const startAtMs = nowMs + 60_000;
  const first = await service.start(CALLER, { federation: 'first', config: { startAtMs } });
  expect(first.status).toBe('SCHEDULED');
  nowMs -= 3_600_000;
  await host.trainings.overseer.refresh();
  expect((await service.get(CALLER, first.id)).status).toBe('SCHEDULED');
  nowMs = startAtMs;
  const begun = await became(host, first.id, 'RUNNING');
  expect(begun.startedAtMs).toBe(startAtMs);

  const second = await service.start(CALLER, { federation: 'second' });
  expect(second.status).toBe('SCHEDULED');
  // Nobody is there: it ends at once, and makes room.
  await service.stop(CALLER, first.id);
  expect((await service.get(CALLER, first.id)).status).toBe('STOPPED');
  await became(host, second.id, 'RUNNING');
  await service.pause(CALLER, second.id);
  const third = await service.start(CALLER, { federation: 'first' });
  expect(third.status).toBe('RUNNING');
  expect((await service.resume(CALLER, second.id)).status).toBe('SCHEDULED');
  for (const { id } of [second, third]) await service.stop(CALLER, id);
});

test('J-11: the same start under the same key is one training; another body, and another training, are refused', async () => {
  const host = await open();
  const { service } = host.trainings;
  await host.repository.putFederation(plainFederation('keys'));
  const order = { federation: 'keys', config: { maxRounds: 5 } };
  const both = await Promise.all([
    service.start(CALLER, order, 'key-1'),
    service.start(CALLER, order, 'key-1'),
  ]);
  expect(both[0].id).toBe(both[1].id);
  expect((await service.start(CALLER, order, 'key-1')).id).toBe(both[0].id);
  const conflict = { code: 'http.conflict' };
  await expect(service.start(CALLER, { federation: 'keys' }, 'key-1')).rejects.toMatchObject(conflict);
  await expect(service.start(CALLER, order, 'key-2')).rejects.toMatchObject(conflict);
  const someone = { ...CALLER, principal: { ...CALLER.principal, name: 'someone else' } };
  await expect(service.start(someone, order, 'key-1')).rejects.toMatchObject(conflict);
  await service.stop(CALLER, both[0].id);
  // The answer to a replay is the training as it is now, over or not.
  expect(await service.start(CALLER, order, 'key-1')).toMatchObject({ id: both[0].id, status: 'STOPPED' });

  const two = await Promise.allSettled([service.start(CALLER, order), service.start(CALLER, order)]);
  expect(two.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(two.find(({ status }) => status === 'rejected')).toMatchObject({ reason: conflict });
  const winner = two.find((result) => result.status === 'fulfilled')!.value;
  await service.stop(CALLER, winner.id);
});

test('commands of others, of what is not there, and of what is over are refused by name', async () => {
  const host = await open();
  const { service } = host.trainings;
  await host.repository.putFederation(plainFederation('theirs'));
  const { id } = await service.start(CALLER, { federation: 'theirs' });
  const bound = { ...CALLER, principal: { ...CALLER.principal, federation: 'other' } };
  await expect(service.get(bound, id)).rejects.toMatchObject({ code: 'http.not-found' });
  await expect(service.stop(bound, id)).rejects.toMatchObject({ code: 'http.not-found' });
  await expect(service.start(bound, { federation: 'theirs' })).rejects.toMatchObject({
    code: 'http.forbidden',
  });
  expect((await service.list(bound, {})).items).toEqual([]);
  await expect(service.get(CALLER, 'nothing')).rejects.toMatchObject({ code: 'http.not-found' });
  await expect(service.start(CALLER, { federation: 'nowhere' })).rejects.toMatchObject({
    code: 'federation.unknown',
  });
  await expect(
    service.start(CALLER, { federation: 'theirs', config: { startAtMs: 1 } }),
  ).rejects.toMatchObject({ code: 'argument.invalid', facts: { path: 'config.startAtMs' } });
  await service.stop(CALLER, id);
  await expect(service.pause(CALLER, id)).rejects.toMatchObject({ code: 'http.conflict' });
  await expect(service.configure(CALLER, id, {})).rejects.toMatchObject({ code: 'http.conflict' });
  const page = await service.list(CALLER, { limit: 2 });
  expect(page.items).toHaveLength(2);
  const next = await service.list(CALLER, { limit: 2, after: page.next! });
  expect(next.items.map((training) => training.id)).not.toContain(page.items[1]!.id);
  await expect(service.list(CALLER, { after: 'x' })).rejects.toMatchObject({ code: 'argument.invalid' });
});

test('a database that is away while rounds are committed loses no training: what happened is written when it is back', async () => {
  const host = await open();
  const federation = plainFederation('away');
  await host.repository.putFederation(federation);
  const { service } = host.trainings;
  const { id, run } = await service.start(CALLER, { federation: 'away', config: { maxRounds: 4 } });
  const gate = latch();
  await enter(host, federation, run, gate.pass);
  await host.event('round-started', (event) => event.federation === 'away');
  host.setAway(true);
  gate.open();
  await committed(host, 'away', 4);
  host.setAway(false);
  expect(await became(host, id, 'SUCCEEDED')).toMatchObject({ round: 4 });
  await vi.waitUntil(async () => (await host.repository.loadRecords(run, 1)).length === 4, {
    timeout: 20_000,
  });
});

test('J-10: of two servers one coordinates; when it loses the lead the other goes on, and what it still writes is refused', async () => {
  const network = createMemoryNetwork(systemClock, seededRandom('network'));
  const leadership = localLeadership();
  let lose: () => void = () => undefined;
  const one = await open({
    network,
    leadership: {
      ...leadership,
      async lead(federation, handlers) {
        const lease = await leadership.lead(federation, handlers);
        lose = () => {
          void lease?.release();
          handlers.onLost();
        };
        return lease;
      },
    },
  });
  const federation = plainFederation('shared');
  await one.repository.putFederation(federation);
  const { id, run } = await one.trainings.service.start(CALLER, {
    federation: 'shared',
    config: { maxRounds: 3 },
  });
  const gate = latch();
  await enter(one, federation, run, gate.pass);
  await one.event('round-started', (event) => event.federation === 'shared');

  const two = await open({ network, leadership });
  two.arrive('shared');
  const { term } = one.stateOf('shared')!.coordinator!;
  lose();
  await vi.waitUntil(() => one.stateOf('shared') === undefined);
  two.arrive('shared');
  await two.logged(({ msg }) => msg === 'coordinating');
  gate.open();
  await became(two, id, 'SUCCEEDED');
  const [record] = await two.repository.loadRecords(run, 3);
  const late = one.repository.saveRecord(run, { ...record!, round: 4 }, { term });
  await expect(late).rejects.toMatchObject({ code: 'storage.conflict' });
  expect(await two.repository.loadRecords(run, 4)).toEqual([]);
});

test('J-08: a training whose federation gets a document that its model does not fit fails by name, and makes room', async () => {
  const host = await open();
  const federation = plainFederation('revised');
  await host.repository.putFederation(federation);
  const { service } = host.trainings;
  const { id, run } = await service.start(CALLER, { federation: 'revised' });
  await enter(host, federation, run);
  await committed(host, 'revised', 1);
  const revised = plainFederation('revised', {
    revision: 2,
    data: { kind: 'records', features: 3, target: { name: 'y', type: 'value' } },
  });
  await host.repository.putFederation(revised);
  host.arrive('revised');
  expect(await became(host, id, 'FAILED')).toMatchObject({ reason: 'federation.conflict', run });
  const next = await service.start(CALLER, { federation: 'revised' });
  expect(next).toMatchObject({ status: 'RUNNING', round: 0 });
  expect(next.run).not.toBe(run);
  await vi.waitUntil(() => host.stateOf('revised')?.coordinator !== undefined);
  const seats = host.lines.filter(({ msg, run: of }) => msg === 'coordinating' && of === next.run);
  expect(seats).toHaveLength(1);
  await service.stop(CALLER, next.id);
});
