import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { createNobleIdentity, toBase64Url } from '../../shared/identity/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import {
  CLOSE,
  HUB_PROTOCOL,
  MAX_ENVELOPE_LENGTH,
  MAX_RELAY_BYTES,
} from '../../shared/transport/hub-protocol.ts';
import {
  FEDERATION,
  ofType,
  type Participant,
  type ParticipantOptions,
  random,
  rawSocket,
  startParticipant,
  startWorld,
  type World,
  type WorldOptions,
} from '../testing/hub-world.ts';

// Real sockets and megabytes: seconds on a machine that does much else.
vi.setConfig({ testTimeout: 30_000 });

let cleanups: (() => Promise<void> | void)[] = [];
const world = async (options?: WorldOptions): Promise<World> => {
  const started = await startWorld(options);
  cleanups.push(() => started.close());
  return started;
};
const participant = (at: World, options?: ParticipantOptions): Participant => {
  const started = startParticipant(at.origin, options);
  cleanups.push(() => started.close());
  return started;
};
const raw = (...args: Parameters<typeof rawSocket>) => {
  const started = rawSocket(...args);
  cleanups.push(() => started.socket.terminate());
  return started;
};
beforeEach(() => {
  cleanups = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

describe('handshake', () => {
  test('a participant that proves its key is welcomed with whom else is there', async () => {
    const at = await world();
    const alice = participant(at, { incarnation: 7 });
    expect(await alice.opened()).toEqual({
      type: 'open',
      peers: [],
      iceServers: [{ urls: ['stun:stun.example.org'], username: alice.id }],
    });
    const bob = participant(at);
    expect((await bob.opened()).peers).toEqual([{ peer: alice.id, incarnation: 7 }]);
    const arrival = await alice.hubEvents.find(ofType('arrived'));
    expect(arrival.presence).toEqual({ peer: bob.id, incarnation: 1 });
    bob.close();
    expect(await alice.hubEvents.find(ofType('departed'))).toEqual({ type: 'departed', peer: bob.id });
  });

  test('H-04: federations do not see each other', async () => {
    const at = await world();
    const alice = participant(at);
    await alice.opened();
    const stranger = participant(at, { federation: 'other' });
    expect((await stranger.opened()).peers).toEqual([]);
    stranger.hub.signal(alice.id, 'hello');
    const refusal = await stranger.hubEvents.find(ofType('refused'));
    expect(refusal).toMatchObject({ from: alice.id, error: { code: 'transport.unreachable' } });
  });

  const mallory = createNobleIdentity(random);
  const victim = createNobleIdentity(random);
  test.each([
    ['another protocol version', { protocol: HUB_PROTOCOL + 1, extra: 1 }, 'wire.version'],
    ["another's id", { participant: victim.id }, 'identity.mismatch'],
    [
      "another's id and key",
      { participant: victim.id, publicKey: toBase64Url(victim.publicKey) },
      'identity.bad-signature',
    ],
    ['a signature over other fields', { incarnation: 2 }, 'identity.bad-signature'],
    ['a key that is not canonical base64url', { publicKey: `${'A'.repeat(42)}B` }, 'wire.malformed'],
    ['a missing field', { signature: undefined }, 'wire.malformed'],
    ['another federation than in the address', { federation: 'other' }, 'wire.malformed'],
    ['something else than a hello', { type: 'bye' }, 'wire.malformed'],
  ])('I-02 H-01 H-02: %s is refused by name, and the connection closed', async (_, changes, code) => {
    const at = await world();
    const client = raw(at);
    await client.hello(mallory, changes);
    expect((await client.texts.find(ofType('refused'))).error.code).toBe(code);
    expect(await client.closed).toBe(CLOSE.refused);
    expect(at.hub.peers(FEDERATION)).toEqual([]);
  });

  test('the refusal says where the fault lies', async () => {
    const client = raw(await world());
    await client.hello(mallory, { incarnation: -1 });
    expect((await client.texts.find(ofType('refused'))).error.path).toBe('incarnation');
  });

  test('I-02: a signature cannot be used on another connection', async () => {
    const at = await world();
    const [first, second] = [raw(at), raw(at)];
    const { nonce } = await first.texts.find(ofType('challenge'));
    expect((await second.texts.find(ofType('challenge'))).nonce).not.toBe(nonce);
    let hello = '';
    first.socket.send = (data: unknown) => {
      hello = String(data);
    };
    await first.hello(mallory);
    second.socket.send(hello);
    const refusal = await second.texts.find(ofType('refused'));
    expect(refusal.error.code).toBe('identity.bad-signature');
  });

  test('H-02: an unknown federation is refused', async () => {
    const client = raw(await world(), 'nowhere');
    await client.hello(mallory);
    expect((await client.texts.find(ofType('refused'))).error.code).toBe('federation.unknown');
    expect(await client.closed).toBe(CLOSE.refused);
  });

  test('a failing look-up is refused without its details', async () => {
    const lookupFederation = () => Promise.reject(new Error('secret connection string'));
    const client = raw(await world({ lookupFederation }));
    await client.hello(mallory);
    const { error } = await client.texts.find(ofType('refused'));
    expect(error.code).toBe('http.unavailable');
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('H-10: whoever may not take part is refused by name, others are not', async () => {
    const blocked = new MurmurationError('participant.blocked', 'Blocked.');
    const at = await world({ refusalFor: async (id) => (id === mallory.id ? blocked : undefined) });
    const client = raw(at);
    await client.hello(mallory);
    expect((await client.texts.find(ofType('refused'))).error.code).toBe('participant.blocked');
    expect(await client.closed).toBe(CLOSE.refused);
    await raw(at).join();
    const failing = await world({ refusalFor: () => Promise.reject(new Error('secret')) });
    const unlucky = raw(failing);
    await unlucky.hello(mallory);
    const { error } = await unlucky.texts.find(ofType('refused'));
    expect(error.code).toBe('http.unavailable');
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('H-11: what somebody shows decides whether it is let in, before it is told who is there', async () => {
    const asked: unknown[] = [];
    const at = await world({
      async admit(applicant) {
        asked.push(applicant);
        if (applicant.credential !== 'good')
          throw new MurmurationError('access.not-admitted', 'Not invited.');
      },
    });
    const policy = 'a'.repeat(64);
    const client = raw(at);
    await client.hello(mallory, { credential: 'bad' });
    expect((await client.texts.find(ofType('refused'))).error.code).toBe('access.not-admitted');
    expect(await client.closed).toBe(CLOSE.refused);
    expect(client.texts.all.map(({ type }) => type)).toEqual(['challenge', 'refused']);
    const other = raw(at);
    await other.hello(mallory, { credential: 'good', policy });
    await other.texts.find(ofType('welcome'));
    const asks = { federation: FEDERATION, participant: mallory.id, address: '127.0.0.1' };
    expect(asked).toEqual([
      { ...asks, credential: 'bad', policy: undefined },
      { ...asks, credential: 'good', policy },
    ]);
  });

  test.each([
    ['an error of somebody else', new Error('secret')],
    ['a database that is away', new MurmurationError('storage.unavailable', 'secret')],
  ])('H-11: %s while it is decided is the fault of the server', async (_what, thrown) => {
    const at = await world({ admit: () => Promise.reject(thrown) });
    const unlucky = raw(at);
    await unlucky.hello(mallory);
    const { error } = await unlucky.texts.find(ofType('refused'));
    expect(error.code).toBe('http.unavailable');
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('H-10: whoever is expelled is told why, in every federation, and its bearer token ends', async () => {
    const at = await world();
    const clients = [raw(at), raw(at, 'other')];
    for (const client of clients) await client.join(mallory);
    const bystanders = [raw(at), raw(at, 'other')];
    for (const bystander of bystanders) await bystander.join();
    const tokens = await Promise.all(
      clients.map(async ({ texts }) => (await texts.find(ofType('welcome'))).token),
    );
    expect(tokens.map((token) => at.hub.authorize(token)?.participant)).toEqual([mallory.id, mallory.id]);
    at.hub.expel(mallory.id, new MurmurationError('participant.blocked', 'Blocked.'));
    for (const client of clients) {
      expect((await client.texts.find(ofType('refused'))).error.code).toBe('participant.blocked');
      expect(await client.closed).toBe(CLOSE.refused);
    }
    for (const { texts } of bystanders) await texts.find(ofType('departed'));
    expect(tokens.map((token) => at.hub.authorize(token))).toEqual([undefined, undefined]);
    for (const { socket } of bystanders) expect(socket.readyState).toBe(socket.OPEN);
  });

  test('H-10: whoever is expelled from one federation stays in the others; who was being let in meanwhile is not', async () => {
    let admit: () => void = () => undefined;
    let noteAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      noteAsked = resolve;
    });
    const at = await world({
      admit: ({ federation }) => {
        if (federation !== 'other') return Promise.resolve();
        noteAsked();
        return new Promise((resolve) => {
          admit = resolve;
        });
      },
    });
    const inside = raw(at);
    await inside.join(mallory);
    const entering = raw(at, 'other');
    const joining = entering.join(mallory).catch(() => undefined);
    await asked;
    at.hub.expel(mallory.id, new MurmurationError('privacy.consent-withdrawn', 'Withdrawn.'), 'other');
    admit();
    expect((await entering.texts.find(ofType('refused'))).error.code).toBe('privacy.consent-withdrawn');
    expect(await entering.closed).toBe(CLOSE.refused);
    expect(inside.socket.readyState).toBe(inside.socket.OPEN);
    at.hub.expel(mallory.id, new MurmurationError('privacy.consent-withdrawn', 'Withdrawn.'), 'digits');
    expect(await inside.closed).toBe(CLOSE.refused);
    void joining;
  });

  test('H-01: frames before the hello, and silence, end the connection', async () => {
    const at = await world({ limits: { handshakeTimeoutMs: 50 } });
    const early = raw(at);
    await early.texts.find(ofType('challenge'));
    early.socket.send(Uint8Array.of(0));
    expect((await early.texts.find(ofType('refused'))).error.code).toBe('wire.out-of-phase');
    expect(await early.closed).toBe(CLOSE.refused);
    const silent = raw(at);
    expect((await silent.texts.find(ofType('refused'))).error.code).toBe('transport.timed-out');
    expect(await silent.closed).toBe(CLOSE.refused);
  });

  test('H-02: a full federation, and too many unproven connections, are refused', async () => {
    const at = await world({ limits: { maxPeersPerFederation: 1, maxUnproven: 1 } });
    const alice = participant(at);
    await alice.opened();
    const one = raw(at);
    await one.texts.find(ofType('challenge'));
    expect(await raw(at).closed).toBe(1006);
    await one.hello(mallory);
    expect((await one.texts.find(ofType('refused'))).error.code).toBe('http.unavailable');
  });

  test('other addresses are not upgraded', async () => {
    const at = await world();
    const answer = await fetch(`${at.origin}/ws`);
    expect(answer.status).toBe(404);
    const { socket } = raw(at);
    const url = socket.url.replace('/ws', '/elsewhere');
    const { WebSocket } = await import('ws');
    const status = await new Promise((resolve) => {
      const other = new WebSocket(url);
      other.on('unexpected-response', (_, response) => resolve(response.statusCode));
    });
    expect(status).toBe(404);
  });
});

describe('passing on', () => {
  test('H-04: signals and relayed frames reach whom they are for, unchanged, with the true sender', async () => {
    const at = await world();
    const [alice, bob, carol] = [participant(at), participant(at), participant(at)];
    await Promise.all([alice.opened(), bob.opened(), carol.opened()]);
    const envelope = '"'.repeat(MAX_ENVELOPE_LENGTH);
    expect(alice.hub.signal(bob.id, envelope)).toBe(true);
    expect(await bob.hubEvents.find(ofType('signal'))).toEqual({ type: 'signal', from: alice.id, envelope });
    for (const size of [0, 1, MAX_RELAY_BYTES]) {
      const frame = random.bytes(size);
      expect(alice.hub.relay(bob.id, frame)).toBe(true);
      const relayed = await bob.hubEvents.find(
        (event) => event.type === 'relayed' && event.frame.length === size,
      );
      expect(relayed).toEqual({ type: 'relayed', from: alice.id, frame });
    }
    bob.hub.signal(carol.id, 'last');
    await carol.hubEvents.find(ofType('signal'));
    expect(carol.hubEvents.all.some(ofType('relayed'))).toBe(false);
  });

  test('H-05: what is too large is refused before it is sent', async () => {
    const at = await world();
    const alice = participant(at);
    await alice.opened();
    expect(alice.hub.signal(alice.id, 'x'.repeat(MAX_ENVELOPE_LENGTH + 1))).toBe(false);
    expect(alice.hub.relay(alice.id, new Uint8Array(MAX_RELAY_BYTES + 1))).toBe(false);
    const codes = alice.hubEvents.all.filter(ofType('refused')).map(({ error }) => error.code);
    expect(codes).toEqual(['wire.too-large', 'wire.too-large']);
    expect(alice.hub.open).toBe(true);
  });

  test('a sender is told once that a receiver is absent, and again after it came and went', async () => {
    const at = await world();
    const alice = participant(at);
    await alice.opened();
    const bobIdentity = createNobleIdentity(random);
    for (let i = 0; i < 10; i++) alice.hub.relay(bobIdentity.id, random.bytes(10));
    const bob = participant(at, { identity: bobIdentity });
    await alice.hubEvents.find(ofType('arrived'));
    expect(alice.hubEvents.all.filter(ofType('refused')).length).toBe(1);
    bob.close();
    await alice.hubEvents.find(ofType('departed'));
    alice.hub.relay(bobIdentity.id, random.bytes(10));
    await alice.hubEvents.atLeast(2, ofType('refused'));
  });

  test('nothing that participants send reaches the log', async () => {
    const at = await world();
    const [alice, bob] = [participant(at), participant(at)];
    await Promise.all([alice.opened(), bob.opened()]);
    alice.hub.signal(bob.id, 'private-envelope');
    await bob.hubEvents.find(ofType('signal'));
    const client = raw(at);
    await client.join();
    client.say({ type: 'signal', to: 'private-receiver', envelope: 'private-envelope' });
    await client.texts.find(ofType('refused'));
    expect(at.logged.length).toBeGreaterThan(0);
    expect(at.logged.join('\n')).not.toContain('private');
  });
});

describe('one identity, two connections', () => {
  test('H-03: the newest wins, the others see the new incarnation, the older one does not fight back', async () => {
    const at = await world();
    const watcher = participant(at);
    await watcher.opened();
    const identity = createNobleIdentity(random);
    const older = participant(at, { identity, incarnation: 1 });
    await older.opened();
    const newer = participant(at, { identity, incarnation: 2 });
    await newer.opened();
    await older.hubEvents.find(ofType('closed'));
    const refusal = await older.hubEvents.find(ofType('refused'));
    expect(refusal.error).toMatchObject({ code: 'transport.closed' });
    expect(refusal.error.message).toContain('other tab');
    await watcher.hubEvents.atLeast(2, ofType('arrived'));
    const incarnations = watcher.hubEvents.all.filter(ofType('arrived')).map((e) => e.presence.incarnation);
    expect(incarnations).toEqual([1, 2]);
    expect(watcher.hubEvents.all.some(ofType('departed'))).toBe(false);
    expect(at.hub.peers(FEDERATION).length).toBe(2);
    expect(older.hub.open).toBe(false);
    expect(older.hub.signal(watcher.id, 'x')).toBe(false);
  });
});

describe('abuse', () => {
  test('H-06: a malformed message is refused by name; the connection goes on until there are too many', async () => {
    const refused: string[] = [];
    const at = await world({ limits: { maxFaults: 5 }, onRefused: (code) => void refused.push(code) });
    const client = raw(at);
    const identity = await client.join();
    for (const [text, code, path] of [
      ['{', 'wire.malformed', undefined],
      ['{"type":"signal","to":"nobody","envelope":""}', 'wire.malformed', 'to'],
      [`{"type":"signal","to":"${identity.id}","envelope":7}`, 'wire.malformed', 'envelope'],
      [JSON.stringify({ type: 'x', pad: 'x'.repeat(140_000) }), 'wire.too-large', undefined],
    ] as const) {
      const before = client.texts.all.length;
      client.socket.send(text);
      const { error } = await client.texts.find(ofType('refused'), before);
      expect(error).toMatchObject({ code, ...(path === undefined ? {} : { path }) });
    }
    client.say({ type: 'signal', to: identity.id, envelope: 'still here' });
    await client.texts.find(ofType('signal'));
    client.socket.send('{');
    expect(await client.closed).toBe(CLOSE.policy);
    expect(refused).toEqual([...Array(3).fill('wire.malformed'), 'wire.too-large', 'wire.malformed']);
  });

  test('binary frames of unknown kinds, wrong lengths or a wrong checksum are refused by name', async () => {
    const at = await world();
    at.transports.transportFor(FEDERATION);
    const client = raw(at);
    await client.join();
    const badCrc = new Uint8Array(20);
    badCrc[0] = 2;
    for (const [bytes, code] of [
      [new Uint8Array(0), 'wire.malformed'],
      [Uint8Array.of(99), 'wire.malformed'],
      [Uint8Array.of(1, 2, 3), 'wire.malformed'],
      [Uint8Array.of(3, 0, 0), 'wire.malformed'],
      [new Uint8Array(21).fill(4, 0, 1), 'wire.out-of-phase'],
      [new Uint8Array(17 + MAX_RELAY_BYTES + 1).fill(1, 0, 1), 'wire.too-large'],
      [badCrc, 'wire.integrity'],
    ] as const) {
      const before = client.texts.all.length;
      client.socket.send(bytes);
      expect((await client.texts.find(ofType('refused'), before)).error.code).toBe(code);
    }
  });

  test('what is far too large ends the connection, which the client explains', async () => {
    const at = await world();
    const client = raw(at);
    await client.join();
    client.socket.send(new Uint8Array(1_000_000));
    expect(await client.closed).toBe(CLOSE.tooLarge);
  });

  test('random bytes crash nothing and disturb nobody', async () => {
    const at = await world({ limits: { maxFaults: 1_000_000 } });
    at.transports.transportFor(FEDERATION);
    const [alice, bob] = [participant(at), participant(at)];
    await Promise.all([alice.opened(), bob.opened()]);
    const seed = 'hub-fuzz-1';
    const dice = seededRandom(seed);
    const client = raw(at);
    const identity = await client.join();
    const templates = [
      `{"type":"signal","to":"${identity.id}","envelope":"x"}`,
      '{"type":"hello","protocol":1}',
      `{"type":"signal","to":"${alice.id}","envelope":"\\u0000"}`,
    ];
    for (let i = 0; i < 600; i++) {
      const bytes = Uint8Array.from({ length: dice.below(80) }, () => dice.below(256));
      if (dice.below(2) === 0) {
        if (bytes.length > 0) bytes[0] = dice.below(8);
        client.socket.send(bytes);
      } else {
        const text = [...templates[dice.below(templates.length)]!];
        for (let k = dice.below(4); k >= 0; k--)
          text[dice.below(text.length)] = String.fromCharCode(dice.below(128));
        client.socket.send(text.join(''));
      }
    }
    client.say({ type: 'signal', to: bob.id, envelope: 'the last one' });
    await bob.hubEvents.find((e) => e.type === 'signal' && e.envelope === 'the last one');
    alice.hub.signal(bob.id, `after ${seed}`);
    await bob.hubEvents.find((e) => e.type === 'signal' && e.from === alice.id);
    for (let i = 0; i < 100; i++) {
      const other = raw(at); // random bytes instead of a handshake
      await other.texts.find(ofType('challenge'));
      other.socket.send(
        Uint8Array.from({ length: dice.below(200) }, () => dice.below(256)),
        {
          binary: dice.below(2) === 0,
        },
      );
      await other.closed;
    }
    expect(at.logged.filter((line) => line.includes('failed'))).toEqual([]);
    expect(at.hub.peers(FEDERATION).length).toBe(3);
  });

  test('H-06: signals above the rate come late but come; far above it they are refused', async () => {
    const at = await world({ limits: { textsPerSecond: 200, textBurst: 100 } });
    const [alice, bob] = [participant(at), participant(at)];
    await Promise.all([alice.opened(), bob.opened()]);
    const startMs = performance.now();
    for (let i = 0; i < 150; i++) alice.hub.signal(bob.id, String(i));
    await bob.hubEvents.atLeast(150, ofType('signal'));
    alice.hub.signal(bob.id, 'one more'); // waits until the debt of about 50 is paid
    await bob.hubEvents.atLeast(151, ofType('signal'));
    expect(performance.now() - startMs).toBeGreaterThan(200);
    const flooder = raw(at);
    const identity = await flooder.join();
    for (let i = 0; i < 1000; i++) flooder.say({ type: 'signal', to: identity.id, envelope: '' });
    const { error } = await flooder.texts.find(ofType('refused'));
    expect(error.code).toBe('wire.rate-limited');
    expect(await flooder.closed).toBe(CLOSE.policy);
  });

  test('relayed bytes above the rate are slowed down, not lost', async () => {
    const at = await world({ limits: { bytesPerSecond: 4_000_000, byteBurst: 500_000 } });
    const [alice, bob] = [participant(at), participant(at)];
    await Promise.all([alice.opened(), bob.opened()]);
    const startMs = performance.now();
    const frame = random.bytes(50_000);
    for (let i = 0; i < 40; i++) alice.hub.relay(bob.id, frame);
    await bob.hubEvents.atLeast(40, ofType('relayed'));
    const seconds = (performance.now() - startMs) / 1000;
    expect(seconds).toBeGreaterThan((40 * 50_000 - 500_000 - 150_000) / 4_000_000);
  });

  test('H-07: a slow receiver holds its senders up, and the memory for it stays bounded', async () => {
    const limits = { highWaterBytes: 1_000_000, lowWaterBytes: 200_000, stallMs: 60_000 };
    const at = await world({ limits });
    const slow = raw(at);
    const identity = await slow.join();
    const [fast, other] = [participant(at), participant(at)];
    await Promise.all([fast.opened(), other.opened()]);
    slow.socket.pause();
    const frame = random.bytes(60_000);
    const count = 700; // 42 MB
    for (let i = 0; i < count; i++) fast.hub.relay(identity.id, frame);
    // By the time these have gone round, the hub has read all it is going to read.
    for (let i = 1; i <= 100; i++) {
      other.hub.signal(other.id, '');
      await other.hubEvents.atLeast(i, ofType('signal'));
    }
    // What left the sender is in the hub, or in the buffers of the two TCP connections (up to 6 MB each).
    expect(count * frame.length - fast.hub.bufferedBytes).toBeLessThan(16_000_000);
    let received = 0;
    const all = new Promise<void>((resolve) => {
      slow.socket.on('message', (_, isBinary) => {
        if (isBinary && ++received >= count) resolve();
      });
    });
    slow.socket.resume();
    await all; // nothing was lost
  });

  test('H-07: a receiver that takes nothing at all is disconnected, and its senders go on', async () => {
    const limits = { highWaterBytes: 200_000, lowWaterBytes: 50_000, stallMs: 300, heartbeatMs: 200 };
    const at = await world({ limits });
    const stuck = raw(at);
    const identity = await stuck.join();
    const [fast, other] = [participant(at), participant(at)];
    await Promise.all([fast.opened(), other.opened()]);
    (stuck.socket as unknown as { _socket: { pause(): void } })._socket.pause();
    for (let i = 0; i < 300; i++) fast.hub.relay(identity.id, random.bytes(60_000));
    await fast.hubEvents.find((e) => e.type === 'departed' && e.peer === identity.id);
    fast.hub.signal(other.id, 'through');
    await other.hubEvents.find(ofType('signal'));
  });
});

describe('liveness', () => {
  test('H-08: a participant whose device died is found out', async () => {
    const at = await world({ limits: { heartbeatMs: 200 } });
    const alice = participant(at);
    await alice.opened();
    const dead = raw(at, FEDERATION, { autoPong: false });
    const identity = await dead.join();
    await alice.hubEvents.find((e) => e.type === 'departed' && e.peer === identity.id);
    expect(alice.hub.open).toBe(true);
  });

  test('clients come back by themselves when the server was restarted', async () => {
    const first = await startWorld();
    const alice = participant(first);
    const bob = participant(first);
    await Promise.all([alice.opened(), bob.opened()]);
    await first.close();
    await alice.hubEvents.find(ofType('closed'));
    expect(alice.hub.open).toBe(false);
    expect(alice.hub.signal(bob.id, 'x')).toBe(false);
    const second = await world({ port: first.port });
    await Promise.all([alice, bob].map((p) => p.hubEvents.atLeast(2, ofType('open'))));
    expect(second.hub.incarnation).not.toBe(first.hub.incarnation);
    alice.hub.signal(bob.id, 'again');
    await bob.hubEvents.find((e) => e.type === 'signal' && e.envelope === 'again');
  });
});
