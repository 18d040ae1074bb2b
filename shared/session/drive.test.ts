import { expect, test } from 'vitest';
import { type Federation, parseFederation } from '../federation/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
import type { ReleaseEvent } from '../ledger/index.ts';
import { memoryStore } from '../testing/memory-store.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  bytesOf,
  CAROL,
  inviteOf,
  LAYOUT,
  modelOf,
  planMessage,
  RUN,
} from '../testing/session-fixtures.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import type { Transport, TransportEvent } from '../transport/port.ts';
import type { RecordNoise } from '../update/index.ts';
import { decodeMessage, encodeMessage, type Message } from '../wire/index.ts';
import { createNode } from './drive.ts';

const federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'test',
  name: 'Test',
  data: { kind: 'records', features: 2, target: { name: 'label', type: 'class', labels: ['a', 'b'] } },
  model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
});
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
const welcome: Message = { type: 'welcome', run: RUN, term: 1, model: null, holders: [] };

/** Alice's node, with everything that leaves it and everything it notes written down in order. */
async function joined(
  appendLedger?: () => Promise<void>,
  promise: { readonly privacy?: Federation['privacy']; readonly recordNoise?: RecordNoise } = {},
) {
  const log: string[] = [];
  const notices: (string | undefined)[] = [];
  const released: ReleaseEvent[] = [];
  let listener: (event: TransportEvent) => void = () => undefined;
  const transport: Transport = {
    self: ALICE,
    incarnation: 1,
    async send(to, bytes) {
      log.push(`${decodeMessage(bytes).type} to ${to === SERVER ? to : to.replaceAll('-', '')}`);
      return { kind: 'delivered', path: 'direct' };
    },
    subscribe(next) {
      listener = next;
      return () => undefined;
    },
    peers: () => new Map(),
    close: async () => undefined,
  };
  const store = memoryStore();
  const node = createNode({
    run: RUN,
    federation: { ...federation, privacy: promise.privacy ?? federation.privacy },
    layout: LAYOUT,
    transport,
    store: {
      ...store,
      async appendLedger(entry) {
        log.push('ledger begins');
        await (appendLedger ?? settle)();
        await store.appendLedger(entry);
        released.push(entry.event);
        log.push('ledger done');
      },
    },
    clock: createVirtualClock(),
    random: { kind: 'crypto', bytes: (length) => new Uint8Array(length) },
    settleMs: 100,
    participant: {
      trainer: {
        layout: LAYOUT,
        initialModel: async () => modelOf(0),
        train: async () => ({
          update: {
            layoutHash: LAYOUT.hash,
            delta: new Float32Array(6).fill(0.5),
            examples: 3,
            ...(promise.recordNoise && { recordNoise: promise.recordNoise }),
          },
          loss: 1,
        }),
        evaluate: async () => ({ total: 0, correct: 0, lossSum: 0 }),
      },
      examples: 3,
      dataset: 'data',
      model: modelOf(0),
      electionMs: 1000,
    },
    observer: { onNotice: ({ error }) => notices.push(error?.code) },
  });
  const hear = (from: NodeId, message: Message) =>
    listener({ type: 'message', from, bytes: encodeMessage(message) });
  listener({ type: 'peer-up', peer: SERVER, path: 'server', incarnation: 1 });
  node.command('start');
  hear(SERVER, welcome);
  await settle();
  return {
    node,
    log,
    notices,
    released,
    hear,
    deliver: (bytes: Uint8Array<ArrayBuffer>) => listener({ type: 'message', from: BOB, bytes }),
  };
}

test('U-06: the release is in the ledger before the first slice leaves the device', async () => {
  const { node, log, hear } = await joined();
  hear(SERVER, inviteOf());
  for (let i = 0; i < 10; i++) await settle();
  expect(log.slice(log.indexOf('ledger begins'))).toEqual([
    'ledger begins',
    'ledger done',
    'trained to server',
    'slice to bob',
    'slice to carol',
    'uploaded to server',
  ]);
  node.close();
});

test('U-06: a ledger that cannot be written keeps the update on the device', async () => {
  const { node, log, hear } = await joined(() => Promise.reject(new Error('disk')));
  hear(SERVER, inviteOf());
  for (let i = 0; i < 10; i++) await settle();
  expect(log.filter((line) => line.startsWith('slice'))).toEqual([]);
  expect(log).toContain('refuse to server');
  node.close();
});

test('W-06: orders from someone who does not coordinate are refused by name', async () => {
  const { node, notices, hear } = await joined();
  hear(BOB, inviteOf({ attempt: { term: 1, round: 1, attempt: 0 } }));
  expect(notices).toEqual(['wire.out-of-phase']);
  expect(node.state.participant?.attempt).toBeUndefined();
  expect(node.state.owner.current).toBeUndefined();
  node.close();
});

