import { randomBytes } from 'node:crypto';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { Caller } from '../access/principal.ts';
import type { AuditFacts, AuditLog } from '../audit/audit-log.ts';
import { checkFact } from '../audit/facts.ts';
import type { Repository } from '../storage/repository.ts';
import { type IncidentReport, reportIncident } from './incident-report.ts';
import type { OperationsRepository, SwitchName } from './operations-repository.ts';
import type { Overseer } from './overseer.ts';
import { checkConfig, checkStart, requestHash } from './start-order.ts';
import type { DrainState, Page, StartTraining, Training, TrainingService } from './training.ts';
import {
  type TrainingChange,
  type TrainingChanges,
  toTraining,
  unknownTraining,
} from './training-changes.ts';
import { BY_OPERATOR, type StoredTraining, type TrainingEvent } from './training-machine.ts';
import type { TrainingRepository } from './training-repository.ts';

export interface TrainingServiceOptions {
  readonly trainings: TrainingRepository;
  readonly operations: OperationsRepository;
  readonly repository: Pick<
    Repository,
    'getFederation' | 'currentRun' | 'startRun' | 'endRun' | 'reopenRun' | 'getRun'
  >;
  readonly changes: TrainingChanges;
  readonly overseer: Pick<Overseer, 'refresh' | 'perform' | 'drainState' | 'seats'>;
  readonly audit: Pick<AuditLog, 'record'>;
  /** Share of its budget that each federation has spent; undefined where it has none. For reports of incidents. */
  readonly budgetShare: (federation: string) => Promise<number | undefined>;
  /** Told of a training that is to begin later. */
  readonly onScheduled?: (training: Training, startAtMs: number) => Promise<void>;
  readonly nowMs?: () => number;
}

const ID_BYTES = 16;
const DEFAULT_PAGE = 50;
const MAX_PAGE = 500;
const MAX_REASON = 200;

