import { GraphQLError, NoSchemaIntrospectionCustomRule, parse } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import type { Authorize } from '../access/authority.ts';
import { type Authenticate, bearerOf, callerOf, type Guard, type Refusal } from '../access/guard.ts';
import type { Caller, Principal } from '../access/principal.ts';
import { IDEMPOTENCY_KEY } from '../http/endpoint.ts';
import { readJson } from '../http/json-body.ts';
import type { GraphqlContext, GraphqlServices } from './context.ts';
import { createSchema } from './create-schema.ts';
import { maskedError } from './errors.ts';
import { limitRule, QUERY_LIMITS } from './limits.ts';

export interface GraphqlOptions {
  readonly app: Hono;
  readonly guard: Guard;
  readonly authorize: Authorize;
  readonly authenticate: Authenticate;
  readonly services: GraphqlServices;
  readonly repository: GraphqlContext['repository'];
  /** Hears of every field that was refused. */
  readonly onRefused: (refusal: Refusal) => Promise<void>;
  /** @throws `wire.rate-limited`. */
  readonly countWrite: (caller: Caller) => Promise<void>;
  /** For everybody; otherwise for those who may read of the server as a whole. */
  readonly introspection: boolean;
  /** How often subscribers are asked again whether they may. */
  readonly reviewMs?: number;
  readonly log: Pick<Logger, 'error'>;
}

export const GRAPHQL_PATH = '/graphql';
const MAX_BODY_BYTES = 256 * 1024;
/** Words and signs of a document. */
const MAX_TOKENS = 2_000;
const MAX_ERRORS = 20;
const REVIEW_MS = 30_000;

interface ServerContext {
  readonly caller: Caller;
  readonly raw: Request;
  readonly mayIntrospect: boolean;
}

/** The door for GraphQL: queries and mutations as JSON, subscriptions as server-sent events. */
export function attachGraphql(options: GraphqlOptions): { close(): Promise<void> } {
  const { app, guard, services, repository, introspection, countWrite, onRefused, log } = options;
  const lifetime = new AbortController();
  const mask = (thrown: unknown): GraphQLError =>
    maskedError(thrown, (unnamed) => log.error({ err: unnamed }, 'a GraphQL field failed'));
  const yoga = createYoga<ServerContext, GraphqlContext>({
    schema: createSchema(),
    graphqlEndpoint: GRAPHQL_PATH,
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    cors: false,
    logging: false,
    maxRequestBodySize: MAX_BODY_BYTES,
    // Node's own, so that the server knows the response when it sees it.
    fetchAPI: { Request, Response, Headers, ReadableStream, TextEncoder, TextDecoder, URL, fetch },
    // Whether introspection is allowed differs from caller to caller.
    parserAndValidationCache: false,
    maskedErrors: { maskError: mask },
    context({ caller, raw }) {
      return {
        caller,
        services,
        repository,
        authorize: noted(options.authorize, caller, onRefused),
        stillMay: async (permission, federation) =>
          options.authorize(await principalNow(options.authenticate, caller, raw), permission, {
            federation,
          }),
        reviewMs: options.reviewMs ?? REVIEW_MS,
        countWrite: () => countWrite(caller),
        idempotencyKey: idempotencyKeyOf(raw),
        signal: AbortSignal.any([raw.signal, lifetime.signal]),
      };
    },
    plugins: [limits(), namedErrors(mask)],
  });

  app.post(
    GRAPHQL_PATH,
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new MurmurationError('http.too-large', 'The body is too large.', {
          expected: `at most ${MAX_BODY_BYTES} bytes`,
        });
      },
    }),
    // Who may what is decided field by field.
    guard('public'),
    async (c) => {
      const body = await readJson(c);
      check(
        typeof body === 'object' && body !== null && !Array.isArray(body),
        'http.bad-request',
        'This is no GraphQL request.',
        {
          path: 'body',
          expected: 'one object with query, variables and operationName; no batch',
        },
      );
      const { url, headers, signal } = c.req.raw;
      const request = new Request(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
      const caller = callerOf(c);
      const mayIntrospect = introspection || (await mayReadSystem(options.authorize, caller));
      const response = await yoga.fetch(request, { caller, raw: c.req.raw, mayIntrospect });
      return new Response(response.body, response);
    },
  );
  return {
    close: async () => lifetime.abort(),
  };
}

/** Keys are revoked, and accounts lose what they had. A certificate was shown to the proxy, and holds as long as its connection. */
function principalNow(authenticate: Authenticate, { principal }: Caller, raw: Request): Promise<Principal> {
  if (principal.kind === 'certificate') return Promise.resolve(principal);
  const bearer = bearerOf(raw.headers.get('authorization') ?? undefined);
  return authenticate({ bearer, certificate: undefined });
}

function limits(): Plugin<ServerContext> {
  const rule = limitRule(QUERY_LIMITS);
  return {
    onParse({ setParseFn }) {
      setParseFn((source, parseOptions) => parse(source, { ...parseOptions, maxTokens: MAX_TOKENS }));
    },
    onValidate({ addValidationRule, context }) {
      addValidationRule(rule);
      if (!context.mayIntrospect) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
}

/** What does not validate is not masked by yoga; and one bad document must not become a long answer. */
function namedErrors(mask: (thrown: unknown) => GraphQLError): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      if (typeof result !== 'object' || result === null || !('errors' in result)) return;
      const { errors = [] } = result;
      const named = errors.slice(0, MAX_ERRORS).map((error) => (isNamed(error) ? error : mask(error)));
      const more = errors.length - named.length;
      if (more > 0) named.push(mask(new GraphQLError(`There are ${more} more errors.`)));
      setResult({ ...result, errors: named });
    },
  };
}

/** By this server, whose codes have a dot in them, but for one. */
function isNamed({ extensions }: GraphQLError): boolean {
  return typeof extensions?.code === 'string' && /^[a-z-]+\.|^internal$/.test(extensions.code);
}

/** Refusals are told and written down as those of routes are. */
function noted(authorize: Authorize, caller: Caller, onRefused: GraphqlOptions['onRefused']): Authorize {
  return async (principal, permission, concern) => {
    try {
      await authorize(principal, permission, concern);
    } catch (error) {
      if (error instanceof MurmurationError)
        await onRefused({
          caller,
          origin: caller.origin,
          permission,
          federation: concern?.federation,
          error,
        });
      throw error;
    }
  };
}

async function mayReadSystem(authorize: Authorize, { principal }: Caller): Promise<boolean> {
  try {
    await authorize(principal, 'system:read');
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'http.forbidden') || hasCode(thrown, 'http.unauthorized')) return false;
    throw thrown;
  }
}

/** @throws `http.bad-request`. */
function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get('idempotency-key') ?? undefined;
  check(key === undefined || IDEMPOTENCY_KEY.test(key), 'http.bad-request', 'This header is wrong.', {
    path: 'header.idempotency-key',
    expected: '1 to 128 printable characters without spaces',
  });
  return key;
}
