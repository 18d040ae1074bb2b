import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { MurmurationError } from '../../shared/errors/index.ts';
import { ANONYMOUS } from '../access/authenticate.ts';
import type { Authorize } from '../access/authority.ts';
import { countFailures, failedCredentials } from '../access/failed-credentials.ts';
import type { Authenticate } from '../access/guard.ts';
import { createEvents } from '../events.ts';
import { createMeter, localRateCounter } from '../http/rate-limit.ts';
import type { Training } from '../jobs/training.ts';
import { silentLog } from '../testing/silent-log.ts';
import { attachLive, type LiveOptions } from './live-server.ts';

const TRAINING: Training = {
  id: 'training_123',
  jobName: 'job',
  federation: 'digits',
  run: 'run-1',
  status: 'RUNNING',
  config: {},
  clients: [],
  round: 0,
  accuracy: null,
  loss: null,
  reason: null,
  revision: 1,
  createdBy: 'user:https://id.example#ann',
  createdAtMs: 1,
  updatedAtMs: 1,
  startedAtMs: 1,
  endedAtMs: null,
};
const SECRET: Training = { ...TRAINING, id: 'secret_1', federation: 'closed', run: 'run-2' };

const good = new Set(['good']);
/** Anybody may read of "digits"; of "closed", and alerts, who shows `good`. */
const authorize: Authorize = async ({ kind }, permission, concern) => {
  if (kind === 'api-key' || (permission === 'training:read' && concern?.federation === 'digits')) return;
  throw new MurmurationError('http.unauthorized', 'This takes a credential.');
};
const authenticate: Authenticate = async ({ bearer }) => {
  if (bearer === undefined || bearer === 'reader') return ANONYMOUS;
  if (!good.has(bearer)) throw new MurmurationError('http.unauthorized', 'The key is not good.');
  return { ...ANONYMOUS, kind: 'api-key', name: 'key:1', role: 'operator' };
};

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  good.add('good');
  for (const close of closers.splice(0).reverse()) await close();
});

async function world(limits: LiveOptions['limits'] = {}, door: Authenticate = authenticate) {
  const refusals: unknown[] = [];
  const events = createEvents(silentLog);
  const httpServer = createServer();
  const live = attachLive({
    httpServer,
    events,
    trainings: {
      async get(_caller, id) {
        const found = [TRAINING, SECRET].find((each) => each.id === id);
        if (found === undefined) throw new MurmurationError('http.not-found', 'There is no such training.');
        return found;
      },
    },
    authenticate: door,
    authorize,
    async onRefused({ caller, origin, error }) {
      refusals.push([caller?.principal.name, origin.address, error.code]);
    },
    trustProxy: false,
    log: silentLog,
    limits,
  });
  await new Promise<void>((settle) => httpServer.listen(0, '127.0.0.1', settle));
  closers.push(async () => {
    await live.close();
    await new Promise((settle) => httpServer.close(settle));
  });
  const { port } = httpServer.address() as AddressInfo;
  async function connect(path = '/ws/client_id', protocols: string[] = []) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols);
    const received: Record<string, unknown>[] = [];
    const waiting: ((message: Record<string, unknown>) => void)[] = [];
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Record<string, unknown>;
      const next = waiting.shift();
      if (next === undefined) received.push(message);
      else next(message);
    });
    const closed = once(socket, 'close').then(([code]) => code as number);
    closers.push(async () => {
      socket.terminate();
      await closed;
    });
    await once(socket, 'open');
    return {
      socket,
      closed,
      send: (message: object) => socket.send(JSON.stringify(message)),
      next: () =>
        new Promise<Record<string, unknown>>((settle) => {
          const first = received.shift();
          if (first === undefined) waiting.push(settle);
          else settle(first);
        }),
      left: received,
    };
  }
  const metric = (round: number, training = TRAINING) =>
    events.emit({
      type: 'metric',
      federation: training.federation,
      run: training.run,
      training: training.id,
      round,
      name: 'accuracy',
      value: round / 10,
      heldOut: null,
      atMs: 0,
    });
  return { events, live, connect, metric, port, refusals };
}

