import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { NEWCOMER } from '../../shared/aggregate/robust/reputation.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { LedgerEntry } from '../../shared/ledger/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import type { BudgetEntry } from '../privacy/budget-entry.ts';
import type { SubjectKind } from '../privacy/subject.ts';

/**
 * One schema for PGlite and PostgreSQL. Times are milliseconds since the Unix epoch. Rounds, models and ledger
 * entries name their run without a foreign key: a server that lost its disk is told the history of a run by
 * the participants, who know runs that it does not.
 */
const atMs = (name: string) => bigint(name, { mode: 'number' }).notNull();

export const federations = pgTable('federations', {
  id: text('id').primaryKey(),
  revision: integer('revision').notNull(),
  document: jsonb('document').$type<Federation>().notNull(),
  createdAtMs: atMs('created_at_ms'),
  updatedAtMs: atMs('updated_at_ms'),
});

export const runs = pgTable(
  'runs',
  {
    /** 128 random bits as base64url. */
    id: text('id').primaryKey(),
    federation: text('federation')
      .notNull()
      .references(() => federations.id),
    /** SHA-256 of what the weights depend on: a revision that changes the model or the data needs another run. */
    modelKey: text('model_key').notNull(),
    status: text('status').$type<RunStatus>().notNull(),
    /** Highest coordinator term that was handed out. */
    term: bigint('term', { mode: 'number' }).notNull().default(0),
    createdAtMs: atMs('created_at_ms'),
    updatedAtMs: atMs('updated_at_ms'),
  },
  (table) => [
    uniqueIndex('runs_one_open').on(table.federation, table.modelKey).where(sql`${table.status} = 'open'`),
  ],
);
export type RunStatus = 'open' | 'finished' | 'stopped';

export const rounds = pgTable(
  'rounds',
  {
    run: text('run').notNull(),
    round: bigint('round', { mode: 'number' }).notNull(),
    hash: text('hash').notNull(),
    term: bigint('term', { mode: 'number' }).notNull(),
    attempt: bigint('attempt', { mode: 'number' }).notNull(),
    record: jsonb('record').$type<RoundRecord>().notNull(),
    savedAtMs: atMs('saved_at_ms'),
  },
  (table) => [primaryKey({ columns: [table.run, table.round, table.hash] })],
);

export const modelVersions = pgTable(
  'model_versions',
  {
    run: text('run').notNull(),
    version: bigint('version', { mode: 'number' }).notNull(),
    /** SHA-256 over layout hash and weights, as participants compare it. */
    hash: text('hash').notNull(),
    layoutHash: text('layout_hash').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    /** SHA-256 of the bytes alone: their name in the blob store. */
    blob: text('blob').notNull(),
    savedAtMs: atMs('saved_at_ms'),
  },
  (table) => [primaryKey({ columns: [table.run, table.version] })],
);

/** Of secure rounds: the file of the last attempt that this server saw, of the last rounds of each run. */
export const transcripts = pgTable(
  'transcripts',
  {
    run: text('run').notNull(),
    round: bigint('round', { mode: 'number' }).notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    /** SHA-256 of the file: its name in the blob store. */
    blob: text('blob').notNull(),
    savedAtMs: atMs('saved_at_ms'),
  },
  (table) => [primaryKey({ columns: [table.run, table.round] })],
);

export const metrics = pgTable(
  'metrics',
  {
    run: text('run').notNull(),
    round: bigint('round', { mode: 'number' }).notNull(),
    name: text('name').notNull(),
    value: doublePrecision('value').notNull(),
  },
  (table) => [primaryKey({ columns: [table.run, table.round, table.name] })],
);

export const ledgerEvents = pgTable(
  'ledger_events',
  {
    dataset: text('dataset').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    run: text('run').notNull(),
    round: bigint('round', { mode: 'number' }).notNull(),
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
    entry: jsonb('entry').$type<LedgerEntry>().notNull(),
  },
  // The key keeps two writers from forking a chain.
  (table) => [
    primaryKey({ columns: [table.dataset, table.seq] }),
    index('ledger_events_run').on(table.run, table.round),
  ],
);

/**
 * What participants released, as this server saw it: a chain for each participant in each federation, to compare with the
 * chain that the device keeps of its dataset.
 */
