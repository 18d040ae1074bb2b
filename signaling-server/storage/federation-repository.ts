import { isDeepStrictEqual } from 'node:util';
import { asc, eq, gt, lt, sql } from 'drizzle-orm';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import type { Database } from './database.ts';
import { federations } from './schema.ts';

export type PutOutcome = 'created' | 'updated' | 'unchanged';

export interface FederationRepository {
  /**
   * Keeps a document that was parsed. A document replaces another of the same id only by a higher revision.
   * @throws `federation.conflict` when another document has this id and at least this revision.
   */
  putFederation(federation: Federation): Promise<PutOutcome>;
  /** @throws `federation.unknown`. */
  getFederation(id: string): Promise<Federation>;
  /** In order of their ids, those after `after`. */
  listFederations(page: { after?: string | undefined; limit: number }): Promise<Federation[]>;
}

/** Documents are parsed as they are read: one stored before a field existed gets that field's default. */
export function federationRepository(database: Database, nowMs: () => number): FederationRepository {
  const find = async (id: string): Promise<Federation | undefined> => {
    const rows = await database.run((db) =>
      db.select({ document: federations.document }).from(federations).where(eq(federations.id, id)),
    );
    return rows[0] && parseFederation(rows[0].document);
  };

  return {
    async putFederation(federation) {
      checkStorable(federation);
      const { id, revision } = federation;
      const atMs = nowMs();
      const written = await database.run((db) =>
        db
          .insert(federations)
          .values({ id, revision, document: federation, createdAtMs: atMs, updatedAtMs: atMs })
          .onConflictDoUpdate({
            target: federations.id,
            set: { revision, document: federation, updatedAtMs: atMs },
            setWhere: lt(federations.revision, revision),
          })
          // A row that this statement inserted has no deleting transaction (PostgreSQL manual, system columns).
          .returning({ inserted: sql<boolean>`xmax = 0` }),
      );
      if (written[0] !== undefined) return written[0].inserted ? 'created' : 'updated';
      const kept = await find(id);
      if (isDeepStrictEqual(kept, JSON.parse(JSON.stringify(federation)))) return 'unchanged';
      throw new MurmurationError('federation.conflict', `Another federation has the id "${id}".`, {
        path: 'revision',
        expected: `a revision above ${kept?.revision}`,
        received: String(revision),
        remedy: 'Raise the revision to change that federation, or choose another id.',
      });
    },

    async getFederation(id) {
      const federation = await find(id);
      if (federation !== undefined) return federation;
      throw new MurmurationError('federation.unknown', 'There is no such federation on this server.', {
        remedy: 'Check the link, or ask whoever sent it.',
      });
    },

    async listFederations({ after, limit }) {
      const rows = await database.run((db) =>
        db
          .select({ document: federations.document })
          .from(federations)
          .where(after === undefined ? undefined : gt(federations.id, after))
          .orderBy(asc(federations.id))
          .limit(limit),
      );
      return rows.map(({ document }) => parseFederation(document));
    },
  };
}

/** PostgreSQL's jsonb holds neither U+0000 nor half a surrogate pair. */
function checkStorable(federation: Federation): void {
  check(
    !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(federation)),
    'federation.invalid',
    'A text of the document holds a character that cannot be stored.',
    { path: 'document', expected: 'no U+0000 and no unpaired surrogate', remedy: 'Remove the character.' },
  );
}