test('O-20: who subscribes to a training is told what happens in it, by number', async () => {
  const { connect, metric, events } = await world();
  const client = await connect();
  client.send({ action: 'subscribe', training_id: 'training_123' });
  expect(await client.next()).toMatchObject({
    type: 'subscribed',
    training_id: 'training_123',
    seq: 0,
    gap: false,
    // Which person it was is told to those who may read of accounts.
    training: { status: 'RUNNING', training_id: 'training_123', createdBy: 'user' },
  });
  metric(1);
  expect(await client.next()).toEqual({
    type: 'metric_update',
    training_id: 'training_123',
    seq: 1,
    metric: {
      training_id: 'training_123',
      round_number: 1,
      metric_type: 'accuracy',
      value: 0.1,
      timestamp: '1970-01-01T00:00:00.000Z',
    },
  });
  const about = { federation: 'digits', run: 'run-1', round: 2, attempt: 0, atMs: 0 };
  events.emit({ ...about, type: 'round-started', training: 'training_123', cohort: 3 });
  expect(await client.next()).toMatchObject({
    type: 'round_started',
    seq: 2,
    round: { round_number: 2, cohort: 3 },
  });
  // Which training it is of is known from the run.
  events.emit({ ...about, type: 'round-abandoned', code: 'round.deadline' });
  expect(await client.next()).toMatchObject({
    type: 'round_abandoned',
    seq: 3,
    round: { code: 'round.deadline' },
  });
  events.emit({
    type: 'training',
    training: { ...TRAINING, status: 'SUCCEEDED', reason: 'target-accuracy' },
  });
  expect(await client.next()).toMatchObject({ type: 'training_status', seq: 4, status: 'SUCCEEDED' });
  expect(await client.next()).toMatchObject({
    type: 'training_completed',
    seq: 5,
    training: { reason: 'target-accuracy', createdBy: 'user' },
  });
  client.send({ action: 'unsubscribe', training_id: 'training_123' });
  expect(await client.next()).toEqual({ type: 'unsubscribed', training_id: 'training_123', had: true });
  metric(3);
  client.send({ action: 'ping' });
  expect(await client.next()).toEqual({ type: 'pong' });
});

test('O-21: whoever comes back is told what it missed, or that there is a gap', async () => {
  const { connect, metric } = await world({ keptEvents: 3 });
  const first = await connect();
  first.send({ action: 'subscribe', training_id: 'training_123' });
  const { epoch } = await first.next();
  first.socket.terminate();
  for (const round of [1, 2, 3, 4]) metric(round);

  const second = await connect();
  second.send({ action: 'subscribe', training_id: 'training_123', after: 2, epoch });
  expect(await second.next()).toMatchObject({ type: 'subscribed', seq: 4, gap: false });
  expect([(await second.next()).seq, (await second.next()).seq]).toEqual([3, 4]);

  const third = await connect('/ws/client_id?after=0');
  third.send({ action: 'subscribe', training_id: 'training_123' });
  expect(await third.next()).toMatchObject({ type: 'subscribed', gap: true });
  expect((await third.next()).seq).toBe(2);

  const fourth = await connect();
  fourth.send({ action: 'subscribe', training_id: 'training_123', after: 4, epoch: 'another' });
  expect(await fourth.next()).toMatchObject({ type: 'subscribed', gap: true });
});

test('O-22: what takes a credential is told to nobody else, and to nobody whose credential has ended', async () => {
  const { connect, metric, events, refusals } = await world({ heartbeatMs: 20 });
  const anonymous = await connect();
  anonymous.send({ action: 'subscribe', training_id: 'secret_1' });
  expect(await anonymous.next()).toMatchObject({
    type: 'error',
    code: 'http.unauthorized',
    training_id: 'secret_1',
  });
  anonymous.send({ action: 'authenticate', token: 'bad' });
  expect(await anonymous.next()).toMatchObject({ type: 'error', code: 'http.unauthorized' });
  anonymous.send({ action: 'subscribe', federation: 'digits' });
  expect((await anonymous.next()).type).toBe('subscribed');
  // As at every door, it is told on.
  expect(refusals).toEqual([
    ['anonymous', '127.0.0.1', 'http.unauthorized'],
    ['anonymous', '127.0.0.1', 'http.unauthorized'],
  ]);

  const known = await connect('/ws/c', ['murmuration.live', 'bearer.good']);
  expect(known.socket.protocol).toBe('murmuration.live');
  known.send({ action: 'subscribe', training_id: 'secret_1' });
  expect((await known.next()).type).toBe('subscribed');
  known.send({ action: 'subscribe', federation: 'digits' });
  expect((await known.next()).type).toBe('subscribed');

  const alert = { id: 'a', federation: 'digits', training: null } as never;
  events.emit({ type: 'alert', alert });
  metric(1);
  expect((await known.next()).type).toBe('alert');
  expect(await anonymous.next()).toMatchObject({ type: 'metric_update', federation: 'digits', seq: 2 });

  good.delete('good');
  expect(await known.closed).toBe(4401);
});

test('O-22: whoever may not hear of alerts any more is told of none', async () => {
  const { connect, metric, events } = await world({ heartbeatMs: 20 });
  const known = await connect('/ws/c', ['murmuration.live', 'bearer.good']);
  known.send({ action: 'subscribe', federation: 'digits' });
  expect((await known.next()).type).toBe('subscribed');
  known.send({ action: 'authenticate', token: 'reader' });
  expect(await known.next()).toMatchObject({ type: 'authenticated', name: 'anonymous' });
  // The next heartbeat decides anew.
  await once(known.socket, 'ping');
  await once(known.socket, 'ping');
  events.emit({ type: 'alert', alert: { id: 'a', federation: 'digits', training: null } as never });
  metric(1);
  expect((await known.next()).type).toBe('metric_update');
});

