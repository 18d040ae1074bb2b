import { and, asc, desc, eq, gt, gte, lt, lte, type SQL } from 'drizzle-orm';
import { hasCode } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import { auditCheckpoints, auditEntries } from '../storage/schema.ts';
import type { AuditEntry, AuditQuery } from './audit-log.ts';
import type { Checkpoint } from './entry-hash.ts';

export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** The rows of the log. Entries are only ever added, and cut off at a checkpoint from the front. */
export interface AuditRows {
  head(): Promise<Head | undefined>;
  /** All of them, or none. @returns false when a place is taken by another entry. */
  insert(entries: readonly AuditEntry[]): Promise<boolean>;
  /** Oldest first, after this one. */
  entriesAfter(seq: number, limit: number): Promise<AuditEntry[]>;
  /** Newest first. */
  find(query: AuditQuery & { readonly limit: number }): Promise<AuditEntry[]>;
  insertCheckpoint(checkpoint: Checkpoint): Promise<void>;
  checkpointsAfter(seq: number, limit: number): Promise<Checkpoint[]>;
  newestCheckpoint(limits?: {
    readonly notAfterMs?: number;
    readonly upToSeq?: number | undefined;
  }): Promise<Checkpoint | undefined>;
  /** Deletes entries up to this one, and checkpoints before it. @returns how many entries. */
  cut(seq: number): Promise<number>;
}

export function auditRows(database: Database): AuditRows {
  const hashAt = async (seq: number): Promise<string | undefined> => {
    const [row] = await database.run((db) =>
      db.select({ hash: auditEntries.hash }).from(auditEntries).where(eq(auditEntries.seq, seq)),
    );
    return row?.hash;
  };

  return {
    async head() {
      const [row] = await database.run((db) =>
        db
          .select({ seq: auditEntries.seq, hash: auditEntries.hash })
          .from(auditEntries)
          .orderBy(desc(auditEntries.seq))
          .limit(1),
      );
      return row;
    },

    async insert(entries) {
      const first = entries[0];
      if (first === undefined) return true;
      try {
        await database.run((db) => db.insert(auditEntries).values(entries.map(rowFrom)));
        return true;
      } catch (thrown) {
        if (!hasCode(thrown, 'storage.conflict')) throw thrown;
        // A statement whose answer was lost is sent again, and finds itself there.
        return (await hashAt(first.seq)) === first.hash;
      }
    },

    async entriesAfter(seq, limit) {
      const rows = await database.run((db) =>
        db
          .select()
          .from(auditEntries)
          .where(gt(auditEntries.seq, seq))
          .orderBy(asc(auditEntries.seq))
          .limit(limit),
      );
      return rows.map(entryFrom);
    },

    async find({ action, subject, actor, fromMs, toMs, after, limit }) {
      const conditions: (SQL | undefined)[] = [
        action === undefined ? undefined : eq(auditEntries.action, action),
        subject === undefined ? undefined : eq(auditEntries.subject, subject),
        actor === undefined ? undefined : eq(auditEntries.actor, actor),
        fromMs === undefined ? undefined : gte(auditEntries.atMs, fromMs),
        toMs === undefined ? undefined : lte(auditEntries.atMs, toMs),
        after === undefined ? undefined : lt(auditEntries.seq, Number(after)),
      ];
      const rows = await database.run((db) =>
        db
          .select()
          .from(auditEntries)
          .where(and(...conditions))
          .orderBy(desc(auditEntries.seq))
          .limit(limit),
      );
      return rows.map(entryFrom);
    },

    async insertCheckpoint(checkpoint) {
      await database.run((db) => db.insert(auditCheckpoints).values(checkpoint).onConflictDoNothing());
    },

    checkpointsAfter: (seq, limit) =>
      database.run((db) =>
        db
          .select()
          .from(auditCheckpoints)
          .where(gt(auditCheckpoints.seq, seq))
          .orderBy(asc(auditCheckpoints.seq))
          .limit(limit),
      ),

    async newestCheckpoint({ notAfterMs, upToSeq } = {}) {
      const [row] = await database.run((db) =>
        db
          .select()
          .from(auditCheckpoints)
          .where(
            and(
              notAfterMs === undefined ? undefined : lte(auditCheckpoints.atMs, notAfterMs),
              upToSeq === undefined ? undefined : lte(auditCheckpoints.seq, upToSeq),
            ),
          )
          .orderBy(desc(auditCheckpoints.seq))
          .limit(1),
      );
      return row;
    },

    async cut(seq) {
      const gone = await database.run((db) =>
        db.delete(auditEntries).where(lte(auditEntries.seq, seq)).returning({ seq: auditEntries.seq }),
      );
      await database.run((db) => db.delete(auditCheckpoints).where(lt(auditCheckpoints.seq, seq)));
      return gone.length;
    },
  };
}

function rowFrom(entry: AuditEntry): typeof auditEntries.$inferInsert {
  const { outcome = 'done', code = null, before = null, after = null, ...rest } = entry;
  return { ...rest, outcome, code, before, after };
}

function entryFrom(row: typeof auditEntries.$inferSelect): AuditEntry {
  const { code, before, after, ...rest } = row;
  return {
    ...rest,
    ...(code === null ? {} : { code }),
    ...(before === null ? {} : { before }),
    ...(after === null ? {} : { after }),
  };
}
