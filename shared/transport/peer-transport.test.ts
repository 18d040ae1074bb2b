import { webcrypto } from 'node:crypto';
import { expect, test } from 'vitest';
import { createNobleIdentity, type ParticipantId } from '../identity/index.ts';
import { seededRandom, webCryptoRandom } from '../random/index.ts';
import { createMemoryDirect, type MemoryDirect } from '../testing/memory-direct.ts';
import { createMemoryHub, type MemoryHub } from '../testing/memory-hub.ts';
import { createSteppedClock, type SteppedClock } from '../testing/stepped-clock.ts';
import type { Hub } from './hub.ts';
import { createPeerTransport, type PeerTransportLimits } from './peer-transport.ts';
import type { Path, Transport, TransportEvent } from './port.ts';

const random = webCryptoRandom(webcrypto);
const identities = Array.from({ length: 6 }, () => createNobleIdentity(random)).sort((a, b) =>
  a.id < b.id ? -1 : 1,
);

interface Node {
  readonly transport: Transport;
  readonly hub: Hub;
  readonly id: ParticipantId;
  readonly events: TransportEvent[];
  /** Events but messages, told in short. */
  story(): string[];
}

interface World {
  readonly clock: SteppedClock;
  readonly hub: MemoryHub;
  readonly direct: MemoryDirect;
  join(index: number, incarnation: number, options?: JoinOptions): Node;
}

interface JoinOptions {
  readonly paths?: readonly Path[];
  readonly withoutDirect?: boolean;
  readonly limits?: Partial<PeerTransportLimits>;
}

function createWorld(): World {
  const clock = createSteppedClock();
  const hub = createMemoryHub({ clock });
  const direct = createMemoryDirect({ clock, bytesPerMs: 10_000 });
  return {
    clock,
    hub,
    direct,
    join(index, incarnation, { paths, withoutDirect = false, limits } = {}) {
      const identity = identities[index]!;
      const connection = hub.join(identity.id, incarnation);
      const transport = createPeerTransport({
        identity,
        incarnation,
        hub: connection,
        ...(withoutDirect ? {} : { openDirect: direct.connector }),
        ...(paths === undefined ? {} : { paths }),
        ...(limits === undefined ? {} : { limits }),
        clock,
        random,
      });
      const events: TransportEvent[] = [];
      transport.subscribe((event) => events.push(event));
      return {
        transport,
        hub: connection,
        id: identity.id,
        events,
        story: () => events.filter(({ type }) => type !== 'message').map(tell),
      };
    },
  };
}

function tell(event: TransportEvent): string {
  switch (event.type) {
    case 'peer-up':
      return `up ${event.path} ${event.incarnation}`;
    case 'peer-path':
      return `path ${event.path}`;
    case 'peer-down':
      return `down ${event.reason}`;
    case 'refused':
      return `refused ${event.error.code}`;
    default:
      return event.type;
  }
}

const bytes = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(7);

test('direct is chosen when it works, and nothing goes through the server', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(100);
  expect(a.story()).toEqual(['up direct 2']);
  expect(b.story()).toEqual(['up direct 1']);
  const outcome = a.transport.send(b.id, bytes(1000));
  await clock.advance(100);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'direct' });
  expect(hub.relayedBytes).toBe(0);
});

test('direct gets 8 seconds, then the relay serves; direct is tried after 5, 15, 60 and 60 seconds more', async () => {
  const { clock, direct, join } = createWorld();
  direct.blocked = true;
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(7_900);
  expect(a.story()).toEqual([]);
  await clock.advance(200);
  expect(a.story()).toEqual(['up relay 2']);
  expect(b.story()).toEqual(['up relay 1']);
  const startedAtMs: number[] = [];
  let attempts = direct.attempts;
  for (let i = 0; i < 180; i++) {
    await clock.advance(1000);
    if (direct.attempts > attempts) startedAtMs.push(Math.round(clock.nowMs() / 1000));
    attempts = direct.attempts;
  }
  // 8 s to fail, 5 s to wait; 8 and 15; 8 and 60; 8 and 60
  expect(startedAtMs.map((at) => at - startedAtMs[0]!)).toEqual([0, 23, 91, 159]);
  expect(direct.open).toBeLessThanOrEqual(1);
});

