import { expect, test } from 'vitest';
import type { CryptoRandom } from '../random/index.ts';
import { createSteppedClock } from '../testing/stepped-clock.ts';
import type { SocketLike } from '../transport/hub-client.ts';
import { createLiveClient, type LiveEvent, type LiveListener } from './live.ts';

/** No jitter: the first retry comes after 50 ms, the second after 500, the third after 1,000. */
const random: CryptoRandom = { kind: 'crypto', bytes: (length) => new Uint8Array(length) };

class FakeSocket {
  static opened: FakeSocket[] = [];
  binaryType = '';
  bufferedAmount = 0;
  readyState = 0;
  readonly sent: Record<string, unknown>[] = [];
  readonly url: string;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();
  constructor(url: string) {
    this.url = url;
    FakeSocket.opened.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.readyState = 3;
  }
  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  emit(type: string, event: object = {}): void {
    for (const each of this.#listeners.get(type) ?? []) each(event as never);
  }
  async open(): Promise<void> {
    this.readyState = 1;
    this.emit('open');
    // The token may take its time.
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  }
  tell(message: object): void {
    this.emit('message', { data: JSON.stringify(message) });
  }
  break(): void {
    this.readyState = 3;
    this.emit('close', { code: 1006 });
  }
}

function world(token?: string) {
  FakeSocket.opened = [];
  const clock = createSteppedClock();
  const live = createLiveClient({
    baseUrl: 'https://s.example',
    WebSocket: FakeSocket as unknown as new (url: string) => SocketLike,
    clock,
    random,
    ...(token === undefined ? {} : { token }),
  });
  return { clock, live, sockets: FakeSocket.opened };
}

function listener() {
  const events: LiveEvent[] = [];
  const states: boolean[] = [];
  const refusals: string[] = [];
  const heard: LiveListener = {
    onEvent: (event) => events.push(event),
    onSubscribed: ({ gap }) => states.push(gap),
    onRefused: ({ code }) => refusals.push(code),
  };
  return { heard, events, states, refusals };
}

const topic = { training_id: 't1' };
const round = (seq: number) => ({ type: 'round_completed', ...topic, seq, round: { round_number: seq } });

test('shows who it is, subscribes, and passes events on', async () => {
  const { live, sockets } = world('mk_1_s');
  const { heard, events } = listener();
  live.subscribe({ training: 't1' }, heard);
  expect(sockets[0]!.url).toMatch(/^wss:\/\/s\.example\/ws\/[\w-]+$/);
  await sockets[0]!.open();
  expect(sockets[0]!.sent).toEqual([
    { action: 'authenticate', token: 'mk_1_s' },
    { action: 'subscribe', training_id: 't1' },
    { action: 'ping' },
  ]);
  sockets[0]!.tell({ type: 'subscribed', ...topic, epoch: 'e', seq: 4, gap: false });
  sockets[0]!.tell(round(5));
  sockets[0]!.tell({ ...round(6), training_id: 'another' });
  expect(events).toMatchObject([{ type: 'round_completed', round: { round_number: 5 } }]);
});

test('a connection that breaks is made again, more and more patiently, and what came meanwhile is told once', async () => {
  const { live, sockets, clock } = world();
  const { heard, events, states } = listener();
  live.subscribe({ training: 't1' }, heard);
  await sockets[0]!.open();
  sockets[0]!.tell({ type: 'subscribed', ...topic, epoch: 'e', seq: 4, gap: false });
  sockets[0]!.tell(round(5));
  sockets[0]!.break();
  await clock.advance(50);
  sockets[1]!.break();
  await clock.advance(499);
  expect(sockets).toHaveLength(2);
  await clock.advance(1);
  await sockets[2]!.open();
  expect(sockets[2]!.sent).toContainEqual({ action: 'subscribe', training_id: 't1', after: 5, epoch: 'e' });
  sockets[2]!.tell({ type: 'subscribed', ...topic, epoch: 'e', seq: 7, gap: false });
  for (const seq of [5, 6, 7]) sockets[2]!.tell(round(seq));
  expect(events.map((event) => 'round' in event && event.round.round_number)).toEqual([5, 6, 7]);
  expect(states).toEqual([false, false]);
});

test('a server that began anew says so: a gap, and numbers from there on', async () => {
  const { live, sockets, clock } = world();
  const { heard, events, states } = listener();
  live.subscribe({ training: 't1' }, heard);
  await sockets[0]!.open();
  sockets[0]!.tell({ type: 'subscribed', ...topic, epoch: 'e', seq: 90, gap: false });
  sockets[0]!.break();
  await clock.advance(50);
  await sockets[1]!.open();
  sockets[1]!.tell({ type: 'subscribed', ...topic, epoch: 'f', seq: 2, gap: true });
  sockets[1]!.tell(round(3));
  expect(states).toEqual([false, true]);
  expect(events).toHaveLength(1);
});

test('a connection that answers nothing is dropped', async () => {
  const { live, sockets, clock } = world();
  live.subscribe({ training: 't1' }, listener().heard);
  await sockets[0]!.open();
  sockets[0]!.tell({ type: 'pong' });
  await clock.advance(25_000);
  expect(sockets).toHaveLength(1);
  await clock.advance(25_000);
  await clock.advance(50);
  expect(sockets).toHaveLength(2);
});

test('what is refused for good ends; what is not, does not', async () => {
  const { live, sockets } = world('mk_1_s');
  const [first, second] = [listener(), listener()];
  live.subscribe({ training: 't1' }, first.heard);
  live.subscribe({ federation: 'f' }, second.heard);
  await sockets[0]!.open();
  sockets[0]!.tell({ type: 'error', federation: 'f', code: 'storage.unavailable', message: 'Away.' });
  sockets[0]!.tell({ type: 'error', ...topic, code: 'http.forbidden', message: 'No.' });
  expect([first.refusals, second.refusals]).toEqual([['http.forbidden'], []]);
  // About the credential, and so about all.
  sockets[0]!.tell({ type: 'error', code: 'access.revoked', message: 'Revoked.' });
  expect(second.refusals).toEqual(['access.revoked']);
  expect(sockets[0]!.readyState).toBe(3);
});

test('one connection for all, closed after the last', async () => {
  const { live, sockets, clock } = world();
  const ends = [
    live.subscribe({ training: 't1' }, listener().heard),
    live.subscribe({ training: 't1' }, listener().heard),
  ];
  await sockets[0]!.open();
  ends.push(live.subscribe({ federation: 'f' }, listener().heard));
  expect(sockets[0]!.sent.filter(({ action }) => action === 'subscribe')).toHaveLength(2);
  for (const end of ends) end();
  ends[0]!();
  expect(sockets[0]!.sent.filter(({ action }) => action === 'unsubscribe')).toHaveLength(2);
  expect(sockets[0]!.readyState).toBe(3);
  await clock.advance(60_000);
  expect(sockets).toHaveLength(1);
});
