import { and, asc, count, eq, lte } from 'drizzle-orm';
import { appendEntry, type Chained, type LedgerEntry } from '../../shared/ledger/index.ts';
import type { Database } from '../storage/database.ts';
import { releases } from '../storage/schema.ts';

const PAGE = 500;

/**
 * Moves the chains of releases of a participant to another name, under new hashes: the old ones were over its id. Rows are written before the
 * old ones are deleted, each chain by one statement; stopped anywhere and done again, it goes on.
 */
export async function rechainReleases(database: Database, id: string, alias: string): Promise<void> {
  const federations = await database.run((db) =>
    db.selectDistinct({ federation: releases.federation }).from(releases).where(eq(releases.participant, id)),
  );
  for (const { federation } of federations) await rechain(database, federation, id, alias);
}

async function rechain(database: Database, federation: string, id: string, alias: string): Promise<void> {
  const chainOf = (participant: string) =>
    and(eq(releases.federation, federation), eq(releases.participant, participant));
  while (true) {
    const [copied] = await database.run((db) =>
      db.select({ rows: count() }).from(releases).where(chainOf(alias)),
    );
    const done = Number(copied?.rows ?? 0);
    const [head] = await database.run((db) =>
      db
        .select()
        .from(releases)
        .where(and(chainOf(alias), eq(releases.seq, done - 1))),
    );
    const rows = await database.run((db) =>
      db.select().from(releases).where(chainOf(id)).orderBy(asc(releases.seq)).limit(PAGE).offset(done),
    );
    if (rows.length === 0) break;
    let previous: Chained<LedgerEntry> | undefined = head;
    const moved = rows.map((row) => {
      const entry = JSON.parse(JSON.stringify(row.entry).replaceAll(id, alias)) as LedgerEntry;
      const link = appendEntry(previous, entry);
      previous = link;
      return { ...row, ...link, participant: alias };
    });
    await database.run((db) => db.insert(releases).values(moved).onConflictDoNothing());
  }
  const [last] = await database.run((db) =>
    db.select({ rows: count() }).from(releases).where(chainOf(alias)),
  );
  await database.run((db) =>
    db.delete(releases).where(and(chainOf(id), lte(releases.seq, Number(last?.rows ?? 0)))),
  );
}