test('the climb back from relay to direct keeps a message in flight whole and in order', async () => {
  const { clock, direct, hub, join } = createWorld();
  direct.blocked = true;
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(8_100);
  direct.blocked = false;
  const outcomes: Promise<unknown>[] = [];
  while (!a.story().includes('path direct')) {
    outcomes.push(a.transport.send(b.id, bytes(outcomes.length * 1000)));
    await clock.advance(20);
  }
  await clock.advance(500);
  await Promise.all(outcomes);
  const lengths = b.events.filter((event) => event.type === 'message').map((event) => event.bytes.length);
  expect(lengths).toEqual(outcomes.map((_, i) => i * 1000));
  const relayed = hub.relayedBytes;
  await clock.advance(20_000);
  expect(hub.relayedBytes).toBe(relayed); // the relay is closed, not kept alive
  expect(a.transport.peers().get(b.id)?.path).toBe('direct');
});

test('when direct dies, the relay takes over at once and direct is tried at once', async () => {
  const { clock, direct, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(5_000);
  direct.blocked = true;
  const outcome = a.transport.send(b.id, bytes(3_000_000));
  await clock.advance(50);
  direct.cutAll();
  await clock.advance(500);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'relay' });
  expect(a.story()).toEqual(['up direct 2', 'path relay']);
});

test('with the server dead, direct pipes go on and relayed peers are lost after 10 seconds', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  const c = join(2, 3, { paths: ['relay'] });
  await clock.advance(9_000);
  expect(a.transport.peers().get(c.id)?.path).toBe('relay');
  hub.kill();
  const waiting = a.transport.send(c.id, bytes(10));
  const outcome = a.transport.send(b.id, bytes(10));
  await clock.advance(9_900);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'direct' });
  expect(a.story()).not.toContain('down lost');
  await clock.advance(200);
  expect(await waiting).toEqual({ kind: 'unreachable' });
  expect(a.events.at(-1)).toEqual({ type: 'peer-down', peer: c.id, reason: 'lost' });
  await clock.advance(60_000);
  expect([...a.transport.peers().keys()]).toEqual([b.id]);
});

test('a server that restarts within 10 seconds interrupts no one', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1, { paths: ['relay'] }), join(1, 2, { paths: ['relay'] })];
  await clock.advance(5_000);
  hub.kill();
  const outcome = a.transport.send(b.id, bytes(100_000));
  await clock.advance(5_000);
  hub.revive();
  await clock.advance(2_000);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'relay' });
  expect(a.story()).toEqual(['up relay 2']);
});

test('a relayed peer that leaves the hub is lost at once; a direct one that crashed within 3 seconds', async () => {
  const { clock, direct, hub, join } = createWorld();
  const a = join(0, 1);
  const [b, c] = [join(1, 2), join(2, 3, { withoutDirect: true })];
  await clock.advance(9_000);
  hub.disconnect(c.id);
  await clock.advance(10);
  expect(a.events.at(-1)).toEqual({ type: 'peer-down', peer: c.id, reason: 'lost' });
  direct.cutAll(Infinity); // nobody notices
  hub.disconnect(b.id);
  await clock.advance(2_900);
  expect(a.transport.peers().has(b.id)).toBe(true);
  await clock.advance(200);
  expect(a.events.at(-1)).toEqual({ type: 'peer-down', peer: b.id, reason: 'lost' });
});

test('a direct peer that only lost the server stays', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(100);
  hub.disconnect(b.id);
  await clock.advance(60_000);
  expect(a.story()).toEqual(['up direct 2']);
  hub.reconnect(b.id);
  await clock.advance(60_000);
  expect(a.story()).toEqual(['up direct 2']);
});

