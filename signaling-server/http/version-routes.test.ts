import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseFederation } from '../../shared/federation/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { readConfig } from '../config.ts';
import { type RunningServer, startServer } from '../server.ts';
import { silentLog } from '../testing/silent-log.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const KEY = 'the-key-of-the-operator';
/** y = 1 where x > 0: one weight and one bias. */
const federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'sign',
  name: 'Sign',
  data: { kind: 'records', features: 1, target: { name: 'y', type: 'class', labels: ['0', '1'] } },
  model: { loss: 'sigmoidCrossEntropy', layers: [{ type: 'dense', units: 1 }] },
  evaluation: 'server',
});
const { layout } = compileModel(federation);
const models = [
  makeModel(1, layout, Float32Array.of(1, 0)),
  makeModel(2, layout, Float32Array.of(-3, 0)),
] as const;

let folder: string;
let server: RunningServer;
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const config = { PORT: '0', DATA_DIR: join(folder, 'data'), WEB_ROOT: folder, OPERATOR_KEY: KEY };
  server = await startServer(readConfig(config), { log: silentLog });
  const { repository } = server;
  await repository.putFederation(federation);
  run = (await repository.currentRun(federation)).id;
  for (const [i, model] of models.entries()) {
    await repository.saveModel(run, model);
    await repository.saveRecord(run, {
      round: model.version,
      term: 1,
      attempt: 0,
      coordinator: 'server',
      federationRevision: 1,
      baseHash: i === 0 ? '0'.repeat(64) : models[0].hash,
      hash: model.hash,
      survivors: [],
      dropped: [],
      startedAtMs: 1,
      trainMs: 1,
      exchangeMs: 1,
      applyMs: 1,
      evaluation: { total: 10, correct: 9 - i, lossSum: 1 },
      secure: null,
    });
  }
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

const get = (path: string) => fetch(`${server.url}/api/runs/${path}`);
// biome-ignore lint/suspicious/noExplicitAny: what came is what the test is about
const bodyOf = async (response: Response): Promise<any> => response.json();
const compare = async () => {
  const response = await get(`${run}/versions/compare?from=1&to=2`);
  expect(response.status).toBe(200);
  return bodyOf(response);
};
const supply = (text: string) =>
  fetch(`${server.url}/api/federations/sign/held-out`, {
    method: 'PUT',
    body: text,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
  });

test('versions come with where they are from, in pages', async () => {
  const { versions } = await bodyOf(await get(`${run}/versions`));
  expect(versions).toEqual([
    {
      version: 1,
      hash: models[0].hash,
      base: '0'.repeat(64),
      survivors: 0,
      evaluation: { total: 10, correct: 9, lossSum: 1 },
      best: true,
      rollback: null,
      bytes: 8,
    },
    expect.objectContaining({ version: 2, base: models[0].hash, best: false }),
  ]);
  expect(await bodyOf(await get(`${run}/versions?from=2&limit=1`))).toEqual({
    versions: [versions[1]],
    next: null,
  });
});

test('two are compared by their weights, and once there are examples by what they say of them', async () => {
  const distance = {
    l2: 4,
    relative: 4,
    cosine: -1,
    layers: [
      { name: expect.any(String), l2: 4, relative: 4, cosine: -1 },
      { name: expect.any(String), l2: 0, relative: null, cosine: null },
    ],
  };
  expect(await compare()).toEqual({
    run,
    from: { version: 1, hash: models[0].hash, accuracy: null, loss: null, examples: null },
    to: { version: 2, hash: models[1].hash, accuracy: null, loss: null, examples: null },
    distance,
    predictions: null,
  });
  const supplied = await supply(
    '[{"features":[1],"label":1},{"features":[-1],"label":0},{"features":[2],"label":0}]',
  );
  expect(supplied.status).toBe(200);
  const { from, to, predictions, ...rest } = await compare();
  expect(rest).toEqual({ run, distance });
  expect([from.accuracy, to.accuracy]).toEqual([2 / 3, 1 / 3]);
  expect(to.loss).toBeGreaterThan(from.loss);
  expect(predictions).toEqual({ total: 3, changed: 3, rightToWrong: 2, wrongToRight: 1, wrongToWrong: 0 });
  const health = await bodyOf(await fetch(`${server.url}/health`));
  expect(health.engines['evaluation of sign']).toMatchObject({ name: 'wasm' });
});

test.each([
  ['versions/compare?from=1', 400, 'query.to'],
  ['versions/compare?from=x&to=1', 400, 'query.from'],
  ['versions/compare?from=1&to=7', 404, undefined],
  ['versions?from=-1', 400, 'query.from'],
  ['versions?limit=0', 400, 'query.limit'],
])('%s is refused with %i', async (path, status, field) => {
  const response = await get(`${run}/${path}`);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect([response.status, (await bodyOf(response)).path]).toEqual([status, field]);
});

test('an unknown run is refused, and has no versions', async () => {
  expect((await get('nowhere/versions/compare?from=1&to=2')).status).toBe(404);
  expect(await bodyOf(await get('nowhere/versions'))).toEqual({ versions: [], next: null });
});
