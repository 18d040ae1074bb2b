import { and, eq, getTableColumns, lte, type SQL, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Database } from './database.ts';
import { runs } from './schema.ts';

/**
 * The term that a coordinator writes under. Once a later one was handed out for its run, what it writes is refused: somebody else
 * coordinates, and may have decided otherwise. SPEC J-10.
 */
export interface Fence {
  readonly term: number;
}

/** These values as a query that gives none where the fence was passed by: for an insert that decides and writes as one statement. */
export function fenced(
  table: PgTable,
  values: Readonly<Record<string, unknown>>,
  run: string,
  { term }: Fence,
): SQL {
  const fields = Object.entries(getTableColumns(table)).map(
    ([name, column]) => sql`${sql.param(values[name], column)}::${sql.raw(column.getSQLType())}`,
  );
  const isPassed = and(eq(runs.id, run), lte(runs.term, term));
  return sql`select ${sql.join(fields, sql`, `)} from ${runs} where ${isPassed}`;
}

/**
 * After a statement that wrote nothing: whether its fence was why.
 * @throws `storage.conflict`.
 */
export async function checkFence(database: Database, run: string, { term }: Fence): Promise<void> {
  const rows = await database.run((db) => db.select({ term: runs.term }).from(runs).where(eq(runs.id, run)));
  const newest = rows[0]?.term;
  if (newest !== undefined && newest <= term) return;
  throw new MurmurationError('storage.conflict', 'Another coordinator of this run came after this one.', {
    expected: `no term above ${term}`,
    received: newest === undefined ? 'no such run' : String(newest),
    remedy: 'Nothing is to be done here: the other one goes on.',
  });
}
