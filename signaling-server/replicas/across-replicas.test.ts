import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { createNobleIdentity, SERVER } from '../../shared/identity/index.ts';
import { crc32 } from '../../shared/transport/crc32.ts';
import type { TransportEvent } from '../../shared/transport/port.ts';
import { HEADERS, hex8, MESSAGES_PATH, transferId } from '../../shared/transport/server-transfer.ts';
import {
  FEDERATION,
  ofType,
  type ParticipantOptions,
  random,
  rawSocket,
  record,
  startParticipant,
  startWorld,
  type World,
  type WorldOptions,
} from '../testing/hub-world.ts';
import { redisBinary, startRedis } from '../testing/redis.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { Bus } from './bus.ts';
import { localBus } from './local-bus.ts';
import { redisBus } from './redis-bus.ts';

// Real sockets, megabytes, and silences of seconds.
vi.setConfig({ testTimeout: 60_000 });

interface Wire {
  connect(): Bus;
  cut(): Promise<void>;
  mend(): Promise<void>;
}

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function localWire(): Promise<Wire> {
  const bus = localBus();
  return { connect: bus.connect, cut: async () => bus.setUp(false), mend: async () => bus.setUp(true) };
}

async function redisWire(binary: string): Promise<Wire> {
  const redis = await startRedis(binary);
  cleanups.push(redis.dispose);
  return {
    connect() {
      const bus = redisBus({ url: redis.url, prefix: '', log: silentLog });
      cleanups.push(bus.close);
      return bus;
    },
    cut: redis.stop,
    mend: redis.start,
  };
}

const tokenKey = random.bytes(32);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const delivered = { kind: 'delivered', path: 'server' };
/** A slice of a model of a million parameters. */
const SLICE_BYTES = 4_000_000;

/** So many replicas that know of each other. */
async function replicas(count: number, wire: Wire, options: WorldOptions = {}): Promise<World[]> {
  const worlds: World[] = [];
  for (let i = 0; i < count; i++) {
    const world = await startWorld({ ...options, replica: { bus: wire.connect(), tokenKey } });
    cleanups.push(() => world.close());
    worlds.push(world);
  }
  await vi.waitFor(() => {
    for (const { hub } of worlds) expect(hub.replicas).toHaveLength(count - 1);
  }, WAIT_MS);
  return worlds;
}

function participant(world: World, options?: ParticipantOptions) {
  const joined = startParticipant(world.origin, options);
  cleanups.push(() => joined.close());
  return joined;
}

async function pair(wire: Wire) {
  const [a, b] = (await replicas(2, wire)) as [World, World];
  const alice = participant(a);
  await alice.opened();
  await vi.waitFor(() => expect(b.hub.peers(FEDERATION)).toHaveLength(1), WAIT_MS);
  const bob = participant(b);
  await Promise.all([bob.opened(), alice.hubEvents.find(ofType('arrived'))]);
  return { a, b, alice, bob };
}

/** As testTimeout: a guard against hanging. */
const WAIT_MS = 60_000;

const binary = redisBinary();
const wires: [string, () => Promise<Wire>][] = [['in one process', localWire]];
if (binary !== undefined) wires.push(['over Redis', () => redisWire(binary)]);

