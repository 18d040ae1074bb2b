import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, policyHash } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { type Caller, SYSTEM } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Database } from '../storage/database.ts';
import { consents, federationSettings } from '../storage/schema.ts';

export interface Consent {
  readonly federation: string;
  readonly policy: string;
  readonly givenAtMs: number;
  readonly withdrawnAtMs: number | null;
  /** To the terms of today. */
  readonly isCurrent: boolean;
}

export interface ConsentRequest {
  readonly federation: string;
  readonly participant: ParticipantId;
  /** Hash of the terms agreed to, as {@link policyHash}. */
  readonly policy: string | undefined;
}

export interface Consents {
  /**
   * At the hub, of everyone who asks to take part. Keeps what was agreed to; where not everybody is admitted, agreement to the terms of today is
   * required. A withdrawal holds until it is renewed: what a device says by itself when it connects again does not count. SPEC V-07.
   * @throws `privacy.consent-missing`, `privacy.policy-changed`, `privacy.consent-withdrawn`; `argument.invalid`.
   */
  onConsent(request: ConsentRequest): Promise<void>;
  /** Newest first. */
  list(participant: string): Promise<Consent[]>;
  /** After it the participant is in no round. @returns false where there was nothing to withdraw. */
  withdraw(caller: Caller, federation: string, participant: ParticipantId): Promise<boolean>;
  /** Agrees, also after a withdrawal. @throws `privacy.policy-changed`, `federation.unknown`. */
  renew(caller: Caller, request: ConsentRequest): Promise<void>;
  isWithdrawn(federation: string, participant: string): Promise<boolean>;
}

export interface ConsentOptions {
  readonly database: Database;
  /** @throws `federation.unknown`. */
  readonly getFederation: (id: string) => Promise<Federation>;
  readonly audit: Pick<AuditLog, 'record'>;
  /** Takes it out of the federation at once: no more rounds, on any replica, and its connection ends by this name. */
  readonly bar: (federation: string, participant: ParticipantId, reason: MurmurationError) => Promise<void>;
  readonly nowMs?: () => number;
}

const HASH = /^[0-9a-f]{64}$/;

export function createConsents({
  database,
  getFederation,
  audit,
  bar,
  nowMs = Date.now,
}: ConsentOptions): Consents {
  const rowsOf = (participant: string, federation?: string) =>
    database.run((db) =>
      db
        .select()
        .from(consents)
        .where(
          and(
            eq(consents.participant, participant),
            federation === undefined ? undefined : eq(consents.federation, federation),
          ),
        )
        .orderBy(desc(consents.givenAtMs), asc(consents.federation)),
    );

  const isWithdrawn = async (federation: string, participant: string): Promise<boolean> => {
    const rows = await rowsOf(participant, federation);
    return rows.length > 0 && rows.every(({ withdrawnAtMs }) => withdrawnAtMs !== null);
  };

  async function requiresConsent(federation: string): Promise<boolean> {
    const [row] = await database.run((db) =>
      db
        .select({ admission: federationSettings.admission })
        .from(federationSettings)
        .where(eq(federationSettings.federation, federation)),
    );
    return row !== undefined && row.admission !== 'open';
  }

  /** @param isRenewal By the participant's own request: also after a withdrawal. */
  async function give(
    caller: Caller,
    { federation, participant, policy }: ConsentRequest,
    isRenewal: boolean,
  ): Promise<void> {
    check(policy !== undefined && HASH.test(policy), 'argument.invalid', 'These are no terms.', {
      path: 'policy',
      expected: '64 lower-case hex digits',
    });
    const given = await rowsOf(participant, federation);
    if (given.some((row) => row.policy === policy && row.withdrawnAtMs === null)) return;
    // Decided where it is written: it may be withdrawn while a hello is looked at.
    const before = sql`from ${consents} where federation = ${federation} and participant = ${participant}`;
    await audit.record(caller, {
      action: 'consent.given',
      subject: `participant:${participant}`,
      after: { federation, policy },
      async effect() {
        await database.run((db) =>
          db.execute(sql`insert into ${consents} (federation, participant, policy, given_at_ms)
            select ${federation}, ${participant}, ${policy}, ${nowMs()}::bigint
            where ${isRenewal}::boolean or not exists (select 1 ${before})
              or exists (select 1 ${before} and withdrawn_at_ms is null)
            on conflict do nothing`),
        );
        if (!isRenewal && (await isWithdrawn(federation, participant))) throw withdrawn();
      },
    });
  }

  function checkCurrent(federation: Federation, policy: string | undefined): void {
    const current = policyHash(federation);
    check(policy === current, 'privacy.policy-changed', 'The terms are not those that were agreed to.', {
      expected: current,
      received: policy ?? 'none',
      remedy: 'Read the terms of the federation again, and agree to them if you do.',
    });
  }

  return {
    isWithdrawn,

    async onConsent(request) {
      const { federation, participant, policy } = request;
      if (await isWithdrawn(federation, participant)) throw withdrawn();
      if (await requiresConsent(federation)) {
        check(
          policy !== undefined,
          'privacy.consent-missing',
          'This federation takes in those who agreed to its terms.',
          { remedy: 'Agree to the terms of the federation first.' },
        );
        checkCurrent(await getFederation(federation), policy);
      }
      if (policy !== undefined) await give(SYSTEM, request, false);
    },

    async list(participant) {
      const current = new Map<string, string | undefined>();
      const rows = await rowsOf(participant);
      for (const id of new Set(rows.map(({ federation }) => federation)))
        current.set(id, await getFederation(id).then(policyHash, () => undefined));
      return rows.map(({ federation, policy, givenAtMs, withdrawnAtMs }) => ({
        federation,
        policy,
        givenAtMs,
        withdrawnAtMs,
        isCurrent: withdrawnAtMs === null && current.get(federation) === policy,
      }));
    },

    async withdraw(caller, federation, participant) {
      if ((await rowsOf(participant, federation)).length === 0) return false;
      const withdrawnAtMs = nowMs();
      await audit.record(caller, {
        action: 'consent.withdrawn',
        subject: `participant:${participant}`,
        after: { federation },
        async effect() {
          const gone = await database.run((db) =>
            db
              .update(consents)
              .set({ withdrawnAtMs })
              .where(
                and(
                  eq(consents.federation, federation),
                  eq(consents.participant, participant),
                  isNull(consents.withdrawnAtMs),
                ),
              )
              .returning({ policy: consents.policy }),
          );
          // Asked again, because the answer was lost, it is barred again.
          await bar(federation, participant, withdrawn());
          return gone.map(({ policy }) => policy);
        },
        found: (policies) => ({ after: { federation, policies } }),
      });
      return true;
    },

    async renew(caller, request) {
      checkCurrent(await getFederation(request.federation), request.policy);
      await give(caller, request, true);
    },
  };
}

function withdrawn(): MurmurationError {
  return new MurmurationError('privacy.consent-withdrawn', 'The consent of this participant was withdrawn.', {
    remedy: 'Agree to the terms of the federation again, if you want to take part again.',
  });
}
