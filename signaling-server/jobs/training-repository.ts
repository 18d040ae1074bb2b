import { and, asc, count, desc, eq, exists, inArray, lt, ne, notInArray, or, sql } from 'drizzle-orm';
import { hasCode, MurmurationError } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import { idempotencyKeys, switches, trainings } from '../storage/operator-schema.ts';
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
  /**
   * As {@link replaceTraining}, for one that is to run from now on: while fewer than `most` do. Of those who take the last place at the same moment, on any
   * replicas, one gets it.
   */
  beginTraining(
    training: StoredTraining,
    revision: number,
    most: number,
  ): Promise<'begun' | 'full' | 'changed'>;
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

/** They have a place. */
const RUNNING: TrainingStatus[] = ['RUNNING', 'STOPPING'];
/**
 * A row of `switches` that is never on. Whoever takes a place counts it up from what it was before the places were counted: who counted what
 * another has taken meanwhile finds it changed.
 */
const PLACES = 'places';
/** Of those who take places at the same moment all but one count again; beyond that something else is wrong. */
const MAX_TURNS = 50;
const OVER: TrainingStatus[] = ['STOPPED', 'SUCCEEDED', 'FAILED'];

export function trainingRepository(database: Database): TrainingRepository {
  const findTraining = async (id: string): Promise<StoredTraining | undefined> => {
    const rows = await database.run((db) => db.select().from(trainings).where(eq(trainings.id, id)));
    return rows[0];
  };

  const replaceTraining: TrainingRepository['replaceTraining'] = async (training, revision) => {
    const { id, ...row } = training;
    const written = await database.run((db) =>
      db
        .update(trainings)
        .set(row)
        .where(and(eq(trainings.id, id), eq(trainings.revision, revision)))
        .returning({ id: trainings.id }),
    );
    return written.length > 0 || isThere(training);
  };

  /** The answer to a statement that was sent again may have been lost: then this very change is there. */
  async function isThere({
    id,
    revision,
    updatedAtMs,
    status,
    reason,
    round,
  }: StoredTraining): Promise<boolean> {
    const now = await findTraining(id);
    return now?.revision === revision && now.updatedAtMs === updatedAtMs
      ? now.status === status && now.reason === reason && now.round === round
      : false;
  }

  async function turnOf(): Promise<number> {
    const [row] = await database.run((db) =>
      db.select({ turn: switches.setAtMs }).from(switches).where(eq(switches.name, PLACES)),
    );
    if (row !== undefined) return row.turn;
    const first = { name: PLACES, isOn: false, reason: '', setBy: '', setAtMs: 0 };
    await database.run((db) => db.insert(switches).values(first).onConflictDoNothing());
    return turnOf();
  }

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

    replaceTraining,

    async beginTraining(training, revision, most) {
      const { id, ...row } = training;
      for (let turns = 0; turns < MAX_TURNS; turns++) {
        const turn = await turnOf();
        const [running] = await database.run((db) =>
          db
            .select({ count: count() })
            .from(trainings)
            .where(and(inArray(trainings.status, RUNNING), ne(trainings.id, id))),
        );
        if (running!.count >= most) return 'full';
        const written = await database.run((db) => {
          const taken = db.$with('taken').as(
            db
              .update(switches)
              .set({ setAtMs: turn + 1 })
              .where(and(eq(switches.name, PLACES), eq(switches.setAtMs, turn)))
              .returning({ name: switches.name }),
          );
          return db
            .with(taken)
            .update(trainings)
            .set(row)
            .where(
              and(
                eq(trainings.id, id),
                eq(trainings.revision, revision),
                exists(db.select({ name: taken.name }).from(taken)),
              ),
            )
            .returning({ id: trainings.id });
        });
        if (written.length > 0 || (await isThere(training))) return 'begun';
        if ((await findTraining(id))?.revision !== revision) return 'changed';
      }
      throw new MurmurationError('storage.conflict', 'Others begin trainings all the time.', {
        remedy: 'Try again.',
      });
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
