import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { Scope } from '../access/permission.ts';
import type { AlertKind } from '../alerts/alert.ts';
import type { AuditFacts, AuditOutcome } from '../audit/audit-log.ts';
import type { TrainingConfig, TrainingStatus } from '../jobs/training.ts';

/** What the operator's side keeps. Times are milliseconds since the Unix epoch. */
const atMs = (name: string) => bigint(name, { mode: 'number' }).notNull();
const maybeAtMs = (name: string) => bigint(name, { mode: 'number' });

export const trainings = pgTable(
  'trainings',
  {
    id: text('id').primaryKey(),
    jobName: text('job_name').notNull(),
    federation: text('federation').notNull(),
    run: text('run').notNull(),
    status: text('status').$type<TrainingStatus>().notNull(),
    config: jsonb('config').$type<TrainingConfig>().notNull(),
    clients: jsonb('clients').$type<readonly string[]>().notNull(),
    round: bigint('round', { mode: 'number' }).notNull().default(0),
    /** Version that the run was at when it began: its rounds are counted from there. */
    fromRound: bigint('from_round', { mode: 'number' }).notNull().default(0),
    accuracy: doublePrecision('accuracy'),
    loss: doublePrecision('loss'),
    reason: text('reason'),
    revision: integer('revision').notNull().default(0),
    createdBy: text('created_by').notNull(),
    createdAtMs: atMs('created_at_ms'),
    updatedAtMs: atMs('updated_at_ms'),
    startedAtMs: maybeAtMs('started_at_ms'),
    endedAtMs: maybeAtMs('ended_at_ms'),
  },
  (table) => [
    index('trainings_run').on(table.run),
    index('trainings_created').on(table.createdAtMs, table.id),
    // Of two that start at once, one finds the federation taken.
    uniqueIndex('trainings_one_unfinished')
      .on(table.federation)
      .where(sql`${table.status} not in ('STOPPED', 'SUCCEEDED', 'FAILED')`),
  ],
);

/** Requests that were answered under a key of the client's choosing. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    principal: text('principal').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of what was asked, in canonical JSON. */
    request: text('request').notNull(),
    /** Id of what came of it; null while it is being made. */
    result: text('result'),
    createdAtMs: atMs('created_at_ms'),
  },
  (table) => [primaryKey({ columns: [table.principal, table.key] })],
);

/** Switches of the whole server, by name: `drain`, `halt`. Any replica obeys. */
export const switches = pgTable('switches', {
  name: text('name').primaryKey(),
  isOn: boolean('is_on').notNull(),
  reason: text('reason').notNull(),
  setBy: text('set_by').notNull(),
  setAtMs: atMs('set_at_ms'),
});

export const federationSettings = pgTable('federation_settings', {
  federation: text('federation').primaryKey(),
  admission: text('admission').$type<'open' | 'invitation' | 'members'>().notNull(),
  control: text('control').$type<'open' | 'managed'>().notNull(),
  /** Name of the principal that created it; null where nobody in particular did. */
  owner: text('owner'),
  updatedAtMs: atMs('updated_at_ms'),
});

export const apiKeys = pgTable('api_keys', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  /** Hex SHA-256 of the secret, or of a client certificate. */
  hash: text('hash').notNull(),
  kind: text('kind').$type<'key' | 'certificate'>().notNull(),
  role: text('role').$type<'participant' | 'owner' | 'operator' | 'auditor'>().notNull(),
  scopes: jsonb('scopes').$type<readonly Scope[]>().notNull(),
  federation: text('federation'),
  user: text('user_name'),
  department: text('department'),
  createdBy: text('created_by').notNull(),
  createdAtMs: atMs('created_at_ms'),
  expiresAtMs: maybeAtMs('expires_at_ms'),
  revokedAtMs: maybeAtMs('revoked_at_ms'),
  lastUsedAtMs: maybeAtMs('last_used_at_ms'),
});

export const invitations = pgTable(
  'invitations',
  {
    id: text('id').primaryKey(),
    federation: text('federation').notNull(),
    label: text('label').notNull(),
    department: text('department'),
    maxUses: integer('max_uses').notNull(),
    uses: integer('uses').notNull().default(0),
    createdBy: text('created_by').notNull(),
    createdAtMs: atMs('created_at_ms'),
    expiresAtMs: atMs('expires_at_ms'),
    revokedAtMs: maybeAtMs('revoked_at_ms'),
  },
  (table) => [index('invitations_federation').on(table.federation)],
);

