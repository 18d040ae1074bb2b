import { randomUUID } from 'node:crypto';
import PgBoss from 'pg-boss';
import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import type { FailedJob, JobQueue } from './queue.ts';

/** How long what another replica sent, or what is retried, may wait beyond its time. */
const POLL_MS = 2_000;
const RETRY_LIMIT = 5;
const FIRST_RETRY_S = 2;
/** A job at work for longer is taken for lost with its process, and done again. */
const EXPIRE_S = 120;
/** Jobs of one name at work at the same time. */
const BATCH = 8;
/** How long handlers at work may take to end once the queue closes. */
const GRACE_MS = 2_000;
/** Jobs have a schema of their own, which pg-boss keeps up to date. */
export const QUEUE_SCHEMA = 'jobs';

type Handler = (data: object, signal: AbortSignal) => Promise<void>;

export interface QueueOptions {
  readonly database: Pick<Database, 'script'>;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  readonly pollMs?: number;
}

/**
 * Jobs in the database of this server, PostgreSQL or the embedded one, by pg-boss. Its own workers are not used: they drop what a database that
 * is away throws at them, and take a second to stop.
 * @throws `storage.unavailable`.
 */
export async function openQueue({ database, log, pollMs = POLL_MS }: QueueOptions): Promise<JobQueue> {
  const boss = new PgBoss({
    db: {
      executeSql: async (text: string, values: unknown[] = []) => ({
        rows: await database.script(text, values),
      }),
    },
    schema: QUEUE_SCHEMA,
    schedule: false,
  });
  boss.on('error', (err) => log.warn({ err }, 'the jobs could not be tidied up'));
  await boss.start();

  const handlers = new Map<string, Handler>();
  const created = new Map<string, Promise<void>>();
  const atWork = new Set<Promise<void>>();
  const lifetime = new AbortController();
  let looking: Promise<void> | undefined;
  let isAgain = false;

  /** One waiting job for each key. */
  function create(name: string): Promise<void> {
    const known = created.get(name) ?? boss.createQueue(name, { name, policy: 'short' });
    created.set(name, known);
    known.catch(() => created.delete(name));
    return known;
  }

  async function dueNames(): Promise<string[]> {
    const names = [...handlers.keys()];
    const rows = await database.script(
      `select distinct name from ${QUEUE_SCHEMA}.job where state < 'active' and start_after <= now() and name = any($1::text[])`,
      [names],
    );
    return rows.map(({ name }) => String(name));
  }

  async function look(): Promise<void> {
    if (handlers.size === 0) return;
    for (const name of await dueNames()) {
      if (lifetime.signal.aborted) return;
      const jobs = (await boss.fetch(name, { batchSize: BATCH })) as PgBoss.Job[] | null;
      for (const job of jobs ?? []) {
        const work = perform(name, job).finally(() => atWork.delete(work));
        atWork.add(work);
      }
      if (jobs?.length === BATCH) isAgain = true;
    }
  }

  async function perform(name: string, { id, data }: PgBoss.Job): Promise<void> {
    const tooLong = AbortSignal.timeout((EXPIRE_S - 10) * 1000);
    try {
      try {
        await handlers.get(name)!(data, AbortSignal.any([lifetime.signal, tooLong]));
      } catch (thrown) {
        const { code } = toErrorRecord(thrown);
        if (!lifetime.signal.aborted) log.warn({ job: id, name, code, err: thrown }, 'a job failed');
        // The code alone: messages of others may quote what they were given.
        return await boss.fail(name, id, { code });
      }
      await boss.complete(name, id);
    } catch (err) {
      // It is done again when its time is over; handlers stand that.
      log.error({ job: id, name, err }, 'what became of a job could not be noted');
    }
  }

  function wake(): void {
    if (lifetime.signal.aborted) return;
    isAgain = true;
    looking ??= (async () => {
      try {
        while (isAgain && !lifetime.signal.aborted) {
          isAgain = false;
          await look();
        }
      } catch (err) {
        log.error({ err }, 'the jobs that are due could not be read');
      } finally {
        looking = undefined;
      }
    })();
  }

  const poll = setInterval(wake, pollMs);
  poll.unref();

  return {
    async work(name, handler) {
      await create(name);
      handlers.set(name, handler as Handler);
      wake();
    },

    async send(name, data, { startAfterMs = 0, singletonKey, retryLimit = RETRY_LIMIT } = {}) {
      await create(name);
      await boss.send(name, data, {
        // Seconds from now by the clock of the database, which decides when they are over.
        startAfter: startAfterMs / 1000,
        singletonKey: singletonKey ?? randomUUID(),
        retryLimit,
        retryDelay: FIRST_RETRY_S,
        retryBackoff: true,
        expireInSeconds: EXPIRE_S,
      });
      if (startAfterMs <= 0) wake();
    },

    async has(name, singletonKey) {
      const rows = await database.script(
        `select 1 from ${QUEUE_SCHEMA}.job where name = $1 and singleton_key = $2
         union all select 1 from ${QUEUE_SCHEMA}.archive where name = $1 and singleton_key = $2 limit 1`,
        [name, singletonKey],
      );
      return rows.length > 0;
    },

    async backlog() {
      const [row] = await database.script(
        `select count(*)::int as jobs from ${QUEUE_SCHEMA}.job where state = 'active' or (state < 'active' and start_after <= now())`,
        [],
      );
      return Number(row?.jobs ?? 0);
    },

    async failed(limit) {
      const rows = await database.script(
        `select id, name, retry_count, (extract(epoch from completed_on) * 1000)::bigint as failed_at_ms
         from (select id, name, retry_count, completed_on, state from ${QUEUE_SCHEMA}.job
           union all select id, name, retry_count, completed_on, state from ${QUEUE_SCHEMA}.archive) as jobs
         where state = 'failed' order by completed_on desc limit $1`,
        [limit],
      );
      return rows.map(
        (row): FailedJob => ({
          id: String(row.id),
          name: String(row.name),
          failedAtMs: Number(row.failed_at_ms),
          retries: Number(row.retry_count),
        }),
      );
    },

    async close() {
      clearInterval(poll);
      lifetime.abort();
      await looking;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((settle) => {
        timer = setTimeout(settle, GRACE_MS);
      });
      await Promise.race([Promise.allSettled(atWork), late]);
      clearTimeout(timer);
      await boss.stop({ graceful: false, wait: true });
    },
  };
}
