import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { createMeter, localRateCounter } from '../http/rate-limit.ts';
import { ANONYMOUS } from './authenticate.ts';
import { createAuthorize, type FederationReach } from './authority.ts';
import { failedCredentials } from './failed-credentials.ts';
import { callerOf, createGuard, type GuardOptions, type Refusal } from './guard.ts';
import { type Role, SCOPES_OF_ROLE } from './permission.ts';
import type { Caller, Principal } from './principal.ts';

const REACH: Readonly<Record<string, FederationReach>> = {
  open: { admission: 'open', owner: null },
  closed: { admission: 'invitation', owner: 'key:owner' },
};
const roleOf = (role: Role, changes: Partial<Principal> = {}): Principal => ({
  ...ANONYMOUS,
  kind: 'api-key',
  name: `key:${role}`,
  role,
  scopes: new Set(SCOPES_OF_ROLE[role]),
  ...changes,
});
const PRINCIPALS: Readonly<Record<string, Principal>> = {
  operator: roleOf('operator'),
  auditor: roleOf('auditor'),
  owner: roleOf('owner'),
  stranger: roleOf('owner', { name: 'key:stranger' }),
  bound: roleOf('participant', { federation: 'closed' }),
  boundOperator: roleOf('operator', { federation: 'closed' }),
  account: roleOf('participant', { kind: 'token', name: 'user:ann', user: 'ann' }),
  narrow: roleOf('operator', { scopes: new Set(['alert:read']) }),
};

const authorize = createAuthorize({
  settingsOf: async (federation) => REACH[federation] ?? REACH.open!,
  isMember: async (federation, user) => federation === 'closed' && user === 'ann',
});

function world(changes: Partial<GuardOptions> = {}) {
  const refusals: Refusal[] = [];
  const guard = createGuard({
    async authenticate({ bearer, certificate }) {
      if (certificate !== undefined) return PRINCIPALS[certificate]!;
      if (bearer === undefined) return ANONYMOUS;
      const found = PRINCIPALS[bearer];
      if (found !== undefined) return found;
      throw new MurmurationError(
        bearer === 'expired' ? 'access.expired' : 'http.unauthorized',
        'This key is not good.',
      );
    },
    authorize,
    trustProxy: false,
    onRefused: async (refusal) => void refusals.push(refusal),
    ...changes,
  });
  const app = new Hono();
  const federation = (c: { req: { query(name: string): string | undefined } }) => c.req.query('f');
  const routes = {
    '/public': guard('public'),
    '/me': guard('authenticated'),
    '/system': guard('system:read'),
    '/alerts': guard('alert:read'),
    '/models': guard('model:read', { federation }),
    '/write': guard('model:write', { federation }),
  };
  for (const [path, handler] of Object.entries(routes)) app.get(path, handler, (c) => c.json(callerOf(c)));
  const get = (path: string, bearer?: string, headers: Record<string, string> = {}) =>
    app.request(
      path,
      { headers: { ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }), ...headers } },
      { incoming: { socket: { remoteAddress: '192.0.2.1' } } },
    );
  return { app, get, guard, refusals };
}

/** O-02 to O-04, a row for each that asks: what it may. */
const TABLE: readonly (readonly [string | undefined, string, number])[] = [
  [undefined, '/public', 200],
  [undefined, '/me', 401],
  [undefined, '/system', 401],
  [undefined, '/models?f=open', 200],
  [undefined, '/models?f=closed', 401],
  [undefined, '/models', 401],
  [undefined, '/write?f=open', 401],
  ['wrong', '/public', 401],
  ['expired', '/models?f=open', 401],
  ['operator', '/system', 200],
  ['operator', '/write?f=closed', 200],
  ['auditor', '/system', 200],
  ['auditor', '/models?f=closed', 200],
  ['auditor', '/write?f=closed', 403],
  ['owner', '/system', 403],
  ['owner', '/alerts', 403],
  ['owner', '/write?f=closed', 200],
  ['owner', '/write', 200],
  ['owner', '/write?f=open', 403],
  ['stranger', '/write?f=closed', 403],
  ['stranger', '/models?f=closed', 403],
  ['stranger', '/models?f=open', 200],
  ['bound', '/models?f=closed', 200],
  ['bound', '/models?f=other', 200],
  ['bound', '/write?f=closed', 403],
  ['boundOperator', '/system', 403],
  ['boundOperator', '/write?f=closed', 200],
  ['boundOperator', '/write?f=open', 403],
  ['account', '/models?f=closed', 200],
  ['account', '/write?f=closed', 403],
  ['narrow', '/alerts', 200],
  ['narrow', '/system', 403],
];

test.each(TABLE)('O-02 O-03 O-04 %s, %s: %i', async (bearer, path, status) => {
  const { get } = world();
  expect((await get(path, bearer)).status).toBe(status);
});

