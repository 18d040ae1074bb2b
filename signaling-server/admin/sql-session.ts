import pg from 'pg';
import type { Logger } from 'pino';
import { MurmurationError } from '../../shared/errors/index.ts';
import { pgliteDriver } from '../storage/pglite-driver.ts';
import type { RunSql } from '../storage/schema-version.ts';
import { storageError } from '../storage/storage-error.ts';

/** One connection to the database, with transactions: for commands that are run by hand. */
export interface SqlSession {
  readonly kind: 'pglite' | 'postgres';
  readonly run: RunSql;
  /** All that `work` reads is of one moment. */
  reading<T>(work: () => Promise<T>): Promise<T>;
  /** All that `work` writes, or none of it. */
  writing<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabasePlace {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A table of a large server takes its time. */
const STATEMENT_TIMEOUT_MS = 10 * 60_000;

/**
 * Opens the embedded database, which nobody else may have open, or PostgreSQL. The schema stays as it is.
 * @throws `storage.locked` where a server runs on the folder; `storage.unavailable`.
 */
export async function openSession({ dataDir, databaseUrl }: DatabasePlace, log: Logger): Promise<SqlSession> {
  if (databaseUrl === undefined) {
    const driver = await pgliteDriver(dataDir, log);
    return sessionOver('pglite', (text, values = []) => driver.query(text, values), driver.close);
  }
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
  });
  // A connection that breaks between two statements fails the next one.
  client.on('error', (error) => log.warn({ err: error }, 'the database connection was lost'));
  try {
    await client.connect();
  } catch (error) {
    throw storageError(error, 'the database');
  }
  const run: RunSql = async (text, values = []) => {
    const { rows } = await client.query({ text, values: [...values], rowMode: 'array' });
    return rows as unknown[][];
  };
  return sessionOver('postgres', run, () => client.end());
}

function sessionOver(kind: SqlSession['kind'], query: RunSql, close: () => Promise<void>): SqlSession {
  const run: RunSql = async (statement, parameters) => {
    try {
      return await query(statement, parameters);
    } catch (error) {
      throw storageError(error, 'the database');
    }
  };
  const within = async <T>(begin: string, work: () => Promise<T>): Promise<T> => {
    await run(begin);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await rollBack(run, error);
      throw error;
    }
    await run('commit');
    return result;
  };
  return {
    kind,
    run,
    reading: (work) => within('begin isolation level repeatable read read only', work),
    writing: (work) => within('begin', work),
    close,
  };
}

/** A connection that is gone has rolled back already: the first failure is the one to tell. */
async function rollBack(run: RunSql, failure: unknown): Promise<void> {
  try {
    await run('rollback');
  } catch (cause) {
    if (failure instanceof MurmurationError) throw failure;
    throw storageError(cause, 'the database');
  }
}
