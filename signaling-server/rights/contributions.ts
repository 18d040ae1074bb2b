import { sql } from 'drizzle-orm';
import type { Federation } from '../../shared/federation/index.ts';
import type { Database } from '../storage/database.ts';
import { execute } from './mentions.ts';

/** Which models of a run a participant is in. */
export interface Contribution {
  readonly run: string;
  readonly federation: string | null;
  /** Rounds whose sum its update is in. */
  readonly rounds: number;
  readonly firstRound: number;
  readonly lastRound: number;
  /** Every version from the first of these rounds on was computed from it, directly or from one that was. */
  readonly versions: { readonly from: number; readonly to: number };
  /** What is known of how much a model can tell about it. */
  readonly protection: string;
}

/** From the records of rounds, so that it is asked for before they are pseudonymized. */
export async function contributionsOf(database: Database, participant: string): Promise<Contribution[]> {
  const rows = await execute(
    database,
    sql`select mine.run, runs.federation, mine.rounds, mine.first_round, mine.last_round,
        (select max(round) from rounds where rounds.run = mine.run) as newest, federations.document::text
      from (
        select run, count(*) as rounds, min(round) as first_round, max(round) as last_round
        from rounds where jsonb_exists(record->'survivors', ${participant}) group by run
      ) as mine
      left join runs on runs.id = mine.run
      left join federations on federations.id = runs.federation
      order by mine.run`,
  );
  return rows.map(([run, federation, rounds, first, last, newest, document]) => ({
    run: run as string,
    federation: federation as string | null,
    rounds: Number(rounds),
    firstRound: Number(first),
    lastRound: Number(last),
    versions: { from: Number(first), to: Number(newest) },
    protection: protectionOf(
      document === null ? undefined : (JSON.parse(document as string) as Federation).privacy,
    ),
  }));
}

/** In words, as the document of today says. */
export function protectionOf(privacy: Federation['privacy'] | undefined): string {
  if (privacy === undefined) return 'The federation is not known here any more.';
  const { participant, record, secureAggregation } = privacy;
  const sums = secureAggregation === 'secagg' ? ' Only sums of updates were seen.' : '';
  if (participant !== undefined)
    return `Noise of ${participant.noiseMultiplier} times what an update can change hides whether this participant took part at all (${participant.trust}).${sums}`;
  if (record !== undefined)
    return `Noise of ${record.noiseMultiplier} times what an example can change hides single examples; that it took part can be told.${sums}`;
  return `No noise: a model may tell something about what it was trained on.${sums}`;
}

/** Federations whose rounds name this participant, whatever became of its part. */
export async function federationsNaming(database: Database, participant: string): Promise<string[]> {
  const rows = await execute(
    database,
    sql`select distinct runs.federation from runs where exists (select 1 from rounds
      where rounds.run = runs.id and position(${participant}::text in rounds.record::text) > 0)`,
  );
  return rows.map(([federation]) => federation as string);
}