export function createTrainingService(options: TrainingServiceOptions): TrainingService {
  const { trainings, operations, repository, changes, overseer, audit } = options;
  const nowMs = options.nowMs ?? Date.now;

  async function find(caller: Caller, id: string): Promise<StoredTraining> {
    const training = await trainings.findTraining(id);
    if (training === undefined || !mayConcern(caller, training.federation)) throw unknownTraining();
    return training;
  }

  /** A command: what it changes is in the audit, and done as far as this server can, before it resolves. */
  async function command(
    caller: Caller,
    id: string,
    action: string,
    event: TrainingEvent,
    facts: (training: StoredTraining) => AuditFacts = () => ({}),
  ): Promise<Training> {
    await find(caller, id);
    const entryOf = ({ before, training }: Pick<TrainingChange, 'before' | 'training'>) => ({
      before: { status: before.status, ...facts(before) },
      after: { status: training.status, reason: training.reason, ...facts(training) },
    });
    const planned = await changes.preview(id, event);
    const { training, orders } =
      planned.training === planned.before
        ? planned
        : await audit.record(caller, {
            action: `training.${action}`,
            subject: `training:${id}`,
            ...entryOf(planned),
            effect: () => changes.apply(id, event),
            found: entryOf,
          });
    await overseer.perform(training, orders);
    await overseer.refresh();
    return toTraining((await trainings.findTraining(id)) ?? training);
  }

  /** The run that a new training is about. SPEC J-08. */
  async function runFor({
    federation: id,
    fresh = false,
  }: StartTraining): Promise<{ id: string; round: number }> {
    const federation = await repository.getFederation(id);
    const current = await repository.currentRun(federation);
    if (fresh) {
      // Where nothing came of the open one yet, it is as fresh as any.
      if (current.status === 'open' && current.round === 0) return current;
      await repository.endRun(current.id, 'stopped');
      return repository.startRun(federation);
    }
    if (current.round >= federation.rounds.maximum)
      throw new MurmurationError(
        'http.conflict',
        'The run of this federation has all the rounds that its document allows.',
        {
          received: `round ${current.round} of ${federation.rounds.maximum}`,
          remedy: 'Start a fresh run, or put a document with a higher rounds.maximum.',
        },
      );
    await repository.reopenRun(current.id);
    return current;
  }

  /** @param id of the only training that may be there. */
  async function checkIdle(federation: string, id?: string): Promise<void> {
    const unfinished = (await trainings.listUnfinished()).find((other) => other.federation === federation);
    if (unfinished !== undefined && unfinished.id !== id)
      throw new MurmurationError('http.conflict', 'This federation has a training that is not over.', {
        received: `${unfinished.id}, ${unfinished.status}`,
        remedy: 'Stop that one first, or wait until it is over.',
      });
  }

  /** @throws `http.unavailable` while nothing begins on this server. */
  function checkOpen(): void {
    const { draining, halted } = overseer.drainState();
    check(
      !draining && !halted,
      'http.unavailable',
      halted ? 'All rounds are stopped on this server.' : 'This server is draining: it begins nothing new.',
      { remedy: halted ? 'Resume them first.' : 'Try again after the restart.' },
    );
  }

  async function create(caller: Caller, order: StartTraining, id: string): Promise<StoredTraining> {
    const { federation, jobName, config = {}, clients = [] } = order;
    const { id: run, round } = await runFor(order);
    const atMs = nowMs();
    return trainings.insertTraining({
      id,
      jobName: jobName ?? federation,
      federation,
      run,
      status: 'CREATED',
      config,
      clients,
      round,
      fromRound: round,
      accuracy: null,
      loss: null,
      reason: null,
      revision: 0,
      createdBy: caller.principal.name,
      createdAtMs: atMs,
      updatedAtMs: atMs,
      startedAtMs: null,
      endedAtMs: null,
    });
  }

  async function flip(caller: Caller, name: SwitchName, isOn: boolean, reason: string): Promise<void> {
    const change = { name, isOn, reason, setBy: caller.principal.name, setAtMs: nowMs() };
    await audit.record(caller, {
      action: `system.${name}`,
      subject: 'system',
      after: { isOn, reason },
      effect: () => operations.setSwitch(change),
    });
    await overseer.refresh();
  }

  return {
    async start(caller, order, idempotencyKey, madeOf) {
      check(mayConcern(caller, order.federation), 'http.forbidden', 'This key is for another federation.');
      checkFact('jobName', order.jobName);
      const request = requestHash(madeOf?.request ?? order);
      const before = await replayOf(caller, request, idempotencyKey);
      if (before !== undefined) return toTraining(before);
      checkStart(order, madeOf?.document ?? (await repository.getFederation(order.federation)), nowMs());
      checkOpen();
      if (madeOf !== undefined) {
        // What those who take part agreed to is not revised under them.
        await checkIdle(order.federation);
        await madeOf.prepare();
      }
      const id = await claim(caller, request, idempotencyKey);
      await checkIdle(order.federation, id);
      const { federation, jobName = federation, config = {}, clients = [] } = order;
      const meant = { federation, jobName, config, clients: clients.length };
      const created = await audit.record(caller, {
        action: 'training.start',
        subject: `training:${id}`,
        after: meant,
        effect: () => create(caller, order, id),
        found: ({ run }) => ({ after: { ...meant, run } }),
      });
      const { startAtMs } = created.config;
      if (startAtMs !== undefined) await options.onScheduled?.(toTraining(created), startAtMs);
      await overseer.refresh();
      return toTraining((await trainings.findTraining(id)) ?? created);
    },

    get: async (caller, id) => toTraining(await find(caller, id)),

    async list(caller, { federation, status, after, limit = DEFAULT_PAGE }): Promise<Page<Training>> {
      check(Number.isSafeInteger(limit) && limit >= 1, 'argument.invalid', 'A page has at least one item.', {
        path: 'limit',
        received: String(limit),
      });
      const own = caller.principal.federation;
      if (own !== undefined && federation !== undefined && own !== federation)
        return { items: [], next: null };
      const most = Math.min(limit, MAX_PAGE);
      const rows = await trainings.listTrainings({
        federation: own ?? federation,
        status,
        before: after === undefined ? undefined : placeOf(after),
        limit: most + 1,
      });
      const items = rows.slice(0, most);
      const last = items.at(-1);
      return {
        items: items.map(toTraining),
        next: rows.length > most && last !== undefined ? `${last.createdAtMs}.${last.id}` : null,
      };
    },

    pause: (caller, id) => command(caller, id, 'pause', { type: 'pause', reason: BY_OPERATOR }),

    async resume(caller, id) {
      const { halted } = overseer.drainState();
      check(!halted, 'http.unavailable', 'All rounds are stopped on this server.', {
        remedy: 'Resume them all first.',
      });
      return command(caller, id, 'resume', { type: 'resume' });
    },

    async stop(caller, id, reason) {
      check((reason?.length ?? 0) <= MAX_REASON, 'argument.invalid', 'The reason is too long.', {
        path: 'reason',
        expected: `at most ${MAX_REASON} characters`,
      });
      checkFact('reason', reason);
      const why = reason === undefined || reason === '' ? BY_OPERATOR : `${BY_OPERATOR}: ${reason}`;
      return command(caller, id, 'stop', { type: 'stop', reason: why });
    },

    async configure(caller, id, config) {
      const { federation, startedAtMs } = await find(caller, id);
      checkConfig(config, await repository.getFederation(federation), nowMs());
      if (startedAtMs === null && config.startAtMs !== undefined)
        checkStart({ federation, config }, await repository.getFederation(federation), nowMs());
      return command(caller, id, 'configure', { type: 'configure', config }, (training) => ({
        config: training.config,
      }));
    },

    async stopAll(caller, reason) {
      check(
        reason.length > 0 && reason.length <= MAX_REASON,
        'argument.invalid',
        'Whoever stops everything says why.',
        {
          path: 'reason',
          expected: `1 to ${MAX_REASON} characters`,
        },
      );
      checkFact('reason', reason);
      const unfinished = await trainings.listUnfinished();
      const seen = overseer.seats().map((seat) => {
        const { federation, run } = seat;
        return { federation, run, state: seat.state() };
      });
      // First of all it stops; that is written down before anything else is done, or reckoned.
      await flip(caller, 'halt', true, reason);
      const report: IncidentReport = await reportIncident(unfinished, seen, options.budgetShare);
      await operations.openIncident({
        id: randomBytes(ID_BYTES).toString('base64url'),
        openedAtMs: nowMs(),
        openedBy: caller.principal.name,
        reason,
        report: { ...report },
      });
      const paused: Training[] = [];
      for (const { id, status } of unfinished) {
        if (status !== 'RUNNING') continue;
        const { training, orders } = await changes.apply(id, { type: 'incident' });
        await overseer.perform(training, orders);
        paused.push(toTraining(training));
      }
      return { trainings: paused, federations: seen.map(({ federation }) => federation).sort() };
    },

    async resumeAll(caller) {
      await flip(caller, 'halt', false, 'resumed');
      for (const { id, status } of await trainings.listUnfinished()) {
        if (status !== 'PAUSED') continue;
        const { training, orders } = await changes.apply(id, { type: 'calm' });
        await overseer.perform(training, orders);
      }
      await operations.closeIncidents(nowMs());
      await overseer.refresh();
    },

    async drain(caller): Promise<DrainState> {
      await flip(caller, 'drain', true, 'drain');
      return overseer.drainState();
    },

    async undrain(caller) {
      await flip(caller, 'drain', false, 'undrain');
      return overseer.drainState();
    },

    drainState: () => overseer.drainState(),
  };

  /** What came of this very request before. */
  async function replayOf(
    caller: Caller,
    request: string,
    key: string | undefined,
  ): Promise<StoredTraining | undefined> {
    if (key === undefined) return undefined;
    check(/^[\x21-\x7e]{1,200}$/.test(key), 'argument.invalid', 'This is no idempotency key.', {
      path: 'Idempotency-Key',
      expected: '1 to 200 printable characters without spaces',
    });
    const taken = await trainings.findKey(caller.principal.name, key);
    if (taken === undefined) return undefined;
    checkSame(taken, request);
    return trainings.findTraining(taken.result);
  }

  /** @returns the id of what comes of this request, the same for all that come with this key. */
  async function claim(caller: Caller, request: string, key: string | undefined): Promise<string> {
    const id = randomBytes(ID_BYTES).toString('base64url');
    if (key === undefined) return id;
    const { name: principal } = caller.principal;
    const taken = await trainings.takeKey({ principal, key, request, result: id, atMs: nowMs() });
    checkSame(taken, request);
    return taken.result;
  }
}

function checkSame(taken: { readonly request: string }, request: string): void {
  check(
    taken.request === request,
    'http.conflict',
    'This idempotency key came with another request before.',
    { remedy: 'Use a new key for a new request.' },
  );
}

function mayConcern({ principal }: Caller, federation: string): boolean {
  return principal.federation === undefined || principal.federation === federation;
}

function placeOf(after: string): { createdAtMs: number; id: string } {
  const match = /^(\d{1,16})\.([A-Za-z0-9_-]{1,64})$/.exec(after);
  if (match === null)
    throw new MurmurationError('argument.invalid', 'There is no such page.', {
      path: 'after',
      expected: 'what `next` of the page before says',
    });
  return { createdAtMs: Number(match[1]), id: match[2]! };
}
