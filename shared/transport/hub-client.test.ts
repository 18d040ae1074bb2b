import { expect, test } from 'vitest';
import {
  createNobleIdentity,
  fromBase64Url,
  participantIdFromBytes,
  verifySignature,
} from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { createSteppedClock } from '../testing/stepped-clock.ts';
import { backoffMs } from './backoff.ts';
import type { HubEvent } from './hub.ts';
import { createHubClient, type ServerLinkEvent, type SocketLike } from './hub-client.ts';
import { encodeFrame } from './hub-frames.ts';
import { CLOSE, HUB_PROTOCOL, helloStatement, type ServerText } from './hub-protocol.ts';

const fixed = (value: number): CryptoRandom => ({
  kind: 'crypto',
  bytes: (length) => new Uint8Array(length).fill(value),
});
const identity = createNobleIdentity(fixed(5));
const HEARTBEAT_MS = 1000;

/** A socket whose other end is the test. */
class FakeSocket implements SocketLike {
  binaryType = '';
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: (string | Uint8Array)[] = [];
  readonly listeners = new Map<string, ((event: { data: unknown; code: number }) => void)[]>();
  addEventListener(type: string, listener: (event: { data: unknown; code: number }) => void): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }
  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }
  close(): void {
    this.readyState = 3;
  }
  fire(type: string, event = {}): void {
    for (const listener of this.listeners.get(type) ?? [])
      listener({ data: undefined, code: 1006, ...event });
  }
  say(message: ServerText): void {
    this.fire('message', { data: JSON.stringify(message) });
  }
}

function world({
  lateByMs = 0,
  admission,
}: {
  lateByMs?: number;
  admission?: () => { credential?: string; policy?: string };
} = {}) {
  const clock = createSteppedClock();
  const sockets: FakeSocket[] = [];
  const hub = createHubClient({
    url: 'ws://hub/ws',
    federation: 'digits',
    identity,
    incarnation: 4,
    // Timers that come late, as those of a device that slept.
    clock: { nowMs: clock.nowMs, after: (delayMs, callback) => clock.after(delayMs + lateByMs, callback) },
    random: fixed(0),
    ...(admission === undefined ? {} : { admission }),
    socketFactory: (url) => {
      expect(url).toBe('ws://hub/ws?federation=digits');
      sockets.push(new FakeSocket());
      return sockets.at(-1)!;
    },
  });
  const events: HubEvent[] = [];
  const link: ServerLinkEvent[] = [];
  hub.subscribe((event) => events.push(event));
  hub.subscribeServer((event) => link.push(event));
  const welcome = () => {
    sockets.at(-1)!.say({
      type: 'welcome',
      peers: [],
      iceServers: [],
      token: 't',
      serverIncarnation: 1,
      serverNode: false,
      heartbeatMs: HEARTBEAT_MS,
    });
  };
  return { clock, sockets, hub, events, link, welcome };
}

test('I-02: answers the challenge with a signature over it', async () => {
  const { sockets, clock } = world();
  const nonce = 'B'.repeat(42).concat('A');
  sockets[0]!.say({ type: 'challenge', protocol: HUB_PROTOCOL, nonce });
  await clock.until(() => sockets[0]!.sent.length > 0, 1000);
  const hello = JSON.parse(String(sockets[0]!.sent[0]));
  const statement = helloStatement({ nonce, federation: 'digits', incarnation: 4, participant: identity.id });
  expect(verifySignature(identity.publicKey, statement, fromBase64Url(hello.signature))).toBe(true);
});

test('H-11: shows what lets it in, as it is at each connection', async () => {
  const held = [{}, { credential: 'key', policy: 'a'.repeat(64) }];
  const { sockets, clock } = world({ admission: () => held.shift()! });
  const challenge = { type: 'challenge', protocol: HUB_PROTOCOL, nonce: 'B'.repeat(42).concat('A') } as const;
  const hellos: Record<string, unknown>[] = [];
  for (let i = 0; i < 2; i++) {
    const socket = sockets.at(-1)!;
    socket.say(challenge);
    await clock.until(() => socket.sent.length > 0, 1000);
    hellos.push(JSON.parse(String(socket.sent[0])));
    socket.fire('close');
    await clock.until(() => sockets.length > i + 1, 20_000);
  }
  expect('credential' in hellos[0]! || 'policy' in hellos[0]!).toBe(false);
  expect(hellos[1]).toMatchObject({ credential: 'key', policy: 'a'.repeat(64) });
});

test('waits longer after every failure, up to ten seconds, and half as long with other dice', async () => {
  expect([0, 1, 2, 3, 5, 6, 60].map((n) => backoffMs(n, fixed(0)))).toEqual([
    50, 500, 1000, 2000, 8000, 10_000, 10_000,
  ]);
  expect(backoffMs(60, fixed(255))).toBeCloseTo(10_000 * (1 - 255 / 512));
  const { sockets, clock } = world();
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    sockets.at(-1)!.fire('error');
    sockets.at(-1)!.fire('close');
    const before = sockets.length;
    await clock.until(() => sockets.length > before, 20_000);
    times.push(clock.nowMs());
  }
  expect(times).toEqual([50, 550, 1550, 3550, 7550]);
});

