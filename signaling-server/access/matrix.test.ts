import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseFederation, policyHash, sampleFederations } from '../../shared/federation/index.ts';
import { createNobleIdentity, type ParticipantId } from '../../shared/identity/index.ts';
import { attachFederations } from '../attachments.ts';
import { readConfig } from '../config.ts';
import { type RunningServer, type ServerContext, startServer } from '../server.ts';
import { ofType, random, rawSocket } from '../testing/hub-world.ts';
import { silentLog } from '../testing/silent-log.ts';
import { type Permission, SCOPES_OF_ROLE } from './permission.ts';
import { type Caller, SYSTEM } from './principal.ts';

/**
 * Every route of the running server, and what it answers whom: matrix.txt beside this file. A route that has no guard, or none
 * that names a permission, fails here; so does one that is added, until its row is looked at: `npx vitest run signaling-server/access/matrix.test.ts -u` writes it.
 */
const OPERATOR_KEY = 'operator-key-of-the-matrix';
const HUB_TOKEN = 'hub-token';
const ALICE = 'A'.repeat(22) as ParticipantId;
/** Whoever asks from this machine may read more: the figures of the server. */
const ELSEWHERE = { 'x-forwarded-for': '192.0.2.1' };
/** One that takes members only, and one that takes everybody. */
const CLOSED = 'closed-one';
const OPEN = 'open-one';

/** What a path or a body names, where it has to be there for the guard to look at. */
interface Subject {
  readonly federation: string;
  readonly run: string;
  readonly training: string;
}

const QUERIES: Readonly<Record<string, (subject: Subject) => string>> = {
  '/api/v1/rounds': named,
  '/api/v1/model_versions': named,
  '/api/trainings': named,
  '/api/alerts': named,
  '/api/runs/:run/versions/compare': () => '?from=1&to=1',
  '/api/sample/digits/train': () => '?count=1',
};
const BODIES: Readonly<Record<string, (subject: Subject) => object>> = {
  '/api/training/start': ({ federation }) => ({ federation }),
};
function named({ federation }: Subject): string {
  return `?federation=${federation}`;
}

/** A parameter of a path becomes what the column is about. */
function addressOf(path: string, subject: Subject): string {
  const { federation, run, training } = subject;
  const isTraining = /^\/api\/training\//.test(path);
  const isRound = path === '/api/v1/rounds/:id';
  const id = isTraining
    ? training
    : isRound
      ? `${run}.1`
      : path.includes('participants')
        ? ALICE
        : federation;
  const values: Readonly<Record<string, string>> = {
    id,
    run,
    kind: 'federation',
    participant: ALICE,
    invitation: '0'.repeat(16),
    version: '1',
    round: '1',
  };
  const filled = path.replace(/:(\w+)(\{[^}]*\})?/g, (_all, name: string) => values[name] ?? 'unknown-one');
  return filled.replace(/\*$/, '') + (QUERIES[path]?.(subject) ?? '');
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly permission: Permission | undefined;
}

/** Handlers that only stand in front of others: they answer nobody by themselves. */
function routesOf(app: Hono): Route[] {
  const found = new Map<string, Route>();
  for (const { method, path, handler } of app.routes) {
    if (method === 'ALL' && isMiddleware(handler)) continue;
    const permission = 'permission' in handler ? (handler.permission as Permission) : undefined;
    const key = `${method} ${path}`;
    found.set(key, { method, path, permission: permission ?? found.get(key)?.permission });
  }
  return [...found.values()].toSorted((a, b) => (a.path + a.method < b.path + b.method ? -1 : 1));
}

/** Hono tells the two apart by nothing else: who takes a `next` hands on. */
function isMiddleware(handler: unknown): boolean {
  return typeof handler === 'function' && handler.length >= 2 && !('permission' in handler);
}

let folder: string;
let server: RunningServer;
let context: ServerContext;
let routes: Route[];
const subjects: Record<string, Subject> = {};
const bearers: Record<string, string | undefined> = {};
let rows: { readonly route: Route; readonly cells: Readonly<Record<string, number>> }[];

