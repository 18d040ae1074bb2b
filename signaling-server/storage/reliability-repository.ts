import { and, asc, eq, gt, inArray, isNull, ne, or, sql } from 'drizzle-orm';
import { NEWCOMER, type Reputation } from '../../shared/aggregate/robust/reputation.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { AttemptId } from '../../shared/wire/index.ts';
import type { Attended, AttendedAttempt } from '../reliability/attendance.ts';
import { addEvidence, FORGETTING, failureOf, NO_EVIDENCE } from '../reliability/reputation.ts';
import type { Database } from './database.ts';
import { reliability, type StandingState, standings } from './schema.ts';

export type ReliabilityRow = Omit<
  typeof reliability.$inferSelect,
  'federation' | 'lastAttempt' | 'lastScore' | 'updatedAtMs'
>;

export interface Standing {
  readonly participant: ParticipantId;
  readonly state: Exclude<StandingState, 'clear'>;
  /** Undefined: in every federation. */
  readonly federation: string | undefined;
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number | null;
}

export interface ReliabilityRepository {
  /** Once for each attempt and participant, however often it is told. @returns what is known of these participants then. */
  noteAttempt(federation: string, run: string, attended: AttendedAttempt): Promise<ReliabilityRow[]>;
  /** What group sums told of everyone in this federation so far. */
  readReputations(federation: string): Promise<Map<ParticipantId, Reputation>>;
  /** Of an attempt, once however often; of participants that were never invited here nothing is kept. */
  saveReputations(
    federation: string,
    run: string,
    attempt: AttemptId,
    reputations: ReadonlyMap<ParticipantId, Reputation>,
  ): Promise<void>;
  /** In the order of ids, at most `limit`. */
  listReliability(federation: string, limit: number): Promise<ReliabilityRow[]>;
  /** Blocks, and quarantines that have not ended, of this federation and of all. */
  listStandings(federation: string): Promise<Standing[]>;
  /** What keeps this participant out of the federation; a block comes before a quarantine. */
  standingOf(federation: string, participant: ParticipantId): Promise<Standing | undefined>;
  /**
   * Keeps it out for a while, and forgets the evidence, so that it begins anew afterwards. One that is out already stays so.
   * @param durationMsOf by the number of its quarantines before.
   * @returns what keeps it out.
   */
  quarantine(
    federation: string,
    participant: ParticipantId,
    cause: string,
    durationMsOf: (before: number) => number,
  ): Promise<Standing>;
  /** In every federation, until it is cleared. */
  block(participant: ParticipantId, reason: string): Promise<Standing>;
  /** Ends what is of this kind, in every federation. @returns the federations; an empty name stands for all. */
  clear(participant: ParticipantId, state: Standing['state']): Promise<string[]>;
}

/** As `federation`: everywhere. No federation has an empty id. */
export const EVERYWHERE = '';
/** Rows of one statement: PostgreSQL takes 65,535 parameters. */
const MAX_ROWS = 1000;
/** Different codes of refusals that are counted apart: participants make them up. */
const MAX_CODES = 32;
const CODE = /^[a-z]{1,16}(?:\.[a-z-]{1,40})?$/;

