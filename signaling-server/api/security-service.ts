import { and, count, gt, isNull, lt, min, ne, or } from 'drizzle-orm';
import type { AuditLog, AuditVerdict } from '../audit/audit-log.ts';
import type { ServerEvents } from '../events.ts';
import type { Database } from '../storage/database.ts';
import type { Repository } from '../storage/repository.ts';
import { apiKeys, standings } from '../storage/schema.ts';

export interface SecurityStatus {
  readonly timestamp: string;
  /** What this process refused since it started, by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly failedAuthentications: number;
  readonly rateLimited: number;
  /** Participants, by what keeps them out. */
  readonly blocked: number;
  readonly quarantined: number;
  readonly audit: AuditVerdict & { readonly checkedAt: string };
  readonly keys: {
    readonly good: number;
    /** Ending within two weeks. */
    readonly ending: number;
    readonly nextExpiryMs: number | null;
  };
  readonly federations: { readonly secure: number; readonly total: number };
}

export interface SecurityService {
  status(): Promise<SecurityStatus>;
  close(): void;
}

export interface SecurityServiceOptions {
  readonly database: Pick<Database, 'run'>;
  readonly repository: Pick<Repository, 'listFederations'>;
  readonly audit: Pick<AuditLog, 'verify'>;
  readonly events: Pick<ServerEvents, 'subscribe'>;
  readonly nowMs?: () => number;
}

/** Reading the whole log takes a while: the verdict of a minute ago will do. */
const VERDICT_FOR_MS = 60_000;
const ENDING_MS = 14 * 24 * 3600_000;
const PAGE = 500;
/** Codes that are counted apart: participants make some of them up. */
const MAX_CODES = 64;

export function createSecurityService({
  database,
  repository,
  audit,
  events,
  nowMs = Date.now,
}: SecurityServiceOptions): SecurityService {
  const refused = new Map<string, number>();
  const unsubscribe = events.subscribe((event) => {
    if (event.type !== 'refused') return;
    const code = refused.has(event.code) || refused.size < MAX_CODES ? event.code : 'other';
    refused.set(code, (refused.get(code) ?? 0) + 1);
  });
  let verdict: { readonly atMs: number; readonly found: Promise<AuditVerdict> } | undefined;

  async function verified(): Promise<SecurityStatus['audit']> {
    const now = nowMs();
    if (verdict === undefined || now - verdict.atMs > VERDICT_FOR_MS)
      verdict = { atMs: now, found: audit.verify() };
    const { atMs, found } = verdict;
    try {
      return { ...(await found), checkedAt: new Date(atMs).toISOString() };
    } catch (thrown) {
      verdict = undefined;
      throw thrown;
    }
  }

  async function countStandings(): Promise<Readonly<Record<string, number>>> {
    const rows = await database.run((db) =>
      db
        .select({ state: standings.state, rows: count() })
        .from(standings)
        .where(
          and(ne(standings.state, 'clear'), or(isNull(standings.untilMs), gt(standings.untilMs, nowMs()))),
        )
        .groupBy(standings.state),
    );
    return Object.fromEntries(rows.map(({ state, rows }) => [state, Number(rows)]));
  }

  async function keysOf(): Promise<SecurityStatus['keys']> {
    const now = nowMs();
    const isGood = and(
      isNull(apiKeys.revokedAtMs),
      or(isNull(apiKeys.expiresAtMs), gt(apiKeys.expiresAtMs, now)),
    );
    const [good, ending] = await Promise.all([
      database.run((db) =>
        db
          .select({ rows: count(), next: min(apiKeys.expiresAtMs) })
          .from(apiKeys)
          .where(isGood),
      ),
      database.run((db) =>
        db
          .select({ rows: count() })
          .from(apiKeys)
          .where(and(isGood, lt(apiKeys.expiresAtMs, now + ENDING_MS))),
      ),
    ]);
    const next = good[0]?.next ?? null;
    return {
      good: Number(good[0]?.rows ?? 0),
      ending: Number(ending[0]?.rows ?? 0),
      nextExpiryMs: next === null ? null : Number(next),
    };
  }

  async function countFederations(): Promise<SecurityStatus['federations']> {
    let [secure, total] = [0, 0];
    let after: string | undefined;
    for (;;) {
      const found = await repository.listFederations({ after, limit: PAGE });
      total += found.length;
      secure += found.filter(({ privacy }) => privacy.secureAggregation === 'secagg').length;
      if (found.length < PAGE) return { secure, total };
      after = found.at(-1)!.id;
    }
  }

  const ofCode = (code: string): number => refused.get(code) ?? 0;

  return {
    async status() {
      const [audited, outside, keys, federations] = await Promise.all([
        verified(),
        countStandings(),
        keysOf(),
        countFederations(),
      ]);
      return {
        timestamp: new Date(nowMs()).toISOString(),
        refused: Object.fromEntries(refused),
        failedAuthentications: ofCode('http.unauthorized') + ofCode('identity.bad-signature'),
        rateLimited: ofCode('wire.rate-limited'),
        blocked: outside.blocked ?? 0,
        quarantined: outside.quarantined ?? 0,
        audit: audited,
        keys,
        federations,
      };
    },
    close: unsubscribe,
  };
}