/** In this order: what an operator does last may end something. */
const COLUMNS = [
  ['anybody, open', 'anonymous', OPEN],
  ['anonymous', 'anonymous', CLOSED],
  ['participant', 'participant', CLOSED],
  ['other owner', 'stranger', CLOSED],
  ['auditor', 'auditor', CLOSED],
  ['owner', 'owner', CLOSED],
  ['operator', 'operator', CLOSED],
] as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const config = readConfig({
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    WEB_ROOT: folder,
    OPERATOR_KEY,
    TRUST_PROXY: '1',
    WRITES_PER_MINUTE: '100000',
    REQUESTS_PER_MINUTE: '100000',
  });
  server = await startServer(config, {
    log: silentLog,
    attach: [
      attachFederations,
      async (served) => {
        context = served;
        return { close: async () => undefined };
      },
    ],
  });
  const { access, repository, trainings } = context;
  const operator: Caller = {
    ...SYSTEM,
    principal: await access.authenticate({ bearer: OPERATOR_KEY, certificate: undefined }),
  };
  const keyOf = async (role: 'owner' | 'auditor') =>
    (await access.service.createKey(operator, { name: role, role })).secret;
  Object.assign(bearers, {
    participant: HUB_TOKEN,
    stranger: await keyOf('owner'),
    owner: await keyOf('owner'),
    auditor: await keyOf('auditor'),
    operator: OPERATOR_KEY,
  });
  access.useHub({
    authorize: (token) => (token === HUB_TOKEN ? { federation: CLOSED, participant: ALICE } : undefined),
    peers: () => [],
    expel: () => undefined,
  });
  const owner = await access.authenticate({ bearer: bearers.owner, certificate: undefined });
  for (const id of [CLOSED, OPEN]) {
    const federation = parseFederation({ ...sampleFederations[0]!, id });
    await repository.putFederation(federation);
    const { id: run } = await repository.currentRun(federation);
    const order = { federation: id, jobName: id, config: {} };
    const { id: training } = await trainings.service.start(SYSTEM, order);
    subjects[id] = { federation: id, run, training };
  }
  const settings = { admission: 'members', control: 'managed', owner: owner.name } as const;
  await access.repository.writeSettings(CLOSED, settings);
  routes = routesOf(context.app as Hono);
  rows = [];
  for (const route of routes) rows.push({ route, cells: await ask(route) });
}, 120_000);
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

