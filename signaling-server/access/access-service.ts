import { check } from '../../shared/errors/index.ts';
import type { Identity } from '../../shared/identity/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { checkFact } from '../audit/facts.ts';
import type { Page } from '../jobs/training.ts';
import type { AccessRepository, ApiKeyRow, InvitationRow, MemberRow } from './access-repository.ts';
import { type Authorize, reachesAll } from './authority.ts';
import { signInvitation } from './invitation-token.ts';
import { type Permission, type Role, SCOPES_OF_ROLE, type Scope } from './permission.ts';
import type { Caller, Principal } from './principal.ts';
import { formatKey, hashOf, newId, newSecret } from './secret.ts';

/** A key or a registered certificate, without what proves it. Times in milliseconds since the epoch. */
export type AccessKey = Omit<ApiKeyRow, 'hash'>;
export type Invitation = InvitationRow;
export type Member = MemberRow;

export interface NewKey {
  /** For people: what it is used for. */
  readonly name: string;
  readonly role: Role;
  /** Default: all of the role's that the creator has. */
  readonly scopes?: readonly Scope[] | undefined;
  /** The only federation it reaches. */
  readonly federation?: string | undefined;
  readonly user?: string | undefined;
  readonly department?: string | undefined;
  readonly expiresAtMs?: number | undefined;
}

export interface NewCertificate extends NewKey {
  /** Hex SHA-256 of its DER form, with or without colons. */
  readonly fingerprint: string;
}

export interface NewInvitation {
  readonly label: string;
  readonly maxUses: number;
  readonly expiresAtMs: number;
  readonly department?: string | undefined;
}

