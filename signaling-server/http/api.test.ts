import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from '@hono/zod-openapi';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { readConfig } from '../config.ts';
import { type RunningServer, startServer } from '../server.ts';
import { silentLog } from '../testing/silent-log.ts';
import { openApiDocument } from './docs-routes.ts';
import type { Api } from './endpoint.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const OPERATOR = 'the-key-of-the-operator';
const ALICE = 'A'.repeat(22);
const closed = parseFederation({ ...sampleFederations[0], id: 'closed' });

let folder: string;
let server: RunningServer;
let api: Api;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  server = await startServer(
    readConfig({
      PORT: '0',
      DATA_DIR: join(folder, 'data'),
      WEB_ROOT: folder,
      OPERATOR_KEY: OPERATOR,
      WRITES_PER_MINUTE: '100000',
      REQUESTS_PER_MINUTE: '100000',
    }),
    {
      log: silentLog,
      attach: [
        async (context) => {
          api = context.app as Api;
          return { close: async () => undefined };
        },
      ],
    },
  );
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

interface Asked {
  readonly body?: unknown;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends as the operator unless another key, or none, is given; every answer has to be as its route's document says. */
async function ask(method: string, path: string, { body, key = OPERATOR, headers = {} }: Asked = {}) {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: what came is what the test is about
  const json: any = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : undefined;
  checkAgainstSchema(method, path, response.status, json);
  return { status: response.status, json, text, headers: response.headers };
}

interface Documented {
  readonly method: string;
  readonly path: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: unknown }>> }>
  >;
  readonly 'x-permission'?: string;
}
const routes = (): Documented[] =>
  api.openAPIRegistry.definitions.flatMap((each) =>
    each.type === 'route' ? [each.route as unknown as Documented] : [],
  );

function checkAgainstSchema(method: string, path: string, status: number, json: unknown): void {
  const [address = ''] = path.split('?');
  const segments = address.split('/');
  const route = routes().find(
    (each) =>
      each.method === method.toLowerCase() &&
      each.path.split('/').length === segments.length &&
      each.path.split('/').every((part, i) => part.startsWith('{') || part === segments[i]),
  );
  if (route === undefined || json === undefined) return;
  const documented = route.responses[String(status)] ?? route.responses.default;
  const schema = Object.values(documented?.content ?? {})[0]?.schema as z.ZodType | undefined;
  expect(schema, `${method} ${path} ${status}`).toBeDefined();
  // What the schema does not know is not in its output.
  expect(schema!.parse(json), `${method} ${path} ${status}`).toEqual(json);
}

async function keyFor(order: object): Promise<string> {
  const { status, json } = await ask('POST', '/api/keys', { body: { name: 'a key', ...order } });
  expect(status).toBe(201);
  return json.secret;
}

