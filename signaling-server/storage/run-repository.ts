import { createHash, randomBytes } from 'node:crypto';
import { aliasedTable, and, asc, desc, eq, gte, sql } from 'drizzle-orm';
import { MurmurationError } from '../../shared/errors/index.ts';
import { canonicalJson, type Federation } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Database } from './database.ts';
import { ofHeldOutSet } from './of-held-out-set.ts';
import { metrics, modelVersions, participants, type RunStatus, rounds, runs } from './schema.ts';

export interface ModelVersion {
  readonly version: number;
  readonly hash: string;
  readonly layoutHash: string;
  readonly bytes: number;
  readonly blob: string;
}

export interface RunSummary {
  readonly id: string;
  readonly federation: string;
  readonly status: RunStatus;
  readonly term: number;
  /** Last committed round; 0 before the first. */
  readonly round: number;
  /** The newest model that this server keeps. */
  readonly model: Pick<ModelVersion, 'version' | 'hash' | 'bytes'> | null;
}

export interface Metric {
  readonly round: number;
  readonly name: string;
  readonly value: number;
}

export interface RunRepository {
  /** The run that belongs to this document: the open one, else the newest, else a new one. */
  currentRun(federation: Federation): Promise<RunSummary>;
  /** The open run that belongs to this document; a new one when none is open. */
  startRun(federation: Federation): Promise<RunSummary>;
  /** @throws `http.not-found`. */
  getRun(run: string): Promise<RunSummary>;
  /** Whether its weights mean under this document what they meant when they were made. @throws `http.not-found`. */
  runFits(run: string, federation: Federation): Promise<boolean>;
  /** An ended run keeps its models and history. Ending it again changes nothing. */
  endRun(run: string, status: Exclude<RunStatus, 'open'>): Promise<void>;
  /** Goes on with an ended run; with another one open, that one goes on. */
  reopenRun(run: string): Promise<void>;
  /** A coordinator term above every one handed out before, and above `seen`. @throws `http.not-found`. */
  nextTerm(run: string, seen?: number): Promise<number>;
  /** No term up to this one is handed out from now on. */
  raiseTerm(run: string, term: number): Promise<void>;
  /** Oldest first. */
  listVersions(run: string): Promise<ModelVersion[]>;
  /** @throws `model.unavailable`. */
  findVersion(run: string, version: number | 'latest'): Promise<ModelVersion>;
  /** @param set only what was counted on this held-out set, null being none; left out, on any. */
  listMetrics(run: string, fromRound: number, set?: string | null): Promise<Metric[]>;
  /** Notes that a device proved this identity. */
  seeParticipant(id: ParticipantId, publicKey: Uint8Array): Promise<void>;
}

