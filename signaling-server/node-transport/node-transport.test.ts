import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createNobleIdentity, SERVER } from '../../shared/identity/index.ts';
import { crc32 } from '../../shared/transport/crc32.ts';
import { MAX_SMALL_MESSAGE_BYTES } from '../../shared/transport/hub-protocol.ts';
import type { TransportEvent } from '../../shared/transport/port.ts';
import { HEADERS, hex8, MESSAGES_PATH, transferId } from '../../shared/transport/server-transfer.ts';
import { startCuttingProxy } from '../testing/cutting-proxy.ts';
import {
  FEDERATION,
  ofType,
  type ParticipantOptions,
  random,
  rawSocket,
  record,
  startParticipant,
  startWorld,
  type WorldOptions,
} from '../testing/hub-world.ts';

// Real sockets and megabytes: seconds on a machine that does much else.
vi.setConfig({ testTimeout: 30_000 });

let cleanups: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  cleanups = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** A server that takes part in the federation. */
async function serverNode(options?: WorldOptions) {
  const world = await startWorld(options);
  cleanups.push(() => world.close());
  const transport = world.transports.transportFor(FEDERATION);
  return { world, transport, events: record<TransportEvent>(transport.subscribe) };
}

/** A participant that sees the server as a peer. */
async function connect(origin: string, options?: ParticipantOptions) {
  const participant = startParticipant(origin, options);
  cleanups.push(() => participant.close());
  await participant.channelEvents.find(ofType('peer-up'));
  return participant;
}

const delivered = { kind: 'delivered', path: 'server' };
/** Digests, since comparing megabytes element by element takes seconds. */
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const digests = (all: readonly Uint8Array[]) => all.map(digest);
const messages = (events: readonly TransportEvent[]) =>
  events.filter(ofType('message')).map((event) => digest(event.bytes));
/** Fits neither one frame nor one chunk, and ends off any boundary. */
const LARGE = 3_000_001;

describe('messages', () => {
  test.each([0, 1, MAX_SMALL_MESSAGE_BYTES, MAX_SMALL_MESSAGE_BYTES + 1, LARGE])(
    '%i bytes arrive whole, both ways',
    async (size) => {
      const { world, transport, events } = await serverNode();
      const alice = await connect(world.origin);
      const bytes = random.bytes(size);
      expect(await alice.channel.send(bytes)).toEqual(delivered);
      expect((await events.find(ofType('message'))).from).toBe(alice.id);
      expect(messages(events.all)).toEqual(digests([bytes]));
      expect(await transport.send(alice.id, bytes)).toEqual(delivered);
      expect((await alice.channelEvents.find(ofType('message'))).from).toBe(SERVER);
      expect(messages(alice.channelEvents.all)).toEqual(digests([bytes]));
      expect(alice.channel.status).toMatchObject({ bytesSent: size, bytesReceived: size });
      expect(transport.peers().get(alice.id)).toMatchObject({ path: 'server', bytesReceived: size });
    },
  );

  test('T-01: small and large ones arrive in the order they were sent, each once', async () => {
    const { world, transport, events } = await serverNode();
    const alice = await connect(world.origin);
    const all = [LARGE, 10, 20_000, 0, 5, 40_000, 1].map((size) => random.bytes(size));
    const outcomes = await Promise.all(all.map((bytes) => alice.channel.send(bytes)));
    expect(outcomes).toEqual(all.map(() => delivered));
    expect(messages(events.all)).toEqual(digests(all));
    await Promise.all(all.map((bytes) => transport.send(alice.id, bytes)));
    expect(messages(alice.channelEvents.all)).toEqual(digests(all));
  });

  test('more messages than the window holds get through', async () => {
    const { world, transport, events } = await serverNode();
    const alice = await connect(world.origin);
    const all = Array.from({ length: 500 }, (_, i) => Uint8Array.of(i >> 8, i & 255));
    await Promise.all(all.map((bytes) => alice.channel.send(bytes)));
    expect(messages(events.all)).toEqual(digests(all));
    await Promise.all(all.map((bytes) => transport.send(alice.id, bytes)));
    expect(messages(alice.channelEvents.all)).toEqual(digests(all));
  });

  test('several participants do not mix', async () => {
    const { world, transport, events } = await serverNode();
    const people = await Promise.all([0, 1, 2].map(() => connect(world.origin)));
    await Promise.all(people.map((p, i) => p.channel.send(new Uint8Array(20_000).fill(i))));
    for (const [i, person] of people.entries()) {
      const message = await events.find((e) => e.type === 'message' && e.from === person.id);
      expect(message).toMatchObject({ bytes: new Uint8Array(20_000).fill(i) });
    }
    expect([...transport.peers().keys()].sort()).toEqual(people.map((p) => p.id).sort());
  });
});

