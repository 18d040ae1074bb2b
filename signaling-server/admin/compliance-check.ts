import { sql } from 'drizzle-orm';
import { policyHash } from '../../shared/federation/index.ts';
import { accessRepository } from '../access/access-repository.ts';
import { execute } from '../rights/mentions.ts';
import { type ProcessingFacts, processingRecord } from '../rights/processing-record.ts';
import type { Storage } from './open-storage.ts';
import { type Check, failed, passed, type Report, reportOf, warned } from './report.ts';
import { auditCheck } from './verify-audit.ts';

const DAY_MS = 24 * 3600_000;
/** "Without undue delay and in any event within one month" (GDPR, Article 12(3)). */
const MONTH_MS = 30 * DAY_MS;
/** A sweep runs daily; a day of grace. */
const GRACE_MS = 2 * DAY_MS;
const MAX_FEDERATIONS = 1_000;

/**
 * Evidence for those who have to show that they do what they promise: consents to the terms of today, retention that really runs, deletions carried out in time,
 * records of processing (GDPR, Article 30), an audit that verifies. No judgement about law.
 */
export async function complianceCheck(
  storage: Storage,
  facts: Omit<ProcessingFacts, 'database'>,
  nowMs: number,
): Promise<Report> {
  const record = await recordOf(storage, facts, nowMs);
  const isNamed = facts.organisation !== undefined && facts.contact !== undefined;
  return reportOf(
    'compliance-check',
    nowMs,
    [
      await consentCheck(storage),
      await retentionCheck(storage, facts, nowMs),
      await deletionCheck(storage, nowMs),
      isNamed
        ? passed(
            'records of processing',
            `They name the controller and ${record.activities.length} activities.`,
          )
        : warned('records of processing', 'They name no controller: set ORGANISATION and CONTACT.'),
      await auditCheck(storage),
    ],
    { processingRecord: record },
  );
}

async function recordOf(storage: Storage, facts: Omit<ProcessingFacts, 'database'>, nowMs: number) {
  const { repository, database } = storage;
  const access = accessRepository(database);
  const documents = await repository.listFederations({ after: undefined, limit: MAX_FEDERATIONS });
  const federations = [];
  for (const document of documents) {
    const { admission } = await access.readSettings(document.id);
    const [row] = await execute(
      database,
      sql`select count(*) from members where federation = ${document.id}`,
    );
    federations.push({ document, admission, participants: Number(row?.[0] ?? 0) });
  }
  return processingRecord({ ...facts, database: database.kind }, federations, nowMs);
}

/** Of those who took part lately in a federation that asks for consent. */
async function consentCheck({ repository, database }: Storage): Promise<Check> {
  const missing: string[] = [];
  let members = 0;
  for (const federation of await repository.listFederations({ after: undefined, limit: MAX_FEDERATIONS })) {
    const policy = policyHash(federation);
    const [row] = await execute(
      database,
      sql`select count(*), count(*) filter (where not exists (
          select 1 from consents c where c.federation = m.federation and c.participant = m.participant
            and c.policy = ${policy} and c.withdrawn_at_ms is null))
        from members m where m.federation = ${federation.id}`,
    );
    const [all, without] = [Number(row?.[0] ?? 0), Number(row?.[1] ?? 0)];
    members += all;
    if (without > 0) missing.push(`${federation.id}: ${without} of ${all}`);
  }
  return missing.length === 0
    ? passed('consent', `All ${members} members agreed to the terms of today.`)
    : warned('consent', `Without consent to the terms of today: ${missing.join(', ')}.`);
}

/** The oldest of what has a period must not be older than that. */
async function retentionCheck(
  { database }: Storage,
  { retention }: Pick<ProcessingFacts, 'retention'>,
  nowMs: number,
): Promise<Check> {
  const oldest = [
    { what: 'transcripts', days: retention.transcripts, of: sql`select min(saved_at_ms) from transcripts` },
    { what: 'audit', days: retention.audit, of: sql`select min(at_ms) from audit_entries` },
    {
      what: 'alerts',
      days: retention.alerts,
      of: sql`select min(resolved_at_ms) from alerts where resolved_at_ms is not null`,
    },
    { what: 'requests', days: retention.requests, of: sql`select min(created_at_ms) from idempotency_keys` },
  ];
  const overdue: string[] = [];
  for (const { what, days, of } of oldest) {
    if (days === 0) continue;
    const [row] = await execute(database, of);
    const atMs = row?.[0] === null || row?.[0] === undefined ? nowMs : Number(row[0]);
    const age = Math.floor((nowMs - atMs) / DAY_MS);
    if (nowMs - atMs > days * DAY_MS + GRACE_MS) overdue.push(`${what}: ${age} days old, kept for ${days}`);
  }
  return overdue.length === 0
    ? passed('retention', 'Nothing is older than its period.')
    : failed('retention', `Not deleted in time: ${overdue.join('; ')}.`);
}

async function deletionCheck({ database }: Storage, nowMs: number): Promise<Check> {
  const [row] = await execute(
    database,
    sql`select count(*), count(*) filter (where completed_at_ms is null),
        count(*) filter (where completed_at_ms is null and requested_at_ms < ${nowMs - MONTH_MS}::bigint)
      from erasures`,
  );
  const [all, open, late] = [0, 1, 2].map((i) => Number(row?.[i] ?? 0)) as [number, number, number];
  if (late > 0) return failed('deletions', `${late} are outstanding for more than a month.`);
  if (open > 0)
    return warned('deletions', `${open} of ${all} are under way: ask for them again if they were cut short.`);
  return passed('deletions', `All ${all} that were asked for are done.`);
}
