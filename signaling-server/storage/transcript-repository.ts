import { and, desc, eq, notInArray } from 'drizzle-orm';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Store } from '../../shared/session/ports.ts';
import type { BlobKey, BlobStore } from './blob-store.ts';
import type { Database } from './database.ts';
import { transcripts } from './schema.ts';

/** A file in the blob store. */
export interface StoredTranscript {
  readonly blob: BlobKey;
  readonly bytes: number;
}

export interface TranscriptRepository extends Pick<Store, 'saveTranscript'> {
  /** @throws `http.not-found` when none is kept, or none any more. */
  findTranscript(run: string, round: number): Promise<StoredTranscript>;
}

/** @param kept - rounds of each run whose transcripts stay. */
export function transcriptRepository(
  database: Database,
  blobs: BlobStore,
  nowMs: () => number,
  kept: number,
): TranscriptRepository {
  const find = async (run: string, round: number): Promise<StoredTranscript | undefined> => {
    const rows = await database.run((db) =>
      db
        .select({ blob: transcripts.blob, bytes: transcripts.bytes })
        .from(transcripts)
        .where(and(eq(transcripts.run, run), eq(transcripts.round, round))),
    );
    return rows[0];
  };

  /** Rows go first: a file that nothing names is lost room, a row that names no file is a failure. */
  const prune = async (run: string): Promise<void> => {
    const dropped = await database.run((db) =>
      db
        .delete(transcripts)
        .where(
          and(
            eq(transcripts.run, run),
            notInArray(
              transcripts.round,
              db
                .select({ round: transcripts.round })
                .from(transcripts)
                .where(eq(transcripts.run, run))
                .orderBy(desc(transcripts.round))
                .limit(kept),
            ),
          ),
        )
        .returning({ blob: transcripts.blob }),
    );
    await deleteUnnamed(dropped.map(({ blob }) => blob));
  };

  const deleteUnnamed = async (keys: readonly BlobKey[]): Promise<void> => {
    for (const key of keys) {
      const named = await database.run((db) =>
        db.select({ round: transcripts.round }).from(transcripts).where(eq(transcripts.blob, key)).limit(1),
      );
      if (named.length === 0) await blobs.delete(key);
    }
  };

  return {
    async saveTranscript(run, round, file) {
      const before = await find(run, round);
      const blob = await blobs.put(file);
      const row = { blob, bytes: file.byteLength, savedAtMs: nowMs() };
      await database.run((db) =>
        db
          .insert(transcripts)
          .values({ run, round, ...row })
          .onConflictDoUpdate({ target: [transcripts.run, transcripts.round], set: row }),
      );
      if (before !== undefined) await deleteUnnamed([before.blob]);
      await prune(run);
    },

    async findTranscript(run, round) {
      const found = await find(run, round);
      if (found !== undefined) return found;
      throw new MurmurationError('http.not-found', 'This server keeps no transcript of that round.', {
        remedy: `Transcripts are kept of the last ${kept} secure rounds of a run.`,
      });
    },
  };
}
