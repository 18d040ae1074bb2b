import { and, asc, desc, eq, gte, inArray } from 'drizzle-orm';
import type { EvaluationCounts } from '../../shared/training/port.ts';
import type { Database } from './database.ts';
import { newestHeldOutSet, ofHeldOutSet } from './of-held-out-set.ts';
import { metrics, modelVersions, rounds } from './schema.ts';

/** One version of a run's model, and where it comes from. Version 0, of which there is no record, is left out. */
export interface Version {
  readonly version: number;
  readonly hash: string;
  /** Hash of the version that it was made from. */
  readonly base: string;
  readonly survivors: number;
  readonly evaluation: EvaluationCounts | null;
  /**
   * Most accurate by its evaluation of all versions that were evaluated on the newest held-out set, or of least loss where the target is a
   * value; the first of several.
   */
  readonly best: boolean;
  /** Set where the model went back: to which version. */
  readonly rollback: number | null;
  /** Of its file here; null where this server does not keep it. */
  readonly bytes: number | null;
}

export interface VersionRepository {
  /** By version, from this one on. Of a round that was committed twice the last counts. */
  listLineage(run: string, from: number, limit: number): Promise<Version[]>;
  /** The version whose evaluation is best; undefined before the first evaluation. */
  bestVersion(run: string): Promise<number | undefined>;
}

export function versionRepository(database: Database): VersionRepository {
  /** Accuracy decides where anything was ever right; a value target counts nothing as right. */
  const bestVersion = async (run: string): Promise<number | undefined> => {
    const set = await newestHeldOutSet(database, run);
    const extreme = (name: 'accuracy' | 'loss') =>
      database.run((db) =>
        db
          .select({ round: metrics.round, value: metrics.value })
          .from(metrics)
          .where(and(eq(metrics.run, run), eq(metrics.name, name), ofHeldOutSet(set)))
          .orderBy(name === 'accuracy' ? desc(metrics.value) : asc(metrics.value), asc(metrics.round))
          .limit(1),
      );
    const [accurate] = await extreme('accuracy');
    if (accurate === undefined || accurate.value > 0) return accurate?.round;
    return (await extreme('loss'))[0]?.round;
  };

  return {
    bestVersion,

    async listLineage(run, from, limit) {
      const newest = await database.run((db) =>
        db
          .selectDistinctOn([rounds.round], { record: rounds.record })
          .from(rounds)
          .where(and(eq(rounds.run, run), gte(rounds.round, from)))
          .orderBy(asc(rounds.round), desc(rounds.term), desc(rounds.attempt))
          .limit(limit),
      );
      if (newest.length === 0) return [];
      const hashes = newest.map(({ record }) => record.hash);
      const [best, files] = await Promise.all([
        bestVersion(run),
        database.run((db) =>
          db
            .select({ version: modelVersions.version, hash: modelVersions.hash, bytes: modelVersions.bytes })
            .from(modelVersions)
            .where(and(eq(modelVersions.run, run), inArray(modelVersions.hash, hashes))),
        ),
      ]);
      const bytesOf = new Map(files.map(({ version, hash, bytes }) => [`${version}/${hash}`, bytes]));
      return newest.map(({ record }) => ({
        version: record.round,
        hash: record.hash,
        base: record.baseHash,
        survivors: record.survivors.length,
        evaluation: record.evaluation,
        best: record.round === best,
        rollback: record.rollback?.to ?? null,
        bytes: bytesOf.get(`${record.round}/${record.hash}`) ?? null,
      }));
    },
  };
}