/** Who was admitted to a federation, by what, and for whom. */
export const members = pgTable(
  'members',
  {
    federation: text('federation').notNull(),
    participant: text('participant').notNull(),
    /** `open`, `invitation:ID`, `key:ID`, `token`. */
    via: text('via').notNull(),
    user: text('user_name'),
    department: text('department'),
    joinedAtMs: atMs('joined_at_ms'),
    lastSeenAtMs: atMs('last_seen_at_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.federation, table.participant] }),
    index('members_participant').on(table.participant),
    index('members_user').on(table.user),
  ],
);

/** One row for each time somebody agreed: to these terms of this federation. */
export const consents = pgTable(
  'consents',
  {
    federation: text('federation').notNull(),
    participant: text('participant').notNull(),
    /** SHA-256 over the terms, as the page computes it. */
    policy: text('policy').notNull(),
    givenAtMs: atMs('given_at_ms'),
    withdrawnAtMs: maybeAtMs('withdrawn_at_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.federation, table.participant, table.policy, table.givenAtMs] }),
    index('consents_participant').on(table.participant),
  ],
);

/** Deletions that were carried out. The participant is named by what nobody can turn back. */
export const erasures = pgTable('erasures', {
  id: text('id').primaryKey(),
  pseudonym: text('pseudonym').notNull(),
  requestedAtMs: atMs('requested_at_ms'),
  completedAtMs: maybeAtMs('completed_at_ms'),
  /** Rows by table, versions it had a part in, rollbacks that were asked for. */
  effect: jsonb('effect').$type<Readonly<Record<string, unknown>>>().notNull(),
});

/** Hashes of participants that asked for deletion: they are not invited again. */
export const erasedParticipants = pgTable('erased_participants', {
  /** Hex SHA-256 of the server's salt and the id. */
  hash: text('hash').primaryKey(),
  atMs: atMs('at_ms'),
});

export const auditEntries = pgTable(
  'audit_entries',
  {
    seq: bigint('seq', { mode: 'number' }).primaryKey(),
    atMs: atMs('at_ms'),
    action: text('action').notNull(),
    subject: text('subject').notNull(),
    actor: text('actor').notNull(),
    role: text('role'),
    address: text('address').notNull(),
    requestId: text('request_id').notNull(),
    outcome: text('outcome').$type<AuditOutcome>().notNull(),
    code: text('code'),
    before: jsonb('before').$type<AuditFacts>(),
    after: jsonb('after').$type<AuditFacts>(),
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
  },
  (table) => [
    index('audit_entries_subject').on(table.subject),
    index('audit_entries_actor').on(table.actor),
    index('audit_entries_at').on(table.atMs),
  ],
);

export const auditCheckpoints = pgTable('audit_checkpoints', {
  seq: bigint('seq', { mode: 'number' }).primaryKey(),
  hash: text('hash').notNull(),
  atMs: atMs('at_ms'),
  /** Base64url, by the server's identity. */
  signature: text('signature').notNull(),
});

/** Keys that pseudonyms of the audit are made with; a key that is gone leaves a name that nobody can turn back. */
export const pseudonymKeys = pgTable('pseudonym_keys', {
  participant: text('participant').primaryKey(),
  key: text('key').notNull(),
});

/** How far each feed of the audit has come. */
export const feedCursors = pgTable('feed_cursors', {
  feed: text('feed').primaryKey(),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  updatedAtMs: atMs('updated_at_ms'),
});

export const alerts = pgTable(
  'alerts',
  {
    id: text('id').primaryKey(),
    kind: text('kind').$type<AlertKind>().notNull(),
    severity: text('severity').$type<'info' | 'warning' | 'critical'>().notNull(),
    fingerprint: text('fingerprint').notNull(),
    federation: text('federation'),
    training: text('training'),
    summary: text('summary').notNull(),
    value: doublePrecision('value'),
    threshold: doublePrecision('threshold'),
    startedAtMs: atMs('started_at_ms'),
    resolvedAtMs: maybeAtMs('resolved_at_ms'),
    acknowledgedAtMs: maybeAtMs('acknowledged_at_ms'),
    acknowledgedBy: text('acknowledged_by'),
  },
  (table) => [
    uniqueIndex('alerts_one_firing').on(table.fingerprint).where(sql`${table.resolvedAtMs} is null`),
    index('alerts_started').on(table.startedAtMs, table.id),
  ],
);

export const silences = pgTable('silences', {
  id: text('id').primaryKey(),
  kind: text('kind').$type<AlertKind>(),
  federation: text('federation'),
  untilMs: atMs('until_ms'),
  reason: text('reason').notNull(),
  createdBy: text('created_by').notNull(),
});

export const webhooks = pgTable('webhooks', {
  id: text('id').primaryKey(),
  url: text('url').notNull(),
  kinds: jsonb('kinds').$type<readonly AlertKind[]>().notNull(),
  /** Deliveries are signed with it. */
  secret: text('secret').notNull(),
  createdAtMs: atMs('created_at_ms'),
});

/** Which version of a run is offered as the one to use; the newest row counts. */
export const promotions = pgTable(
  'promotions',
  {
    federation: text('federation').notNull(),
    run: text('run').notNull(),
    version: bigint('version', { mode: 'number' }).notNull(),
    hash: text('hash').notNull(),
    promotedBy: text('promoted_by').notNull(),
    atMs: atMs('at_ms'),
  },
  (table) => [primaryKey({ columns: [table.federation, table.atMs, table.run, table.version] })],
);

/** What an incident came to: written when all rounds are stopped. */
export const incidents = pgTable('incidents', {
  id: text('id').primaryKey(),
  openedAtMs: atMs('opened_at_ms'),
  closedAtMs: maybeAtMs('closed_at_ms'),
  openedBy: text('opened_by').notNull(),
  reason: text('reason').notNull(),
  report: jsonb('report').$type<Readonly<Record<string, unknown>>>().notNull(),
});
