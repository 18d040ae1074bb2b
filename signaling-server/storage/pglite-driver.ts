import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { threadScript } from '../threads/thread-script.ts';
import { lockDataFolder } from './data-folder-lock.ts';
import type { PgliteReply, PgliteRequest } from './pglite-protocol.ts';
import { type SqlDriver, STATEMENT_TIMEOUT_MS } from './sql-driver.ts';
import { storageError } from './storage-error.ts';

type Ask = PgliteRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

interface Pending {
  readonly resolve: (rows: readonly unknown[]) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: NodeJS.Timeout;
}

interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
  /** It opens the database before it answers the first time. */
  hasAnswered: boolean;
}

/** Opening a new database unpacks and starts a whole PostgreSQL. */
const OPEN_TIMEOUT_MS = 120_000;
const MAINTAIN_TIMEOUT_MS = 300_000;

/**
 * PostgreSQL in a thread of this process, its files in `DATA_DIR/database`. A thread that dies is started again
 * by the next statement; PostgreSQL recovers from its log. It never calls fsync: acknowledged rows survive the
 * death of the process, not of the power (use PostgreSQL where that matters).
 * @param script What the thread runs; another one in tests.
 * @throws `storage.locked` when another process has the folder.
 */
export async function pgliteDriver(
  dataDir: string,
  log: Logger,
  script: URL = threadScript(new URL('./pglite-thread.ts', import.meta.url)),
): Promise<SqlDriver> {
  const lock = await lockDataFolder(dataDir);
  const folder = join(dataDir, 'database');
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    await lock.release();
    throw storageError(error, `the data folder ${dataDir}`);
  }
  let thread: Thread | undefined;
  let nextId = 0;
  let closed = false;

  const ask = (request: Ask, timeoutMs: number): Promise<readonly unknown[]> => {
    if (closed) return Promise.reject(unavailable('the database was closed'));
    thread ??= startThread(script, folder, (reason) => {
      thread = undefined;
      if (!closed) log.error({ reason }, 'the database thread ended; the next statement starts it again');
    });
    const { worker, pending, hasAnswered } = thread;
    const limitMs = hasAnswered ? timeoutMs : Math.max(timeoutMs, OPEN_TIMEOUT_MS);
    return new Promise((resolve, reject) => {
      const id = nextId++;
      const deadline = setTimeout(() => {
        pending.delete(id);
        reject(unavailable(`no answer within ${limitMs} ms`));
      }, limitMs);
      pending.set(id, { resolve, reject, deadline });
      worker.postMessage({ ...request, id } satisfies PgliteRequest);
    });
  };

  return {
    kind: 'pglite',
    query: async (statement, parameters) =>
      (await ask({ type: 'query', statement, parameters }, STATEMENT_TIMEOUT_MS)) as unknown[][],
    script: async (statements, parameters) =>
      (await ask({ type: 'script', statements, parameters }, STATEMENT_TIMEOUT_MS)) as Record<
        string,
        unknown
      >[],
    async migrate(migrations) {
      await ask({ type: 'migrate', folder: migrations }, OPEN_TIMEOUT_MS);
    },
    async maintain() {
      await ask({ type: 'maintain' }, MAINTAIN_TIMEOUT_MS);
    },
    async close() {
      if (closed) return;
      try {
        if (thread !== undefined) await ask({ type: 'close' }, STATEMENT_TIMEOUT_MS);
      } finally {
        closed = true;
        await thread?.worker.terminate();
        await lock.release();
      }
    },
  };
}

function startThread(script: URL, folder: string, ended: (reason: string) => void): Thread {
  const worker = new Worker(script, { workerData: { folder } });
  const pending = new Map<number, Pending>();
  const thread: Thread = { worker, pending, hasAnswered: false };
  const settle = (id: number): Pending | undefined => {
    const call = pending.get(id);
    clearTimeout(call?.deadline);
    pending.delete(id);
    return call;
  };
  let reason = 'it stopped';
  worker.on('message', (reply: PgliteReply) => {
    thread.hasAnswered = true;
    const call = settle(reply.id);
    if ('rows' in reply) call?.resolve(reply.rows);
    else call?.reject(Object.assign(new Error(reply.error.message), { code: reply.error.code }));
  });
  worker.on('error', (error) => {
    reason = error.message;
  });
  worker.on('exit', () => {
    ended(reason);
    for (const id of [...pending.keys()]) settle(id)?.reject(unavailable(reason));
  });
  worker.unref();
  return thread;
}

function unavailable(reason: string): Error {
  return Object.assign(new Error(reason), { code: '08006' });
}
