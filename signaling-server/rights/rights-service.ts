import { desc, sql } from 'drizzle-orm';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { isParticipantId, type ParticipantId } from '../../shared/identity/index.ts';
import type { Caller, Origin, Principal } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Database } from '../storage/database.ts';
import { erasures } from '../storage/schema.ts';
import type { Accounts } from './accounts.ts';
import type { Consent, Consents } from './consent.ts';
import type { Deletion } from './deletion.ts';
import { exportParticipant } from './export.ts';
import type { ProcessingRecord } from './processing-record.ts';
import type { SignedReceipt } from './receipt.ts';
import { checkSignedRequest, replayGuard, type SignedRequest } from './signed-request.ts';

export interface Erasure {
  readonly id: string;
  readonly requestedAtMs: number;
  /** Null: under way, or cut short. */
  readonly completedAtMs: number | null;
  readonly effect: Readonly<Record<string, unknown>>;
}

/**
 * Rights of data subjects. A participant may exercise its own; whoever holds `rights:write` for the whole server may do it for others.
 * Every call is an entry of the audit, and refusals are.
 */
export interface RightsService {
  /** The pieces of one JSON document. @throws `http.forbidden`, `argument.invalid`. */
  exportData(caller: Caller, participant: string): Promise<AsyncIterable<string>>;
  /**
   * @param options.rollBack - takes models back to before its part in them, which only an operator may order: others trained them too.
   * @throws `http.forbidden`; `http.not-found` for whoever was deleted before; `storage.*`: asked again it goes on.
   */
  erase(
    caller: Caller,
    participant: string,
    options?: { readonly rollBack?: boolean },
  ): Promise<SignedReceipt>;
  /** Of an account, which has the rights of a participant over what names it: by its own token, or by `rights:write`. */
  exportAccount(caller: Caller, account: string): Promise<AsyncIterable<string>>;
  eraseAccount(caller: Caller, account: string): Promise<SignedReceipt>;
  consents(caller: Caller, participant: string): Promise<readonly Consent[]>;
  /** @throws `http.not-found` where there is none to withdraw. */
  withdrawConsent(caller: Caller, federation: string, participant: string): Promise<void>;
  /** By the participant alone: nobody agrees for another. @throws `privacy.policy-changed`, `federation.unknown`. */
  giveConsent(caller: Caller, federation: string, participant: string, policy: string): Promise<void>;
  /** Deletions, newest first. Needs `rights:write`. */
  erasures(caller: Caller, limit?: number): Promise<readonly Erasure[]>;
  processingRecord(caller: Caller): Promise<ProcessingRecord>;
  /** Who sends a request that proves itself: with this caller the calls above are made. @throws as `checkSignedRequest`. */
  callerOf(request: SignedRequest, origin: Origin): Caller;
}

export interface RightsOptions {
  readonly database: Database;
  readonly audit: AuditLog;
  readonly consents: Consents;
  readonly deletion: Deletion;
  readonly accounts: Accounts;
  readonly record: () => Promise<ProcessingRecord>;
  readonly nowMs?: () => number;
}

/** Of an issuer and a subject together. */
const MAX_ACCOUNT_LENGTH = 512;

