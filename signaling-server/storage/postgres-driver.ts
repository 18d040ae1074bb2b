import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import type { Logger } from 'pino';
import { type SqlDriver, STATEMENT_TIMEOUT_MS } from './sql-driver.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 10;
/** Any number, as long as every server uses the same: pg_advisory_lock(bigint). */
const MIGRATION_LOCK = 7_238_421_907;

export function postgresDriver(url: string, log: Logger): SqlDriver {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
  });
  // An idle connection that breaks is replaced; without a listener the process would end.
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'));

  return {
    kind: 'postgres',
    async query(statement, parameters) {
      const result = await pool.query({ text: statement, values: [...parameters], rowMode: 'array' });
      return result.rows as unknown[][];
    },
    async script(statements, parameters) {
      const client = await pool.connect();
      let failure: Error | undefined;
      try {
        const result = (await client.query(
          statements,
          parameters.length > 0 ? [...parameters] : undefined,
        )) as pg.QueryResult | pg.QueryResult[];
        const last = Array.isArray(result) ? result.at(-1) : result;
        return (last?.rows ?? []) as Record<string, unknown>[];
      } catch (error) {
        failure = error as Error;
        throw error;
      } finally {
        // What failed between BEGIN and COMMIT ends with its connection.
        client.release(failure);
      }
    },
    async migrate(folder) {
      const client = await pool.connect();
      let failure: Error | undefined;
      try {
        await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
        await migrate(drizzle(client), { migrationsFolder: folder });
        await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      } catch (error) {
        failure = error as Error;
        throw error;
      } finally {
        // A connection given back with an error is closed, which also frees the lock.
        client.release(failure);
      }
    },
    /** PostgreSQL vacuums and checkpoints by itself. */
    maintain: async () => undefined,
    close: () => pool.end(),
  };
}