describe('the document', () => {
  test('O-25: every route of the running app is in it, with the permission that guards it', () => {
    const document = openApiDocument(api) as {
      openapi: string;
      paths: Record<
        string,
        Record<string, { 'x-permission'?: string; security?: unknown[]; operationId: string }>
      >;
    };
    expect(document.openapi).toBe('3.1.0');
    const guarded = api.routes.filter(({ handler }) => 'permission' in handler);
    expect(guarded.length).toBeGreaterThan(60);
    const inDocument = new Set<string>();
    for (const { method, path, handler } of guarded) {
      if (path.endsWith('*')) continue;
      const template = path.replaceAll(/:(\w+)/g, '{$1}');
      const operation = document.paths[template]?.[method.toLowerCase()];
      const permission = (handler as unknown as { permission: string }).permission;
      expect([method, template, operation?.['x-permission']]).toEqual([method, template, permission]);
      expect(operation?.security).toEqual(
        permission === 'public' ? [] : [{ bearer: permission === 'authenticated' ? [] : [permission] }],
      );
      inDocument.add(operation!.operationId);
    }
    expect(inDocument.size).toBe(
      new Set(guarded.filter(({ path }) => !path.endsWith('*')).map(({ method, path }) => method + path))
        .size,
    );
    // Everything that is registered with a method answers behind a guard.
    const bare = api.routes.filter(
      ({ method, path }) =>
        method !== 'ALL' && !guarded.some((other) => other.method === method && other.path === path),
    );
    expect(bare.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test('every reference in it leads somewhere, and it is served with a tag', async () => {
    const first = await ask('GET', '/api/openapi.json', { key: null });
    expect(first.status).toBe(200);
    const { schemas } = first.json.components;
    const references = [...first.text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name!,
    );
    expect(references.length).toBeGreaterThan(50);
    for (const name of new Set(references)) expect(schemas, name).toHaveProperty([name]);
    const again = await ask('GET', '/api/openapi.json', {
      key: null,
      headers: { 'if-none-match': first.headers.get('etag')! },
    });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  test('the page for it takes its script from here, under a policy without unsafe words', async () => {
    const page = await ask('GET', '/api/docs', { key: null });
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toMatch(/script-src 'self' 'wasm-unsafe-eval' 'sha256-/);
    expect(policy).not.toContain("'unsafe-eval'");
    expect(page.text).not.toMatch(/https?:\/\//);
    expect((await ask('HEAD', '/api/docs/reference.js', { key: null })).status).toBe(200);
  });
});

describe('trainings', () => {
  let id: string;
  const order = { federation: 'digits', jobName: 'first', config: { maxRounds: 5, targetAccuracy: 0.9 } };

  test('one is started once, however often it is asked for under one key', async () => {
    const headers = { 'idempotency-key': 'k-1' };
    const first = await ask('POST', '/api/training/start', { body: order, headers });
    expect([first.status, first.json.federation, first.json.jobName]).toEqual([201, 'digits', 'first']);
    id = first.json.training_id;
    expect(first.headers.get('location')).toBe(`/api/training/${id}/status`);
    const again = await ask('POST', '/api/training/start', { body: order, headers });
    expect([again.status, again.json.training_id]).toEqual([201, id]);
    const other = await ask('POST', '/api/training/start', {
      body: { ...order, config: { maxRounds: 6 } },
      headers,
    });
    expect([other.status, other.json.code]).toEqual([409, 'http.conflict']);
    const another = await ask('POST', '/api/training/start', { body: order });
    expect([another.status, another.json.code]).toEqual([409, 'http.conflict']);
  });

  test('it is looked at, configured, paused, resumed and stopped', async () => {
    const status = await ask('GET', `/api/training/${id}/status`);
    expect([status.status, status.json.id, status.json.config]).toEqual([200, id, order.config]);
    const tagged = await ask('GET', `/api/training/${id}/status`, {
      headers: { 'if-none-match': `"x", ${status.headers.get('etag')}` },
    });
    expect(tagged.status).toBe(304);
    const paused = await ask('POST', `/api/training/${id}/pause`);
    expect([paused.status, paused.json.status]).toEqual([200, 'PAUSED']);
    const resumed = await ask('POST', `/api/training/${id}/resume`, { body: {} });
    expect([resumed.status, resumed.json.status]).toEqual([200, 'RUNNING']);
    const configured = await ask('PATCH', `/api/training/${id}`, { body: { maxRounds: 7 } });
    expect([configured.status, configured.json.config.maxRounds]).toEqual([200, 7]);
    const metrics = await ask('GET', `/api/training/${id}/metrics`);
    expect([metrics.status, metrics.json]).toEqual([
      200,
      { training_id: id, run: status.json.run, metrics: [], nextRound: null },
    ]);
    const stopped = await ask('POST', `/api/training/${id}/stop`, { body: { reason: 'enough' } });
    expect([stopped.status, stopped.json.status]).toEqual([200, 'STOPPED']);
    expect((await ask('POST', `/api/training/${id}/pause`)).json.code).toBe('http.conflict');
  });

  test('the configuration of before becomes a federation, field by field', async () => {
    const body = {
      name: 'mnist_classification',
      algorithm: 'FEDAVG',
      model_type: 'neural_network',
      target_accuracy: 0.95,
      max_rounds: 10,
      min_clients_per_round: 5,
      max_clients_per_round: 15,
      local_epochs: 5,
      privacy_budget: { total_epsilon: 1.0, total_delta: 1e-5 },
    };
    const started = await ask('POST', '/api/training/start', { body });
    expect([started.status, started.json.jobName, started.json.federation]).toEqual([
      201,
      'mnist_classification',
      'mnist-classification',
    ]);
    expect(started.json.config).toEqual({ maxRounds: 10, targetAccuracy: 0.95 });
    const { json: document } = await ask('GET', '/api/federations/mnist-classification', { key: null });
    expect(document).toMatchObject({
      revision: 1,
      rounds: { maximum: 10, targetAccuracy: 0.95 },
      cohort: { minParticipants: 5, groupSize: 15 },
      training: { epochs: 5 },
      privacy: { budget: { epsilon: 1, delta: 1e-5 }, record: { noiseMultiplier: expect.any(Number) } },
    });
    await ask('POST', `/api/training/${started.json.id}/stop`);
    const again = await ask('POST', '/api/training/start', { body });
    expect([again.status, again.json.federation]).toEqual([201, 'mnist-classification']);
    expect((await ask('GET', '/api/federations/mnist-classification')).json.revision).toBe(1);
    await ask('POST', `/api/training/${again.json.id}/stop`);
    const prox = await ask('POST', '/api/training/start', { body: { ...body, algorithm: 'fedprox' } });
    expect(prox.status).toBe(201);
    const revised = (await ask('GET', '/api/federations/mnist-classification')).json;
    expect([revised.revision, revised.training.proximal]).toEqual([2, 0.01]);
    await ask('POST', `/api/training/${prox.json.id}/stop`);
  });

  test('a configuration that is refused leaves the document that others agreed to', async () => {
    const start = (local_epochs: number, key: string) =>
      ask('POST', '/api/training/start', {
        body: { name: 'agreed', local_epochs },
        headers: { 'idempotency-key': key },
      });
    const first = await start(1, 'agreed-1');
    expect(first.status).toBe(201);
    expect((await start(1, 'agreed-1')).json.id).toBe(first.json.id);
    // Of epochs the document says, not the training: it is another request all the same.
    for (const key of ['agreed-1', 'agreed-2']) {
      const { status, json } = await start(2, key);
      expect([status, json.code]).toEqual([409, 'http.conflict']);
    }
    await ask('POST', `/api/training/${first.json.id}/stop`);
    expect((await start(2, 'agreed-1')).json.code).toBe('http.conflict');
    expect((await ask('GET', '/api/federations/agreed')).json.revision).toBe(1);
  });

  test('they come in pages', async () => {
    const seen: string[] = [];
    let after = '';
    for (let pages = 0; pages < 10; pages++) {
      const { json } = await ask('GET', `/api/trainings?limit=2${after}`);
      seen.push(...json.trainings.map((each: { id: string }) => each.id));
      if (json.next === null) break;
      after = `&after=${encodeURIComponent(json.next)}`;
    }
    expect(seen.length).toBe(5);
    expect(new Set(seen).size).toBe(5);
    expect(seen.at(-1)).toBe(id);
  });

  test.each([
    ['a wrong type', { federation: 'digits', config: { maxRounds: 'five' } }, 400, 'config.maxRounds'],
    ['an unknown field', { federation: 'digits', rounds: 5 }, 400, 'rounds'],
    ['an unknown field within', { federation: 'digits', config: { speed: 9 } }, 400, 'config.speed'],
    ['an unknown algorithm', { name: 'x', algorithm: 'fedmagic' }, 400, 'algorithm'],
    ['an unknown model', { name: 'x', model_type: 'no-such' }, 404, undefined],
    ['an unknown field of before', { name: 'x', gpu: true }, 400, 'gpu'],
    ['no object', [], 400, 'body'],
    ['an unknown federation', { federation: 'nowhere' }, 404, undefined],
  ])('%s is refused with its path', async (_, body, status, path) => {
    const answer = await ask('POST', '/api/training/start', { body });
    expect([answer.status, answer.json.path]).toEqual([status, path]);
    expect(answer.text).not.toMatch(/ZodError|invalid_type|node_modules/);
  });
});

describe('bad requests', () => {
  test.each([
    ['POST', '/api/keys', '{"a":', {}, 400, 'http.bad-request', 'body'],
    [
      'POST',
      '/api/keys',
      'name=x',
      { 'content-type': 'text/plain' },
      415,
      'http.unsupported-type',
      'content-type',
    ],
    ['POST', '/api/training/start', `"${'x'.repeat(1_100_000)}"`, {}, 413, 'http.too-large', undefined],
    ['GET', '/api/training/..%2F/status', undefined, {}, 400, 'http.bad-request', 'id'],
    ['GET', '/api/training/unknown/status', undefined, {}, 404, 'http.not-found', undefined],
    ['GET', '/api/trainings?limit=0', undefined, {}, 400, 'http.bad-request', 'query.limit'],
    ['GET', '/api/trainings?status=DONE', undefined, {}, 400, 'http.bad-request', 'query.status'],
    ['GET', '/api/alerts?colour=red', undefined, {}, 400, 'http.bad-request', 'query.colour'],
    ['DELETE', '/api/keys/none', undefined, {}, 404, 'http.not-found', undefined],
    [
      'POST',
      '/api/system/stop-all',
      '{"confirm":"yes","reason":"x"}',
      {},
      400,
      'http.bad-request',
      'confirm',
    ],
    ['GET', '/api/v1/rounds', undefined, {}, 400, 'http.bad-request', 'query.federation'],
    ['GET', '/api/v1/rounds/x', undefined, {}, 400, 'http.bad-request', 'id'],
    ['POST', '/api/runs/x/rollback', '{"to":1}', {}, 400, 'http.bad-request', 'hash'],
  ])('%s %s is refused by name', async (method, path, body, headers, status, code, field) => {
    const answer = await ask(method, path, { ...(body === undefined ? {} : { body }), headers });
    expect([answer.status, answer.json.code, answer.json.path]).toEqual([status, code, field]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('an idempotency key that is none is refused', async () => {
    const answer = await ask('POST', '/api/training/start', {
      body: { federation: 'digits' },
      headers: { 'idempotency-key': 'a b' },
    });
    expect([answer.status, answer.json.path]).toEqual([400, 'header.idempotency-key']);
  });
});

describe('authority', () => {
  test.each([
    ['POST', '/api/training/start'],
    ['GET', '/api/trainings'],
    ['GET', '/api/alerts'],
    ['GET', '/api/keys'],
    ['GET', '/api/me'],
    ['GET', '/api/audit'],
    ['GET', '/api/system/health'],
    ['POST', '/api/system/stop-all'],
    ['GET', '/api/federations/digits/members'],
    ['POST', `/api/participants/${ALICE}/block`],
    ['GET', '/security/status'],
  ])('who shows nothing is refused: %s %s', async (method, path) => {
    const body = method === 'POST' ? {} : undefined;
    const answer = await ask(method, path, { key: null, ...(body === undefined ? {} : { body }) });
    expect([answer.status, answer.json.code]).toEqual([401, 'http.unauthorized']);
  });

  test('an owner reaches its own federation, and no other', async () => {
    const key = await keyFor({ role: 'owner', federation: 'digits-cnn' });
    expect((await ask('GET', '/api/me', { key })).json).toMatchObject({
      role: 'owner',
      federation: 'digits-cnn',
    });
    const own = await ask('POST', '/api/training/start', { key, body: { federation: 'digits-cnn' } });
    expect(own.status).toBe(201);
    const others = await ask('POST', '/api/training/start', { key, body: { federation: 'digits' } });
    expect([others.status, others.json.code]).toEqual([403, 'http.forbidden']);
    const { json: all } = await ask('GET', '/api/trainings', { key });
    expect(new Set(all.trainings.map((each: { federation: string }) => each.federation))).toEqual(
      new Set(['digits-cnn']),
    );
    const { json: digits } = await ask('GET', '/api/trainings?federation=digits');
    const stop = await ask('POST', `/api/training/${digits.trainings[0].id}/stop`, { key });
    expect(stop.status).toBe(403);
    expect((await ask('GET', '/api/audit', { key })).status).toBe(403);
    expect((await ask('GET', '/api/privacy/budgets/user/zoe', { key })).status).toBe(403);
    expect((await ask('GET', '/api/v1/rounds', { key })).json).toMatchObject({
      federation: 'digits-cnn',
      round_number: 1,
      status: 'waiting',
    });
    await ask('POST', `/api/training/${own.json.id}/stop`, { key });
  });

  test('a federation with admission by invitation is hidden from who shows nothing', async () => {
    expect((await ask('POST', '/api/federations', { body: closed })).status).toBe(201);
    const settings = await ask('PUT', '/api/federations/closed/settings', {
      body: { admission: 'invitation', control: 'managed' },
    });
    expect(settings.json).toEqual({ admission: 'invitation', control: 'managed', owner: 'operator-key' });
    expect((await ask('GET', '/api/federations/closed', { key: null })).status).toBe(401);
    const ids = async (key: string | null) =>
      (await ask('GET', '/api/federations', { key })).json.federations.map((each: { id: string }) => each.id);
    expect(await ids(null)).not.toContain('closed');
    expect(await ids(OPERATOR)).toContain('closed');
    const revise = await ask('POST', '/api/federations', { key: null, body: { ...closed, revision: 2 } });
    expect([revise.status, revise.json.code]).toEqual([401, 'http.unauthorized']);
    const invited = await ask('POST', '/api/federations/closed/invitations', {
      body: { label: 'class 3b', maxUses: 30, expiresAtMs: Date.now() + 3_600_000 },
    });
    expect(invited.status).toBe(201);
    const { json: page } = await ask('GET', '/api/federations/closed/invitations');
    expect(page.invitations.map((each: { id: string }) => each.id)).toEqual([invited.json.invitation.id]);
    expect((await ask('GET', '/api/federations/closed/members')).json).toEqual({ members: [], next: null });
    const gone = await ask('DELETE', `/api/federations/closed/invitations/${invited.json.invitation.id}`);
    expect([gone.status, gone.json.revokedAtMs]).toEqual([200, expect.any(Number)]);
  });

  test('a key that is revoked is good for nothing', async () => {
    const { json } = await ask('POST', '/api/keys', { body: { name: 'brief', role: 'auditor' } });
    expect((await ask('GET', '/api/audit?limit=1', { key: json.secret })).json.entries.length).toBe(1);
    expect((await ask('DELETE', `/api/keys/${json.key.id}`)).status).toBe(200);
    expect((await ask('GET', '/api/audit', { key: json.secret })).status).toBe(401);
  });
});

describe('rights', () => {
  test('an operator exports and deletes for others; who shows nothing does neither', async () => {
    expect((await ask('GET', `/api/participants/${ALICE}/export`, { key: null })).status).toBe(401);
    const auditor = await keyFor({ role: 'auditor' });
    expect((await ask('DELETE', `/api/participants/${ALICE}`, { key: auditor })).status).toBe(403);
    const found = await ask('GET', `/api/participants/${ALICE}/export`);
    expect([found.status, found.headers.get('content-disposition')]).toEqual([
      200,
      `attachment; filename="participant-${ALICE}.json"`,
    ]);
    expect((await ask('GET', `/api/participants/${ALICE}/consents`)).json).toEqual({ consents: [] });
    expect((await ask('DELETE', `/api/participants/${ALICE}/consents/digits`)).status).toBe(404);
    const wrong = await ask('DELETE', `/api/participants/${ALICE}`, { body: { rollBack: 'yes' } });
    expect([wrong.status, wrong.json.path]).toEqual([400, 'rollBack']);
    const gone = await ask('DELETE', `/api/participants/${ALICE}`);
    expect([gone.status, gone.json.status]).toEqual([200, 'deleted']);
    expect((await ask('GET', '/api/erasures')).json.erasures.length).toBe(1);
    expect((await ask('GET', '/api/records-of-processing', { key: auditor })).status).toBe(200);
    const page = await fetch(`${server.url}/api/records-of-processing/markdown`, {
      headers: { authorization: `Bearer ${auditor}` },
    });
    expect(page.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(await page.text()).toMatch(/^# Records of processing activities/);
  });

  test('of an account too, whose name is in the address', async () => {
    const address = `/api/accounts/${encodeURIComponent('https://id.example/a#ann')}`;
    const auditor = await keyFor({ role: 'auditor' });
    expect((await ask('GET', `${address}/export`, { key: auditor })).status).toBe(403);
    const found = await ask('GET', `${address}/export`);
    expect([found.status, found.json.account]).toEqual([200, 'https://id.example/a#ann']);
    const gone = await ask('DELETE', address);
    expect([gone.status, gone.json.status]).toEqual([200, 'deleted']);
  });

  test('a request that proves itself has to', async () => {
    const body = {
      action: 'export',
      participant: ALICE,
      atMs: Date.now(),
      publicKey: 'AAAA',
      signature: 'AAAA',
    };
    const answer = await ask('POST', '/api/rights/requests', { key: null, body });
    expect([answer.status, answer.json.path]).toEqual([400, 'publicKey']);
  });
});

describe('the server as a whole', () => {
  test.each([
    '/health',
    '/api/health',
    '/api/system/health',
    '/api/system/drain',
    '/api/incidents',
    '/api/alerts',
    '/api/alerts/silences',
    '/api/alerts/webhooks',
    '/api/keys',
    '/api/audit',
    '/api/audit/verify',
    '/api/federation/status',
    '/api/federation/status?federation=digits',
    '/api/federations',
    '/api/federations/digits/settings',
    '/api/federations/digits/run',
    '/api/federations/digits/held-out',
    '/api/privacy/budgets',
    '/api/privacy/budgets/federation/digits',
    '/api/v1/rounds?federation=digits',
    '/api/v1/model_versions?federation=digits',
    '/privacy/status',
    '/security/status',
  ])('GET %s is as its schema says, and HEAD has no body', async (path) => {
    expect((await ask('GET', path)).status).toBe(200);
    const head = await fetch(server.url + path, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${OPERATOR}` },
    });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('alerts are silenced, and told to webhooks', async () => {
    const silenced = await ask('POST', '/api/alerts/silences', {
      body: { kind: 'drop-out', untilMs: Date.now() + 60_000, reason: 'maintenance' },
    });
    expect(silenced.status).toBe(201);
    expect((await ask('DELETE', `/api/alerts/silences/${silenced.json.id}`)).status).toBe(204);
    expect((await ask('POST', '/api/alerts/unknown/acknowledge')).status).toBe(404);
    const bad = await ask('POST', '/api/alerts/webhooks', { body: { url: 'no address' } });
    expect([bad.status, bad.json.path]).toEqual([400, 'url']);
  });

  test('everything is stopped by a typed order, and says so in an incident', async () => {
    const stopped = await ask('POST', '/api/system/stop-all', {
      body: { confirm: 'stop all rounds', reason: 'a leak is suspected' },
    });
    expect([stopped.status, stopped.json.federations]).toEqual([200, []]);
    const incident = await ask('GET', `/api/incidents/${stopped.json.incident}`);
    expect(incident.json).toMatchObject({ reason: 'a leak is suspected', closedAtMs: null });
    const refused = await ask('POST', '/api/training/start', { body: { federation: 'digits' } });
    expect([refused.status, refused.json.code]).toEqual([503, 'http.unavailable']);
    expect((await ask('POST', '/api/system/resume')).json.halted).toBe(false);
    expect((await ask('POST', '/api/system/drain')).json).toMatchObject({ draining: true, empty: true });
    expect((await ask('DELETE', '/api/system/drain')).json.draining).toBe(false);
  });

  test('what was done is in the audit', async () => {
    const { json } = await ask('GET', '/api/audit?limit=500');
    const actions = new Set(json.entries.map((each: { action: string }) => each.action));
    for (const action of [
      'training.start',
      'training.stop',
      'access.key-created',
      'federation.configure',
      'system.halt',
    ])
      expect(actions).toContain(action);
    expect((await ask('GET', '/api/audit/verify')).json).toMatchObject({ ok: true, broken: null });
  });
});
