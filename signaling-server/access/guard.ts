import { randomUUID } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { problemResponse } from '../http/problem.ts';
import type { Authorize, Concern } from './authority.ts';
import type { FailedCredentials } from './failed-credentials.ts';
import type { Permission } from './permission.ts';
import type { Caller, Origin, Principal } from './principal.ts';

/** What a request shows of who sent it. */
export interface Shown {
  /** After `Bearer `; a WebSocket's first message or sub-protocol carries the same. */
  readonly bearer: string | undefined;
  /** What a trusted proxy says of a client certificate. */
  readonly certificate: string | undefined;
  /** From where, at a door that is no route: what is not good is counted there. */
  readonly address?: string;
}

/** @throws `http.unauthorized`, `access.*` for a credential that is shown and not good; `http.unavailable`. */
export type Authenticate = (shown: Shown) => Promise<Principal>;

export interface Metered {
  /** What is left, as header fields. */
  readonly headers: Readonly<Record<string, string>>;
  /** `wire.rate-limited`, when nothing is. */
  readonly refusal: MurmurationError | undefined;
  /** Until one is let through again; 0 where this one was. */
  readonly waitMs: number;
}

/** Counts requests. */
export interface Meter {
  request(caller: Caller): Promise<Metered>;
  /** A credential that was not good, by the address that showed it. */
  failure(address: string): Promise<Metered>;
}

export interface GuardOptions {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly trustProxy: boolean;
  /** Lower case; only with `trustProxy`. */
  readonly certificateHeader?: string | undefined;
  readonly meter?: Pick<Meter, 'request'>;
  readonly failures?: FailedCredentials;
  /** Told of every refusal, with what is known of who was refused. Durable before the answer is sent. */
  readonly onRefused?: (refusal: Refusal) => Promise<void>;
}

export interface Refusal {
  readonly caller: Caller | undefined;
  readonly origin: Origin;
  readonly permission: Permission;
  readonly federation: string | undefined;
  readonly error: MurmurationError;
}

export interface GuardedBy {
  /**
   * The federation that a request is about. Left out: the route is about the server as a whole, which only principals that
   * reach all federations may do. Resolving to undefined: about none in particular, and the handler answers with no more than the
   * caller reaches.
   */
  readonly federation?: (c: Context) => string | undefined | Promise<string | undefined>;
  /** False: for files and probes, of which one page, or one network of a school, asks for thousands. */
  readonly isCounted?: boolean;
}

export type GuardHandler = MiddlewareHandler & { readonly permission: Permission };

/** Lets a request through to its handler, or refuses it with problem details. SPEC O-01. */
export type Guard = (permission: Permission, options?: GuardedBy) => GuardHandler;

declare module 'hono' {
  interface ContextVariableMap {
    caller: Caller;
  }
}

/** Longest `Authorization` that is looked at, in characters. A JWT with a key set's worth of claims has about 2,000. */
const MAX_AUTHORIZATION_LENGTH = 8192;

export function createGuard(options: GuardOptions): Guard {
  const { authenticate, authorize, trustProxy, certificateHeader, meter, failures, onRefused } = options;

  const identify = async (c: Context, origin: Origin): Promise<Caller | { readonly closed: Metered }> => {
    const certificate = trustProxy && certificateHeader !== undefined ? c.req.header(certificateHeader) : '';
    const shown = {
      bearer: bearerOf(c.req.header('authorization')),
      certificate: certificate || undefined,
    };
    const closed = failures?.refusalOf(shown, origin.address);
    if (closed !== undefined) return { closed };
    const principal = await authenticate(shown);
    failures?.good(shown);
    return { principal, origin };
  };

  return (permission, { federation: federationOf, isCounted = true } = {}) => {
    const handler: MiddlewareHandler = async (c, next) => {
      // A guard before this one has said who asks, and counted the request.
      const before: Caller | undefined = c.get('caller');
      const origin: Origin = before?.origin ?? {
        address: addressOf(c, trustProxy),
        requestId: requestIdOf(c, trustProxy),
      };
      let caller = before;
      let concern: Concern | undefined;
      let metered: Metered | undefined;
      try {
        if (caller === undefined) {
          const found = await identify(c, origin);
          if ('closed' in found) {
            metered = found.closed;
            throw metered.refusal;
          }
          caller = found;
        }
        metered = isCounted && before === undefined ? await meter?.request(caller) : undefined;
        if (metered?.refusal !== undefined) throw metered.refusal;
        if (federationOf !== undefined) concern = { federation: await federationOf(c) };
        await authorize(caller.principal, permission, concern);
      } catch (thrown) {
        if (!(thrown instanceof MurmurationError)) throw thrown;
        if (caller === undefined) metered ??= await failures?.failed(thrown, origin.address);
        const error = metered?.refusal ?? thrown;
        await onRefused?.({ caller, origin, permission, federation: concern?.federation, error });
        return refused(error, { ...metered?.headers, 'x-request-id': origin.requestId });
      }
      c.set('caller', caller);
      await next();
      for (const [name, value] of Object.entries(metered?.headers ?? {})) c.header(name, value);
      c.header('x-request-id', origin.requestId);
    };
    return Object.assign(handler, { permission });
  };
}

/** Who sent the request that a guard let through. */
export function callerOf(c: Context): Caller {
  const caller = c.get('caller');
  check(caller !== undefined, 'internal', 'A route has no guard.');
  return caller;
}

/** @throws `http.unauthorized` for what is no bearer token. Never repeats it. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const fits = authorization.length <= MAX_AUTHORIZATION_LENGTH;
  const bearer = fits ? /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1] : undefined;
  check(bearer !== undefined, 'http.unauthorized', 'The credential cannot be read.', {
    path: 'authorization',
    expected: `Authorization: Bearer <token or key>, at most ${MAX_AUTHORIZATION_LENGTH} characters`,
    received: `${authorization.length} characters of something else`,
  });
  return bearer;
}

export function addressOf(c: Context, trustProxy: boolean): string {
  const incoming = (c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return clientAddress(incoming?.socket?.remoteAddress, c.req.header('x-forwarded-for'), trustProxy);
}

/** A proxy appends the address it saw; the entries before it are the client's own claims. */
export function clientAddress(
  remote: string | undefined,
  forwardedFor: string | undefined,
  trustProxy: boolean,
): string {
  const forwarded = trustProxy ? forwardedFor?.split(',').at(-1)?.trim() : undefined;
  return forwarded || remote || 'unknown';
}

/** A trusted proxy's own, so that its log and ours tell of the same request. */
function requestIdOf(c: Context, trustProxy: boolean): string {
  const given = trustProxy ? c.req.header('x-request-id') : undefined;
  return given !== undefined && /^[\w-]{8,64}$/.test(given) ? given : randomUUID();
}

function refused(error: MurmurationError, headers: Record<string, string>): Response {
  const response = problemResponse(error, headers);
  if (response.status === 401) {
    const shown = error.facts.received !== 'no credential';
    // RFC 6750, section 3: no error code where no credential was shown.
    response.headers.set('www-authenticate', shown ? 'Bearer error="invalid_token"' : 'Bearer');
  }
  return response;
}
