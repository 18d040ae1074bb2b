import { type SQL, sql } from 'drizzle-orm';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import { execute } from './mentions.ts';

/**
 * Transcripts that a participant may be named in: of rounds whose record names it and, in runs that it took part in, of rounds that came to
 * nothing, since of those no record says who was there.
 */
export function transcriptsOf(participant: string): SQL {
  return sql`exists (select 1 from rounds as mine where mine.run = rows.run
      and position(${participant}::text in mine.record::text) > 0
      and (mine.round = rows.round
        or not exists (select 1 from rounds as any_round where any_round.run = rows.run and any_round.round = rows.round)))`;
}

/** @returns keys of the files of these transcripts. */
export async function blobsOf(database: Database, where: SQL): Promise<string[]> {
  const rows = await execute(database, sql`select distinct blob from transcripts as rows where ${where}`);
  return rows.map(([blob]) => blob as string);
}

/** Deletes files that no row names any more. */
export async function deleteUnnamed(
  database: Database,
  blobs: Pick<BlobStore, 'delete'>,
  keys: readonly string[],
): Promise<void> {
  for (const key of keys) {
    const named = await execute(
      database,
      sql`select 1 from transcripts where blob = ${key} union all select 1 from model_versions where blob = ${key} limit 1`,
    );
    if (named.length === 0) await blobs.delete(key);
  }
}