test('a token may come in a first message', async () => {
  const { connect } = await world();
  const client = await connect();
  client.send({ action: 'authenticate', token: 'good' });
  expect(await client.next()).toEqual({ type: 'authenticated', name: 'key:1', role: 'operator' });
  client.send({ action: 'subscribe', training_id: 'secret_1' });
  expect((await client.next()).type).toBe('subscribed');
});

test.each([
  ['no JSON', '{"action":', 'wire.malformed', undefined],
  ['no action', '{}', 'http.bad-request', 'action'],
  ['an unknown action', '{"action":"dance"}', 'http.bad-request', 'action'],
  ['an unknown field', '{"action":"ping","loud":true}', 'http.bad-request', 'loud'],
  ['a wrong type', '{"action":"subscribe","training_id":7}', 'http.bad-request', 'training_id'],
  ['nothing to subscribe to', '{"action":"subscribe"}', 'http.bad-request', 'training_id'],
  ['an unknown training', '{"action":"subscribe","training_id":"none"}', 'http.not-found', undefined],
])('%s is refused by name, and the connection stays', async (_, text, code, path) => {
  const { connect } = await world();
  const client = await connect();
  client.socket.send(text);
  const { path: found, ...answer } = await client.next();
  expect([answer.type, answer.code, found]).toEqual(['error', code, path]);
  client.send({ action: 'ping' });
  expect(await client.next()).toEqual({ type: 'pong' });
});

test('O-23: limits: subscriptions, messages, bytes, connections', async () => {
  const { connect, port } = await world({
    maxSubscriptions: 1,
    messageBurst: 4,
    messagesPerSecond: 0.001,
    maxMessageBytes: 256,
    maxConnectionsPerAddress: 2,
  });
  const client = await connect();
  client.send({ action: 'subscribe', federation: 'digits' });
  expect((await client.next()).type).toBe('subscribed');
  client.send({ action: 'subscribe', training_id: 'training_123' });
  expect(await client.next()).toMatchObject({ type: 'error', code: 'wire.rate-limited' });
  for (let i = 0; i < 2; i++) {
    client.send({ action: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  }
  client.send({ action: 'ping' });
  expect(await client.next()).toMatchObject({ type: 'error', code: 'wire.rate-limited' });
  expect(await client.closed).toBe(4429);

  const long = await connect();
  long.send({ action: 'authenticate', token: 'x'.repeat(300) });
  expect(await long.closed).toBe(1009);

  await Promise.all([connect(), connect()]);
  const refused = new WebSocket(`ws://127.0.0.1:${port}/ws/another`);
  const [error] = await once(refused, 'error');
  expect(String(error)).toContain('429');
});

test('O-24: who does not read is cut by name', async () => {
  const { connect, events, live } = await world({ maxBacklogBytes: 64 * 1024 });
  const slow = await connect();
  slow.send({ action: 'subscribe', federation: 'digits' });
  expect((await slow.next()).type).toBe('subscribed');
  slow.socket.pause();
  const jobName = 'x'.repeat(100_000);
  // More than the buffers of the system hold.
  for (let i = 0; i < 200; i++) events.emit({ type: 'training', training: { ...TRAINING, jobName } });
  slow.socket.resume();
  expect(await slow.closed).toBe(4408);
  expect(slow.left.at(-1)).toMatchObject({ type: 'error', code: 'wire.too-slow' });
  await expect.poll(() => live.size).toBe(0);
});

test('other addresses are no business of it', async () => {
  const { port, live } = await world();
  for (const path of ['/ws/', '/ws/a/b', '/ws/%2e', '/elsewhere', '/ws', '/ws/c?after=-1']) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    const [error] = await once(socket, 'error');
    expect(String(error)).toMatch(/40[04]/);
  }
  expect(live.size).toBe(0);
});

test('O-09: guesses are counted by address, by token and by message', async () => {
  const meter = createMeter({
    counter: localRateCounter(() => 0),
    requestsPerMinute: 100,
    failuresPerMinute: 2,
  });
  const { connect, refusals } = await world(
    {},
    countFailures(
      authenticate,
      failedCredentials(meter, () => 0),
    ),
  );
  const known = await connect();
  known.send({ action: 'authenticate', token: 'good' });
  expect(await known.next()).toMatchObject({ type: 'authenticated' });
  const client = await connect('/ws/client_id', ['murmuration.live', 'bearer.guess-0']);
  client.send({ action: 'subscribe', training_id: 'training_123' });
  expect(await client.next()).toMatchObject({ type: 'error', code: 'http.unauthorized' });
  for (const code of ['http.unauthorized', 'wire.rate-limited', 'wire.rate-limited']) {
    client.send({ action: 'authenticate', token: 'guess' });
    expect(await client.next()).toMatchObject({ type: 'error', code });
  }
  expect(refusals.map((refusal) => (refusal as string[])[2])).toContain('wire.rate-limited');
  // What was good here is.
  known.send({ action: 'authenticate', token: 'good' });
  expect(await known.next()).toMatchObject({ type: 'authenticated' });
});