async function ask(route: Route): Promise<Record<string, number>> {
  const cells: Record<string, number> = {};
  for (const [column, who, federation] of COLUMNS) {
    const subject = subjects[federation]!;
    const bearer = bearers[who];
    const hasBody = /^(POST|PUT|PATCH)$/.test(route.method);
    const response = await fetch(server.url + addressOf(route.path, subject), {
      method: route.method === 'ALL' ? 'GET' : route.method,
      headers: {
        ...ELSEWHERE,
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
      },
      ...(hasBody ? { body: JSON.stringify(BODIES[route.path]?.(subject) ?? {}) } : {}),
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    cells[column] = response.status;
  }
  return cells;
}

const nameOf = ({ method, path }: Route) => `${method} ${path}`;
const isRefusal = (status: number) => status === 401 || status === 403;

test('O-01 every route of the running server names a permission', () => {
  expect(routes.length).toBeGreaterThan(50);
  expect(routes.filter(({ permission }) => permission === undefined).map(nameOf)).toEqual([]);
});

test('O-01 the table of routes and roles is the one that was looked at', async () => {
  const shown = (status: number) => (isRefusal(status) ? String(status) : 'yes');
  const header = ['route', 'permission', ...COLUMNS.map(([column]) => column)];
  const lines = rows.map(({ route, cells }) => [
    nameOf(route),
    route.permission ?? 'NONE',
    ...COLUMNS.map(([column]) => shown(cells[column]!)),
  ]);
  const widths = header.map((_title, i) => Math.max(...[header, ...lines].map((line) => line[i]!.length)));
  const text = [header, ...lines]
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
  await expect(`${text}\n`).toMatchFileSnapshot('./matrix.txt');
});

/** What holds of every row, whatever was looked at: routes whose cell is not as the rule has it. */
const broken = (column: string, rule: (status: number, permission: Permission) => boolean) =>
  rows
    .filter(({ route, cells }) => !rule(cells[column]!, route.permission!))
    .map(({ route, cells }) => `${nameOf(route)}: ${cells[column]}`);

test('O-02 nobody in particular gets what is public and nothing else of a federation that is closed', () => {
  expect(
    broken('anonymous', (status, permission) =>
      permission === 'public' ? !isRefusal(status) : status === 401,
    ),
  ).toEqual([]);
});

test.each([
  ['participant', 'participant'],
  ['other owner', 'owner'],
  ['auditor', 'auditor'],
  ['owner', 'owner'],
] as const)('O-03 %s: what its role does not have is refused as 403', (column, role) => {
  const has = (permission: Permission) =>
    permission === 'public' ||
    permission === 'authenticated' ||
    SCOPES_OF_ROLE[role].some((scope) => scope === permission);
  expect(broken(column, (status, permission) => has(permission) || status === 403)).toEqual([]);
});

test('O-03 an operator is refused nothing, and a failure of the server nobody gets', () => {
  expect(broken('operator', (status) => !isRefusal(status))).toEqual([]);
  for (const [column] of COLUMNS)
    expect(broken(column, (status) => status < 500 || status === 503)).toEqual([]);
});

test('O-04 the owner of another federation gets nothing that names this one', () => {
  const ofFederation = rows.filter(({ route }) => /^\/api\/(federations|runs|training)\/:/.test(route.path));
  expect(ofFederation.length).toBeGreaterThan(20);
  expect(
    ofFederation.filter(({ cells }) => cells['other owner'] !== 403).map(({ route }) => nameOf(route)),
  ).toEqual([]);
});

test('O-01 a credential that is not good is refused on every route, the public ones too', async () => {
  for (const { method, path } of routes.filter(({ permission }) => permission === 'public')) {
    const response = await fetch(server.url + addressOf(path, subjects[OPEN]!), {
      method: method === 'ALL' ? 'GET' : method,
      headers: { ...ELSEWHERE, authorization: 'Bearer mk_0000000000000000_nothing' },
    });
    await response.body?.cancel();
    expect([path, isRefusal(response.status) || response.status === 429]).toEqual([path, true]);
  }
});

test('O-04 lists hold what the caller reaches, and naming a federation does not show it', async () => {
  const get = async (path: string, who: string) => {
    const bearer = bearers[who];
    const response = await fetch(server.url + path, {
      headers: { ...ELSEWHERE, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) },
    });
    return { status: response.status, text: await response.text() };
  };
  for (const path of ['/api/federations?limit=500', '/api/federation/status?limit=100']) {
    for (const who of ['anonymous', 'stranger']) expect((await get(path, who)).text).not.toContain(CLOSED);
  }
  for (const who of ['participant', 'owner', 'auditor', 'operator']) {
    expect((await get('/api/federations?limit=500', who)).text).toContain(CLOSED);
  }
  expect(isRefusal((await get(`/api/federation/status?federation=${CLOSED}`, 'anonymous')).status)).toBe(
    true,
  );
  expect(isRefusal((await get(`/api/federation/status?federation=${CLOSED}`, 'stranger')).status)).toBe(true);
  expect((await get(`/api/federation/status?federation=${CLOSED}`, 'owner')).status).toBe(200);
});

test('H-11 O-07 the hub of the running server asks for what a federation asks for', async () => {
  const { service, authenticate } = context.access;
  const principal = await authenticate({ bearer: OPERATOR_KEY, certificate: undefined });
  const order = { name: 'node', role: 'participant', federation: CLOSED } as const;
  const { secret } = await service.createKey({ ...SYSTEM, principal }, order);
  const stranger = rawSocket(server, CLOSED);
  await stranger.hello(createNobleIdentity(random));
  expect((await stranger.texts.find(ofType('refused'))).error.code).toBe('access.not-admitted');
  await stranger.closed;
  const identity = createNobleIdentity(random);
  const member = rawSocket(server, CLOSED);
  const policy = policyHash(await context.repository.getFederation(CLOSED));
  await member.hello(identity, { credential: secret, policy });
  await member.texts.find(ofType('welcome'));
  const { items } = await service.listMembers({ ...SYSTEM, principal }, CLOSED, {});
  expect(items.map(({ participant }) => participant)).toEqual([identity.id]);
  member.socket.close();
  await member.closed;
});
