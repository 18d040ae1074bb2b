import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import type { LedgerEntry } from '../../shared/ledger/index.ts';
import { readConfig } from '../config.ts';
import { type RunningServer, startServer } from '../server.ts';
import { silentLog } from '../testing/silent-log.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA';
const BOB = 'BBBBBBBBBBBBBBBBBBBBBB';
const ROUNDS = 3;
const KEY = 'the-key-of-the-operator';

const federation = parseFederation({
  ...sampleFederations[0],
  id: 'private',
  evaluation: 'none',
  privacy: { record: { noiseMultiplier: 1 }, budget: { epsilon: 4, delta: 1e-5 } },
});

let folder: string;
let server: RunningServer;
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const config = readConfig({
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    WEB_ROOT: folder,
    OPERATOR_KEY: KEY,
  });
  server = await startServer(config, { log: silentLog });
  const { repository, budgets } = server;
  await repository.putFederation(federation);
  run = (await repository.currentRun(federation)).id;
  for (let round = 1; round <= ROUNDS; round++)
    await repository.noteReleases(
      'private',
      `model ${round}`,
      new Map([ALICE, ...(round === 1 ? [BOB] : [])].map((id) => [id, entryOf(round)])),
    );
  await budgets.setLimit({ kind: 'department', id: 'cardiology' }, { epsilon: 1, delta: 1e-6 });
  await budgets.charge('trial', [{ kind: 'department', id: 'cardiology' }], {
    mechanism: 'approximate',
    epsilon: 0.9,
    delta: 0,
  });
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

function entryOf(round: number): LedgerEntry {
  return {
    dataset: 'd',
    federation: 'private',
    run,
    round,
    atMs: 1,
    event: {
      mechanism: 'sampled-gaussian',
      released: 'update',
      weight: 100,
      clipNorm: 1,
      noiseMultiplier: 1,
      sampling: 'poisson',
      samplingRate: 0.01,
      steps: 100,
    },
  };
}

const authorization = `Bearer ${KEY}`;
const get = (path: string) => fetch(server.url + path, { headers: { authorization } });
// biome-ignore lint/suspicious/noExplicitAny: what came is what the test is about
const json = async (path: string): Promise<any> => {
  const response = await get(path);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('application/json');
  return response.json();
};

test('what a federation has spent, in full: enough to compute it again', async () => {
  const { privacyBudget, participants, ...about } = await json(`/api/runs/${run}/privacy`);
  expect(about).toEqual({ run, federation: 'private' });
  expect(privacyBudget).toMatchObject({
    format: 'murmuration/server-privacy-budget',
    subject: { kind: 'federation', id: 'private' },
    unit: 'record',
    delta: 1e-5,
    accountant: 'min(rdp, pld)',
    trustModels: ['record'],
    limit: { epsilon: 4, delta: 1e-5, epsilon_per_query: null },
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    warning: null,
  });
  const step = {
    mechanism: 'poisson-sampled',
    rate: 0.01,
    event: { mechanism: 'gaussian', noiseMultiplier: 1 },
  };
  expect(privacyBudget.events).toEqual([
    { event: { mechanism: 'self-composed', event: step, count: 100 }, count: ROUNDS },
  ]);
  // 300 steps at a rate of 0.01 and noise 1: about 1.6 by moments (Abadi et al. 2016, figure 2, is of this order).
  expect(privacyBudget.epsilon).toBeGreaterThan(1);
  expect(privacyBudget.epsilon).toBeLessThan(2);
  expect(privacyBudget.spent).toBeCloseTo(privacyBudget.epsilon / 4, 12);
  expect(privacyBudget.remaining).toBeCloseTo(4 - privacyBudget.epsilon, 12);
  expect(
    participants.map((each: { participant: string; releases: number }) => [each.participant, each.releases]),
  ).toEqual([
    [ALICE, 3],
    [BOB, 1],
  ]);
  expect(participants[0].epsilon).toBe(privacyBudget.epsilon);
  expect(participants[1].epsilon).toBeLessThan(privacyBudget.epsilon);
});

test('one subject, with its whole chain', async () => {
  const budget = await json('/api/privacy/budgets/department/cardiology');
  expect(budget).toMatchObject({
    epsilon: expect.closeTo(0.9, 4),
    spent: expect.closeTo(0.9, 4),
    warning: 'privacy.budget-low',
  });
  expect(budget.entries.map(({ entry }: { entry: { type: string } }) => entry.type)).toEqual([
    'limit',
    'charge',
  ]);
  const alice = await json(`/api/privacy/budgets/participant/${ALICE}`);
  expect(alice).toMatchObject({ subject: { kind: 'participant', id: ALICE }, limit: null, entries: [] });
});

