import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy';
import type { Logger } from 'pino';
import { hasCode } from '../../shared/errors/index.ts';
import { pgliteDriver } from './pglite-driver.ts';
import { postgresDriver } from './postgres-driver.ts';
import * as schema from './schema.ts';
import type { SqlDriver } from './sql-driver.ts';
import { storageError } from './storage-error.ts';

export type Sql = PgRemoteDatabase<typeof schema>;

export interface Database {
  readonly kind: SqlDriver['kind'];
  /** Runs one statement. @throws `storage.unavailable` after retries, `storage.full`, `storage.corrupt`. */
  run<T>(statement: (sql: Sql) => PromiseLike<T>): Promise<T>;
  /** As {@link SqlDriver.script}. @throws `storage.unavailable`, `storage.full`, `storage.corrupt`. */
  script(statements: string, parameters: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Resolves when the database answers. @throws `storage.unavailable`. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly log: Logger;
  /** How long a statement waits for a database that went away. */
  readonly retryForMs?: number;
}

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));
const MAINTENANCE_EVERY_MS = 10 * 60_000;
const RETRY_FOR_MS = 5_000;
/** A database that is started together with this server may need this long. */
const START_RETRY_FOR_MS = 30_000;
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1_000;

/**
 * Opens the embedded database of the data folder, or PostgreSQL when a URL is given, and brings its schema up to
 * date.
 * @throws `storage.locked` when another process has the folder; `storage.unavailable`, `storage.full`.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { dataDir, databaseUrl, log } = options;
  const driver =
    databaseUrl === undefined ? await pgliteDriver(dataDir, log) : postgresDriver(databaseUrl, log);
  try {
    await retrying(() => driver.migrate(MIGRATIONS), START_RETRY_FOR_MS);
  } catch (error) {
    await driver.close();
    throw error;
  }
  return databaseOver(driver, log, options.retryForMs ?? RETRY_FOR_MS);
}

export function databaseOver(driver: SqlDriver, log: Logger, retryForMs: number): Database {
  const remote = drizzle(
    async (statement, parameters) => ({
      rows: await retrying(() => driver.query(statement, parameters), retryForMs),
    }),
    { schema },
  );
  const maintenance = setInterval(() => {
    driver.maintain().catch((error: unknown) => {
      log.warn({ err: storageError(error, 'the database') }, 'database maintenance failed');
    });
  }, MAINTENANCE_EVERY_MS);
  maintenance.unref();

  const run = async <T>(statement: (sql: Sql) => PromiseLike<T>): Promise<T> => {
    try {
      return await statement(remote);
    } catch (error) {
      throw storageError(error, 'the database');
    }
  };
  return {
    kind: driver.kind,
    run,
    async script(statements, parameters) {
      try {
        return await driver.script(statements, parameters);
      } catch (error) {
        throw storageError(error, 'the database');
      }
    },
    async ping() {
      await run((database) => database.execute(sql`select 1`));
    },
    async close() {
      clearInterval(maintenance);
      await driver.close();
    },
  };
}

async function retrying<T>(work: () => Promise<T>, forMs: number): Promise<T> {
  const endMs = performance.now() + forMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    try {
      return await work();
    } catch (thrown) {
      const error = storageError(thrown, 'the database');
      if (!hasCode(error, 'storage.unavailable') || performance.now() + delayMs > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}
