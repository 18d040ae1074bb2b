import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { BlankEnv } from 'hono/types';
import { MurmurationError } from '../../shared/errors/index.ts';
import { callerOf, type Guard, type GuardedBy } from '../access/guard.ts';
import type { Permission } from '../access/permission.ts';
import type { Caller } from '../access/principal.ts';
import { faultOf } from './faults.ts';
import { readJson } from './json-body.ts';
import { problem } from './schemas/problem.ts';

/** Bodies are orders and settings: what is larger says so at its route. */
export const MAX_BODY_BYTES = 1024 * 1024;

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** What a route answers with: a JSON document by its schema, bytes of a type, or nothing. */
export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Content type, where it is not application/json. */
  readonly type?: string;
}

export interface Endpoint<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>
  extends GuardedBy {
  readonly method: Method;
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly permission: Permission;
  /** What the documentation lists it under. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  /** JSON; checked after the guard. */
  readonly body?: B;
  /** The body may be left out; it is `{}` then. */
  readonly isBodyOptional?: boolean;
  /** Read by the handler, which checks its type and length: by content type, for the documentation. */
  readonly ownBody?: Readonly<Record<string, object>>;
  /** Takes an Idempotency-Key: what was done already is not done again. */
  readonly isIdempotent?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** After the guard, before the body is read. */
  readonly use?: readonly MiddlewareHandler[];
  handle(c: Context, input: Input<P, Q, B>): Response | Promise<Response>;
}

export interface Input<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
  readonly caller: Caller;
}

/** Adds a route to the app and to its OpenAPI document. */
export type AddEndpoint = <
  P extends z.ZodObject = z.ZodObject,
  Q extends z.ZodObject = z.ZodObject,
  B extends z.ZodType = z.ZodType,
>(
  endpoint: Endpoint<P, Q, B>,
) => void;

export type Api = OpenAPIHono<BlankEnv>;

/** An app whose routes refuse what does not validate by name, with the path of what is wrong. */
export function createApi(): Api {
  return new OpenAPIHono<BlankEnv>({
    defaultHook(result) {
      if (!result.success) throw faultOf(result.target, result.error, (result as { data?: unknown }).data);
    },
  });
}

/** Every route goes through here, and so has a guard, a limit and a place in the document. */
export function endpointsOf(api: Api, guard: Guard): AddEndpoint {
  return (endpoint) => {
    const { method, path, permission, federation, body, isBodyOptional = false, ownBody } = endpoint;
    const guarded = guard(permission, federation === undefined ? {} : { federation });
    const before: MiddlewareHandler[] = ownBody === undefined ? [limitBody] : [];
    // The guard may look up what the address names: it has to be an address first.
    before.push(async (c, next) => {
      checkPart(endpoint.params, 'param', c.req.param());
      checkPart(endpoint.query, 'query', c.req.query());
      await next();
    });
    const after: MiddlewareHandler[] = [...(endpoint.use ?? [])];
    if (body !== undefined)
      after.push(async (c, next) => {
        await readJson(c, isBodyOptional);
        await next();
      });
    const route: RouteConfig = {
      method,
      path,
      tags: [endpoint.tag],
      summary: endpoint.summary,
      ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
      operationId: operationIdOf(method, path),
      security:
        permission === 'public' ? [] : [{ bearer: permission === 'authenticated' ? [] : [permission] }],
      request: requestOf(endpoint),
      responses: responsesOf(endpoint),
    };
    const documented = { ...route, 'x-permission': permission };
    api.openapi(createRoute({ ...documented, middleware: [...before, guarded, ...after] }), ((c: Context) => {
      // What the validators of this very route put there.
      const valid = (target: string) => c.req.valid(target as never) as never;
      return endpoint.handle(c, {
        params: valid('param'),
        query: valid('query'),
        body: valid('json'),
        caller: callerOf(c),
      });
    }) as never);
  };
}

function checkPart(schema: z.ZodObject | undefined, target: string, input: unknown): void {
  const result = schema?.safeParse(input);
  if (result?.success === false) throw faultOf(target, result.error, input);
}

const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new MurmurationError('http.too-large', 'The body is too large.', {
      expected: `at most ${MAX_BODY_BYTES} bytes`,
    });
  },
});

/** A client's own name for what it asks for. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/;
const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .regex(IDEMPOTENCY_KEY, '1 to 128 printable characters without spaces')
    .optional()
    .openapi({ description: 'The same request under the same key is carried out once.' }),
});

function requestOf<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>({
  params,
  query,
  body,
  isBodyOptional = false,
  ownBody,
  isIdempotent = false,
}: Endpoint<P, Q, B>): NonNullable<RouteConfig['request']> {
  const content =
    body !== undefined
      ? { 'application/json': { schema: body } }
      : Object.fromEntries(Object.entries(ownBody ?? {}).map(([type, schema]) => [type, { schema }]));
  return {
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    ...(isIdempotent ? { headers: idempotencyHeader } : {}),
    ...(Object.keys(content).length === 0 ? {} : { body: { content, required: !isBodyOptional } }),
  };
}

function responsesOf({
  answers,
}: {
  readonly answers: Readonly<Record<number, Answer>>;
}): RouteConfig['responses'] {
  const ofStatus = Object.entries(answers).map(([status, { description, schema, type }]) => {
    const content =
      schema !== undefined
        ? { [type ?? 'application/json']: { schema } }
        : type === undefined
          ? undefined
          : { [type]: { schema: { type: 'string', format: 'binary' } as const } };
    return [status, { description, ...(content === undefined ? {} : { content }) }];
  });
  return {
    ...Object.fromEntries(ofStatus),
    default: { description: 'A refusal', content: { 'application/problem+json': { schema: problem } } },
  };
}

/** `get /api/training/{id}/status` is `getApiTrainingIdStatus`. */
function operationIdOf(method: Method, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}