test('a reload: the old incarnation is down, the new one up, and old sends are unreachable', async () => {
  const { clock, direct, hub, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(100);
  direct.cutAll(Infinity);
  const pending = a.transport.send(b.id, bytes(10));
  hub.disconnect(b.id);
  join(1, 7);
  await clock.advance(500);
  expect(await pending).toEqual({ kind: 'unreachable' });
  expect(a.story()).toEqual(['up direct 2', 'down lost', 'up direct 7']);
});

test('a server that claims a reload cannot end a direct connection', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(5_000);
  hub.announce({ peer: b.id, incarnation: 9 });
  await clock.advance(60_000);
  const outcome = a.transport.send(b.id, bytes(10));
  await clock.advance(100);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'direct' });
  expect(a.story().filter((line) => line !== 'refused wire.stale')).toEqual(['up direct 2']);
});

test.each<[string, JoinOptions, JoinOptions, string[]]>([
  ['one side without WebRTC', {}, { withoutDirect: true }, ['up relay 2']],
  ['the other side without WebRTC', { withoutDirect: true }, {}, ['up relay 2']],
  ['one side that may not use the relay', {}, { paths: ['direct'] }, ['up direct 2']],
  ['no path in common', { paths: ['relay'] }, { paths: ['direct'] }, []],
  ['only the server allowed', { paths: ['server'] }, {}, []],
])('%s', async (_, first, second, story) => {
  const { clock, join } = createWorld();
  const a = join(0, 1, first);
  const b = join(1, 2, second);
  await clock.advance(30_000);
  expect(a.story()).toEqual(story);
  expect(b.story().filter((line) => line.startsWith('refused'))).toEqual([]);
});

test('at most so many direct connections are opened at once', async () => {
  const { clock, direct, join } = createWorld();
  direct.blocked = true;
  join(0, 1, { limits: { maxConnecting: 2 } });
  for (let i = 1; i < 6; i++) join(i, 10 + i, { withoutDirect: true, paths: ['direct', 'relay'] });
  await clock.advance(100);
  expect(direct.open).toBe(2);
});

test('a server that rewrites an offer or a relay key connects nobody, and is named', async () => {
  const { clock, hub, join } = createWorld();
  hub.tamper.signal = (envelope) => [envelope.replace(/"body":"[^"]/, '"body":"X')];
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(60_000);
  expect(a.transport.peers().size + b.transport.peers().size).toBe(0);
  expect(b.story()).toContain('refused identity.bad-signature');
});

test('a server that repeats every envelope and frame changes nothing', async () => {
  const { clock, hub, join } = createWorld();
  hub.tamper.signal = (envelope) => [envelope, envelope];
  hub.tamper.relay = (frame) => [frame, frame.slice()];
  const [a, b] = [join(0, 1, { paths: ['relay'] }), join(1, 2)];
  await clock.advance(100);
  const outcome = a.transport.send(b.id, bytes(200_000));
  await clock.advance(100);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'relay' });
  expect(b.events.filter(({ type }) => type === 'message')).toHaveLength(1);
  expect(new Set(b.story())).toEqual(new Set(['up relay 1', 'refused wire.replayed']));
});

test('a server that drops or changes a relayed frame is overcome by a new connection', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1, { paths: ['relay'] }), join(1, 2)];
  await clock.advance(4_000);
  let passed = 0;
  hub.tamper.relay = (frame) => {
    passed++;
    if (passed === 3) return [];
    if (passed === 20) frame[frame.length - 1]! ^= 1;
    return [frame];
  };
  const outcome = a.transport.send(b.id, bytes(2_000_000));
  await clock.advance(10_000);
  expect(await outcome).toEqual({ kind: 'delivered', path: 'relay' });
  expect(b.story()).toContain('refused wire.stale');
});

