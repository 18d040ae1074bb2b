import { sql } from 'drizzle-orm';
import { MurmurationError } from '../shared/errors/index.ts';
import { execute } from './rights/mentions.ts';
import type { Database } from './storage/database.ts';

/** Tokens, leases of seats and the order of the audit stand this much and no more. */
const TOLERATED_MS = 10_000;

/**
 * Holds the server's clock against what does not come from it: the clock of the database, which all replicas have in common, and the newest entry
 * of the audit, which cannot be of the future. What is deleted by its age asks before it deletes.
 * @throws `server.clock-wrong` when it differs by more than 10 s; what the database throws.
 */
export async function checkClock(database: Database, nowMs: () => number = Date.now): Promise<void> {
  const askedMs = nowMs();
  const [row] = await execute(
    database,
    sql`select floor(extract(epoch from clock_timestamp()) * 1000),
      (select at_ms from audit_entries order by seq desc limit 1)`,
  );
  const [databaseMs, newestMs] = row!.map(Number) as [number, number];
  const toldMs = nowMs();
  // What was told was true somewhere between asking and hearing.
  const differsMs = Math.max(askedMs - databaseMs, databaseMs - toldMs, 0);
  refuseBeyond(differsMs, "the clock of the database's machine");
  refuseBeyond(newestMs - toldMs, 'the newest entry of the audit, which is of the future');
}

function refuseBeyond(differsMs: number, from: string): void {
  if (differsMs <= TOLERATED_MS) return;
  throw new MurmurationError('server.clock-wrong', "The server's clock cannot be right.", {
    expected: `at most ${TOLERATED_MS / 1000} s away from ${from}`,
    received: `${Math.round(differsMs / 1000)} s`,
    remedy: 'Set the clocks of the machines by NTP. Nothing is deleted by its age until they agree.',
  });
}