test('R-27: an owner takes no plan from a stranger either', async () => {
  const { node, hear } = await joined();
  hear(SERVER, inviteOf());
  hear(CAROL, planMessage({ revision: 9, owners: [CAROL, CAROL, CAROL] }));
  expect(node.state.owner.current?.plan.revision).toBe(0);
  node.close();
});

test('W-06: messages of an earlier term or of another run are dropped in silence', async () => {
  const { node, notices, hear } = await joined();
  hear(SERVER, inviteOf({ attempt: { term: 0, round: 9, attempt: 0 } }));
  hear(SERVER, inviteOf({ run: 'another' }));
  expect(node.state.participant?.attempt).toBeUndefined();
  expect(notices).toEqual([]);
  node.close();
});

test('W-04: bytes that are no message are noted, and the session goes on', async () => {
  const { node, notices, hear, deliver } = await joined();
  deliver(Uint8Array.of(1, 2, 3));
  expect(notices).toEqual(['wire.malformed']);
  hear(SERVER, inviteOf());
  expect(node.state.participant?.attempt).toBeDefined();
  node.close();
});

const record = { clipNorm: 1, noiseMultiplier: 1.1, sampling: 'poisson' } as const;
const privacy = { secureAggregation: 'none', record } as const;
const spent: RecordNoise = { ...record, samplingRate: 0.5, steps: 2 };

test('an update that was trained as privately as promised is sent, and what it spent is in the ledger', async () => {
  const { node, log, hear, released } = await joined(undefined, { privacy, recordNoise: spent });
  hear(SERVER, inviteOf());
  for (let i = 0; i < 10; i++) await settle();
  expect(log).toContain('slice to bob');
  expect(released).toEqual([{ mechanism: 'sampled-gaussian', released: 'update', weight: 3, ...spent }]);
  node.close();
});

test.each<[string, RecordNoise | undefined]>([
  ['without noise', undefined],
  ['with weaker noise', { ...spent, noiseMultiplier: 1 }],
  ['with longer gradients', { ...spent, clipNorm: 1.5 }],
  ['with other sampling', { ...spent, sampling: 'fixed' }],
])(
  'U-07: nothing of an update trained %s is sent or released, where noise is promised',
  async (_, recordNoise) => {
    const promise = recordNoise === undefined ? { privacy } : { privacy, recordNoise };
    const { node, log, notices, hear, released } = await joined(undefined, promise);
    hear(SERVER, inviteOf());
    for (let i = 0; i < 10; i++) await settle();
    expect(notices).toContain('privacy.policy-unmet');
    expect(log.filter((line) => /^(slice|uploaded|ledger|trained)/.test(line))).toEqual([]);
    expect(released).toEqual([]);
    node.close();
  },
);

test('A-01: a node that cannot mask does not take part in a federation that asks for it', async () => {
  const privacy = { secureAggregation: 'secagg' } as const;
  await expect(joined(undefined, { privacy })).rejects.toMatchObject({ code: 'privacy.policy-unmet' });
});

test('R-30: a sum that goes to a whole cohort is in memory once', async () => {
  const sums: Uint8Array[] = [];
  let listener: (event: TransportEvent) => void = () => undefined;
  const clock = createVirtualClock();
  const node = createNode({
    run: RUN,
    federation: {
      ...federation,
      paths: ['server'],
      cohort: { ...federation.cohort, minParticipants: 2 },
    },
    layout: LAYOUT,
    transport: {
      self: SERVER,
      incarnation: 1,
      async send(_, bytes) {
        if (decodeMessage(bytes).type === 'sum') sums.push(bytes);
        return { kind: 'delivered', path: 'server' };
      },
      subscribe(next) {
        listener = next;
        return () => undefined;
      },
      peers: () => new Map(),
      close: async () => undefined,
    },
    store: memoryStore(),
    clock,
    random: { kind: 'crypto', bytes: (length) => new Uint8Array(length) },
    settleMs: 100,
    coordinator: { term: 1, model: modelOf(0), electorate: [] },
  });
  const hear = (from: NodeId, message: Message) =>
    listener({ type: 'message', from, bytes: encodeMessage(message) });
  const { version, hash } = modelOf(0);
  const common = { run: RUN, attempt: attemptOf() };
  const join = { type: 'join', run: RUN, incarnation: 1, term: 1, examples: 3, paused: false } as const;
  for (const id of [ALICE, BOB]) hear(id, { ...join, model: { version, hash } });
  clock.step();
  for (const id of [ALICE, BOB]) {
    hear(id, { ...common, type: 'trained' });
    hear(id, {
      ...common,
      type: 'slice',
      slice: 0,
      count: 1,
      weight: 3,
      values: bytesOf([1, 2, 3, 4, 5, 6]),
    });
    hear(id, { ...common, type: 'uploaded', revision: 0, undeliverable: [] });
  }
  await settle();
  expect(sums).toHaveLength(2);
  expect(sums[0]).toBe(sums[1]);
  node.close();
});

