import { GraphQLObjectType, GraphQLSchema, GraphQLString, printSchema } from 'graphql';
import { afterEach, describe, expect, test } from 'vitest';
import { createSchema } from './create-schema.ts';
import { accessOf, fieldsOf, guardFields, withParent } from './field-access.ts';
import { trainingProgress } from './progress.ts';
import { digits, type GraphqlWorld, graphqlWorld, trainingOf } from './testing.ts';

let world: GraphqlWorld;
afterEach(() => world?.close());

describe('the schema', () => {
  test('is as it was looked at', async () => {
    await expect(`${printSchema(createSchema())}\n`).toMatchFileSnapshot('schema.txt');
  });

  test('O-01: says of every field who may see it', () => {
    const fields = [...fieldsOf(createSchema())];
    expect(fields.length).toBeGreaterThan(60);
    const bare = fields.filter(({ field }) => accessOf(field) === undefined);
    expect(bare.map(({ name }) => name)).toEqual([]);
    const open = fields.filter(({ field }) => accessOf(field)?.permission === 'public');
    expect(open.map(({ name }) => name)).toEqual(['Query.federations']);
    const changing = fields.filter(({ root }) => root === 'mutation');
    for (const { name, field } of changing) expect(accessOf(field)?.permission, name).toMatch(/:write$/);
  });

  test.each([
    ['a field without a guard', {}],
    ['a field at the root that leaves it to a parent', withParent],
  ])('does not come to be with %s', (_, options) => {
    const query = new GraphQLObjectType({
      name: 'Query',
      fields: { open: { type: GraphQLString, ...options } },
    });
    expect(() => guardFields(new GraphQLSchema({ query }))).toThrow('Query.open');
  });
});

const START = `mutation StartFederatedJob($config: FederatedTrainingConfigInput!, $clients: [FederatedClientInput!]!) {
  startFederatedTrainingJob(jobName: "tenant-a-link-prediction", config: $config, clients: $clients) { id status privacyBudget }
}`;

