import { MurmurationError } from '../../shared/errors/index.ts';
import { type Permission, type Role, SCOPES_OF_ROLE, type Scope } from './permission.ts';
import type { Principal } from './principal.ts';

/** What decides who reaches a federation. */
export interface FederationReach {
  readonly admission: 'open' | 'invitation' | 'members';
  /** Name of the principal that created it. */
  readonly owner: string | null;
}

export interface Concern {
  /** Which federation this is about; undefined: none in particular, and the answer holds only what the caller reaches. */
  readonly federation: string | undefined;
}

/**
 * Decides whether somebody may do something: to a federation, or, without a concern, to the server as a whole. SPEC O-02 to O-04.
 * @throws `http.unauthorized` when a credential would help, `http.forbidden` naming what is missing.
 */
export type Authorize = (principal: Principal, permission: Permission, concern?: Concern) => Promise<void>;

/** What anybody may read of a federation that anybody may join. */
const OPEN_READING: ReadonlySet<Permission> = new Set<Scope>([
  'training:read',
  'federation:read',
  'model:read',
]);
const SERVER_WIDE: ReadonlySet<Role | undefined> = new Set<Role>(['operator', 'auditor']);

export interface AuthorityOptions {
  readonly settingsOf: (federation: string) => Promise<FederationReach>;
  /** Whether somebody with this account is a member. */
  readonly isMember: (federation: string, user: string) => Promise<boolean>;
}

export function createAuthorize({ settingsOf, isMember }: AuthorityOptions): Authorize {
  const isIts = async (principal: Principal, permission: Scope, federation: string): Promise<boolean> => {
    if (principal.federation !== undefined) return principal.federation === federation;
    const { name, user } = principal;
    const { owner } = await settingsOf(federation);
    if (owner === name) return true;
    // An owner of one federation is no more than a participant of others.
    const isOfParticipants = SCOPES_OF_ROLE.participant.includes(permission);
    return isOfParticipants && user !== undefined && isMember(federation, user);
  };

  return async (principal, permission, concern) => {
    if (permission === 'public' || principal.kind === 'system') return;
    const federation = concern?.federation;
    if (federation !== undefined && OPEN_READING.has(permission)) {
      if ((await settingsOf(federation)).admission === 'open') return;
    }
    if (principal.kind === 'anonymous') throw unauthorized(permission);
    if (permission === 'authenticated') return;
    if (!principal.scopes.has(permission)) throw missingScope(permission, principal);
    if (reachesAll(principal)) return;
    if (concern === undefined) throw outOfReach('the server as a whole');
    if (federation !== undefined && !(await isIts(principal, permission, federation))) {
      throw outOfReach('this federation');
    }
  };
}

/** Whether a principal concerns itself with every federation, and with the server. */
export function reachesAll(principal: Principal): boolean {
  if (principal.kind === 'system') return true;
  return principal.federation === undefined && SERVER_WIDE.has(principal.role);
}

function unauthorized(permission: Permission): MurmurationError {
  return new MurmurationError('http.unauthorized', 'This takes a credential.', {
    expected:
      permission === 'authenticated'
        ? 'Authorization: Bearer <token or key>'
        : `Authorization: Bearer <token or key with the scope ${permission}>`,
    received: 'no credential',
    remedy: 'Sign in, or ask whoever runs this server for a key.',
  });
}

function missingScope(scope: Scope, principal: Principal): MurmurationError {
  return new MurmurationError('http.forbidden', 'Your credential does not allow this.', {
    expected: `the scope ${scope}`,
    received: `${principal.role ?? 'no role'}, with ${[...principal.scopes].sort().join(', ') || 'no scope'}`,
    remedy: 'Ask whoever runs this server for a key with this scope.',
  });
}

function outOfReach(what: string): MurmurationError {
  return new MurmurationError('http.forbidden', `Your credential does not reach ${what}.`, {
    expected: `a credential for ${what}`,
    remedy: 'Ask whoever runs this server for one.',
  });
}