export function createRightsService({
  database,
  audit,
  consents,
  deletion,
  accounts,
  record,
  nowMs = Date.now,
}: RightsOptions): RightsService {
  const checkReplay = replayGuard();

  /** @throws `http.forbidden`, which is in the audit then. */
  async function admit(
    caller: Caller,
    action: string,
    participant: string,
    mayOthers: boolean,
  ): Promise<ParticipantId> {
    check(isParticipantId(participant), 'argument.invalid', 'This is not the id of a participant.', {
      path: 'participant',
    });
    const { principal } = caller;
    if (principal.participant === participant || (mayOthers && actsForOthers(principal))) return participant;
    await refuse(caller, action, `participant:${participant}`);
    throw forbidden();
  }

  /** Whoever holds a key that was made for an account is not the account. */
  async function admitAccount(caller: Caller, action: string, account: string): Promise<void> {
    const isName = account.length > 0 && account.length <= MAX_ACCOUNT_LENGTH && !/\p{Cc}/u.test(account);
    check(
      isName && !isParticipantId(account.replace(/^participant:/, '')),
      'argument.invalid',
      'This is not the name of an account.',
      { path: 'account', expected: 'iss#sub of a token, or the user of a key' },
    );
    const { principal } = caller;
    if ((principal.kind === 'token' && principal.user === account) || actsForOthers(principal)) return;
    await refuse(caller, action, `user:${account}`);
    throw forbidden();
  }

  async function admitOperator(caller: Caller, action: string): Promise<void> {
    if (actsForOthers(caller.principal)) return;
    await refuse(caller, action, 'server');
    throw forbidden();
  }

  const refuse = (caller: Caller, action: string, subject: string): Promise<unknown> =>
    audit.append(caller, { action, subject, outcome: 'refused', code: 'http.forbidden' });

  return {
    async exportData(caller, participant) {
      const id = await admit(caller, 'rights.exported', participant, true);
      await audit.append(caller, { action: 'rights.exported', subject: `participant:${id}` });
      return exportParticipant({ database, audit, nowMs }, id);
    },

    async erase(caller, participant, { rollBack = false } = {}) {
      const id = await admit(caller, 'rights.deletion-started', participant, true);
      // Others trained that model too.
      if (rollBack) await admitOperator(caller, 'rights.rollback-ordered');
      return deletion.erase(caller, { participant: id, rollBack });
    },

    async exportAccount(caller, account) {
      await admitAccount(caller, 'rights.exported', account);
      await audit.append(caller, { action: 'rights.exported', subject: `user:${account}` });
      return accounts.exportAccount(account);
    },

    async eraseAccount(caller, account) {
      await admitAccount(caller, 'rights.account-deletion-started', account);
      return accounts.eraseAccount(caller, account);
    },

    async consents(caller, participant) {
      const id = await admit(caller, 'consent.read', participant, true);
      if (caller.principal.participant !== id)
        await audit.append(caller, { action: 'consent.read', subject: `participant:${id}` });
      return consents.list(id);
    },

    async withdrawConsent(caller, federation, participant) {
      const id = await admit(caller, 'consent.withdrawn', participant, true);
      const withdrew = await consents.withdraw(caller, federation, id);
      check(withdrew, 'http.not-found', 'There is no consent to withdraw.', {
        remedy: 'Nothing was agreed to in this federation: leaving it is enough.',
      });
    },

    async giveConsent(caller, federation, participant, policy) {
      const id = await admit(caller, 'consent.given', participant, false);
      await consents.renew(caller, { federation, participant: id, policy });
    },

    async erasures(caller, limit = 100) {
      await admitOperator(caller, 'rights.erasures-read');
      const rows = await database.run((db) =>
        db
          .select({
            id: erasures.id,
            requestedAtMs: erasures.requestedAtMs,
            completedAtMs: erasures.completedAtMs,
            // While it is under way it names whom it is for.
            effect: sql<unknown>`${erasures.effect} - 'participant' - 'blobs'`,
          })
          .from(erasures)
          .orderBy(desc(erasures.requestedAtMs), erasures.id)
          .limit(limit),
      );
      return rows.map(({ effect, ...row }) => ({
        ...row,
        effect: (typeof effect === 'string' ? JSON.parse(effect) : effect) as Erasure['effect'],
      }));
    },

    async processingRecord(caller) {
      await audit.append(caller, { action: 'rights.processing-record-read', subject: 'server' });
      return record();
    },

    callerOf(request, origin) {
      const participant = checkSignedRequest(request, nowMs());
      checkReplay(request, nowMs());
      return {
        principal: {
          kind: 'participant',
          name: `participant:${participant}`,
          role: 'participant',
          scopes: new Set(),
          federation: undefined,
          participant,
          user: undefined,
          department: undefined,
          expiresAtMs: undefined,
        },
        origin,
      };
    },
  };
}

/** Deletions reach over all federations: whoever is bound to one cannot order them. */
function actsForOthers({ scopes, federation }: Principal): boolean {
  return scopes.has('rights:write') && federation === undefined;
}

function forbidden(): MurmurationError {
  return new MurmurationError('http.forbidden', 'Only whom it is about, or an operator, may do this.', {
    expected: 'the own token, or signature, of whom it is about, or the scope rights:write',
  });
}