describe('a job', () => {
  test('is started and followed word for word as it always was', async () => {
    world = graphqlWorld();
    const config = { noiseMultiplier: 1.1, clientsPerRound: 8, rounds: 20 };
    const answer = await world.ask(START, { config, clients: [] }, 'operator', { 'idempotency-key': 'k1' });
    expect(answer).toEqual({
      data: {
        startFederatedTrainingJob: {
          id: 't2',
          status: 'CREATED',
          privacyBudget: expect.objectContaining({ epsilon: 1.5 }),
        },
      },
    });
    expect(world.started).toEqual([
      {
        order: {
          federation: 'tenant-a-link-prediction',
          jobName: 'tenant-a-link-prediction',
          config: { maxRounds: 20, clientsPerRound: 8 },
          clients: [],
        },
        key: 'k1',
      },
    ]);
    const made = world.federations.get('tenant-a-link-prediction')!;
    expect(made.model).toEqual(digits.model);
    expect(made.rounds.maximum).toBe(20);
    expect(made.privacy).toMatchObject({
      participant: { trust: 'distributed', noiseMultiplier: 1.1 },
      secureAggregation: 'secagg',
    });

    world.trainings.set('t2', trainingOf({ id: 't2', status: 'SUCCEEDED' }));
    const followed = await world.ask(
      '{ getFederatedTrainingJob(id: "t2") { id status privacyBudget } }',
      {},
      'operator',
    );
    expect(followed.data?.getFederatedTrainingJob).toMatchObject({ status: 'SUCCEEDED' });
    expect(await world.ask(START, { config, clients: [] }, 'operator')).toMatchObject({
      data: expect.anything(),
    });
    // The same configuration is the same federation.
    expect(world.federations.get('tenant-a-link-prediction')).toBe(made);
  });

  test('names participants, and departments by those who were admitted for them', async () => {
    world = graphqlWorld();
    const config = { federation: 'clinics', rounds: 5 };
    const clients = [{ department: 'cardiology' }, { id: `${'B'.repeat(21)}A` }];
    await world.ask(START, { config, clients }, 'operator');
    expect(world.started[0]?.order).toMatchObject({
      federation: 'clinics',
      clients: ['A'.repeat(22), `${'B'.repeat(21)}A`],
    });
  });

  test.each([
    [{ federation: 'clinics', noiseMultiplier: 1 }, [], 'config.noiseMultiplier'],
    [{ rounds: 0 }, [], 'config.rounds'],
    [{ trust: 'nobody', noiseMultiplier: 1 }, [], 'config.trust'],
    [{ trust: 'local' }, [], 'config.noiseMultiplier'],
    [{ epsilon: 3 }, [], 'config.noiseMultiplier'],
    [{ noiseMultiplier: 1, delta: 1e-6 }, [], 'config.epsilon'],
    [{ noiseMultiplier: 1, secureAggregation: false }, [], 'config.secureAggregation'],
    [{ earlyStopping: { metric: 'f1', patience: 2 } }, [], 'config.earlyStopping.metric'],
    [{ algorithm: 'magic' }, [], 'algorithm'],
    [{ federation: 'clinics' }, [{ dataset: '/mnt/SECRET' }], 'clients[0].dataset'],
    [{ federation: 'clinics' }, [{ id: 'somebody' }], 'clients[0].id'],
    [{ federation: 'clinics' }, [{}], 'clients[0]'],
    [{ federation: 'clinics' }, [{ department: 'surgery' }], 'clients[0].department'],
    [
      { federation: 'clinics' },
      [{ id: `${'B'.repeat(21)}A`, department: 'cardiology' }],
      'clients[0].department',
    ],
  ])('%j with %j is refused by name: %s', async (config, clients, field) => {
    world = graphqlWorld();
    const { errors } = await world.ask(START, { config, clients }, 'operator');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'http.bad-request', field });
    expect(JSON.stringify(errors)).not.toContain('SECRET');
    expect(world.started).toEqual([]);
  });

  test('is paused, resumed, configured and stopped', async () => {
    world = graphqlWorld();
    const change = (field: string) => world.ask(`mutation { ${field} { status config } }`, {}, 'operator');
    expect((await change('pauseTraining(id: "t1")')).data?.pauseTraining).toMatchObject({ status: 'PAUSED' });
    expect((await change('resumeTraining(id: "t1")')).data?.resumeTraining).toMatchObject({
      status: 'RUNNING',
    });
    const configured = await change('configureTraining(id: "t1", config: { rounds: 9 })');
    expect(configured.data?.configureTraining).toMatchObject({ config: { maxRounds: 9 } });
    expect((await change('stopTraining(id: "t1")')).data?.stopTraining).toMatchObject({ status: 'STOPPING' });
    expect((await change('pauseTraining(id: "nothing")')).errors?.[0]?.extensions).toMatchObject({
      code: 'http.not-found',
    });
    await change('resumeTraining(id: "t1")');
    // The sixth change within a minute.
    expect((await change('pauseTraining(id: "t1")')).errors?.[0]?.extensions).toMatchObject({
      code: 'wire.rate-limited',
    });
  });

  test('pages of jobs', async () => {
    world = graphqlWorld();
    const { data } = await world.ask(
      '{ trainings(first: 1) { nodes { id } pageInfo { endCursor hasNextPage } } }',
      {},
      'operator',
    );
    expect(data?.trainings).toEqual({
      nodes: [{ id: 't1' }],
      pageInfo: { endCursor: 't1', hasNextPage: true },
    });
  });
});

describe('alerts', () => {
  test('are asked for by severity', async () => {
    world = graphqlWorld();
    const ask = (severity: string) =>
      world.ask(`{ alerts(severity: "${severity}") { nodes { id severity } } }`, {}, 'operator');
    expect((await ask('critical')).data?.alerts).toEqual({ nodes: [{ id: 'a1', severity: 'critical' }] });
    const { errors } = await ask('loud');
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'http.bad-request',
      expected: 'info, warning, critical',
    });
  });
});