describe('outcomes', () => {
  test('nobody there: unreachable', async () => {
    const { world, transport } = await serverNode();
    const absent = createNobleIdentity(random).id;
    expect(await transport.send(absent, random.bytes(3))).toEqual({ kind: 'unreachable' });
    expect(await transport.send(SERVER, random.bytes(3))).toEqual({ kind: 'unreachable' });
    const elsewhere = startParticipant(world.origin, { federation: 'other' });
    cleanups.push(() => elsewhere.close());
    await elsewhere.opened();
    expect(elsewhere.channel.status).toBeUndefined();
    expect(await elsewhere.channel.send(random.bytes(3))).toEqual({ kind: 'unreachable' });
  });

  test('an abandoned message does not hold up those after it', async () => {
    const { world, events } = await serverNode();
    let refuse = true;
    const alice = await connect(world.origin, {
      channel: {
        fetch: (url, init) => (refuse ? Promise.reject(new TypeError('no network')) : fetch(url, init)),
      },
    });
    const late = alice.channel.send(random.bytes(LARGE), { timeoutMs: 100 });
    const abort = new AbortController();
    const aborted = alice.channel.send(random.bytes(LARGE), { signal: abort.signal });
    const behind = alice.channel.send(Uint8Array.of(7));
    abort.abort();
    expect(await aborted).toEqual({ kind: 'aborted' });
    expect(await late).toEqual({ kind: 'timed-out' });
    expect(await behind).toEqual(delivered);
    await events.find(ofType('message'));
    expect(messages(events.all)).toEqual(digests([Uint8Array.of(7)]));
    refuse = false;
    expect(await alice.channel.send(random.bytes(20_000))).toEqual(delivered);
  });

  test('a participant that never fetches: timed-out, and the server forgets the message', async () => {
    const { world, transport } = await serverNode();
    const alice = await connect(world.origin, {
      channel: { fetch: () => Promise.reject(new TypeError('no network')) },
    });
    const outcome = await transport.send(alice.id, random.bytes(LARGE), { timeoutMs: 50 });
    expect(outcome).toEqual({ kind: 'timed-out' });
    expect(await transport.send(alice.id, Uint8Array.of(1))).toEqual(delivered);
    await alice.channelEvents.find(ofType('message'));
    expect(messages(alice.channelEvents.all)).toEqual(digests([Uint8Array.of(1)]));
  });

  test('closing ends what is pending as aborted, and the other side sees the peer leave', async () => {
    const { world, transport, events } = await serverNode();
    const never = () => new Promise<never>(() => undefined);
    const alice = await connect(world.origin, { channel: { fetch: never } });
    const bob = await connect(world.origin);
    const fromAlice = alice.channel.send(random.bytes(LARGE));
    const toAlice = transport.send(alice.id, random.bytes(LARGE));
    alice.close();
    expect(await fromAlice).toEqual({ kind: 'aborted' });
    expect(await alice.channel.send(random.bytes(1))).toEqual({ kind: 'aborted' });
    expect(await events.find(ofType('peer-down'))).toMatchObject({ peer: alice.id, reason: 'left' });
    expect(await toAlice).toEqual({ kind: 'timed-out' });
    const carol = await connect(world.origin, { channel: { fetch: never } });
    const toCarol = transport.send(carol.id, random.bytes(LARGE));
    await transport.close();
    expect(await toCarol).toEqual({ kind: 'aborted' });
    expect(await transport.send(bob.id, random.bytes(1))).toEqual({ kind: 'aborted' });
    expect(await bob.channelEvents.find(ofType('peer-down'))).toMatchObject({ reason: 'left' });
    expect(bob.hub.open).toBe(true);
    expect(await bob.channel.send(random.bytes(1))).toEqual({ kind: 'unreachable' });
    world.transports.transportFor(FEDERATION);
    await bob.channelEvents.atLeast(2, ofType('peer-up'));
    expect(await bob.channel.send(random.bytes(1))).toEqual(delivered);
  });
});

