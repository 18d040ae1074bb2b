import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { hasCode, toErrorRecord } from '../../shared/errors/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ServerEvent, ServerEvents } from '../events.ts';
import { subjectKey, subjectsOfParticipant } from '../privacy/subject.ts';
import type { Alert } from './alert.ts';
import { type AlertRepository, alertFrom } from './alert-repository.ts';
import {
  type AlertState,
  type Change,
  observe,
  resumed,
  type Sample,
  THRESHOLDS,
  type Thresholds,
} from './rules.ts';
import { type DeliveryQueue, deliveryOf } from './webhook-delivery.ts';

export interface AlertingOptions {
  readonly repository: AlertRepository;
  readonly events: ServerEvents;
  readonly audit: Pick<AuditLog, 'pseudonymOf'>;
  readonly deliveries: DeliveryQueue;
  readonly log: Pick<Logger, 'warn' | 'info' | 'error'>;
  readonly thresholds?: Partial<Thresholds>;
  readonly nowMs?: () => number;
}

/** Watches what happens, and keeps what follows from it. */
export interface Alerting {
  /** Judges what was measured, and writes what waited for the database. */
  tick(sample: Sample): void;
  /** Judges what was before this process. */
  recall(event: ServerEvent): void;
  /** What fires as far as this process knows, also while the database is away. */
  firing(): readonly Alert[];
  /** Resolves when all that was told so far is judged, and written unless the database is away. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Changes that wait for a database that is away; the oldest are given up. */
const MAX_WAITING = 1000;
/** Subjects whose pseudonym could not be had. */
const MAX_HELD = 1000;
/** What began before is not sent again at the start: by then it was, or nobody waits for it. */
const RESEND_FOR_MS = 24 * 3600_000;
const JUDGED: ReadonlySet<ServerEvent['type']> = new Set<ServerEvent['type']>([
  'round-committed',
  'metric',
  'rolled-back',
  'training',
  'budget',
  'participant-standing',
  'participant-erased',
  'alert',
]);

type BudgetEvent = Extract<ServerEvent, { readonly type: 'budget' }>;

/** @throws `storage.unavailable` where it cannot be read what fired before. */
export async function startAlerting(options: AlertingOptions): Promise<Alerting> {
  const { repository, events, audit, deliveries, log, nowMs = Date.now } = options;
  const thresholds = { ...THRESHOLDS, ...options.thresholds };
  const rows = await repository.readFiring();
  let state: AlertState = resumed(rows.map((row) => alertFrom(row, [])));
  const shown = new Map<string, Alert>(rows.map((row) => [row.fingerprint, alertFrom(row, [])]));

  const waiting: (() => Promise<void>)[] = [];
  const held = new Map<string, BudgetEvent>();
  let judging: Promise<void> = Promise.resolve();
  let writing: Promise<void> | undefined;

  function apply(observation: Parameters<typeof observe>[1]): void {
    const atMs = nowMs();
    const step = observe(state, observation, thresholds, atMs);
    state = step.state;
    for (const change of step.changes) note(change, atMs);
    if (step.changes.length > 0) write();
  }

  function note(change: Change, atMs: number): void {
    if (change.type === 'fire') {
      const row = { id: randomBytes(16).toString('base64url'), startedAtMs: atMs, ...change.condition };
      const { kind, severity, federation, training, summary } = row;
      log.warn({ alert: row.id, kind, severity, federation, training }, summary);
      shown.set(row.fingerprint, {
        ...row,
        resolvedAtMs: null,
        acknowledgedAtMs: null,
        acknowledgedBy: null,
        silencedUntilMs: null,
      });
      later(async () => {
        const fired = await repository.fire(row);
        if (fired !== undefined) await announce(fired);
      });
      return;
    }
    const alert = shown.get(change.fingerprint);
    shown.delete(change.fingerprint);
    const { id, kind, federation, training } = alert ?? {};
    log.info({ alert: id, kind, federation, training }, 'an alert is over');
    later(async () => {
      const resolved = await repository.resolve(change.fingerprint, atMs);
      if (resolved !== undefined) await announce(resolved);
    });
  }

  async function announce(row: Parameters<typeof alertFrom>[0]): Promise<void> {
    const alert = alertFrom(row, await repository.listSilences(nowMs()));
    if (shown.has(alert.fingerprint)) shown.set(alert.fingerprint, alert);
    events.emit({ type: 'alert', alert });
    await wake(alert);
  }

  async function wake(alert: Alert, madeBeforeMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (alert.silencedUntilMs !== null) return;
    const hooks = (await repository.listWebhooks()).filter(({ createdAtMs }) => createdAtMs <= madeBeforeMs);
    // In a turn of its own: when the queue fails here, the alert is not announced again.
    for (const { id } of hooks.filter(({ kinds }) => kinds.length === 0 || kinds.includes(alert.kind)))
      later(() => deliveries.send(deliveryOf(id, alert)));
  }

  function later(work: () => Promise<void>): void {
    if (waiting.length >= MAX_WAITING) {
      waiting.shift();
      log.error('too many alerts wait for the database; the oldest change is lost');
    }
    waiting.push(work);
  }

  /** In order; what the database cannot take now waits for the next tick. */
  function write(): void {
    writing ??= (async () => {
      for (let work = waiting[0]; work !== undefined; work = waiting[0]) {
        try {
          await work();
        } catch (err) {
          const { code } = toErrorRecord(err);
          log.error({ code, err }, 'a change of an alert could not be written');
          if (hasCode(err, 'storage.unavailable') || hasCode(err, 'storage.full')) return;
        }
        if (waiting[0] === work) waiting.shift();
      }
    })().finally(() => {
      writing = undefined;
    });
  }

  /** Persons are named as the audit names them. */
  async function pseudonymized(event: BudgetEvent): Promise<BudgetEvent | undefined> {
    if (event.kind !== 'participant' && event.kind !== 'user') return event;
    const key = `${event.kind}/${event.subject}`;
    try {
      // Whoever asks a model by its token of the hub is a user of this name: one person, one pseudonym, one key to delete.
      const person = event.subject.replace(/^participant:/, '');
      return { ...event, subject: await audit.pseudonymOf(person) };
    } catch (err) {
      log.error({ code: toErrorRecord(err).code, err }, 'a budget waits to be judged');
      if (held.size < MAX_HELD || held.has(key)) held.set(key, event);
      return undefined;
    }
  }

  function judge(event: ServerEvent): void {
    if (event.type === 'participant-erased')
      for (const subject of subjectsOfParticipant(event.participant)) held.delete(subjectKey(subject));
    judging = judging.then(async () => {
      const known = event.type === 'budget' ? await pseudonymized(event) : event;
      if (known !== undefined) apply(known);
    });
  }

  // A process that died between an alert and its deliveries woke nobody; what was sent is not sent again.
  for (const row of rows.filter(({ startedAtMs }) => startedAtMs > nowMs() - RESEND_FOR_MS))
    later(async () => wake(alertFrom(row, await repository.listSilences(nowMs())), row.startedAtMs));
  write();

  const unsubscribe = events.subscribe((event) => {
    if (!JUDGED.has(event.type)) return;
    if (event.type === 'alert') hear(event.alert);
    judge(event);
  });

  /** Of another replica. */
  function hear(alert: Alert): void {
    const known = shown.get(alert.fingerprint);
    if (alert.resolvedAtMs === null) shown.set(alert.fingerprint, alert);
    else if (known !== undefined && known.startedAtMs < alert.resolvedAtMs) shown.delete(alert.fingerprint);
  }

  return {
    tick(sample) {
      const events = [...held.values()];
      held.clear();
      for (const event of events) judge(event);
      judging = judging.then(() => {
        apply({ type: 'tick', ...sample });
        write();
      });
    },
    recall: judge,
    firing: () => [...shown.values()],
    async settled() {
      await judging;
      await writing;
    },
    async close() {
      unsubscribe();
      await judging;
      await writing;
    },
  };
}