export function runRepository(database: Database, nowMs: () => number): RunRepository {
  const summarize = async (run: typeof runs.$inferSelect): Promise<RunSummary> => {
    const [last] = await database.run((db) =>
      db
        .select({ round: sql<string | number | null>`max(${rounds.round})` })
        .from(rounds)
        .where(eq(rounds.run, run.id)),
    );
    const [newest] = await database.run((db) =>
      db
        .select({ version: modelVersions.version, hash: modelVersions.hash, bytes: modelVersions.bytes })
        .from(modelVersions)
        .where(eq(modelVersions.run, run.id))
        .orderBy(desc(modelVersions.version))
        .limit(1),
    );
    const { id, federation, status, term } = run;
    return { id, federation, status, term, round: Number(last?.round ?? 0), model: newest ?? null };
  };

  const newestRun = async (federation: Federation): Promise<typeof runs.$inferSelect | undefined> => {
    const rows = await database.run((db) =>
      db
        .select()
        .from(runs)
        .where(and(eq(runs.federation, federation.id), eq(runs.modelKey, modelKeyOf(federation))))
        .orderBy(desc(sql`${runs.status} = 'open'`), desc(runs.createdAtMs))
        .limit(1),
    );
    return rows[0];
  };

  const startRun = async (federation: Federation): Promise<RunSummary> => {
    const atMs = nowMs();
    await database.run((db) =>
      db
        .insert(runs)
        .values({
          id: randomBytes(16).toString('base64url'),
          federation: federation.id,
          modelKey: modelKeyOf(federation),
          status: 'open',
          createdAtMs: atMs,
          updatedAtMs: atMs,
        })
        // Somebody else opened it first: one run is open at a time.
        .onConflictDoNothing(),
    );
    return summarize((await newestRun(federation))!);
  };

  return {
    startRun,

    async currentRun(federation) {
      const run = await newestRun(federation);
      return run === undefined ? startRun(federation) : summarize(run);
    },

    async getRun(id) {
      const rows = await database.run((db) => db.select().from(runs).where(eq(runs.id, id)));
      return summarize(rows[0] ?? unknownRun());
    },

    async runFits(id, federation) {
      const rows = await database.run((db) =>
        db.select({ federation: runs.federation, modelKey: runs.modelKey }).from(runs).where(eq(runs.id, id)),
      );
      const run = rows[0] ?? unknownRun();
      return run.federation === federation.id && run.modelKey === modelKeyOf(federation);
    },

    async endRun(id, status) {
      await database.run((db) =>
        db
          .update(runs)
          .set({ status, updatedAtMs: nowMs() })
          .where(and(eq(runs.id, id), eq(runs.status, 'open'))),
      );
    },

    async reopenRun(id) {
      const run = aliasedTable(runs, 'other');
      const isOpen = sql`exists (select 1 from ${runs} as ${sql.identifier('other')} where ${run.federation} = ${runs.federation} and ${run.modelKey} = ${runs.modelKey} and ${run.status} = 'open')`;
      await database.run((db) =>
        db
          .update(runs)
          .set({ status: 'open', updatedAtMs: nowMs() })
          .where(and(eq(runs.id, id), sql`not ${isOpen}`)),
      );
    },

    async nextTerm(id, seen = 0) {
      const rows = await database.run((db) =>
        db
          .update(runs)
          .set({ term: sql`greatest(${runs.term}, ${seen}::bigint) + 1`, updatedAtMs: nowMs() })
          .where(eq(runs.id, id))
          .returning({ term: runs.term }),
      );
      return (rows[0] ?? unknownRun()).term;
    },

    async raiseTerm(id, term) {
      await database.run((db) =>
        db
          .update(runs)
          .set({ term: sql`greatest(${runs.term}, ${term}::bigint)`, updatedAtMs: nowMs() })
          .where(eq(runs.id, id)),
      );
    },

    async listVersions(run) {
      return database.run((db) =>
        db
          .select(versionColumns)
          .from(modelVersions)
          .where(eq(modelVersions.run, run))
          .orderBy(asc(modelVersions.version)),
      );
    },

    async findVersion(run, version) {
      const ofRun = eq(modelVersions.run, run);
      const rows = await database.run((db) =>
        db
          .select(versionColumns)
          .from(modelVersions)
          .where(version === 'latest' ? ofRun : and(ofRun, eq(modelVersions.version, version)))
          .orderBy(desc(modelVersions.version))
          .limit(1),
      );
      if (rows[0] !== undefined) return rows[0];
      throw new MurmurationError('model.unavailable', 'This server does not keep that model.', {
        remedy: 'Ask for a version that the run lists, or for the latest.',
      });
    },

    async listMetrics(run, fromRound, set) {
      return database.run((db) =>
        db
          .select({ round: metrics.round, name: metrics.name, value: metrics.value })
          .from(metrics)
          .where(
            and(
              eq(metrics.run, run),
              gte(metrics.round, fromRound),
              set === undefined ? undefined : ofHeldOutSet(set),
            ),
          )
          .orderBy(asc(metrics.round), asc(metrics.name)),
      );
    },

    async seeParticipant(id, publicKey) {
      const atMs = nowMs();
      await database.run((db) =>
        db
          .insert(participants)
          .values({
            id,
            publicKey: Buffer.from(publicKey).toString('hex'),
            firstSeenAtMs: atMs,
            lastSeenAtMs: atMs,
          })
          .onConflictDoUpdate({ target: participants.id, set: { lastSeenAtMs: atMs } }),
      );
    },
  };
}

const versionColumns = {
  version: modelVersions.version,
  hash: modelVersions.hash,
  layoutHash: modelVersions.layoutHash,
  bytes: modelVersions.bytes,
  blob: modelVersions.blob,
};

/** What the weights depend on: two documents with the same key can go on with the same run. */
function modelKeyOf({ data, model }: Federation): string {
  return createHash('sha256').update(canonicalJson({ data, model })).digest('hex');
}

function unknownRun(): never {
  throw new MurmurationError('http.not-found', 'There is no such run on this server.', {
    remedy: 'Ask the federation for its current run.',
  });
}
