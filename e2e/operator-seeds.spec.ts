import { generateKeyPairSync } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { quickFederation } from './harness/federations.ts';
import { watchTraining } from './harness/live-watch.ts';
import { ROUNDS_MS } from './harness/one-model.ts';
import { type Api, apiOf, firstKeyOf, keyFor } from './harness/operator.ts';
import { graphql, Refused } from './harness/operator-doors.ts';
import { expect, test } from './harness/test.ts';

const ISSUER = 'https://id.example.org/';
const AUDIENCE = 'federated-learning';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString().trim();

/** An access token of the issuer that the server trusts. */
function accessToken(
  claims: Readonly<Record<string, unknown>>,
  terms: { audience?: string; end?: string } = {},
) {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(ISSUER)
    .setAudience(terms.audience ?? AUDIENCE)
    .setSubject('ann')
    .setExpirationTime(terms.end ?? '1h')
    .sign(privateKey);
}

test.use({ environment: { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_PUBLIC_KEY: PEM } });

/** As people configured a training before there were federation documents. */
const CONFIGURATION = {
  name: 'mnist_classification',
  algorithm: 'fedavg',
  model_type: 'neural_network',
  target_accuracy: 0.95,
  max_rounds: 100,
  min_clients_per_round: 5,
  max_clients_per_round: 15,
  local_epochs: 5,
  privacy_budget: { total_epsilon: 1.0, total_delta: 1e-5 },
};

test('requests that were always made of such a system are answered, as they are written', async ({
  server,
}) => {
  const operator = apiOf(server.url, await firstKeyOf(server));
  const anybody = apiOf(server.url);
  /** Good for the operator, and for nobody without a credential. */
  const forOperators = async (path: string) => {
    expect((await anybody.get(path)).status, path).toBe(401);
    const { status, body } = await operator.get(path);
    expect(status, path).toBe(200);
    return body;
  };

  await test.step('health, and what is watched', async () => {
    expect((await anybody.get('/health')).body).toMatchObject({ status: 'ok' });
    expect((await anybody.get('/api/health')).body).toMatchObject({ status: 'ok' });
    const health = await forOperators('/api/system/health');
    expect(health).toMatchObject({ health_status: 'healthy', components: expect.any(Object) });
    expect(await forOperators('/privacy/status')).toMatchObject({ budgets: expect.any(Array) });
    expect(await forOperators('/security/status')).toMatchObject({ audit: { ok: true } });
    expect(await forOperators('/api/privacy/budgets')).toMatchObject({ budgets: expect.any(Array) });
    expect((await anybody.get('/api/federation/status')).body).toMatchObject({
      federations: expect.any(Array),
    });
    const metrics = (await operator.get('/metrics')).body as string;
    for (const name of [
      'fl_rounds_total',
      'fl_round_duration_seconds',
      'fl_active_clients',
      'fl_global_accuracy',
      'fl_global_loss',
    ])
      expect(metrics).toContain(`# TYPE ${name} `);
  });

  await test.step('a training by its configuration', async () => {
    const started = await operator.send('POST', '/api/training/start', CONFIGURATION);
    expect(started.status).toBe(201);
    const { training_id: id } = started.body;
    expect(started.headers.get('location')).toBe(`/api/training/${id}/status`);
    expect(started.body).toMatchObject({ federation: 'mnist-classification', status: 'RUNNING' });
    const document = (await operator.get('/api/federations/mnist-classification')).body;
    expect(document).toMatchObject({
      name: 'mnist_classification',
      cohort: { minParticipants: 5, groupSize: 15 },
      training: { epochs: 5 },
      rounds: { maximum: 100, targetAccuracy: 0.95 },
      privacy: { budget: { epsilon: 1, delta: 1e-5 } },
    });

    const watch = await watchTraining(server.url, operator.bearer!, id);
    expect((await operator.get(`/api/training/${id}/status`)).body).toMatchObject({ status: 'RUNNING' });
    expect((await operator.get(`/api/training/${id}/metrics`)).body).toMatchObject({ metrics: [] });
    for (const query of ['', `?training_id=${id}`, `?training_id=${id}&severity=critical`])
      expect(await forOperators(`/api/alerts${query}`)).toEqual({ alerts: [], next: null });
    const stopped = await operator.send('POST', `/api/training/${id}/stop`);
    expect(stopped.status).toBe(200);
    const completed = await watch.until(({ type }) => type === 'training_completed', ROUNDS_MS);
    expect(completed).toMatchObject({ training_id: id, status: 'STOPPED' });
    watch.close();
  });

  await test.step('the current round, by an OAuth 2.0 bearer token with training:participate', async () => {
    const claims = { role: 'participant', federation: 'mnist-classification' };
    const ann = apiOf(server.url, await accessToken({ ...claims, scope: 'training:participate' }));
    const reader = apiOf(server.url, await accessToken({ ...claims, scope: 'training:read' }));
    expect((await ann.get('/api/v1/rounds')).body).toMatchObject({
      federation: 'mnist-classification',
      round_number: expect.any(Number),
      status: expect.any(String),
    });
    expect((await anybody.get('/api/v1/rounds')).status).toBe(401);
    const refused = await reader.get('/api/v1/rounds');
    expect([refused.status, refused.body.code]).toEqual([403, 'http.forbidden']);
    expect(refused.body.expected).toContain('training:participate');
  });
});