describe('authority', () => {
  test('decides field by field: what somebody may not see is null, the rest is there', async () => {
    world = graphqlWorld();
    const query = '{ getFederatedTrainingJob(id: "t1") { status privacyBudget } }';
    const answer = await world.ask(query);
    expect(answer.data).toEqual({ getFederatedTrainingJob: { status: 'RUNNING', privacyBudget: null } });
    expect(answer.errors).toEqual([
      expect.objectContaining({
        path: ['getFederatedTrainingJob', 'privacyBudget'],
        extensions: expect.objectContaining({
          code: 'http.unauthorized',
          expected: expect.stringContaining('privacy:read'),
        }),
      }),
    ]);
    expect(world.refusals).toEqual([
      expect.objectContaining({ permission: 'privacy:read', federation: 'digits' }),
    ]);
  });

  test.each([
    [undefined, 'http.unauthorized'],
    ['participant', 'http.forbidden'],
    // Of another federation.
    ['owner', 'http.forbidden'],
    ['auditor', 'http.forbidden'],
  ])('%s may not pause', async (who, code) => {
    world = graphqlWorld();
    const { data, errors } = await world.ask('mutation { pauseTraining(id: "t1") { id } }', {}, who);
    expect(data).toBeNull();
    expect(errors?.[0]?.extensions.code).toBe(code);
    expect(world.trainings.get('t1')?.status).toBe('RUNNING');
  });

  test.each([
    ['owner', true],
    ['operator', false],
    ['auditor', false],
  ])('%s asks for the audit log; refused: %s', async (who, isRefused) => {
    world = graphqlWorld();
    const { errors } = await world.ask('{ audit { nodes { action } } }', {}, who);
    expect(errors !== undefined).toBe(isRefused);
  });
});

describe('what is not carried out', () => {
  const problem = async (response: Response) => ({ status: response.status, body: await response.text() });

  test('another content type, another method, a batch, too much', async () => {
    world = graphqlWorld();
    const query = JSON.stringify({ query: '{ __typename }' });
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/graphql',
    ])
      expect((await world.post(query, { 'content-type': type })).status, type).toBe(415);
    expect((await world.app.request('/graphql?query={__typename}')).status).toBe(404);
    const batch = await problem(await world.post(`[${query},${query}]`));
    expect(batch.status).toBe(400);
    expect((await world.post(`{"query":"${' '.repeat(300_000)}"}`)).status).toBe(413);
    expect((await world.post('{')).status).toBe(400);
  });

  test('a query that nests too deep, or asks for too much, by whatever name', async () => {
    world = graphqlWorld();
    const nested = `{ trainings { nodes ${'{ metrics { nodes '.repeat(5)}{ name }${' } }'.repeat(5)} } }`;
    const pages = '{ trainings(first: 500) { nodes { metrics(first: 500) { nodes { name } } } } }';
    const aliases = `{ ${Array.from({ length: 500 }, (_, i) => `a${i}: trainings { nodes { id } }`).join(' ')} }`;
    const bomb = `query { ...f0 } ${Array.from({ length: 20 }, (_, i) => `fragment f${i} on Query { a: trainings(first: 500) { nodes { id } } ...f${i + 1} b: __typename }`).join(' ')} fragment f20 on Query { trainings { nodes { id } } }`;
    const variable =
      'query ($n: Int) { trainings(first: $n) { nodes { metrics(first: $n) { nodes { name } } } } }';
    const sums = '{ trainings(first: 500) { nodes { privacyBudget } } }';
    const statuses = `{ ${['a', 'b', 'c', 'd'].map((name) => `${name}: federations(first: 500) { nodes { status { run } } }`).join(' ')} }`;
    const long = `{ ${'x '.repeat(3000)} }`;
    for (const query of [nested, pages, aliases, bomb, variable, sums, statuses, long]) {
      const { data, errors } = await world.ask(query, {}, 'operator');
      expect(data ?? null, query.slice(0, 60)).toBeNull();
      expect(errors?.length).toBeGreaterThan(0);
      expect(errors?.[0]?.extensions.code).toBe('http.bad-request');
      expect(JSON.stringify(errors).length).toBeLessThan(10_000);
    }
    expect((await world.ask(pages, {}, 'operator')).errors?.[0]?.message).toContain('at most 20000 fields');
  });

  test('introspection, but for those who may read of the server, or where it is told to everybody', async () => {
    world = graphqlWorld();
    const query = '{ __schema { queryType { name } } }';
    expect((await world.ask(query)).errors?.[0]?.extensions.code).toBe('http.bad-request');
    expect((await world.ask(query, {}, 'owner')).data ?? null).toBeNull();
    expect((await world.ask(query, {}, 'auditor')).data).toEqual({
      __schema: { queryType: { name: 'Query' } },
    });
    await world.close();
    world = graphqlWorld({ introspection: true });
    expect((await world.ask(query)).errors).toBeUndefined();
  });

  test('errors tell neither values, nor what else there is, nor what broke inside', async () => {
    world = graphqlWorld();
    const bad = await world.ask(
      START,
      { config: { rounds: 'SECRET', nosuch: 'SECRET' }, clients: [{ department: 7 }] },
      'operator',
    );
    expect(bad.errors?.[0]?.extensions.code).toBe('http.bad-request');
    expect(JSON.stringify(bad)).not.toContain('SECRET');
    const guess = await world.ask('{ trainingz { nodes { id } } }', {}, 'operator');
    expect(JSON.stringify(guess)).not.toMatch(/Did you mean|trainings/);
    const inside = await world.ask('{ systemHealth }', {}, 'operator');
    expect(inside.errors?.[0]?.extensions).toMatchObject({ code: 'internal' });
    expect(JSON.stringify(inside)).not.toMatch(/SELECT|patients|stack/);
  });
});