test('Q-21: where the best version cannot be read the run goes on without it, and says so', async () => {
  const notices: string[] = [];
  let listener: (event: TransportEvent) => void = () => undefined;
  const clock = createVirtualClock();
  const node = createNode({
    run: RUN,
    federation: {
      ...federation,
      evaluation: 'local',
      strategy: { ...federation.strategy, rollback: { afterRounds: 2, threshold: 0 } },
    },
    layout: LAYOUT,
    transport: {
      self: SERVER,
      incarnation: 1,
      send: async () => ({ kind: 'unreachable' }),
      subscribe(next) {
        listener = next;
        return () => undefined;
      },
      peers: () => new Map(),
      close: async () => undefined,
    },
    store: { ...memoryStore(), loadModel: () => Promise.reject(new Error('the disk is away')) },
    clock,
    random: { kind: 'crypto', bytes: (length) => new Uint8Array(length) },
    settleMs: 100,
    coordinator: { term: 1, model: modelOf(0), electorate: [] },
    observer: { onNotice: ({ text }) => notices.push(text) },
  });
  const hear = (from: NodeId, message: Message) =>
    listener({ type: 'message', from, bytes: encodeMessage(message) });
  const both = [ALICE, BOB];
  for (const id of both)
    hear(id, {
      type: 'join',
      run: RUN,
      incarnation: 1,
      model: null,
      term: 1,
      examples: 3,
      paused: false,
    });
  while (node.state.coordinator!.status.name === 'gathering') clock.step();
  const about = { run: RUN, attempt: attemptOf() };
  for (const id of both) hear(id, { type: 'trained', ...about });
  for (const id of both) hear(id, { type: 'uploaded', ...about, revision: 0, undeliverable: [] });
  for (const id of both) hear(id, { type: 'applied', ...about, tally: 1, hash: modelOf(1).hash });
  const counts = { total: 10, correct: 5, lossSum: 7 };
  for (const id of both) hear(id, { type: 'evaluated', run: RUN, round: 1, hash: modelOf(1).hash, counts });
  await settle();
  expect(notices).toContain('Version 1, the best so far, could not be fetched.');
  expect(node.state.coordinator!.status.name).not.toBe('finished');
  node.close();
});

test.each(['stored', 'not stored'])(
  'J-12: participants hear of a commit once its record is %s, or has been waited for',
  async (outcome) => {
    const out: string[] = [];
    let listener: (event: TransportEvent) => void = () => undefined;
    let done: () => void = () => undefined;
    const clock = createVirtualClock();
    const node = createNode({
      run: RUN,
      federation,
      layout: LAYOUT,
      transport: {
        self: SERVER,
        incarnation: 1,
        async send(_to, bytes) {
          out.push(decodeMessage(bytes).type);
          return { kind: 'delivered', path: 'server' };
        },
        subscribe(next) {
          listener = next;
          return () => undefined;
        },
        peers: () => new Map(),
        close: async () => undefined,
      },
      store: {
        ...memoryStore(),
        saveRecord: () =>
          new Promise((resolve) => {
            done = resolve;
          }),
      },
      clock,
      random: { kind: 'crypto', bytes: (length) => new Uint8Array(length) },
      settleMs: 100,
      coordinator: { term: 1, model: modelOf(0), electorate: [] },
    });
    const hear = (from: NodeId, message: Message) =>
      listener({ type: 'message', from, bytes: encodeMessage(message) });
    const join = { type: 'join', run: RUN, incarnation: 1, model: null, term: 1 } as const;
    for (const id of [ALICE, BOB]) hear(id, { ...join, examples: 3, paused: false });
    while (node.state.coordinator!.status.name === 'gathering') clock.step();
    const about = { run: RUN, attempt: attemptOf() };
    for (const id of [ALICE, BOB]) hear(id, { type: 'trained', ...about });
    for (const id of [ALICE, BOB]) hear(id, { type: 'uploaded', ...about, revision: 0, undeliverable: [] });
    out.length = 0;
    for (const id of [ALICE, BOB]) hear(id, { type: 'applied', ...about, tally: 1, hash: modelOf(1).hash });
    await settle();
    expect(node.state.coordinator!.model!.version).toBe(1);
    expect(out).toEqual([]);
    if (outcome === 'stored') done();
    const waitedForMs = clock.nowMs() + 2000;
    while (outcome !== 'stored' && clock.nowMs() < waitedForMs) clock.step();
    await settle();
    expect(out.slice(0, 2)).toEqual(['commit', 'commit']);
    expect(out.indexOf('invite')).toBeGreaterThan(out.lastIndexOf('commit'));
    node.close();
  },
);
