import { type SQL, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { SYSTEM } from '../access/principal.ts';
import type { ServerAuditLog } from '../audit/create-audit-log.ts';
import type { JobQueue } from '../jobs/queue.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { Deletion } from './deletion.ts';
import { execute } from './mentions.ts';
import type { RetentionPeriods } from './retention-periods.ts';
import { deleteUnnamed } from './transcripts.ts';

export interface RetentionOptions {
  readonly database: Database;
  readonly blobs: Pick<BlobStore, 'delete'>;
  readonly audit: Pick<ServerAuditLog, 'record' | 'cut' | 'checkpoint'>;
  readonly deletion: Deletion;
  readonly periods: RetentionPeriods;
  /** Last entry that a feed of the audit has given away; what comes after it is not cut off. */
  readonly fedSeq?: () => Promise<number>;
  /** @throws when the clock that ages are told by cannot be right. */
  readonly checkClock: () => Promise<void>;
  readonly log: Pick<Logger, 'error' | 'info'>;
  readonly nowMs?: () => number;
}

export type Swept = Readonly<Record<keyof RetentionPeriods, number>>;

export interface Retention {
  /**
   * Once over all. What fails is logged and tried again with the next; it holds nothing else up.
   * @throws `server.clock-wrong`, and nothing was deleted.
   */
  sweep(): Promise<Swept>;
}

const DAY_MS = 86_400_000;
const BATCH = 5_000;
/** Participants of one sweep: each takes a few dozen statements. */
const MAX_PARTICIPANTS = 100;
const RUN_IS_OVER = sql`not exists (select 1 from runs where runs.id = rows.run and runs.status = 'open')`;

/** Deletes what is older than its period. Each sweep is in the audit, with how much it found. SPEC V-12. */
export function createRetention(options: RetentionOptions): Retention {
  const { database, blobs, audit, deletion, periods, fedSeq, checkClock, log, nowMs = Date.now } = options;

  async function remove(table: string, where: SQL): Promise<number> {
    const name = sql.identifier(table);
    let count = 0;
    while (true) {
      const gone = await execute(
        database,
        sql`delete from ${name} where ctid = any(array(select ctid from ${name} as rows where ${where} limit ${BATCH})) returning 1`,
      );
      count += gone.length;
      if (gone.length < BATCH) return count;
    }
  }

  async function removeTranscripts(beforeMs: number): Promise<number> {
    const gone = await execute(
      database,
      sql`delete from transcripts where saved_at_ms < ${beforeMs} returning blob`,
    );
    await deleteUnnamed(
      database,
      blobs,
      gone.map(([blob]) => blob as string),
    );
    return gone.length;
  }

  async function eraseInactive(beforeMs: number): Promise<number> {
    const inactive = await execute(
      database,
      sql`select id from participants where last_seen_at_ms < ${beforeMs} order by last_seen_at_ms limit ${MAX_PARTICIPANTS}`,
    );
    for (const [id] of inactive)
      await deletion.erase(SYSTEM, { participant: id as ParticipantId, exclude: false });
    return inactive.length;
  }

  const sweeps: Readonly<Record<keyof RetentionPeriods, (beforeMs: number) => Promise<number>>> = {
    // A metric has no time of its own: that of its round counts, and metrics go before rounds.
    metrics: (beforeMs) =>
      remove(
        'metrics',
        sql`${RUN_IS_OVER} and not exists (select 1 from rounds where rounds.run = rows.run
          and rounds.round = rows.round and rounds.saved_at_ms >= ${beforeMs})`,
      ),
    records: (beforeMs) =>
      remove(
        'rounds',
        sql`${RUN_IS_OVER} and rows.saved_at_ms < ${beforeMs}
          and rows.round < (select max(newest.round) from rounds as newest where newest.run = rows.run)`,
      ),
    transcripts: removeTranscripts,
    audit: async (beforeMs) => audit.cut(SYSTEM, beforeMs, await fedSeq?.()),
    inactiveParticipants: eraseInactive,
    alerts: (beforeMs) => remove('alerts', sql`rows.resolved_at_ms < ${beforeMs}`),
    requests: (beforeMs) => remove('idempotency_keys', sql`rows.created_at_ms < ${beforeMs}`),
  };

  async function sweepAll(): Promise<Swept> {
    const swept = Object.fromEntries(Object.keys(periods).map((name) => [name, 0])) as Record<
      keyof RetentionPeriods,
      number
    >;
    for (const name of Object.keys(sweeps) as (keyof RetentionPeriods)[]) {
      const days = periods[name];
      if (days === 0) continue;
      try {
        swept[name] = await sweeps[name](nowMs() - days * DAY_MS);
      } catch (thrown) {
        log.error({ what: name, code: toErrorRecord(thrown).code, err: thrown }, 'retention failed');
      }
    }
    return swept;
  }

  return {
    async sweep() {
      await checkClock();
      return audit.record(SYSTEM, {
        action: 'retention.swept',
        subject: 'server',
        effect: sweepAll,
        found: (swept) => ({ after: swept }),
      });
    },
  };
}

const QUEUE = 'retention';
const EVERY_MS = DAY_MS;

/**
 * Sweeps now and once a day: by the queue, on one replica at a time and after a restart too; by a timer where there is none. After each sweep
 * the next is sent.
 */
export async function runRetention(
  retention: Pick<Retention, 'sweep'>,
  log: Pick<Logger, 'error'>,
  queue?: Pick<JobQueue, 'work' | 'send'>,
): Promise<{ close(): Promise<void> }> {
  if (queue !== undefined) {
    const send = (startAfterMs: number) => queue.send(QUEUE, {}, { singletonKey: QUEUE, startAfterMs });
    await queue.work(QUEUE, async () => {
      // A sweep logs what fails; whatever else does must not end the sweeping.
      await retention
        .sweep()
        .catch((err: unknown) => log.error({ err }, 'what is to be deleted by its age could not be'));
      await send(EVERY_MS);
    });
    await send(0);
    return { close: () => Promise.resolve() };
  }
  let last: Promise<unknown> = Promise.resolve();
  const next = (): void => {
    last = last
      .then(retention.sweep)
      .catch((err: unknown) => log.error({ err }, 'what is to be deleted by its age could not be'));
  };
  next();
  const timer = setInterval(next, EVERY_MS);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      await last;
    },
  };
}