describe('broken connections', () => {
  test.each(['up', 'down'] as const)(
    'a transfer cut half-way (%s) resumes where it was',
    async (direction) => {
      const { world, transport, events } = await serverNode();
      const proxy = await startCuttingProxy(world.port);
      cleanups.push(() => proxy.close());
      const alice = await connect(proxy.origin, { wsUrl: `ws://127.0.0.1:${world.port}/ws` });
      const size = 20_000_000;
      const bytes = random.bytes(size);
      proxy.cutAfter(direction, size / 2);
      const outcome = direction === 'up' ? alice.channel.send(bytes) : transport.send(alice.id, bytes);
      expect(await outcome).toEqual(delivered);
      const { all } = direction === 'up' ? events : alice.channelEvents;
      expect(messages(all)).toEqual(digests([bytes]));
      expect(proxy.cuts).toBe(1);
      // Twice went at most what the proxy and the sockets held when it was cut.
      const carried = direction === 'up' ? proxy.bytesUp : proxy.bytesDown;
      expect(carried).toBeGreaterThan(size);
      expect(carried - size).toBeLessThan(size / 10);
    },
  );

  test('the hub connection breaks too: both transfers go on with the new one, nothing comes twice', async () => {
    const { world, transport, events } = await serverNode();
    const proxy = await startCuttingProxy(world.port);
    cleanups.push(() => proxy.close());
    const alice = await connect(proxy.origin);
    const [up, down] = [random.bytes(10_000_000), random.bytes(10_000_000)];
    const small = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i));
    const sent = Promise.all([up, ...small].map((bytes) => alice.channel.send(bytes)));
    const received = Promise.all([down, ...small].map((bytes) => transport.send(alice.id, bytes)));
    proxy.cutAll();
    await alice.hubEvents.find(ofType('closed'));
    proxy.restore();
    expect(await sent).toEqual([up, ...small].map(() => delivered));
    expect(await received).toEqual([down, ...small].map(() => delivered));
    expect(messages(events.all)).toEqual(digests([up, ...small]));
    expect(messages(alice.channelEvents.all)).toEqual(digests([down, ...small]));
    expect(events.all.filter((e) => e.type === 'peer-up' || e.type === 'peer-down').length).toBe(1);
    expect(alice.channelEvents.all.filter(ofType('peer-up')).length).toBe(1);
  });

  test('what was lost in a connection that died unnoticed is sent again on the next', async () => {
    const { world, transport, events } = await serverNode();
    const dead = rawSocket(world);
    cleanups.push(() => dead.socket.terminate());
    const identity = await dead.join();
    dead.socket.pause();
    const sent = transport.send(identity.id, Uint8Array.of(7));
    const alice = await connect(world.origin, { identity, incarnation: 1 });
    expect(await sent).toEqual(delivered);
    expect(messages(alice.channelEvents.all)).toEqual(digests([Uint8Array.of(7)]));
    expect(events.all.map((event) => event.type)).toEqual(['peer-up']);
  });

  test('T-08: a reload is a new incarnation; what was meant for the old one is over', async () => {
    const { world, transport, events } = await serverNode();
    const identity = createNobleIdentity(random);
    const never = () => new Promise<never>(() => undefined);
    const before = await connect(world.origin, { identity, incarnation: 1, channel: { fetch: never } });
    const pending = transport.send(before.id, random.bytes(LARGE));
    const after = await connect(world.origin, { identity, incarnation: 2 });
    expect(await pending).toEqual({ kind: 'timed-out' });
    await events.atLeast(2, ofType('peer-up'));
    expect(transport.peers().get(identity.id)).toMatchObject({ incarnation: 2 });
    expect(await transport.send(after.id, Uint8Array.of(1))).toEqual(delivered);
    expect(await after.channel.send(Uint8Array.of(2))).toEqual(delivered);
    expect(events.all.some(ofType('peer-down'))).toBe(false);
  });

  test('a server that restarts is a new incarnation, and the channel goes on', async () => {
    const first = await serverNode();
    const alice = await connect(first.world.origin, { channel: { lostAfterMs: 60_000 } });
    await alice.channel.send(Uint8Array.of(1));
    await first.world.close();
    const second = await serverNode({ port: first.world.port });
    await alice.channelEvents.atLeast(2, ofType('peer-up'));
    const incarnations = alice.channelEvents.all.filter(ofType('peer-up')).map((e) => e.incarnation);
    expect(incarnations).toEqual([first.world.hub.incarnation, second.world.hub.incarnation]);
    const all = [random.bytes(LARGE), Uint8Array.of(2)];
    await Promise.all(all.map((bytes) => alice.channel.send(bytes)));
    expect(messages(second.events.all)).toEqual(digests(all));
    expect(await second.transport.send(alice.id, Uint8Array.of(3))).toEqual(delivered);
  });

  test('T-07: a participant that vanishes is lost after a while; so is a server', async () => {
    const { world, transport, events } = await serverNode({
      limits: { heartbeatMs: 200 },
      nodeLimits: { lostAfterMs: 30 },
    });
    const dead = rawSocket(world, FEDERATION, { autoPong: false });
    cleanups.push(() => dead.socket.terminate());
    const identity = await dead.join();
    const pending = transport.send(identity.id, Uint8Array.of(1));
    expect(await events.find(ofType('peer-down'))).toEqual({
      type: 'peer-down',
      peer: identity.id,
      reason: 'lost',
    });
    expect(await pending).toEqual({ kind: 'timed-out' });
    expect(transport.peers().size).toBe(0);

    const proxy = await startCuttingProxy(world.port);
    cleanups.push(() => proxy.close());
    const alice = await connect(proxy.origin, { channel: { lostAfterMs: 30 } });
    await proxy.close();
    expect(await alice.channelEvents.find(ofType('peer-down'))).toMatchObject({ reason: 'lost' });
    expect(await alice.channel.send(Uint8Array.of(1))).toEqual({ kind: 'unreachable' });
  });
});