test('O-01 a refusal names what is missing, how to sign in, and the request', async () => {
  const { get, refusals } = world();
  const stranger = await get('/system');
  expect(stranger.headers.get('www-authenticate')).toBe('Bearer');
  expect(stranger.headers.get('content-type')).toBe('application/problem+json');
  expect(await stranger.json()).toMatchObject({ code: 'http.unauthorized', status: 401 });
  const expired = await get('/system', 'expired');
  expect(expired.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  expect(await expired.json()).toMatchObject({ code: 'access.expired' });
  const narrow = await get('/system', 'narrow');
  expect(await narrow.json()).toMatchObject({ code: 'http.forbidden', expected: 'the scope system:read' });
  expect(refusals.map(({ error, caller }) => [error.code, caller?.principal.name])).toEqual([
    ['http.unauthorized', 'anonymous'],
    ['access.expired', undefined],
    ['http.forbidden', 'key:operator'],
  ]);
  expect(narrow.headers.get('x-request-id')).toBe(refusals[2]!.origin.requestId);
});

test('O-01 the caller says who, from where, and which request', async () => {
  const { get } = world();
  const answer = await get('/public', undefined, {
    'x-forwarded-for': '198.51.100.7',
    'x-request-id': 'chosen-by-me',
  });
  const { principal, origin } = (await answer.json()) as Caller;
  expect(principal.kind).toBe('anonymous');
  expect(origin).toEqual({ address: '192.0.2.1', requestId: answer.headers.get('x-request-id') });
  expect(origin.requestId).not.toBe('chosen-by-me');
  const behind = await world({ trustProxy: true }).get('/public', undefined, {
    'x-forwarded-for': 'claim, 198.51.100.7',
    'x-request-id': 'from-the-proxy',
  });
  expect(((await behind.json()) as Caller).origin).toEqual({
    address: '198.51.100.7',
    requestId: 'from-the-proxy',
  });
});

test('a client certificate counts behind a trusted proxy only', async () => {
  const header = { certificateHeader: 'x-client-cert' };
  const shown = { 'x-client-cert': 'operator' };
  const { get } = world(header);
  expect((await get('/system', undefined, shown)).status).toBe(401);
  const trusted = world({ ...header, trustProxy: true });
  expect((await trusted.get('/system', undefined, shown)).status).toBe(200);
  expect((await trusted.get('/system', undefined, { 'x-client-cert': '' })).status).toBe(401);
});

test.each([
  ['of another scheme', 'Basic b3BlcmF0b3I6eA=='],
  ['without a scheme', 's3cret-without-scheme'],
  ['of several words', 'Bearer operator x'],
  ['that is huge', `Bearer ${'x'.repeat(100_000)}`],
])('a credential %s is refused, on a public route too, and not repeated', async (_what, authorization) => {
  const { app } = world();
  const answer = await app.request('/public', { headers: { authorization } });
  expect(answer.status).toBe(401);
  expect(await answer.text()).not.toContain(authorization.slice(-6));
});

test('O-09 requests are counted, and their answers say what is left', async () => {
  const meter = createMeter({
    counter: localRateCounter(() => 0),
    requestsPerMinute: 2,
    failuresPerMinute: 1,
  });
  const { get } = world({ meter, failures: failedCredentials(meter, () => 0) });
  expect((await get('/public', 'operator')).headers.get('ratelimit')).toBe('"minute";r=1;t=60');
  expect((await get('/system', 'operator')).status).toBe(200);
  const refused = await get('/system', 'operator');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('60');
});

test('O-09 guesses are counted by address, and too many are not looked at: but what was good here before is', async () => {
  let nowMs = 0;
  const meter = createMeter({
    counter: localRateCounter(() => nowMs),
    requestsPerMinute: 100,
    failuresPerMinute: 3,
  });
  const asked: (string | undefined)[] = [];
  const { get } = world({
    meter,
    failures: failedCredentials(meter, () => nowMs),
    async authenticate({ bearer }) {
      asked.push(bearer);
      if (bearer === undefined) return ANONYMOUS;
      const found = PRINCIPALS[bearer];
      if (found !== undefined) return found;
      throw new MurmurationError('http.unauthorized', 'This key is not good.');
    },
  });
  expect((await get('/system', 'auditor')).status).toBe(200);
  for (const guess of ['a', 'b', 'c']) expect((await get('/public', guess)).status).toBe(401);
  // A few of a neighbour lock nobody out.
  expect((await get('/system', 'operator')).status).toBe(200);
  const refused = await get('/public', 'd');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
  // From here on a right guess is worth no more than a wrong one.
  expect((await get('/public', 'owner')).status).toBe(429);
  expect(asked).not.toContain('owner');
  expect((await get('/system', 'auditor')).status).toBe(200);
  expect((await get('/public')).status).toBe(200);
  nowMs = 60_000;
  expect((await get('/public', 'owner')).status).toBe(200);
});

test('of two guards on one way, the request is counted once, and both have to agree', async () => {
  const meter = createMeter({ counter: localRateCounter(() => 0), requestsPerMinute: 9 });
  const { app, guard, get } = world({ meter });
  app.get('/both', guard('authenticated'), guard('system:read'), (c) => c.json(callerOf(c)));
  const answer = await get('/both', 'auditor');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('ratelimit')).toBe('"minute";r=8;t=60');
  expect((await get('/both', 'owner')).status).toBe(403);
});

test('what fails in a guard for no fault of the request is an error of the server', async () => {
  const { get } = world({
    authenticate: async () => {
      throw new MurmurationError('storage.unavailable', 'There is no access to the database.');
    },
  });
  expect((await get('/public')).status).toBe(503);
});

test('O-01 a guard carries what it asks for, so that routes can be listed', () => {
  const { app, guard } = world();
  expect(guard('audit:read').permission).toBe('audit:read');
  const permissions = app.routes.flatMap(({ handler }) =>
    'permission' in handler ? [handler.permission] : [],
  );
  expect(permissions).toEqual([
    'public',
    'authenticated',
    'system:read',
    'alert:read',
    'model:read',
    'model:write',
  ]);
});
