import { expect, test } from 'vitest';
import { MurmurationError } from '../errors/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
import { memoryStore } from '../testing/memory-store.ts';
import { ALICE, BOB, LAYOUT, modelOf, RUN, refOf } from '../testing/session-fixtures.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { type Model, modelBytes } from '../update/index.ts';
import type { Message, RoundRecord } from '../wire/index.ts';
import { createLibrarian } from './librarian.ts';

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function library() {
  const clock = createVirtualClock();
  const store = memoryStore();
  const sent: { to: NodeId; message: Message }[] = [];
  const refused: string[] = [];
  const records: RoundRecord[] = [];
  const librarian = createLibrarian({
    run: RUN,
    layout: LAYOUT,
    store,
    clock,
    send: (to, message) => sent.push({ to, message }),
    onRefused: (_from, { code }) => refused.push(code),
    onUnreadable: ({ code }) => refused.push(code),
    onRecords: (more) => records.push(...more),
  });
  return { librarian, clock, store, sent, refused, records };
}
function answer(model: Model, weights: Uint8Array<ArrayBuffer> | null = modelBytes(model)): Message {
  return { type: 'model', run: RUN, model: refOf(model), weights };
}
const wanted = modelOf(3);

test('M-02: whoever has it may deliver it; two who ask share one answer', async () => {
  const { librarian, sent } = library();
  const twice = [librarian.fetch(refOf(wanted), [ALICE]), librarian.fetch(refOf(wanted), [BOB])];
  await settle();
  await settle();
  expect(sent.map(({ to, message }) => [to, message.type])).toEqual([[ALICE, 'modelRequest']]);
  await librarian.receive(BOB, answer(wanted));
  expect((await Promise.all(twice)).map((model) => model?.hash)).toEqual([wanted.hash, wanted.hash]);
});

test.each([
  ['other weights', modelBytes(modelOf(4)), 'model.hash-mismatch'],
  ['the wrong size', new Uint8Array(8), 'model.layout-mismatch'],
])('M-02 M-06: %s are refused by name, and the next holder is asked', async (_, bytes, code) => {
  const { librarian, sent, refused } = library();
  const fetched = librarian.fetch(refOf(wanted), [ALICE, BOB]);
  await settle();
  await librarian.receive(ALICE, answer(wanted, bytes));
  await settle();
  expect(refused).toEqual([code]);
  expect(sent.map(({ to }) => to)).toEqual([ALICE, BOB]);
  await librarian.receive(BOB, answer(wanted));
  expect((await fetched)?.hash).toBe(wanted.hash);
});

test('M-03: every holder is asked up to three times, each with a deadline', async () => {
  const { librarian, clock, sent } = library();
  const fetched = librarian.fetch(refOf(wanted), [ALICE, BOB]);
  await settle();
  while (clock.step()) await settle();
  expect(await fetched).toBeUndefined();
  expect(sent.map(({ to }) => to)).toEqual([ALICE, BOB, ALICE, BOB, ALICE, BOB]);
});

test('without a known holder the server is asked', async () => {
  const { librarian, sent } = library();
  const fetched = librarian.fetch(refOf(wanted), []);
  await settle();
  expect(sent[0]?.to).toBe(SERVER);
  librarian.close();
  expect(await fetched).toBeUndefined();
});

test('M-04: answers with the model it holds, or with nothing', async () => {
  const { librarian, store, sent } = library();
  librarian.remember(wanted);
  await store.saveModel(RUN, modelOf(2));
  for (const model of [wanted, modelOf(2), modelOf(1)])
    await librarian.receive(BOB, { type: 'modelRequest', run: RUN, hash: model.hash });
  const answers = sent.map(({ message }) => (message.type === 'model' ? message.weights : undefined));
  expect(answers).toEqual([modelBytes(wanted), modelBytes(modelOf(2)), null]);
});

test('M-04: a model that nobody asked for is dropped', async () => {
  const { librarian, sent } = library();
  await librarian.receive(BOB, answer(wanted));
  await librarian.receive(BOB, { type: 'modelRequest', run: RUN, hash: wanted.hash });
  expect(sent[0]?.message).toMatchObject({ type: 'model', weights: null });
});

test('only the last three models are remembered', async () => {
  const { librarian, sent } = library();
  for (const version of [1, 2, 3, 4]) librarian.remember(modelOf(version));
  await librarian.receive(BOB, { type: 'modelRequest', run: RUN, hash: modelOf(1).hash });
  await librarian.receive(BOB, { type: 'modelRequest', run: RUN, hash: modelOf(2).hash });
  expect(sent.map(({ message }) => message.type === 'model' && message.weights !== null)).toEqual([
    false,
    true,
  ]);
});

test('M-05: records from a round on, in order; those that come are handed on', async () => {
  const { librarian, store, sent, records } = library();
  const record = (round: number): RoundRecord => ({
    round,
    term: 1,
    attempt: 0,
    coordinator: SERVER,
    federationRevision: 1,
    baseHash: '0'.repeat(64),
    hash: '1'.repeat(64),
    survivors: [],
    dropped: [],
    startedAtMs: 0,
    trainMs: 0,
    exchangeMs: 0,
    applyMs: 0,
    evaluation: null,
    secure: null,
  });
  for (const round of [3, 1, 2]) await store.saveRecord(RUN, record(round));
  await librarian.receive(BOB, { type: 'historyRequest', run: RUN, fromRound: 2 });
  const { message } = sent[0]!;
  expect(message.type === 'history' && message.records.map(({ round }) => round)).toEqual([2, 3]);
  await librarian.receive(BOB, message);
  expect(records.map(({ round }) => round)).toEqual([2, 3]);
});

test('a store that cannot be read is no reason not to ask who holds the model', async () => {
  const { librarian, store, sent, refused } = library();
  store.loadModel = () => Promise.reject(new MurmurationError('storage.unavailable', 'Away.'));
  const fetched = librarian.fetch(refOf(wanted), [ALICE]);
  await settle();
  expect(sent.map(({ to, message }) => [to, message.type])).toEqual([[ALICE, 'modelRequest']]);
  expect(refused).toEqual(['storage.unavailable']);
  await librarian.receive(ALICE, answer(wanted));
  expect((await fetched)?.hash).toBe(wanted.hash);
});
