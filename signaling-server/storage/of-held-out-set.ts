import { and, desc, eq, isNotNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { metrics, rounds } from './schema.ts';

const setOfRecord = sql<string | null>`${rounds.record}->'evaluation'->>'heldOut'`;

/**
 * Rows of `metrics` that were counted on this held-out set; null: by participants, or by a server that did not say on which. SPEC Q-26.
 */
export function ofHeldOutSet(set: string | null): SQL {
  return sql`exists (select 1 from ${rounds} where ${rounds.run} = ${metrics.run} and ${rounds.round} = ${metrics.round}
    and ${rounds.record}->>'evaluation' is not null and ${setOfRecord} is not distinct from ${set}::text)`;
}

/** The held-out set that a row of `metrics` was counted on; null as for {@link ofHeldOutSet}. The newest record of a round counts. */
export function heldOutSetOf(): SQL<string | null> {
  // Among the columns of a query of one table they would be written without the table's name, and mean those of the inner one.
  const [row, record] = [
    (name: string) => sql`${metrics}.${sql.identifier(name)}`,
    sql`${rounds}.${sql.identifier('record')}`,
  ];
  return sql<string | null>`(select ${record}->'evaluation'->>'heldOut' from ${rounds}
    where ${rounds}.run = ${row('run')} and ${rounds}.round = ${row('round')} and ${record}->>'evaluation' is not null
    order by ${rounds}.term desc, ${rounds}.attempt desc limit 1)`;
}

/** That of the newest evaluation. */
export async function newestHeldOutSet(database: Pick<Database, 'run'>, run: string): Promise<string | null> {
  const [newest] = await database.run((db) =>
    db
      .select({ set: setOfRecord })
      .from(rounds)
      .where(and(eq(rounds.run, run), isNotNull(sql`${rounds.record}->>'evaluation'`)))
      .orderBy(desc(rounds.round), desc(rounds.term), desc(rounds.attempt))
      .limit(1),
  );
  return newest?.set ?? null;
}