export function reliabilityRepository(database: Database, nowMs: () => number): ReliabilityRepository {
  const selectRows = async (federation: string, ids: readonly string[]): Promise<ReliabilityRow[]> =>
    database.run((db) =>
      db
        .select(rowColumns)
        .from(reliability)
        .where(and(eq(reliability.federation, federation), inArray(reliability.participant, [...ids])))
        .orderBy(asc(reliability.participant)),
    );

  const isActive = () =>
    and(ne(standings.state, 'clear'), or(isNull(standings.untilMs), gt(standings.untilMs, nowMs())));

  const selectStandings = async (federation: string, participant?: string): Promise<Standing[]> => {
    const rows = await database.run((db) =>
      db
        .select()
        .from(standings)
        .where(
          and(
            inArray(standings.federation, [federation, EVERYWHERE]),
            participant === undefined ? undefined : eq(standings.participant, participant),
            isActive(),
          ),
        )
        .orderBy(asc(standings.participant), asc(standings.federation)),
    );
    return rows.map(standingFrom);
  };

  const selectStanding = async (federation: string, participant: string): Promise<Standing | undefined> => {
    const found = await selectStandings(federation, participant);
    return found.find(({ state }) => state === 'blocked') ?? found[0];
  };

  return {
    async noteAttempt(federation, run, { attempt, participants }) {
      const lastAttempt = nameOf(run, attempt);
      const updatedAtMs = nowMs();
      for (let at = 0; at < participants.length; at += MAX_ROWS) {
        const values = participants
          .slice(at, at + MAX_ROWS)
          .map((attended) => ({ federation, lastAttempt, updatedAtMs, ...countsOf(attended) }));
        await database.run((db) =>
          db
            .insert(reliability)
            .values(values)
            .onConflictDoUpdate({
              target: [reliability.federation, reliability.participant],
              set: {
                ...Object.fromEntries(COUNTS.map((name) => [name, added(name)])),
                successes: forgotten('successes'),
                failures: forgotten('failures'),
                refusals: MERGED_REFUSALS,
                lastAttempt: sql`excluded.last_attempt`,
                updatedAtMs: sql`excluded.updated_at_ms`,
              },
              // A statement whose answer was lost is sent again.
              setWhere: sql`${reliability.lastAttempt} <> excluded.last_attempt`,
            }),
        );
      }
      return selectRows(
        federation,
        participants.map(({ participant }) => participant),
      );
    },

    async readReputations(federation) {
      const rows = await database.run((db) =>
        db
          .select({
            participant: reliability.participant,
            suspicion: reliability.suspicion,
            contribution: reliability.contribution,
            rounds: reliability.scoredRounds,
          })
          .from(reliability)
          .where(and(eq(reliability.federation, federation), gt(reliability.scoredRounds, 0))),
      );
      return new Map(
        rows.map(({ participant, ...reputation }) => [participant as ParticipantId, reputation]),
      );
    },

    async saveReputations(federation, run, attempt, reputations) {
      const lastScore = nameOf(run, attempt);
      for (const [participant, { suspicion, contribution, rounds }] of reputations)
        await database.run((db) =>
          db
            .update(reliability)
            .set({ suspicion, contribution, scoredRounds: rounds, lastScore })
            .where(
              and(
                eq(reliability.federation, federation),
                eq(reliability.participant, participant),
                ne(reliability.lastScore, lastScore),
              ),
            ),
        );
    },

    listReliability: (federation, limit) =>
      database.run((db) =>
        db
          .select(rowColumns)
          .from(reliability)
          .where(eq(reliability.federation, federation))
          .orderBy(asc(reliability.participant))
          .limit(limit),
      ),

    listStandings: (federation) => selectStandings(federation),

    standingOf: selectStanding,

    async quarantine(federation, participant, cause, durationMsOf) {
      const ofBoth = and(eq(standings.federation, federation), eq(standings.participant, participant));
      const out = await selectStanding(federation, participant);
      if (out !== undefined) return out;
      const [before] = await database.run((db) => db.select().from(standings).where(ofBoth));
      const times = before?.times ?? 0;
      const sinceMs = nowMs();
      const row = {
        state: 'quarantined' as const,
        reason: cause,
        sinceMs,
        untilMs: sinceMs + durationMsOf(times),
        times: times + 1,
      };
      await database.run((db) =>
        db
          .insert(standings)
          .values({ federation, participant, ...row })
          .onConflictDoUpdate({
            target: [standings.federation, standings.participant],
            set: row,
            // Of two servers that find the same at once, one writes.
            setWhere: eq(standings.times, times),
          }),
      );
      await database.run((db) =>
        db
          .update(reliability)
          .set({ ...NO_EVIDENCE, suspicion: NEWCOMER.suspicion, scoredRounds: NEWCOMER.rounds })
          .where(and(eq(reliability.federation, federation), eq(reliability.participant, participant))),
      );
      return (
        (await selectStanding(federation, participant)) ?? standingFrom({ federation, participant, ...row })
      );
    },

    async block(participant, reason) {
      const row = { state: 'blocked' as const, reason, sinceMs: nowMs(), untilMs: null, times: 0 };
      const [written] = await database.run((db) =>
        db
          .insert(standings)
          .values({ federation: EVERYWHERE, participant, ...row })
          .onConflictDoUpdate({ target: [standings.federation, standings.participant], set: row })
          .returning(),
      );
      return standingFrom(written!);
    },

    async clear(participant, state) {
      const rows = await database.run((db) =>
        db
          .update(standings)
          .set({ state: 'clear', reason: '', untilMs: nowMs() })
          .where(and(eq(standings.participant, participant), eq(standings.state, state), isActive()))
          .returning({ federation: standings.federation }),
      );
      return rows.map(({ federation }) => federation);
    },
  };
}

