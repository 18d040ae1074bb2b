import type { Logger } from 'pino';
import { openDatabase } from '../storage/database.ts';
import { appliedMigration, readMigrations } from '../storage/schema-version.ts';
import { passed, type Report, reportOf } from './report.ts';
import { type DatabasePlace, openSession } from './sql-session.ts';

/** Brings the schema up to date, as a server that starts does. @throws as `openDatabase`; `storage.conflict` for a newer one. */
export async function migrate(place: DatabasePlace, log: Logger, nowMs: number): Promise<Report> {
  const session = await openSession(place, log);
  let before: string;
  try {
    before = (await appliedMigration(session.run))?.tag ?? 'no schema';
  } finally {
    await session.close();
  }
  await (await openDatabase({ ...place, log })).close();
  const after = readMigrations().at(-1)!.tag;
  const detail = before === after ? `It is at ${after} already.` : `From ${before} to ${after}.`;
  return reportOf('migrate', nowMs, [passed('schema', detail)], { before, after });
}
