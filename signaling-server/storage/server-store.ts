import { and, asc, desc, eq, gte, sql } from 'drizzle-orm';
import { check } from '../../shared/errors/index.ts';
import { appendEntry, type ChainedEntry } from '../../shared/ledger/index.ts';
import type { Store } from '../../shared/session/ports.ts';
import { hashModel, type Model, modelBytes, splitModelBytes } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { type BlobStore, readBlob } from './blob-store.ts';
import type { Database } from './database.ts';
import { checkFence, type Fence, fenced } from './fence.ts';
import type { ModelVersion } from './run-repository.ts';
import { ledgerEvents, metrics, modelVersions, rounds } from './schema.ts';

export interface ServerStore extends Omit<Store, 'saveTranscript' | 'saveModel' | 'saveRecord'> {
  /** As {@link Store.saveModel}. @throws `storage.conflict` where the fence was passed by. */
  saveModel(run: string, model: Model, fence?: Fence): Promise<void>;
  /** As {@link Store.saveRecord}. @throws `storage.conflict` where the fence was passed by. */
  saveRecord(run: string, record: RoundRecord, fence?: Fence): Promise<void>;
  /** As {@link Store.loadRecords}, at most `limit` of them. */
  listRecords(run: string, fromRound: number, limit: number): Promise<RoundRecord[]>;
  /** The model of a version, checked. @throws `storage.corrupt`. */
  readModel(version: Pick<ModelVersion, 'version' | 'layoutHash' | 'hash' | 'blob'>): Promise<Model>;
  /** The chain of one dataset, oldest first. */
  readLedger(dataset: string): Promise<ChainedEntry[]>;
}

/** The session's Store over rows and blobs, but for transcripts (transcript-repository.ts). Everything is durable, and idempotent, once it resolves. */
export function serverStore(database: Database, blobs: BlobStore, nowMs: () => number): ServerStore {
  /** Of two records of one round, that of the later attempt comes later: it superseded the other. */
  const selectRecords = (run: string, fromRound: number, limit: number | undefined) =>
    database.run(async (db) => {
      const query = db
        .select({ record: rounds.record })
        .from(rounds)
        .where(and(eq(rounds.run, run), gte(rounds.round, fromRound)))
        .orderBy(asc(rounds.round), asc(rounds.term), asc(rounds.attempt));
      const rows = await (limit === undefined ? query : query.limit(limit));
      return rows.map(({ record }) => record);
    });

  /** Newest first. */
  const selectLedger = (dataset: string, limit: number | undefined): Promise<ChainedEntry[]> =>
    database.run((db) => {
      const query = db
        .select({
          seq: ledgerEvents.seq,
          previousHash: ledgerEvents.previousHash,
          hash: ledgerEvents.hash,
          entry: ledgerEvents.entry,
        })
        .from(ledgerEvents)
        .where(eq(ledgerEvents.dataset, dataset))
        .orderBy(desc(ledgerEvents.seq));
      return limit === undefined ? query : query.limit(limit);
    });

  const readModel = async (
    row: Pick<ModelVersion, 'version' | 'layoutHash' | 'hash' | 'blob'>,
  ): Promise<Model> => {
    const { version, layoutHash, hash } = row;
    const bytes = await readBlob(blobs, row.blob);
    const parts = splitModelBytes(bytes);
    const found = parts && hashModel(layoutHash, parts);
    check(
      parts !== undefined && found === hash,
      'storage.corrupt',
      'The stored model is not the one that was saved.',
      {
        expected: hash,
        received: found ?? `${bytes.byteLength} bytes`,
        remedy: 'Restore the database and the model files from the same backup.',
      },
    );
    return { version, layoutHash, ...parts, hash };
  };

  return {
    readModel,
    loadRecords: (run, fromRound) => selectRecords(run, fromRound, undefined),
    listRecords: selectRecords,

    async loadModel(run) {
      const [newest] = await database.run((db) =>
        db
          .select()
          .from(modelVersions)
          .where(eq(modelVersions.run, run))
          .orderBy(desc(modelVersions.version))
          .limit(1),
      );
      return newest && readModel(newest);
    },

    async saveModel(run, model, fence) {
      const bytes = modelBytes(model);
      const blob = await blobs.put(bytes);
      const row = {
        hash: model.hash,
        layoutHash: model.layoutHash,
        bytes: bytes.byteLength,
        blob,
        savedAtMs: nowMs(),
      };
      const values = { run, version: model.version, ...row };
      const written = await database.run((db) =>
        (fence === undefined
          ? db.insert(modelVersions).values(values)
          : db.insert(modelVersions).select(fenced(modelVersions, values, run, fence))
        )
          .onConflictDoUpdate({ target: [modelVersions.run, modelVersions.version], set: row })
          .returning({ version: modelVersions.version }),
      );
      if (fence !== undefined && written.length === 0) await checkFence(database, run, fence);
    },

    async saveRecord(run, record, fence) {
      const { round, hash, term, attempt } = record;
      const values = { run, round, hash, term, attempt, record, savedAtMs: nowMs() };
      const written = await database.run((db) =>
        (fence === undefined
          ? db.insert(rounds).values(values)
          : db.insert(rounds).select(fenced(rounds, values, run, fence))
        )
          .onConflictDoUpdate({
            target: [rounds.run, rounds.round, rounds.hash],
            set: { record },
            // The evaluation may come after the commit; nothing else of a record ever changes.
            setWhere: sql`${rounds.record}->>'evaluation' is null and excluded.record->>'evaluation' is not null`,
          })
          .returning({ round: rounds.round }),
      );
      if (fence !== undefined && written.length === 0) await checkFence(database, run, fence);
      const rows = metricsOf(record).map((metric) => ({ run, round, ...metric }));
      if (rows.length === 0) return;
      await database.run((db) =>
        db
          .insert(metrics)
          .values(rows)
          .onConflictDoUpdate({
            target: [metrics.run, metrics.round, metrics.name],
            set: { value: sql`excluded.value` },
          }),
      );
    },

    permitRelease: () => Promise.resolve(),

    // The server trains nothing, so there is nothing of its own to remember.
    loadMemory: () => Promise.resolve(undefined),
    saveMemory: () => Promise.resolve(),

    async appendLedger(entry) {
      while (true) {
        const previous = (await selectLedger(entry.dataset, 1)).at(0);
        const link = appendEntry(previous, entry);
        const written = await database.run((db) =>
          db
            .insert(ledgerEvents)
            .values({ ...link, dataset: entry.dataset, run: entry.run, round: entry.round })
            .onConflictDoNothing()
            .returning({ seq: ledgerEvents.seq }),
        );
        if (written.length > 0) return;
        // Somebody else's entry took this place in the chain; or this one did, and the answer was lost.
        if ((await selectLedger(entry.dataset, undefined)).some(({ hash }) => hash === link.hash)) return;
      }
    },

    readLedger: async (dataset) => (await selectLedger(dataset, undefined)).reverse(),
  };
}

function metricsOf({ evaluation }: RoundRecord): { name: string; value: number }[] {
  if (evaluation === null || evaluation.total === 0) return [];
  return [
    { name: 'accuracy', value: evaluation.correct / evaluation.total },
    { name: 'loss', value: evaluation.lossSum / evaluation.total },
  ];
}