describe('progress', () => {
  async function open(who?: string) {
    const query =
      'subscription { trainingProgress(id: "t1") { type round hash code metric { name value } training { status } } }';
    const authorization: Record<string, string> = who === undefined ? {} : { authorization: `Bearer ${who}` };
    return world.post(JSON.stringify({ query }), { accept: 'text/event-stream', ...authorization });
  }

  /** The data of server-sent events, as they come. */
  async function* stepsOf(response: Response): AsyncGenerator<Record<string, unknown>> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data === undefined || data === '') continue;
        const { data: payload, errors } = JSON.parse(data) as {
          data?: { trainingProgress: never };
          errors?: never;
        };
        yield payload?.trainingProgress ?? { errors };
      }
    }
  }

  test('comes as it happens, of this training alone, until it is over', async () => {
    world = graphqlWorld();
    const response = await open('operator');
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const steps = stepsOf(response);
    expect((await steps.next()).value).toMatchObject({ type: 'training', training: { status: 'RUNNING' } });
    const common = { federation: 'digits', run: 'r1', round: 4, atMs: 5 };
    world.events.emit({ type: 'round-abandoned', ...common, run: 'another', attempt: 0, code: 'x' });
    world.events.emit({
      type: 'metric',
      ...common,
      training: 't1',
      name: 'accuracy',
      value: 0.5,
      heldOut: null,
    });
    expect((await steps.next()).value).toMatchObject({ type: 'metric', round: 4, metric: { value: 0.5 } });
    world.events.emit({ type: 'training', training: trainingOf({ status: 'SUCCEEDED' }) });
    expect((await steps.next()).value).toMatchObject({ training: { status: 'SUCCEEDED' } });
    expect((await steps.next()).done).toBe(true);
    expect(world.events.listeners).toBe(0);
  });

  test('nobody listens any more once whoever asked is gone, or the door is closed', async () => {
    world = graphqlWorld();
    const [first, second] = [stepsOf(await open('operator')), stepsOf(await open('operator'))];
    await first.next();
    await second.next();
    expect(world.events.listeners).toBe(2);
    await first.return(undefined);
    await expect.poll(() => world.events.listeners).toBe(1);
    await world.close();
    expect((await second.next()).done).toBe(true);
    expect(world.events.listeners).toBe(0);
  });

  test('ends when a key is revoked, and not before', async () => {
    world = graphqlWorld();
    const [operator, auditor] = [stepsOf(await open('operator')), stepsOf(await open('auditor'))];
    await operator.next();
    await auditor.next();
    world.revoked.add('operator');
    expect((await operator.next()).done).toBe(true);
    world.events.emit({ type: 'training', training: trainingOf({ status: 'SUCCEEDED' }) });
    expect((await auditor.next()).value).toMatchObject({ training: { status: 'SUCCEEDED' } });
  });

  test('one caller listens so often at a time, and takes nothing from others', async () => {
    world = graphqlWorld();
    const { events } = world;
    const streams: ReturnType<typeof trainingProgress>[] = [];
    const listen = (who: string) => {
      const { signal } = new AbortController();
      const stream = trainingProgress(trainingOf(), events, signal, Date.now, who);
      streams.push(stream);
      return stream.next();
    };
    for (let i = 0; i < 100; i++) await listen('key:1');
    await expect(listen('key:1')).rejects.toMatchObject({ code: 'wire.rate-limited' });
    expect((await listen('key:2')).done).toBe(false);
    for (const stream of streams) await stream.return();
    expect(events.listeners).toBe(0);
    await expect(listen('key:1')).resolves.toMatchObject({ done: false });
    await streams.at(-1)!.return();
  });

  test('is refused to those who may not read of the training', async () => {
    world = graphqlWorld();
    world.trainings.set('t1', trainingOf({ federation: 'clinics' }));
    const body = await (await open()).text();
    expect(body).toContain('http.unauthorized');
    expect(world.events.listeners).toBe(0);
  });
});