describe('the HTTP interface refuses by name', () => {
  /** A proven raw connection's token, and requests made with it. */
  async function withToken(options?: WorldOptions) {
    const node = await serverNode(options);
    const client = rawSocket(node.world);
    cleanups.push(() => client.socket.terminate());
    await client.join();
    const { token } = await client.texts.find(ofType('welcome'));
    const request = async (method: string, path: string, headers = {}, body?: Uint8Array<ArrayBuffer>) => {
      const response = await fetch(`${node.world.origin}${MESSAGES_PATH}/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      const code = text === '' ? undefined : JSON.parse(text).error.code;
      return { status: response.status, code, offset: response.headers.get(HEADERS.offset) };
    };
    return { ...node, request };
  }
  const terms = (bytes: Uint8Array, offset = 0) => ({
    [HEADERS.length]: String(bytes.length),
    [HEADERS.offset]: String(offset),
    [HEADERS.crc]: hex8(crc32(bytes)),
    [HEADERS.oldest]: '0',
  });
  const bytes = random.bytes(1000);
  const id = transferId(5, 0);

  test('H-09: without a good token', async () => {
    const { request, events } = await withToken();
    for (const authorization of ['', 'Bearer nonsense', 'Basic eDp5']) {
      const answer = await request('PUT', id, { ...terms(bytes), authorization }, bytes);
      expect(answer).toMatchObject({ status: 401, code: 'identity.mismatch' });
    }
    expect(messages(events.all)).toEqual([]);
  });

  test('with wrong addresses, methods or headers', async () => {
    const { request } = await withToken();
    expect(await request('PUT', 'x', terms(bytes), bytes)).toMatchObject({ status: 400 });
    expect(await request('DELETE', id)).toMatchObject({ status: 405 });
    for (const [name, value] of [
      [HEADERS.length, '-1'],
      [HEADERS.offset, '1e3'],
      [HEADERS.offset, '1001'],
      [HEADERS.crc, 'zz'],
      [HEADERS.oldest, '1'],
    ] as const) {
      const answer = await request('PUT', id, { ...terms(bytes), [name]: value }, bytes);
      expect(answer).toMatchObject({ status: 400, code: 'wire.malformed' });
    }
  });

  test('with a message too large, or longer than announced', async () => {
    const { request } = await withToken({ nodeLimits: { maxMessageBytes: 999 } });
    expect(await request('PUT', id, terms(bytes), bytes)).toMatchObject({
      status: 413,
      code: 'wire.too-large',
    });
    const headers = terms(bytes.subarray(0, 500));
    expect(await request('PUT', id, headers, bytes)).toMatchObject({ status: 400, code: 'wire.malformed' });
    expect(await request('HEAD', id, headers)).toMatchObject({ status: 404 });
  });

  test('H-09: with damaged bytes, and takes the whole ones after', async () => {
    const { request, events } = await withToken();
    const damaged = bytes.slice();
    damaged[500]! ^= 1;
    const answer = await request('PUT', id, terms(bytes), damaged);
    expect(answer).toMatchObject({ status: 422, code: 'wire.integrity' });
    expect(await request('PUT', id, terms(bytes), bytes)).toMatchObject({ status: 204 });
    expect(messages(events.all)).toEqual(digests([bytes]));
    expect(await request('PUT', id, terms(bytes), bytes)).toMatchObject({ status: 204 });
    expect(messages(events.all).length).toBe(1);
  });

  test('H-09: at another offset than where it stands, and says where that is', async () => {
    const { request, events } = await withToken();
    const headers = { ...terms(bytes), [HEADERS.length]: '1000' };
    expect(await request('HEAD', id, headers)).toMatchObject({ status: 404 });
    const first = await request('PUT', id, headers, bytes.subarray(0, 400));
    expect(first).toMatchObject({ status: 200, offset: '400' });
    expect(await request('HEAD', id, headers)).toMatchObject({ status: 200, offset: '400' });
    const wrong = await request('PUT', id, { ...headers, [HEADERS.offset]: '500' }, bytes.subarray(500));
    expect(wrong).toMatchObject({ status: 409, offset: '400' });
    const rest = await request('PUT', id, { ...headers, [HEADERS.offset]: '400' }, bytes.subarray(400));
    expect(rest).toMatchObject({ status: 204 });
    expect(await request('HEAD', id, headers)).toMatchObject({ status: 204 });
    expect(messages(events.all)).toEqual(digests([bytes]));
  });

  test('more unfinished bytes than one participant may have, until they lapse', async () => {
    const { request } = await withToken({ nodeLimits: { maxPendingBytesPerPeer: 1500, partialMs: 30 } });
    await request('PUT', transferId(5, 0), terms(bytes), bytes.subarray(0, 10));
    const second = await request('PUT', transferId(5, 1), terms(bytes), bytes.subarray(0, 10));
    if (second.status === 503) expect(second.code).toBe('http.unavailable');
    else expect(second.status).toBe(200); // the first had lapsed already
    let status = 0;
    while (status !== 204) {
      ({ status } = await request('PUT', transferId(5, 1), terms(bytes), bytes));
    }
  });

  test('fetching what was not offered', async () => {
    const { request } = await withToken();
    expect(await request('GET', id)).toMatchObject({ status: 404, code: 'http.not-found' });
  });
});