const rowColumns = {
  participant: reliability.participant,
  invitations: reliability.invitations,
  trained: reliability.trained,
  uploaded: reliability.uploaded,
  survived: reliability.survived,
  missedDeadlines: reliability.missedDeadlines,
  dropOuts: reliability.dropOuts,
  rejections: reliability.rejections,
  refusals: reliability.refusals,
  trainMsSum: reliability.trainMsSum,
  successes: reliability.successes,
  failures: reliability.failures,
  suspicion: reliability.suspicion,
  contribution: reliability.contribution,
  scoredRounds: reliability.scoredRounds,
};

const COUNTS = [
  'invitations',
  'trained',
  'uploaded',
  'survived',
  'missedDeadlines',
  'dropOuts',
  'rejections',
  'trainMsSum',
] as const;

function nameOf(run: string, { term, round, attempt }: AttemptId): string {
  return `${run}/${term}.${round}.${attempt}`;
}

function countsOf(attended: Attended) {
  const { participant, outcome, code, trained, uploaded, trainMs } = attended;
  const failure = failureOf(attended);
  const is = (candidate: Attended['outcome']): number => (outcome === candidate ? 1 : 0);
  return {
    participant,
    invitations: 1,
    trained: trained ? 1 : 0,
    uploaded: uploaded ? 1 : 0,
    survived: is('survived'),
    missedDeadlines: is('missed-deadline'),
    dropOuts: is('dropped-out'),
    rejections: is('rejected'),
    refusals: outcome === 'refused' ? { [code !== undefined && CODE.test(code) ? code : 'other']: 1 } : {},
    trainMsSum: trainMs ?? 0,
    ...(failure === undefined ? NO_EVIDENCE : addEvidence(NO_EVIDENCE, failure)),
  };
}

function added(name: (typeof COUNTS)[number]) {
  const column = reliability[name];
  return sql`${column} + excluded.${sql.identifier(column.name)}`;
}

/** As `addEvidence`; where there is none, nothing is forgotten. */
function forgotten(name: 'successes' | 'failures') {
  const column = reliability[name];
  const excluded = sql`excluded.${sql.identifier(column.name)}`;
  return sql`case when excluded.successes + excluded.failures > 0
    then ${FORGETTING}::double precision * ${column} + ${excluded} else ${column} end`;
}

const MERGED_REFUSALS = sql`${reliability.refusals} || coalesce((
  select jsonb_object_agg(kept, coalesce((${reliability.refusals}->>kept)::bigint, 0) + number)
  from (
    select number::bigint as number, case
      when jsonb_exists(${reliability.refusals}, code)
        or (select count(*) from jsonb_object_keys(${reliability.refusals})) < ${MAX_CODES}::int
      then code else 'other' end as kept
    from jsonb_each_text(excluded.refusals) as each (code, number)
  ) as counted), '{}'::jsonb)`;

function standingFrom(row: typeof standings.$inferSelect): Standing {
  const { federation, participant, state, reason, sinceMs, untilMs } = row;
  return {
    participant: participant as ParticipantId,
    state: state as Standing['state'],
    federation: federation === EVERYWHERE ? undefined : federation,
    reason,
    sinceMs,
    untilMs,
  };
}