test('a connection that lasted is followed by the next at once', async () => {
  const { sockets, clock, welcome } = world();
  for (let i = 0; i < 3; i++) {
    sockets.at(-1)!.fire('close');
    const before = sockets.length;
    await clock.until(() => sockets.length > before, 20_000);
  }
  welcome();
  const beat = { data: encodeFrame({ kind: 'heartbeat' }).buffer };
  for (let i = 0; i < 5; i++) {
    await clock.advance(HEARTBEAT_MS);
    sockets.at(-1)!.fire('message', beat);
  }
  const closedAtMs = clock.nowMs();
  const before = sockets.length;
  sockets.at(-1)!.fire('close');
  await clock.until(() => sockets.length > before, 20_000);
  expect(clock.nowMs() - closedAtMs).toBe(50);
});

test('a handshake that never comes to an end is given up', async () => {
  const { sockets, clock, events } = world();
  await clock.until(() => sockets.length === 2, 20_000);
  expect(clock.nowMs()).toBe(10_050);
  expect(sockets[0]!.readyState).toBe(3);
  expect(events).toEqual([]); // it had never been open
});

test('H-08: a server that falls silent is lost within three heartbeats', async () => {
  const { clock, hub, welcome, events, link, sockets } = world();
  welcome();
  expect(hub.open).toBe(true);
  await clock.until(() => !hub.open, 10_000);
  expect(clock.nowMs()).toBe(3 * HEARTBEAT_MS);
  expect(events.at(-1)).toEqual({ type: 'closed' });
  expect(link.at(-1)).toEqual({ type: 'down', reason: 'lost' });
  expect(sockets[0]!.sent.some((data) => data instanceof Uint8Array && data[0] === 0)).toBe(true);
});

test('a device that slept listens for one more heartbeat before it gives the server up', async () => {
  const { clock, hub, welcome, sockets } = world({ lateByMs: 60_000 });
  welcome();
  clock.step();
  expect(clock.nowMs()).toBeGreaterThan(60_000);
  expect(hub.open).toBe(true);
  sockets[0]!.fire('message', { data: encodeFrame({ kind: 'heartbeat' }).buffer });
  expect(hub.open).toBe(true);
});

test('H-03: a superseded client does not come back', async () => {
  const { clock, hub, welcome, events, sockets } = world();
  welcome();
  sockets[0]!.say({ type: 'bye', reason: 'superseded' });
  sockets[0]!.fire('close', { code: CLOSE.superseded });
  expect(hub.open).toBe(false);
  expect(events.map(({ type }) => type)).toEqual(['open', 'refused', 'closed']);
  await clock.advance(60_000);
  expect(sockets.length).toBe(1);
});

test('nothing that a server says makes it throw', () => {
  const { welcome, sockets, events, hub } = world();
  welcome();
  for (const data of ['{', '[]', '{"type":"signal"}', new ArrayBuffer(0), Uint8Array.of(2, 0).buffer, null]) {
    sockets[0]!.fire('message', { data });
  }
  const codes = events.flatMap((event) => (event.type === 'refused' ? [event.error.code] : []));
  expect(codes).toEqual(Array(5).fill('wire.malformed'));
  expect(hub.open).toBe(true);
});

test('a listener that throws is reported and stops nobody else', () => {
  const { welcome, hub, events, link } = world();
  hub.subscribe((event) => {
    if (event.type === 'open') throw new Error('a bug');
  });
  welcome();
  expect(events.map(({ type }) => type)).toEqual(['open', 'refused']);
  expect(link.map(({ type }) => type)).toEqual(['up', 'node']);
});

test('a factory that throws is tried again; closing ends everything', async () => {
  const clock = createSteppedClock();
  let tries = 0;
  const hub = createHubClient({
    url: 'bad',
    federation: 'digits',
    identity,
    incarnation: 1,
    clock,
    random: fixed(0),
    socketFactory: () => {
      tries++;
      throw new SyntaxError('not an address');
    },
  });
  await clock.until(() => tries === 3, 10_000);
  hub.close();
  await clock.advance(60_000);
  expect(tries).toBe(3);
  const nobody = participantIdFromBytes(new Uint8Array(16));
  expect(hub.signal(nobody, '')).toBe(false);
  expect(hub.relay(nobody, new Uint8Array(1))).toBe(false);
  expect(hub.bufferedBytes).toBe(0);
});

test('closing says goodbye', () => {
  const { hub, welcome, sockets } = world();
  welcome();
  hub.close();
  expect(sockets[0]!.sent.at(-1)).toBe('{"type":"bye"}');
  expect(sockets[0]!.readyState).toBe(3);
});
