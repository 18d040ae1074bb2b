import { createPublicKey } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { MurmurationError } from '../../shared/errors/index.ts';
import { createKeySet, fetchKeySet } from './key-set.ts';
import { type Role, SCOPES, SCOPES_OF_ROLE, type Scope } from './permission.ts';
import type { Principal } from './principal.ts';

export interface JwtConfig {
  readonly issuer: string;
  readonly audience: string;
  readonly keys:
    | { readonly kind: 'address'; readonly url: string }
    | { readonly kind: 'key'; readonly pem: string };
}

/** Signatures that are made with a private key: no `none`, and no secret that verifying would share. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_TOLERANCE_SECONDS = 60;
/** In the order of what they reach: of several the first counts. */
const BY_REACH: readonly Role[] = ['operator', 'owner', 'auditor', 'participant'];
const MAX_NAME_LENGTH = 256;

export type JwtVerifier = (token: string) => Promise<Principal>;

/** Whether a text has the form of a signed JWT (RFC 7519, compact serialization). */
export function isJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);
}

/** @throws `argument.invalid` for a JWT_PUBLIC_KEY that is no key. */
export function jwtKeys({ keys }: JwtConfig, nowMs: () => number): JWTVerifyGetKey {
  if (keys.kind === 'address') return createKeySet({ fetchKeys: () => fetchKeySet(keys.url), nowMs });
  try {
    const key = createPublicKey(keys.pem);
    return async () => key;
  } catch (cause) {
    throw new MurmurationError('argument.invalid', 'This setting is wrong: not a public key.', {
      path: 'JWT_PUBLIC_KEY',
      expected: 'a public key in PEM',
      cause,
    });
  }
}

/**
 * Verifies bearer tokens (RFC 7519, RFC 8725) of one issuer for one audience. `scope` or `scp` names scopes, `role` or
 * `roles` roles of ours, `federation` the only one it is for, `department` who is charged.
 */
export function createJwtVerifier(
  { issuer, audience }: Pick<JwtConfig, 'issuer' | 'audience'>,
  keys: JWTVerifyGetKey,
  nowMs: () => number,
): JwtVerifier {
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(nowMs()),
      });
      return principalOf(issuer, payload);
    } catch (thrown) {
      throw refusalOf(thrown);
    }
  };
}

function principalOf(issuer: string, payload: JWTPayload): Principal {
  const named = [payload.role, payload.roles].flat();
  const role = BY_REACH.find((known) => named.includes(known));
  const user = `${issuer}#${shortText(payload.sub, 'sub')}`;
  return {
    kind: 'token',
    name: `user:${user}`,
    role,
    scopes: scopesOf(payload, role),
    federation: payload.federation === undefined ? undefined : shortText(payload.federation, 'federation'),
    participant: undefined,
    user,
    department: payload.department === undefined ? undefined : shortText(payload.department, 'department'),
    expiresAtMs: payload.exp! * 1000,
  };
}

/** A role without scopes has all of its scopes; scopes are never more than the role's, where there is one. */
function scopesOf(payload: JWTPayload, role: Role | undefined): ReadonlySet<Scope> {
  const claim = payload.scope ?? payload.scp;
  const most = role === undefined ? SCOPES : SCOPES_OF_ROLE[role];
  if (claim === undefined) return new Set(role === undefined ? [] : most);
  const named = typeof claim === 'string' ? claim.split(' ') : [claim].flat();
  return new Set(most.filter((scope) => named.includes(scope)));
}

function shortText(value: unknown, claim: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH) return value;
  throw unauthorized('The token has a claim that cannot be used.', {
    path: claim,
    expected: `a text of 1 to ${MAX_NAME_LENGTH} characters`,
  });
}

/** Names what is wrong and where; never what stands there. */
function refusalOf(thrown: unknown): unknown {
  if (thrown instanceof MurmurationError) return thrown;
  if (thrown instanceof errors.JWTExpired) {
    return new MurmurationError('access.expired', 'The token has expired.', {
      remedy: 'Sign in again.',
    });
  }
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    return unauthorized('The token is not for this server.', {
      path: thrown.claim,
      expected: EXPECTED[thrown.claim] ?? 'this claim to hold',
    });
  }
  if (thrown instanceof errors.JOSEAlgNotAllowed) {
    return unauthorized('The token is signed in a way that this server does not take.', {
      path: 'alg',
      expected: ALGORITHMS.join(', '),
    });
  }
  // A TypeError: the algorithm that the token names does not go with the key.
  if (thrown instanceof errors.JOSEError || thrown instanceof TypeError) {
    return unauthorized('The token does not verify.', {
      expected: 'a signature by a current key of the issuer that this server trusts',
    });
  }
  return thrown;
}

const EXPECTED: Readonly<Record<string, string>> = {
  aud: 'the audience in JWT_AUDIENCE',
  iss: 'the issuer in JWT_ISSUER',
  nbf: 'a time that has come',
  exp: 'a time in seconds',
  sub: 'whom the token is about',
};

function unauthorized(summary: string, facts: { path?: string; expected: string }): MurmurationError {
  return new MurmurationError('http.unauthorized', summary, { ...facts, remedy: 'Sign in again.' });
}
