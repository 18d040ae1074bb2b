import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { AccessRepository, ApiKeyRow } from './access-repository.ts';
import { readCertificate } from './certificate.ts';
import type { Authenticate } from './guard.ts';
import { isInvitationToken, readInvitation } from './invitation-token.ts';
import { isJwt, type JwtVerifier } from './jwt.ts';
import { SCOPES, SCOPES_OF_ROLE } from './permission.ts';
import type { Principal } from './principal.ts';
import { hashOf, isSame, parseKey } from './secret.ts';

/** Whom a token of the hub stands for. */
export interface HubHolder {
  readonly federation: string;
  readonly participant: ParticipantId;
}

export interface AuthenticateOptions {
  readonly repository: Pick<AccessRepository, 'keyById' | 'certificateBy' | 'noteKeyUse' | 'invitationById'>;
  /** OPERATOR_KEY. */
  readonly operatorKey: string | undefined;
  readonly authorizeHub: (token: string) => HubHolder | undefined | Promise<HubHolder | undefined>;
  /** Undefined: this server takes no JWT. */
  readonly verifyJwt: JwtVerifier | undefined;
  /** Of the server: it signed the invitations. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly nowMs: () => number;
  /** A last use that could not be written down. */
  readonly onNoteFailed: (thrown: unknown) => void;
}

export const ANONYMOUS: Principal = {
  kind: 'anonymous',
  name: 'anonymous',
  role: undefined,
  scopes: new Set(),
  federation: undefined,
  participant: undefined,
  user: undefined,
  department: undefined,
  expiresAtMs: undefined,
};

/** Of a key, the last use is written down at most this often. */
const NOTE_EVERY_MS = 60_000;
/** What an invitation shows before it is redeemed: what its holder would join. */
const SCOPES_OF_INVITATION = ['training:read', 'federation:read', 'model:read'] as const;

/** Says who shows a credential. Which kind it is, its form tells; no kind is tried after another has refused. */
export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const { repository, operatorKey, authorizeHub, verifyJwt, publicKey, nowMs, onNoteFailed } = options;
  const notedAtMs = new Map<string, number>();

  const noteUse = (id: string): void => {
    const atMs = nowMs();
    if (atMs - (notedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < NOTE_EVERY_MS) return;
    notedAtMs.set(id, atMs);
    repository.noteKeyUse(id, atMs).catch(onNoteFailed);
  };

  const byKey = async (bearer: string): Promise<Principal> => {
    const key = parseKey(bearer);
    const row = key && (await repository.keyById(key.id));
    const isIt = row?.kind === 'key' && isSame(hashOf(key!.secret), row.hash);
    check(isIt, 'http.unauthorized', 'This key is not known.', {
      expected: 'a key of this server',
      remedy: 'Check that the whole key was copied, or ask for another one.',
    });
    return good(row, `key:${row.id}`);
  };

  const byCertificate = async (header: string): Promise<Principal> => {
    const { fingerprint, startsAtMs, expiresAtMs } = readCertificate(header);
    const row = await repository.certificateBy(fingerprint);
    check(row !== undefined, 'http.unauthorized', 'This client certificate is not registered.', {
      expected: 'a certificate that an operator registered',
      remedy: 'Ask whoever runs this server to register it.',
    });
    checkTime('certificate', expiresAtMs ?? null);
    check((startsAtMs ?? 0) <= nowMs(), 'http.unauthorized', 'This client certificate is not valid yet.');
    return good(row, `certificate:${row.id}`);
  };

  const good = (row: ApiKeyRow, name: string): Principal => {
    check(row.revokedAtMs === null, 'access.revoked', `This ${row.kind} was revoked.`, {
      remedy: 'Ask whoever runs this server for another one.',
    });
    checkTime(row.kind, row.expiresAtMs);
    noteUse(row.id);
    const most = SCOPES_OF_ROLE[row.role];
    return {
      kind: row.kind === 'key' ? 'api-key' : 'certificate',
      name,
      role: row.role,
      // What a role may do can have become less since the key was made.
      scopes: new Set(row.scopes.filter((scope) => most.includes(scope))),
      federation: row.federation ?? undefined,
      participant: undefined,
      user: row.user ?? undefined,
      department: row.department ?? undefined,
      expiresAtMs: row.expiresAtMs ?? undefined,
    };
  };

  const checkTime = (what: string, expiresAtMs: number | null): void => {
    check(expiresAtMs === null || expiresAtMs > nowMs(), 'access.expired', `This ${what} has expired.`, {
      received: expiresAtMs === null ? 'no end' : `good until ${new Date(expiresAtMs).toISOString()}`,
      remedy: 'Ask whoever gave it to you for another one.',
    });
  };

  const byInvitation = async (token: string): Promise<Principal> => {
    const claims = readInvitation(publicKey, token);
    checkTime('invitation', claims.expiresAtMs);
    const row = await repository.invitationById(claims.id);
    check(row !== undefined, 'http.unauthorized', 'This invitation is not known any more.');
    check(row.revokedAtMs === null, 'access.revoked', 'This invitation was revoked.', {
      remedy: 'Ask whoever invited you for another one.',
    });
    return {
      ...ANONYMOUS,
      kind: 'invitation',
      name: `invitation:${row.id}`,
      role: 'participant',
      scopes: new Set(SCOPES_OF_INVITATION),
      federation: row.federation,
      department: row.department ?? undefined,
      expiresAtMs: row.expiresAtMs,
    };
  };

  const byHub = async (token: string): Promise<Principal> => {
    const holder = await authorizeHub(token);
    check(holder !== undefined, 'http.unauthorized', 'The bearer token is not, or no longer, good.', {
      remedy: 'Connect again, sign in, or ask whoever runs this server for a key.',
    });
    const { participant, federation } = holder;
    const scopes = new Set(SCOPES_OF_ROLE.participant);
    const name = `participant:${participant}`;
    return { ...ANONYMOUS, kind: 'participant', name, role: 'participant', scopes, federation, participant };
  };

  const byJwt = async (token: string): Promise<Principal> => {
    if (verifyJwt !== undefined) return verifyJwt(token);
    throw new MurmurationError('http.unauthorized', 'This server takes no tokens of other issuers.', {
      expected: 'a key of this server',
      remedy: 'Whoever runs it sets JWT_ISSUER, JWT_AUDIENCE and JWKS_URL.',
    });
  };

  return async ({ bearer, certificate }) => {
    if (bearer === undefined) return certificate === undefined ? ANONYMOUS : byCertificate(certificate);
    if (operatorKey !== undefined && isSame(bearer, operatorKey)) return OPERATOR;
    if (bearer.startsWith('mk_')) return byKey(bearer);
    if (isInvitationToken(bearer)) return byInvitation(bearer);
    return isJwt(bearer) ? byJwt(bearer) : byHub(bearer);
  };
}

const OPERATOR: Principal = {
  ...ANONYMOUS,
  kind: 'operator-key',
  name: 'operator-key',
  role: 'operator',
  scopes: new Set(SCOPES),
};
