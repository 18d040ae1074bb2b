import { eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import { feedCursors } from '../storage/schema.ts';
import type { ServerAuditLog } from './create-audit-log.ts';
import type { Sender } from './siem-senders.ts';

export interface FeedOptions {
  /** Name of its cursor: another receiver, another name. */
  readonly name: string;
  readonly audit: Pick<ServerAuditLog, 'entriesAfter' | 'newestSeq' | 'subscribe'>;
  readonly database: Database;
  readonly sender: Sender;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  /** Whether this replica is the one that sends; two that do send everything twice. */
  readonly leads?: () => boolean | Promise<boolean>;
  readonly nowMs?: () => number;
  readonly batch?: number;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
  /** How often it is looked for entries of other replicas. */
  readonly pollMs?: number;
}

export interface FeedLag {
  /** Entries that the receiver has not taken. */
  readonly entries: number;
  /** Since when entries could not be given away; null while all goes well. */
  readonly failingSinceMs: number | null;
  /** Of the last failure. */
  readonly code: string | null;
}

export interface AuditFeed {
  /** Last entry that the receiver took: what comes after it must not be cut off. */
  takenSeq(): Promise<number>;
  lag(): Promise<FeedLag>;
  /** Resolves when all that is there now was taken, or never while the receiver is away. */
  caughtUp(): Promise<void>;
  /** Ends what is under way; the cursor says where to go on. */
  close(): Promise<void>;
}

const BATCH = 200;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 60_000;
const POLL_MS = 10_000;

/**
 * Gives the audit to a receiver, each entry at least once and in order: the cursor moves after the receiver took a batch, so that what was
 * under way when this server died is sent again, and the receiver drops doubles by `seq`. While the receiver is away the log goes on, and
 * its entries wait in it; nothing is kept in memory but one batch. SPEC V-06.
 */
export function startFeed(options: FeedOptions): AuditFeed {
  const { name, audit, database, sender, log, nowMs = Date.now, batch = BATCH } = options;
  const { leads = () => true } = options;
  const { firstDelayMs = FIRST_DELAY_MS, longestDelayMs = LONGEST_DELAY_MS, pollMs = POLL_MS } = options;
  const lifetime = new AbortController();
  const { signal } = lifetime;
  let failingSinceMs: number | null = null;
  let code: string | null = null;
  let delayMs = firstDelayMs;
  let wake: () => void = () => undefined;
  /** Something came while nobody waited. */
  let isDue = false;
  const idle = new Set<() => void>();

  const cursor = async (): Promise<number> => {
    const [row] = await database.run((db) =>
      db.select({ seq: feedCursors.seq }).from(feedCursors).where(eq(feedCursors.feed, name)),
    );
    return row?.seq ?? 0;
  };

  const moveTo = (seq: number): Promise<unknown> =>
    database.run((db) =>
      db
        .insert(feedCursors)
        .values({ feed: name, seq, updatedAtMs: nowMs() })
        .onConflictDoUpdate({
          target: feedCursors.feed,
          // Of two replicas that send at once, the one behind does not take the cursor back.
          set: { seq: sql`greatest(${feedCursors.seq}, excluded.seq)`, updatedAtMs: nowMs() },
        }),
    );

  /** @returns whether there may be more. */
  async function step(): Promise<boolean> {
    const entries = await audit.entriesAfter(await cursor(), batch);
    const last = entries.at(-1);
    if (last === undefined) return false;
    await sender.send(entries, signal);
    await moveTo(last.seq);
    if (failingSinceMs !== null) log.info({ feed: name, seq: last.seq }, 'the audit feed is taken again');
    failingSinceMs = null;
    code = null;
    delayMs = firstDelayMs;
    return true;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      isDue = false;
      try {
        while ((await leads()) && (await step())) if (signal.aborted) return;
        // What came while it was looked may have been missed.
        if (isDue) continue;
        for (const settle of idle) settle();
        idle.clear();
        await pause(pollMs, true);
      } catch (thrown) {
        if (signal.aborted) return;
        failingSinceMs ??= nowMs();
        code = toErrorRecord(thrown).code;
        log.warn({ feed: name, code, delayMs, err: thrown }, 'the audit feed is not taken');
        await pause(delayMs, false);
        delayMs = Math.min(2 * delayMs, longestDelayMs);
      }
    }
  }

  /** @param isEarly - a new entry ends it: not while the receiver is away. */
  function pause(ms: number, isEarly: boolean): Promise<void> {
    if (signal.aborted || (isEarly && isDue)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      timer.unref();
      signal.addEventListener('abort', end);
      if (isEarly) wake = end;
    });
  }

  const unsubscribe = audit.subscribe(() => {
    isDue = true;
    wake();
  });
  const done = run();

  return {
    takenSeq: cursor,
    async lag() {
      const [newest, taken] = await Promise.all([audit.newestSeq(), cursor()]);
      return { entries: Math.max(0, newest - taken), failingSinceMs, code };
    },
    caughtUp() {
      return new Promise((resolve) => {
        idle.add(resolve);
        isDue = true;
        wake();
      });
    },
    async close() {
      unsubscribe();
      lifetime.abort();
      await done;
      sender.close();
      for (const settle of idle) settle();
    },
  };
}
