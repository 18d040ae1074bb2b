import { and, asc, desc, eq, inArray, lt, notInArray, or, sql } from 'drizzle-orm';
import { hasCode, MurmurationError } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import { idempotencyKeys, trainings } from '../storage/operator-schema.ts';
import type { TrainingStatus } from './training.ts';
import type { StoredTraining } from './training-machine.ts';

/** Where trainings are kept. Every change names the revision that it was decided by. */
export interface TrainingRepository {
  /**
   * Keeps a new one. Keeping the same id again changes nothing.
   * @returns what is kept under this id.
   * @throws `http.conflict` where the federation has an unfinished one.
   */
  insertTraining(training: StoredTraining): Promise<StoredTraining>;
  findTraining(id: string): Promise<StoredTraining | undefined>;
  /** @returns false where it was changed since: read it, and decide again. */
  replaceTraining(training: StoredTraining, revision: number): Promise<boolean>;
  /** Newest first. */
  listTrainings(query: {
    readonly federation?: string | undefined;
    readonly status?: TrainingStatus | undefined;
    readonly before?: { readonly createdAtMs: number; readonly id: string } | undefined;
    readonly limit: number;
  }): Promise<StoredTraining[]>;
  /** In the order in which they were created. */
  listUnfinished(): Promise<StoredTraining[]>;
  /** The newest of each of these runs. */
  newestTrainings(runs: readonly string[]): Promise<ReadonlyMap<string, StoredTraining>>;
  findKey(principal: string, key: string): Promise<Omit<KeyClaim, 'atMs'> | undefined>;
  /**
   * Takes a key for a request, for good.
   * @returns what the key was taken for, by this call or before.
   */
  takeKey(claim: KeyClaim): Promise<Omit<KeyClaim, 'atMs'>>;
}

export interface KeyClaim {
  /** Name of who asks: keys of others are other keys. */
  readonly principal: string;
  readonly key: string;
  /** Hex SHA-256 of what was asked. */
  readonly request: string;
  /** Id of what comes of it. */
  readonly result: string;
  readonly atMs: number;
}

const OVER: TrainingStatus[] = ['STOPPED', 'SUCCEEDED', 'FAILED'];

export function trainingRepository(database: Database): TrainingRepository {
  const findTraining = async (id: string): Promise<StoredTraining | undefined> => {
    const rows = await database.run((db) => db.select().from(trainings).where(eq(trainings.id, id)));
    return rows[0];
  };

  const findKey: TrainingRepository['findKey'] = async (principal, key) => {
    const rows = await database.run((db) =>
      db
        .select()
        .from(idempotencyKeys)
        .where(and(eq(idempotencyKeys.principal, principal), eq(idempotencyKeys.key, key))),
    );
    const [taken] = rows;
    return taken && { principal, key, request: taken.request, result: taken.result ?? '' };
  };

  return {
    findTraining,

    async insertTraining(training) {
      try {
        await database.run((db) =>
          db.insert(trainings).values(training).onConflictDoNothing({ target: trainings.id }),
        );
      } catch (thrown) {
        if (!hasCode(thrown, 'storage.conflict')) throw thrown;
        throw new MurmurationError('http.conflict', 'This federation has a training that is not over.', {
          received: training.federation,
          remedy: 'Stop that one first, or wait until it is over.',
          cause: thrown,
        });
      }
      return (await findTraining(training.id))!;
    },

    async replaceTraining(training, revision) {
      const { id, ...row } = training;
      const written = await database.run((db) =>
        db
          .update(trainings)
          .set(row)
          .where(and(eq(trainings.id, id), eq(trainings.revision, revision)))
          .returning({ id: trainings.id }),
      );
      if (written.length > 0) return true;
      // The answer to a statement that was sent again may have been lost: then this very change is there.
      const now = await findTraining(id);
      return now?.revision === training.revision && now.updatedAtMs === training.updatedAtMs
        ? now.status === training.status && now.reason === training.reason && now.round === training.round
        : false;
    },

    async listTrainings({ federation, status, before, limit }) {
      return database.run((db) =>
        db
          .select()
          .from(trainings)
          .where(
            and(
              federation === undefined ? undefined : eq(trainings.federation, federation),
              status === undefined ? undefined : eq(trainings.status, status),
              before === undefined
                ? undefined
                : or(
                    lt(trainings.createdAtMs, before.createdAtMs),
                    and(eq(trainings.createdAtMs, before.createdAtMs), lt(trainings.id, before.id)),
                  ),
            ),
          )
          .orderBy(desc(trainings.createdAtMs), desc(trainings.id))
          .limit(limit),
      );
    },

    listUnfinished: async () =>
      database.run((db) =>
        db
          .select()
          .from(trainings)
          .where(notInArray(trainings.status, OVER))
          .orderBy(asc(trainings.createdAtMs), asc(trainings.id)),
      ),

    async newestTrainings(runs) {
      if (runs.length === 0) return new Map();
      const rows = await database.run((db) =>
        db
          .selectDistinctOn([trainings.run])
          .from(trainings)
          .where(inArray(trainings.run, [...runs]))
          // An unfinished one is newer than any that is over, whatever clocks said.
          .orderBy(
            trainings.run,
            sql`${trainings.status} in ('STOPPED', 'SUCCEEDED', 'FAILED')`,
            desc(trainings.createdAtMs),
            desc(trainings.id),
          ),
      );
      return new Map(rows.map((row) => [row.run, row]));
    },

    findKey,

    async takeKey({ principal, key, request, result, atMs }) {
      await database.run((db) =>
        db
          .insert(idempotencyKeys)
          .values({ principal, key, request, result, createdAtMs: atMs })
          .onConflictDoNothing(),
      );
      return (await findKey(principal, key))!;
    },
  };
}