test('garbage from the hub is refused or ignored, never more', async () => {
  const { clock, hub, join } = createWorld();
  const [a, b] = [join(0, 1, { paths: ['relay'] }), join(1, 2)];
  await clock.advance(100);
  for (let length = 0; length < 100; length++) {
    a.hub.relay(b.id, random.bytes(length));
    a.hub.signal(b.id, String.fromCharCode(...random.bytes(length)));
  }
  await clock.advance(100);
  expect(b.story().filter((line) => line === 'refused wire.malformed')).toHaveLength(50); // then only counted
  const outcome = a.transport.send(b.id, bytes(10));
  await clock.advance(100);
  expect((await outcome).kind).toBe('delivered');
  expect(hub.relayedBytes).toBeGreaterThan(0);
});

test('goodbye ends it for both, and the leaver is not called back', async () => {
  const { clock, direct, join } = createWorld();
  const [a, b] = [join(0, 1), join(1, 2)];
  await clock.advance(100);
  const closing = b.transport.close();
  await clock.advance(200);
  await closing;
  expect(a.story()).toEqual(['up direct 2', 'down left']);
  const attempts = direct.attempts;
  await clock.advance(60_000);
  expect(direct.attempts).toBe(attempts);
  b.hub.close();
  await clock.advance(10);
  join(1, 3);
  await clock.advance(100);
  expect(a.story()).toEqual(['up direct 2', 'down left', 'up direct 3']);
});

/** One pair through a random history of broken pipes, absent servers and blocked connections, then peace. */
async function fuzz(seed: number): Promise<void> {
  const choose = seededRandom(`transport-${seed}`);
  const { clock, hub, direct, join } = createWorld();
  const paths = [undefined, ['direct'], ['relay']][choose.below(3)] as readonly Path[] | undefined;
  const options = paths === undefined ? {} : { paths };
  const [a, b] = [join(0, 1, options), join(1, 2, options)];
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 15; i++) {
    await clock.advance([0, 1, 2, 5, 50, 500, 3_000, 12_000][choose.below(8)]!);
    const [from, to] = choose.below(2) === 0 ? [a, b] : [b, a];
    const act = choose.below(8);
    if (act < 3) sent.push(from.transport.send(to.id, bytes(choose.below(300_000))));
    else if (act === 3) direct.cutAll([0, 0, 3, Infinity][choose.below(4)]!);
    else if (act === 4) direct.blocked = choose.below(2) === 0;
    else if (act === 5) hub.kill();
    else if (act === 6) hub.revive();
    else if (choose.below(2) === 0) hub.disconnect(from.id);
    else hub.reconnect(from.id);
  }
  direct.blocked = false;
  hub.revive();
  for (const { id } of [a, b]) hub.reconnect(id);
  // the longest way back: 15 s of silence, 60 s between attempts
  await clock.until(() => a.transport.peers().size + b.transport.peers().size === 2, 120_000);
  await clock.advance(90_000);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const startMs = clock.nowMs();
    let outcome: unknown;
    void from.transport.send(to.id, bytes(100_000)).then((settled) => {
      outcome = settled;
    });
    await clock.until(() => outcome !== undefined);
    expect(outcome).toMatchObject({ kind: 'delivered' });
    expect(clock.nowMs() - startMs).toBeLessThan(1_000);
  }
  await Promise.all(sent);
  const bad = [...a.story(), ...b.story()].filter((line) => line.startsWith('refused'));
  expect(bad).toEqual([]);
}

test('300 seeded histories end with a pair that delivers at once and has refused nothing', async () => {
  for (let seed = 0; seed < 300; seed++) {
    try {
      await fuzz(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}, 120_000);

test('a hundred arrivals and departures leave no timers behind', async () => {
  const { clock, direct, join } = createWorld();
  join(0, 1);
  await clock.advance(100);
  let before = 0;
  for (let i = 0; i < 100; i++) {
    const peer = join(1, 10 + i);
    await clock.advance(100);
    const closing = peer.transport.close();
    await clock.advance(150);
    await closing;
    peer.hub.close();
    await clock.advance(20_000);
    if (i === 0) before = clock.pending;
  }
  expect(clock.pending).toBe(before);
  expect(direct.open).toBe(0);
});