export const releases = pgTable(
  'releases',
  {
    federation: text('federation').notNull(),
    participant: text('participant').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    run: text('run').notNull(),
    round: bigint('round', { mode: 'number' }).notNull(),
    /** Hash of the model that came out: of two commits of one round, each is a release. */
    model: text('model').notNull(),
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
    entry: jsonb('entry').$type<LedgerEntry>().notNull(),
  },
  // The keys keep two writers from forking a chain, and a release from being noted twice.
  (table) => [
    primaryKey({ columns: [table.federation, table.participant, table.seq] }),
    uniqueIndex('releases_once').on(table.federation, table.participant, table.run, table.round, table.model),
    index('releases_participant').on(table.participant),
    index('releases_run').on(table.run),
  ],
);

/** Limits and charges of everyone that has a privacy budget here: a chain for each. */
export const budgetEntries = pgTable(
  'budget_entries',
  {
    kind: text('kind').$type<SubjectKind>().notNull(),
    subject: text('subject').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
    entry: jsonb('entry').$type<BudgetEntry>().notNull(),
  },
  // Whoever decides by a chain writes its next place: of two that decide at once, one finds the place taken.
  (table) => [primaryKey({ columns: [table.kind, table.subject, table.seq] })],
);

/**
 * How participants keep their appointments in each federation: numbers of what a coordinator sees anyway. Evidence is forgotten
 * with time (reliability/reputation.ts).
 */
export const reliability = pgTable(
  'reliability',
  {
    federation: text('federation').notNull(),
    participant: text('participant').notNull(),
    invitations: bigint('invitations', { mode: 'number' }).notNull(),
    trained: bigint('trained', { mode: 'number' }).notNull(),
    uploaded: bigint('uploaded', { mode: 'number' }).notNull(),
    survived: bigint('survived', { mode: 'number' }).notNull(),
    missedDeadlines: bigint('missed_deadlines', { mode: 'number' }).notNull(),
    dropOuts: bigint('drop_outs', { mode: 'number' }).notNull(),
    rejections: bigint('rejections', { mode: 'number' }).notNull(),
    /** By the code that the participant gave. */
    refusals: jsonb('refusals').$type<Readonly<Record<string, number>>>().notNull(),
    /** Over the invitations that it trained for. */
    trainMsSum: doublePrecision('train_ms_sum').notNull(),
    successes: doublePrecision('successes').notNull(),
    failures: doublePrecision('failures').notNull(),
    /** What the sums of its groups tell: shared/aggregate/robust/reputation.ts. */
    suspicion: doublePrecision('suspicion').notNull().default(NEWCOMER.suspicion),
    contribution: doublePrecision('contribution').notNull().default(NEWCOMER.contribution),
    scoredRounds: integer('scored_rounds').notNull().default(NEWCOMER.rounds),
    /** The newest attempt, and the newest score, in these numbers: told again, they change nothing. */
    lastAttempt: text('last_attempt').notNull(),
    lastScore: text('last_score').notNull().default(''),
    updatedAtMs: atMs('updated_at_ms'),
  },
  (table) => [primaryKey({ columns: [table.federation, table.participant] })],
);

/** Who may not take part, in one federation, or in any where `federation` is empty. */
export const standings = pgTable(
  'standings',
  {
    federation: text('federation').notNull(),
    participant: text('participant').notNull(),
    state: text('state').$type<StandingState>().notNull(),
    /** Of a quarantine its cause; of a block what the operator wrote, which only the participant and operators read. */
    reason: text('reason').notNull(),
    sinceMs: atMs('since_ms'),
    /** Null: until somebody changes it. */
    untilMs: bigint('until_ms', { mode: 'number' }),
    /** Quarantines so far. */
    times: integer('times').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.federation, table.participant] }),
    index('standings_participant').on(table.participant),
  ],
);
export type StandingState = 'blocked' | 'quarantined' | 'clear';

export const participants = pgTable('participants', {
  id: text('id').primaryKey(),
  /** Hex of the raw Ed25519 public key that the id was derived from. */
  publicKey: text('public_key').notNull(),
  firstSeenAtMs: atMs('first_seen_at_ms'),
  lastSeenAtMs: atMs('last_seen_at_ms'),
});

/**
 * The key that this server signs with, the same for all its replicas and after every restart. It lies here as it is:
 * whoever can read the database can sign as this server.
 */
export const serverIdentity = pgTable(
  'server_identity',
  {
    id: smallint('id').primaryKey(),
    /** Base64url of the 32-byte Ed25519 seed (RFC 8032, section 5.1.5). */
    privateKey: text('private_key').notNull(),
    createdAtMs: atMs('created_at_ms'),
  },
  (table) => [check('server_identity_one_row', sql`${table.id} = 1`)],
);

export * from './operator-schema.ts';