export interface ListQuery {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/**
 * Keys, certificates, invitations and members. Each call checks that the caller reaches what it is about, and is in the audit
 * before it resolves. Nobody gives more than it has. SPEC O-08.
 */
export interface AccessService {
  /** @returns the key, and its secret: shown this once, kept as a hash. @throws `http.forbidden`, `argument.invalid`. */
  createKey(caller: Caller, key: NewKey): Promise<{ readonly key: AccessKey; readonly secret: string }>;
  registerCertificate(caller: Caller, certificate: NewCertificate): Promise<AccessKey>;
  /** Those that the caller made, and those of federations that it reaches. */
  listKeys(caller: Caller, query: ListQuery): Promise<Page<AccessKey>>;
  /** Good for nothing from now on. Again: the same answer. @throws `http.not-found`. */
  revokeKey(caller: Caller, id: string): Promise<AccessKey>;
  /** @returns the invitation, and the token for its link: it is not kept. */
  createInvitation(
    caller: Caller,
    federation: string,
    invitation: NewInvitation,
  ): Promise<{ readonly invitation: Invitation; readonly token: string }>;
  listInvitations(caller: Caller, federation: string, query: ListQuery): Promise<Page<Invitation>>;
  /** Lets nobody in from now on; those it let in stay. @throws `http.not-found`. */
  revokeInvitation(caller: Caller, federation: string, id: string): Promise<Invitation>;
  listMembers(caller: Caller, federation: string, query: ListQuery): Promise<Page<Member>>;
  /** @throws `http.not-found`. */
  removeMember(caller: Caller, federation: string, participant: string): Promise<void>;
}

export interface AccessServiceOptions {
  readonly repository: AccessRepository;
  readonly authorize: Authorize;
  readonly audit: Pick<AuditLog, 'append' | 'record'>;
  /** Of the server: signs invitations. */
  readonly identity: Pick<Identity, 'sign'>;
  readonly nowMs: () => number;
  /** Ends its connections to the federation. */
  readonly onRemoved: (federation: string, participant: string) => void;
}

const DEFAULT_PAGE = 100;
const MAX_PAGE = 500;
const MAX_NAME_LENGTH = 128;
export const MAX_INVITATION_USES = 100_000;
const ROLES_OF_A_FEDERATION: ReadonlySet<Role> = new Set(['participant', 'owner']);

export function createAccessService(options: AccessServiceOptions): AccessService {
  const { repository, authorize, audit, identity, nowMs, onRemoved } = options;

  const needs = (caller: Caller, permission: Permission, federation: string | undefined) =>
    authorize(caller.principal, permission, { federation });

  const rowOf = async (caller: Caller, key: NewKey, kind: 'key' | 'certificate'): Promise<ApiKeyRow> => {
    await needs(caller, 'access:write', key.federation);
    checkText('name', key.name);
    if (key.user !== undefined) checkText('user', key.user);
    if (key.department !== undefined) checkText('department', key.department);
    const { principal } = caller;
    const expiresAtMs = key.expiresAtMs ?? heirExpiry(principal) ?? null;
    checkFuture(expiresAtMs);
    checkMayGive(principal, key, expiresAtMs);
    return {
      id: newId(),
      name: key.name,
      hash: '',
      kind,
      role: key.role,
      scopes: scopesFor(principal, key),
      federation: key.federation ?? null,
      user: key.user ?? (reachesAll(principal) ? null : (principal.user ?? null)),
      department: key.department ?? (reachesAll(principal) ? null : (principal.department ?? null)),
      createdBy: principal.name,
      createdAtMs: nowMs(),
      expiresAtMs,
      revokedAtMs: null,
      lastUsedAtMs: null,
    };
  };

  const checkFuture = (expiresAtMs: number | null): void => {
    const isFuture = expiresAtMs === null || (Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs());
    check(isFuture, 'argument.invalid', 'The expiry is not in the future.', {
      path: 'expiresAtMs',
      expected: 'milliseconds since 1970, later than now',
      received: String(expiresAtMs),
    });
  };

  /** Whoever does not reach everything sees what it made, and what is of a federation that it reaches. */
  const sees = async (caller: Caller, row: ApiKeyRow): Promise<boolean> => {
    const { principal } = caller;
    if (reachesAll(principal) || row.createdBy === principal.name) return true;
    return row.federation !== null && reaches(caller, 'access:read', row.federation);
  };
  const reaches = (caller: Caller, permission: Permission, federation: string): Promise<boolean> =>
    needs(caller, permission, federation).then(
      () => true,
      () => false,
    );

  const recordKey = <T>(
    caller: Caller,
    action: string,
    { id, role, scopes, federation, expiresAtMs }: AccessKey,
    effect: () => Promise<T>,
  ): Promise<T> =>
    audit.record(caller, {
      action,
      subject: `key:${id}`,
      after: { role, scopes, federation, expiresAtMs },
      effect,
    });

  const findInvitation = async (federation: string, id: string): Promise<InvitationRow> => {
    const found = await repository.invitationById(id);
    check(found?.federation === federation, 'http.not-found', 'There is no such invitation.');
    return found;
  };

  return {
    async createKey(caller, key) {
      const secret = newSecret();
      const row = { ...(await rowOf(caller, key, 'key')), hash: hashOf(secret) };
      await recordKey(caller, 'access.key-created', row, () => repository.putKey(row));
      return { key: withoutHash(row), secret: formatKey(row.id, secret) };
    },

    async registerCertificate(caller, certificate) {
      const hash = certificate.fingerprint.replaceAll(':', '').toLowerCase();
      check(/^[0-9a-f]{64}$/.test(hash), 'argument.invalid', 'This is no fingerprint of a certificate.', {
        path: 'fingerprint',
        expected: 'its SHA-256, as 64 hexadecimal digits',
        received: `${certificate.fingerprint.length} characters`,
      });
      const row = { ...(await rowOf(caller, certificate, 'certificate')), hash };
      const known = await repository.certificateBy(hash);
      check(known?.revokedAtMs !== null, 'http.conflict', 'This certificate is registered already.', {
        remedy: 'Revoke that registration first.',
      });
      await recordKey(caller, 'access.certificate-registered', row, () => repository.putKey(row));
      return withoutHash(row);
    },

    async listKeys(caller, query) {
      await needs(caller, 'access:read', undefined);
      const items: AccessKey[] = [];
      const limit = limitOf(query);
      let { after } = query;
      // Filtered as it is read: the table is small, and how much a caller sees of it is known by asking for each.
      for (;;) {
        const rows = await repository.listKeys({ after, limit: MAX_PAGE });
        for (const row of rows) {
          if (!(await sees(caller, row))) continue;
          if (items.length === limit) return { items, next: items.at(-1)!.id };
          items.push(withoutHash(row));
        }
        if (rows.length < MAX_PAGE) return { items, next: null };
        after = rows.at(-1)!.id;
      }
    },

    async revokeKey(caller, id) {
      await needs(caller, 'access:write', undefined);
      const row = await repository.keyById(id);
      // Others' keys look like none: their ids are not for guessing.
      check(row !== undefined && (await sees(caller, row)), 'http.not-found', 'There is no such key.');
      if (row.federation !== null && row.createdBy !== caller.principal.name)
        await needs(caller, 'access:write', row.federation);
      if (row.revokedAtMs !== null) return withoutHash(row);
      const revoked = await recordKey(caller, 'access.key-revoked', row, () =>
        repository.revokeKey(id, nowMs()),
      );
      check(revoked !== undefined, 'http.not-found', 'There is no such key.');
      return withoutHash(revoked.row);
    },

    async createInvitation(caller, federation, { label, maxUses, expiresAtMs, department }) {
      await needs(caller, 'access:write', federation);
      checkText('label', label);
      if (department !== undefined) checkText('department', department);
      checkFact('department', department);
      const fits = Number.isInteger(maxUses) && maxUses >= 1 && maxUses <= MAX_INVITATION_USES;
      check(fits, 'argument.invalid', 'The number of uses is out of range.', {
        path: 'maxUses',
        expected: `an integer from 1 to ${MAX_INVITATION_USES}`,
        received: String(maxUses),
      });
      checkFuture(expiresAtMs);
      const row: InvitationRow = {
        id: newId(),
        federation,
        label,
        department: department ?? null,
        maxUses,
        uses: 0,
        createdBy: caller.principal.name,
        createdAtMs: nowMs(),
        expiresAtMs,
        revokedAtMs: null,
      };
      const token = await signInvitation(identity, row);
      await audit.record(caller, {
        action: 'access.invitation-created',
        subject: `invitation:${row.id}`,
        after: { federation, maxUses, expiresAtMs, department: row.department },
        effect: () => repository.putInvitation(row),
      });
      return { invitation: row, token };
    },

    async listInvitations(caller, federation, query) {
      await needs(caller, 'access:read', federation);
      const limit = limitOf(query);
      const rows = await repository.listInvitations(federation, { after: query.after, limit: limit + 1 });
      return pageOf(rows, limit, ({ id }) => id);
    },

    async revokeInvitation(caller, federation, id) {
      await needs(caller, 'access:write', federation);
      const invitation = await findInvitation(federation, id);
      if (invitation.revokedAtMs !== null) return invitation;
      const revoked = await audit.record(caller, {
        action: 'access.invitation-revoked',
        subject: `invitation:${id}`,
        after: { federation, uses: invitation.uses },
        effect: () => repository.revokeInvitation(id, nowMs()),
      });
      check(revoked !== undefined, 'http.not-found', 'There is no such invitation.');
      return revoked.row;
    },

    async listMembers(caller, federation, query) {
      await needs(caller, 'participant:read', federation);
      const limit = limitOf(query);
      const rows = await repository.listMembers(federation, { after: query.after, limit: limit + 1 });
      // Who took part is personal data: that it was read is kept too.
      await audit.append(caller, {
        action: 'access.members-read',
        subject: `federation:${federation}`,
        after: { count: Math.min(rows.length, limit) },
      });
      return pageOf(rows, limit, ({ participant }) => participant);
    },

    async removeMember(caller, federation, participant) {
      await needs(caller, 'participant:write', federation);
      const member = await repository.member(federation, participant);
      check(member !== undefined, 'http.not-found', 'There is no such member.');
      await audit.record(caller, {
        action: 'access.member-removed',
        subject: `participant:${participant}`,
        before: { via: member.via },
        after: { federation },
        async effect() {
          await repository.removeMember(federation, participant);
          onRemoved(federation, participant);
        },
      });
    },
  };
}

/** What the creator does not have it cannot give: neither somebody else's budgets, nor roles and scopes, nor reach, nor time. */
function checkMayGive(principal: Principal, key: NewKey, expiresAtMs: number | null): void {
  if (!reachesAll(principal)) {
    const isLesser = key.federation !== undefined && ROLES_OF_A_FEDERATION.has(key.role);
    check(isLesser, 'http.forbidden', 'Your credential cannot give this role.', {
      path: key.federation === undefined ? 'federation' : 'role',
      expected: 'participant or owner, of a federation that you reach',
      received: `${key.role}, ${key.federation === undefined ? 'of all federations' : 'of one federation'}`,
    });
  }
  // What a department may spend is the operator's to share out.
  const isOwn = key.department === undefined || key.department === principal.department;
  check(
    reachesAll(principal) || isOwn,
    'http.forbidden',
    'Your credential cannot charge another department.',
    { path: 'department', expected: 'your own, or none' },
  );
  check(
    reachesAll(principal) || key.user === undefined || key.user === principal.user,
    'http.forbidden',
    'Your credential cannot charge another user.',
    { path: 'user', expected: 'your own, or none' },
  );
  const most: readonly Scope[] = SCOPES_OF_ROLE[key.role];
  for (const scope of key.scopes ?? []) {
    check(most.includes(scope), 'argument.invalid', 'The role does not have this scope.', {
      path: 'scopes',
      expected: most.join(', '),
      received: scope,
    });
    check(principal.scopes.has(scope), 'http.forbidden', 'Your credential cannot give this scope.', {
      path: 'scopes',
      expected: 'scopes that you have yourself',
      received: scope,
    });
  }
  const heir = heirExpiry(principal);
  const isOutlived = heir === undefined || (expiresAtMs !== null && expiresAtMs <= heir);
  check(isOutlived, 'http.forbidden', 'Your credential cannot give a key that outlives it.', {
    path: 'expiresAtMs',
    expected: `at most ${heir}`,
    received: String(expiresAtMs),
  });
}

/** A token is made anew every hour, so its end says nothing; the end of a key was chosen by somebody. */
function heirExpiry({ kind, expiresAtMs }: Principal): number | undefined {
  return kind === 'token' ? undefined : expiresAtMs;
}

function scopesFor(principal: Principal, { scopes, role }: NewKey): readonly Scope[] {
  return scopes === undefined
    ? SCOPES_OF_ROLE[role].filter((scope) => principal.scopes.has(scope))
    : [...new Set(scopes)];
}

function withoutHash({ hash: _hash, ...key }: ApiKeyRow): AccessKey {
  return key;
}

function checkText(path: string, text: string): void {
  // Neither empty, nor what a database or a terminal stumbles over.
  const fits = text.trim() !== '' && text.length <= MAX_NAME_LENGTH && !/[\p{Cc}\p{Surrogate}]/u.test(text);
  check(fits, 'argument.invalid', 'This text cannot be used.', {
    path,
    expected: `1 to ${MAX_NAME_LENGTH} characters, without control characters`,
    received: `${text.length} characters`,
  });
}

function limitOf({ limit = DEFAULT_PAGE }: ListQuery): number {
  const fits = Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE;
  check(fits, 'argument.invalid', 'The page has another size.', {
    path: 'limit',
    expected: `an integer from 1 to ${MAX_PAGE}`,
    received: String(limit),
  });
  return limit;
}

/** Of one row more than the page holds. */
function pageOf<T>(rows: readonly T[], limit: number, cursorOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? cursorOf(items.at(-1)!) : null };
}
