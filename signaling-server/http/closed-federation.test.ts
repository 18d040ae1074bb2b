import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { readConfig } from '../config.ts';
import { type RunningServer, startServer } from '../server.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { AddEndpoint, Endpoint } from './endpoint.ts';
import { privacyRoutes } from './privacy-routes.ts';
import { statusOf } from './problem.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const OPERATOR = 'the-key-of-the-operator';
const federations = ['closed', 'open'].map((id) => parseFederation({ ...sampleFederations[0], id }));

let folder: string;
let server: RunningServer;
const addresses = new Map<string, string>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  server = await startServer(
    readConfig({ PORT: '0', DATA_DIR: join(folder, 'data'), WEB_ROOT: folder, OPERATOR_KEY: OPERATOR }),
    { log: silentLog },
  );
  for (const federation of federations) {
    await ask('POST', '/api/federations', federation);
    const { id } = await server.repository.currentRun(federation);
    const { layout } = compileModel(federation);
    const model = makeModel(1, layout, new Float32Array(layout.length));
    await server.repository.saveModel(id, model);
    addresses.set(federation.id, `/api/runs/${id}/models/1?hash=${model.hash}`);
  }
  await ask('PATCH', '/api/federations/closed/settings', { admission: 'members' });
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

async function ask(method: string, path: string, body?: unknown, key: string | null = OPERATOR) {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  // biome-ignore lint/suspicious/noExplicitAny: what came is what the test is about
  const json: any = isJson ? await response.json() : await response.arrayBuffer();
  return { status: response.status, json, headers: response.headers };
}

test('caches that others share keep weights that anybody may have, and no others', async () => {
  const open = await ask('GET', addresses.get('open')!, undefined, null);
  expect([open.status, open.headers.get('cache-control')]).toEqual([
    200,
    'public, max-age=31536000, immutable',
  ]);
  const closed = await ask('GET', addresses.get('closed')!);
  expect([closed.status, closed.headers.get('cache-control')]).toEqual([
    200,
    'private, max-age=31536000, immutable',
  ]);
  for (const { headers } of [open, closed]) expect(headers.get('vary')).toMatch(/\bauthorization\b/);
  expect((await ask('GET', addresses.get('closed')!, undefined, null)).status).toBe(401);
});

test('O-01: nobody has a document that it may not read copied into a federation of its own', async () => {
  const { json } = await ask('POST', '/api/keys', { name: 'an owner', role: 'owner' });
  const copy = (model: string) =>
    ask('POST', '/api/training/start', { name: `copy of ${model}`, model_type: model }, json.secret);
  const refused = await copy('closed');
  expect([refused.status, refused.json.code]).toEqual([403, 'http.forbidden']);
  expect((await ask('GET', '/api/federations/copy-of-closed')).status).toBe(404);
});

test('of what was ordered in an open federation strangers read what, and not by which account', async () => {
  const { json: made } = await ask('POST', '/api/keys', { name: 'a machine', role: 'operator' });
  const { json } = await ask('POST', '/api/training/start', { federation: 'open' }, made.secret);
  const createdBy = async (key: string | null) =>
    (await ask('GET', `/api/training/${json.id}/status`, undefined, key)).json.createdBy;
  expect([json.createdBy, await createdBy(OPERATOR), await createdBy(null)]).toEqual([
    `key:${made.key.id}`,
    `key:${made.key.id}`,
    'key',
  ]);
  await ask('POST', `/api/training/${json.id}/stop`, {});
});

test('V-03: what the audit does not take is not begun', async () => {
  const body = { federation: 'open', jobName: 'eyJhbGciOiJub25lIn0.e30.x' };
  const { status, json } = await ask('POST', '/api/training/start', body);
  expect([status, json.code, json.path]).toEqual([400, 'argument.invalid', 'jobName']);
  const { trainings } = (await ask('GET', '/api/trainings?federation=open')).json;
  expect(trainings.map((each: { jobName: string }) => each.jobName)).not.toContain(body.jobName);
});

test('while the database is away nobody is asked about the federation of another name', async () => {
  const away = new MurmurationError('storage.unavailable', 'There is no access to the database.');
  const guards: Endpoint<never, never, never>['federation'][] = [];
  const add = ((endpoint: Endpoint<never, never, never>) => {
    if (endpoint.path === '/api/models/{id}/query') guards.push(endpoint.federation);
  }) as AddEndpoint;
  privacyRoutes(add, { repository: { getRun: () => Promise.reject(away) } } as never);
  const context = { req: { param: () => 'some-run' } } as never;
  await expect(guards[0]!(context)).rejects.toBe(away);
});

test.each([
  ['privacy.budget-exceeded', 403],
  ['privacy.policy-unmet', 403],
  ['privacy.policy-changed', 409],
  ['privacy.invalid-parameter', 400],
  ['privacy.cannot-calibrate', 400],
  ['aggregate.rollback-failed', 409],
  ['storage.conflict', 503],
] as const)('%s is told as %d', (code, status) => {
  expect(statusOf(code)).toBe(status);
});