test('all of them, of one kind, and in pages', async () => {
  const idsOf = async (query: string) =>
    (await json(`/api/privacy/budgets${query}`)).budgets.map(
      ({ subject }: { subject: { kind: string; id: string } }) => `${subject.kind}/${subject.id}`,
    );
  const all = ['department/cardiology', 'federation/private', `participant/${ALICE}`, `participant/${BOB}`];
  expect(await idsOf('')).toEqual(all);
  expect(await idsOf('?kind=participant')).toEqual(all.slice(2));
  expect(await idsOf('?kind=user')).toEqual([]);
  expect(await idsOf('?limit=2&after=department%2Fcardiology')).toEqual(all.slice(1, 3));
});

test('that it was read what somebody has spent is in the audit', async () => {
  const reads = async () =>
    (await json('/api/audit?action=privacy.budgets-read')).entries.map(
      ({ subject, after }: { subject: string; after: object }) => [subject, after],
    );
  const before = (await reads()).length;
  await json(`/api/privacy/budgets/participant/${ALICE}`);
  await json('/api/privacy/budgets/department/cardiology');
  await json('/api/privacy/budgets?kind=participant');
  const now = await reads();
  expect(now.length - before).toBe(2);
  expect(now.slice(0, 2)).toEqual([
    ['server', { count: 2 }],
    [expect.stringMatching(/^participant:p_[\w-]{22}$/), { count: 1 }],
  ]);
});

test('the summary says who is nearly done', async () => {
  const status = await json('/privacy/status');
  expect(status).toMatchObject({ low: 1, exceeded: 0 });
  expect(status.budgets.map(({ subject }: { subject: { id: string } }) => subject.id)).toEqual([
    'cardiology',
    'private',
  ]);
  expect(status.budgets[0]).toMatchObject({ spent: expect.closeTo(0.9, 4), warning: 'privacy.budget-low' });
});

test.each([
  ['/api/privacy/budgets?kind=planet', 400, 'query.kind'],
  ['/api/privacy/budgets?after=nonsense', 400, 'query.after'],
  ['/api/privacy/budgets?limit=0', 400, 'query.limit'],
  ['/api/privacy/budgets/planet/x', 400, 'kind'],
  ['/api/privacy/budgets/user/a%20b', 400, 'id'],
  ['/api/privacy/budgets/federation/nowhere', 404, undefined],
  ['/api/runs/nowhere/privacy', 404, undefined],
])('%s is refused with %i', async (path, status, field) => {
  const response = await get(path);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect([response.status, ((await response.json()) as { path?: string }).path]).toEqual([status, field]);
});

test('who shows nothing reads of federations that are open, and of nobody by name', async () => {
  const status = async (path: string, init: RequestInit = {}) =>
    (await fetch(server.url + path, init)).status;
  expect(await status(`/api/runs/${run}/privacy`)).toBe(200);
  for (const path of [
    '/api/privacy/budgets',
    '/api/privacy/budgets/department/cardiology',
    '/privacy/status',
  ])
    expect(await status(path)).toBe(401);
  const limit = {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"epsilon":1000,"delta":0.5}',
  };
  expect(await status('/api/privacy/budgets/user/u', limit)).toBe(401);
  expect(await server.repository.readAccount({ kind: 'user', id: 'u' })).toMatchObject({ head: undefined });
});

test('an operator sets a limit, and it is in the audit', async () => {
  const put = (body: unknown) =>
    fetch(`${server.url}/api/privacy/budgets/user/zoe`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const set = await put({ epsilon: 2, delta: 1e-6, epsilon_per_query: 0.5 });
  expect([set.status, await set.json()]).toEqual([
    200,
    expect.objectContaining({ limit: { epsilon: 2, delta: 1e-6, epsilon_per_query: 0.5 }, remaining: 2 }),
  ]);
  const wrong = await put({ epsilon: 2, delta: 1 });
  expect([wrong.status, await wrong.json()]).toEqual([400, expect.objectContaining({ path: 'delta' })]);
  const { entries } = await json('/api/audit?action=privacy.limit-set');
  expect(entries).toEqual([
    expect.objectContaining({ subject: 'user:zoe', actor: 'operator-key', outcome: 'done' }),
    expect.objectContaining({ subject: 'user:zoe', actor: 'operator-key', outcome: 'begun' }),
  ]);
});