describe.each(wires)('replicas %s', (_, open) => {
  test('X-02: participants of different replicas meet, talk and part as on one', async () => {
    const { alice, bob } = await pair(await open());
    expect((await bob.opened()).peers).toEqual([{ peer: alice.id, incarnation: 1 }]);
    expect(await alice.hubEvents.find(ofType('arrived'))).toMatchObject({ presence: { peer: bob.id } });

    alice.hub.signal(bob.id, 'an offer');
    expect(await bob.hubEvents.find(ofType('signal'))).toEqual({
      type: 'signal',
      from: alice.id,
      envelope: 'an offer',
    });
    const frames = Array.from({ length: 50 }, (_each, i) => random.bytes(1 + 1300 * i));
    for (const frame of frames) bob.hub.relay(alice.id, frame);
    await alice.hubEvents.atLeast(frames.length, ({ type }) => type === 'relayed');
    const relayed = alice.hubEvents.all.filter(ofType('relayed'));
    expect(relayed.map(({ from, frame }) => [from, digest(frame)])).toEqual(
      frames.map((frame) => [bob.id, digest(frame)]),
    );

    bob.hub.close();
    expect(await alice.hubEvents.find(ofType('departed'))).toEqual({ type: 'departed', peer: bob.id });
    alice.hub.signal(bob.id, 'are you there?');
    expect(await alice.hubEvents.find(ofType('refused'))).toMatchObject({
      from: bob.id,
      error: { code: 'transport.unreachable' },
    });
  });

  test('H-03 holds across replicas: the newest connection replaces the older one, and nobody sees it depart', async () => {
    const { a, b, alice, bob } = await pair(await open());
    const again = participant(b, { identity: alice.identity, incarnation: 2 });
    await again.opened();
    expect(await alice.hubEvents.find(ofType('refused'))).toMatchObject({
      error: { code: 'transport.closed' },
    });
    await vi.waitFor(
      () => expect(a.hub.peers(FEDERATION)).toContainEqual({ peer: alice.id, incarnation: 2 }),
      WAIT_MS,
    );
    again.hub.signal(bob.id, 'last');
    await bob.hubEvents.find(ofType('signal'));
    expect(bob.hubEvents.all.filter(ofType('departed'))).toEqual([]);
    expect(a.hub.peers(FEDERATION)).toHaveLength(2);
  });

  test('the server as a node is one, wherever a participant is connected: small and large messages, both ways', async () => {
    const [a, b] = (await replicas(2, await open())) as [World, World];
    const transport = a.transports.transportFor(FEDERATION);
    const events = record<TransportEvent>(transport.subscribe);
    await vi.waitFor(() => expect(b.hub.nodeOf(FEDERATION)).toMatchObject({ address: a.origin }), WAIT_MS);
    const bob = participant(b);
    await bob.channelEvents.find(ofType('peer-up'));
    expect(bob.channelEvents.all[0]).toMatchObject({ peer: SERVER, incarnation: a.hub.incarnation });

    const up = [10, SLICE_BYTES, 16_384, 16_385, SLICE_BYTES + 1].map((size) => random.bytes(size));
    expect(await Promise.all(up.map((bytes) => bob.channel.send(bytes)))).toEqual(up.map(() => delivered));
    expect(events.all.filter(ofType('message')).map(({ bytes }) => digest(bytes))).toEqual(up.map(digest));
    const down = [SLICE_BYTES, 7, 50_000].map((size) => random.bytes(size));
    expect(await Promise.all(down.map((bytes) => transport.send(bob.id, bytes)))).toEqual(
      down.map(() => delivered),
    );
    expect(bob.channelEvents.all.filter(ofType('message')).map(({ bytes }) => digest(bytes))).toEqual(
      down.map(digest),
    );
  });

  test('X-04: a bearer token is good on every replica while its holder is connected to one, and bound to it', async () => {
    const [a, b] = (await replicas(2, await open())) as [World, World];
    const transport = a.transports.transportFor(FEDERATION);
    const events = record<TransportEvent>(transport.subscribe);
    const raw = rawSocket(b);
    const identity = await raw.join();
    const { token } = await raw.texts.find(ofType('welcome'));
    await events.find(ofType('peer-up'));
    const body = random.bytes(20_000);
    const headers = {
      authorization: `Bearer ${token}`,
      [HEADERS.length]: '20000',
      [HEADERS.offset]: '0',
      [HEADERS.crc]: hex8(crc32(body)),
      [HEADERS.oldest]: '0',
    };
    const put = (origin: string, number: number, changes = {}) =>
      fetch(`${origin}${MESSAGES_PATH}/${transferId(1, number)}`, {
        method: 'PUT',
        body,
        headers: { ...headers, ...changes },
      }).then(({ status }) => status);
    expect(await put(b.origin, 0)).toBe(204);
    expect(await put(a.origin, 1)).toBe(204);
    expect(events.all.filter(ofType('message')).map(({ from }) => from)).toEqual([identity.id, identity.id]);
    const forged = token.replace(identity.id, createNobleIdentity(random).id);
    expect(await put(a.origin, 2, { authorization: `Bearer ${forged}` })).toBe(401);
    expect(await put(b.origin, 2, { authorization: `Bearer ${token.slice(0, -2)}` })).toBe(401);
    raw.say({ type: 'bye' });
    await events.find(ofType('peer-down'));
    expect(await put(a.origin, 2)).toBe(401);
    expect(await put(b.origin, 2)).toBe(401);
  });

  test('X-05: when another replica takes the lead, participants stay connected and meet the new node', async () => {
    const [a, b, c] = (await replicas(3, await open())) as [World, World, World];
    const first = a.transports.transportFor(FEDERATION);
    await vi.waitFor(() => expect(c.hub.nodeOf(FEDERATION)).toBeDefined(), WAIT_MS);
    const leaderless = record(c.hub.subscribe);
    const carol = participant(c);
    await carol.channelEvents.find(ofType('peer-up'));
    await first.close();
    await carol.channelEvents.find(ofType('peer-down'));
    await leaderless.find(({ type }) => type === 'leaderless');
    const second = b.transports.transportFor(FEDERATION);
    const events = record<TransportEvent>(second.subscribe);
    const up = await carol.channelEvents.find(ofType('peer-up'), carol.channelEvents.all.length);
    expect(up).toMatchObject({ incarnation: b.hub.incarnation });
    const bytes = random.bytes(100_000);
    expect(await carol.channel.send(bytes)).toEqual(delivered);
    expect((await events.find(ofType('message'))).from).toBe(carol.id);
    expect(carol.hubEvents.all.filter(ofType('closed'))).toEqual([]);
  });

  test('who is expelled from one replica is expelled from all', async () => {
    const { a, alice, bob } = await pair(await open());
    a.hub.expel(bob.id, new MurmurationError('participant.blocked', 'Blocked.', {}));
    expect(await bob.hubEvents.find(ofType('refused'))).toMatchObject({
      error: { code: 'participant.blocked' },
    });
    await alice.hubEvents.find(ofType('departed'));
  });

  test('X-01: cut off, a replica goes on with its own; the others depart, and are back by themselves', async () => {
    const wire = await open();
    const { a, b, alice, bob } = await pair(wire);
    const [near, far] = [participant(a), participant(b)];
    await Promise.all([near.opened(), far.opened()]);
    await vi.waitFor(() => expect(a.hub.peers(FEDERATION)).toHaveLength(4), WAIT_MS);
    await wire.cut();
    await Promise.all(
      [alice, near].map(({ hubEvents }) => hubEvents.find((e) => e.type === 'departed' && e.peer === bob.id)),
    );
    expect(
      a.hub
        .peers(FEDERATION)
        .map(({ peer }) => peer)
        .sort(),
    ).toEqual([alice.id, near.id].sort());
    alice.hub.signal(near.id, 'we go on');
    await near.hubEvents.find(ofType('signal'));
    near.close(); // while nobody hears of it
    await alice.hubEvents.find((e) => e.type === 'departed' && e.peer === near.id);
    const since = alice.hubEvents.all.length;
    await wire.mend();
    await alice.hubEvents.find((e) => e.type === 'arrived' && e.presence.peer === bob.id, since);
    await vi.waitFor(() => expect(b.hub.peers(FEDERATION)).toHaveLength(3), WAIT_MS);
    expect(b.hub.peers(FEDERATION).map(({ peer }) => peer)).toContain(alice.id);
    expect([alice, bob, far].flatMap(({ hubEvents }) => hubEvents.all.filter(ofType('closed')))).toEqual([]);
  });
});