const START_JOB = `
   mutation StartFederatedJob($config: FederatedTrainingConfigInput!, $clients: [FederatedClientInput!]!) {
     startFederatedTrainingJob(jobName: "tenant-a-link-prediction", config: $config, clients: $clients) {
       id
       status
       privacyBudget
     }
   }
`;
const GET_JOB =
  'query ($id: ID!) { getFederatedTrainingJob(id: $id) { id status reason round privacyBudget } }';

interface Job {
  readonly id: string;
  readonly status: string;
  readonly privacyBudget: { readonly epsilon: number | null; readonly events: readonly unknown[] };
}

const start = async (api: Api, config: object, key?: string): Promise<Job> => {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const data = await graphql(api, START_JOB, { config, clients: [] }, headers);
  return data.startFederatedTrainingJob as Job;
};
const find = async (api: Api, id: string): Promise<Job> =>
  (await graphql(api, GET_JOB, { id })).getFederatedTrainingJob as Job;

/** Points on a line, and which side of 0 they are on, as {"features": [...], "label": ...}. */
function records(offset: number): string {
  return Array.from({ length: 100 }, (_, index) => {
    const x = ((index * 37 + offset) % 100) / 50 - 1;
    return JSON.stringify({ features: [x, -x], label: x < 0 ? 'no' : 'yes' });
  }).join('\n');
}

test('a job with noise over JSON records is polled until it SUCCEEDED, and its privacy budget can be kept', async ({
  server,
  joinHeadless,
}) => {
  const operator = apiOf(server.url, await firstKeyOf(server));
  const { description: _, ...links } = quickFederation('links', {
    data: { kind: 'records', features: 2, target: { name: 'label', type: 'class', labels: ['no', 'yes'] } },
    model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
  });
  expect((await operator.send('POST', '/api/federations', links)).status).toBe(201);
  const config = {
    model: 'links',
    rounds: 3,
    minClients: 2,
    clientsPerRound: 2,
    trust: 'record',
    noiseMultiplier: 1.1,
    clippingNorm: 1,
    epsilon: 8,
    delta: 1e-5,
  };

  const { id, status, privacyBudget } = await start(operator, config, 'job-1');
  expect(status).toBe('RUNNING');
  expect(privacyBudget).toMatchObject({ epsilon: 0, events: [] });
  const processes = [0, 50].map((offset) =>
    joinHeadless('tenant-a-link-prediction', { bytes: records(offset), end: '.jsonl' }),
  );
  await expect
    .poll(async () => (await find(operator, id)).status, { timeout: 2 * ROUNDS_MS })
    .toBe('SUCCEEDED');
  const done = await find(operator, id);
  expect(done).toMatchObject({ reason: 'maximum-rounds', round: 3 });
  expect(done.privacyBudget).toMatchObject({
    format: 'murmuration/server-privacy-budget',
    subject: { kind: 'federation', id: 'tenant-a-link-prediction' },
    unit: 'record',
    delta: 1e-5,
  });
  expect(done.privacyBudget.epsilon).toBeGreaterThan(0);
  expect(done.privacyBudget.epsilon).toBeLessThan(8);
  expect(done.privacyBudget.events.length).toBeGreaterThan(0);
  for (const process of processes) expect(await process.end()).toBe(0);

  // Done is done: the same request is that job still.
  expect((await start(operator, config, 'job-1')).id).toBe(id);
});

test('what is not good is refused by name at every door, and changes nothing', async ({ server }) => {
  const operator = apiOf(server.url, await firstKeyOf(server));
  const anybody = apiOf(server.url);
  const [ann, bob] = await Promise.all(
    ['ann', 'bob'].map((name) => keyFor(operator, { name, role: 'owner' })),
  );
  const refusedBy = async (api: Api, path: string) => {
    const { status, body, headers } = await api.get(path);
    if (status >= 400) expect(headers.get('content-type')).toContain('application/problem+json');
    return [status, body.code];
  };
  await ann!.send('POST', '/api/federations', quickFederation('closed'));
  await ann!.send('PATCH', '/api/federations/closed/settings', {
    admission: 'invitation',
    control: 'managed',
  });
  const order = { federation: 'closed', jobName: 'ours', config: { maxRounds: 5 } };
  const started = await ann!.send('POST', '/api/training/start', order);
  const id = started.body.id as string;

  await test.step('tokens', async () => {
    const claims = { role: 'operator', scope: 'system:read' };
    const header = { iss: ISSUER, aud: AUDIENCE, sub: 'ann', exp: Math.floor(Date.now() / 1000) + 3600 };
    const good = apiOf(server.url, await accessToken(claims));
    expect((await good.get('/api/system/health')).status).toBe(200);
    const bad = {
      audience: await accessToken(claims, { audience: 'another' }),
      end: await accessToken(claims, { end: '-1h' }),
      none: new UnsecuredJWT({ ...header, ...claims }).encode(),
      'the public key as a secret': await new SignJWT({ ...header, ...claims })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(PEM)),
    };
    for (const [what, token] of Object.entries(bad)) {
      const api = apiOf(server.url, token);
      for (const path of ['/api/system/health', '/api/health'])
        expect((await api.get(path)).status, `${what}: ${path}`).toBe(401);
      await expect(find(api, id)).rejects.toThrow(Refused);
      await expect(watchTraining(server.url, token, id), what).rejects.toThrow();
    }
  });

  await test.step('a key that has expired, and one that was revoked', async () => {
    const brief = await keyFor(operator, { name: 'brief', role: 'auditor', expiresAtMs: Date.now() + 2_000 });
    const [key] = (await operator.get('/api/keys?limit=500')).body.keys.filter(
      ({ name }: { name: string }) => name === 'brief',
    );
    expect(key).toMatchObject({ role: 'auditor' });
    await expect.poll(() => refusedBy(brief, '/api/me')).toEqual([401, 'access.expired']);
    const lost = await keyFor(operator, { name: 'lost', role: 'auditor' });
    expect((await lost.get('/api/me')).status).toBe(200);
    const { body } = await operator.get('/api/keys?limit=500');
    const { id: lostId } = body.keys.find(({ name }: { name: string }) => name === 'lost');
    expect((await operator.send('DELETE', `/api/keys/${lostId}`)).status).toBe(200);
    expect(await refusedBy(lost, '/api/me')).toEqual([401, 'access.revoked']);
  });

  await test.step("another owner's training", async () => {
    for (const path of [
      '/api/federations/closed',
      `/api/training/${id}/status`,
      `/api/training/${id}/metrics`,
    ]) {
      expect(await refusedBy(bob!, path)).toEqual([403, 'http.forbidden']);
      expect(await refusedBy(anybody, path)).toEqual([401, 'http.unauthorized']);
    }
    for (const verb of ['pause', 'resume', 'stop'])
      expect((await bob!.send('POST', `/api/training/${id}/${verb}`, {})).status).toBe(403);
    expect(
      (await bob!.send('PUT', '/api/federations/closed/settings', { admission: 'open', control: 'open' }))
        .status,
    ).toBe(403);
    expect((await bob!.send('POST', '/api/training/start', order)).status).toBe(403);
    await expect(find(bob!, id)).rejects.toMatchObject({ code: 'http.forbidden' });
    await expect(watchTraining(server.url, bob!.bearer!, id)).rejects.toThrow('http.forbidden');
    expect(await refusedBy(bob!, '/api/trainings?federation=closed')).toEqual([403, 'http.forbidden']);
    expect(await refusedBy(ann!, '/api/training/training_123/status')).toEqual([404, 'http.not-found']);
    await expect(watchTraining(server.url, ann!.bearer!, 'training_123')).rejects.toThrow('http.not-found');
  });

  await test.step('huge and broken bodies', async () => {
    const huge = { ...order, jobName: 'x'.repeat(2 * 1024 * 1024) };
    for (const path of ['/api/training/start', '/api/federations', '/graphql']) {
      const { status, body } = await ann!.send('POST', path, huge);
      expect([status, body.code], path).toEqual([413, 'http.too-large']);
    }
    const wrong = await ann!.send('POST', '/api/training/start', { ...order, config: { maxRounds: 'five' } });
    expect(wrong.status).toBe(400);
    expect(wrong.body).toMatchObject({
      code: 'http.bad-request',
      path: expect.stringContaining('maxRounds'),
    });
    const unknown = await ann!.send('POST', '/api/training/start', { ...CONFIGURATION, nonsense: 1 });
    expect([unknown.status, unknown.body.path]).toEqual([400, expect.stringContaining('nonsense')]);
    for (const { body } of [wrong, unknown])
      expect(JSON.stringify(body)).not.toMatch(/node_modules|\bat .*:\d+:\d+/);
  });

  await test.step('an idempotency key of another request, and a start beside another', async () => {
    const key = { 'idempotency-key': 'once' };
    const configure = (changes: object, headers = key) =>
      ann!.send('POST', '/api/training/start', { ...CONFIGURATION, ...changes }, headers);
    const revision = async () => (await ann!.get('/api/federations/mnist-classification')).body.revision;
    const first = await configure({});
    expect(first.status).toBe(201);
    expect((await configure({})).body.id).toBe(first.body.id);
    for (const changes of [{ local_epochs: 6 }, { max_rounds: 99 }]) {
      const { status, body } = await configure(changes);
      expect([status, body.code]).toEqual([409, 'http.conflict']);
    }
    const beside = await configure({ local_epochs: 7 }, { 'idempotency-key': 'twice' });
    expect([beside.status, beside.body.code]).toEqual([409, 'http.conflict']);
    // Those who take part agreed to the first revision: what was refused has not made another.
    expect(await revision()).toBe(1);

    const job = await start(ann!, { rounds: 5 }, 'job');
    expect((await start(ann!, { rounds: 5 }, 'job')).id).toBe(job.id);
    await expect(start(ann!, { rounds: 5, localEpochs: 3 }, 'job')).rejects.toMatchObject({
      code: 'http.conflict',
    });
    await expect(start(ann!, { rounds: 5, localEpochs: 3 })).rejects.toMatchObject({ code: 'http.conflict' });
    const made = (await ann!.get('/api/federations/tenant-a-link-prediction')).body;
    expect(made).toMatchObject({ revision: 1 });
  });

  expect((await ann!.get(`/api/training/${id}/status`)).body).toMatchObject({
    status: 'RUNNING',
    revision: started.body.revision,
  });
  expect((await operator.get('/security/status')).body.failedAuthentications).toBeGreaterThan(0);
  expect((await operator.get('/api/audit/verify')).body).toMatchObject({ ok: true });
});
