import { expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { createSteppedClock } from '../../shared/testing/stepped-clock.ts';
import { createCrossings } from '../hub/crossings.ts';
import { DEFAULT_HUB_LIMITS } from '../hub/limits.ts';
import type { Member } from '../hub/rooms.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { Bus } from './bus.ts';
import { type ClusterEvent, createCluster, isNewer } from './cluster.ts';
import { decodeParcel, encodeParcel, parseClusterMessage } from './cluster-messages.ts';
import { localBus } from './local-bus.ts';

const idOf = (letter: string) => `${letter.repeat(21)}A` as ParticipantId;
const [alice, bob] = [idOf('B'), idOf('C')];
const presence = { peer: alice, incarnation: 7 };

/** Replicas over one bus and one stepped clock; a replica can be made deaf or mute. */
function site() {
  const wire = localBus();
  const clock = createSteppedClock();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return {
    wire,
    pass: clock.advance,
    settle,
    replica(name: string) {
      const bus = wire.connect();
      let mute = false;
      const own: Bus = {
        ...bus,
        get up() {
          return bus.up;
        },
        publish: (channel, bytes) => {
          if (!mute) bus.publish(channel, bytes);
        },
      };
      const cluster = createCluster({
        bus: own,
        replica: name,
        incarnation: name.length,
        clock,
        log: silentLog,
      });
      const events: ClusterEvent[] = [];
      cluster.subscribe((event) => events.push(event));
      return {
        cluster,
        events,
        mute: (on: boolean) => {
          mute = on;
        },
      };
    },
  };
}

test('X-02: whoever is silent for 5 s is dead: its participants are lost and its federations without a leader', async () => {
  const { replica, pass, settle } = site();
  const [a, b] = [replica('a'), replica('bb')];
  await settle();
  b.cluster.arrive('digits', presence);
  b.cluster.host('digits', true);
  await settle();
  expect(a.cluster.find('digits', alice)).toMatchObject({ replica: 'bb', presence });
  expect(a.cluster.nodeOf('digits')).toMatchObject({ replica: 'bb', incarnation: 2 });
  b.mute(true);
  await pass(4500);
  expect(a.cluster.others).toEqual(['bb']);
  await pass(2000);
  expect(a.cluster.others).toEqual([]);
  expect(a.events.slice(-2)).toMatchObject([
    { type: 'node', node: undefined },
    { type: 'departed', reason: 'lost', member: { presence } },
  ]);
});

test('X-01: changes that got lost show in the next heartbeat, and the whole is asked for', async () => {
  const { replica, pass, settle } = site();
  const [a, b] = [replica('a'), replica('bb')];
  await settle();
  b.cluster.arrive('digits', presence);
  await settle();
  b.mute(true);
  b.cluster.depart('digits', presence, 'left');
  b.cluster.arrive('digits', { peer: bob, incarnation: 1 });
  b.cluster.host('letters', true);
  b.mute(false);
  await settle();
  expect(a.cluster.find('digits', alice)).toBeDefined();
  await pass(1500);
  expect(a.cluster.members('digits').map((member) => member.presence.peer)).toEqual([bob]);
  expect(a.cluster.nodeOf('letters')).toMatchObject({ replica: 'bb' });
  expect(a.events.at(-1)).toMatchObject({ type: 'node' });
});

test('X-04: who is expelled while others cannot hear it is expelled when they can, from the federation that was meant', async () => {
  const { replica, settle, wire } = site();
  const [a, b] = [replica('a'), replica('bb')];
  await settle();
  const refused = new MurmurationError('privacy.consent-withdrawn', 'Withdrawn.');
  wire.setUp(false);
  a.cluster.expel(alice, refused, 'digits');
  await settle();
  const heard = () => b.events.filter(({ type }) => type === 'expelled');
  expect(heard()).toEqual([]);
  wire.setUp(true);
  await settle();
  const expulsion = { type: 'expelled', participant: alice, federation: 'digits' };
  expect(heard().length).toBeGreaterThan(0);
  expect(heard()[0]).toMatchObject(expulsion);
  const before = heard().length;
  // One that comes later may have been cut off, or just start: it alone is told.
  const c = replica('ccc');
  await settle();
  expect(c.events.filter(({ type }) => type === 'expelled')).toMatchObject([expulsion]);
  expect(heard()).toHaveLength(before);
});

test('of two connections of one participant both replicas keep the same: the later one, whatever clocks say', async () => {
  const { replica, settle } = site();
  const [a, b, c] = [replica('a'), replica('bb'), replica('ccc')];
  await settle();
  const first = a.cluster.arrive('digits', presence);
  await settle();
  const second = b.cluster.arrive('digits', { ...presence, incarnation: 8 });
  await settle();
  expect(second).toBeGreaterThan(first);
  expect(c.cluster.find('digits', alice)).toMatchObject({ replica: 'bb', presence: { incarnation: 8 } });
  a.cluster.depart('digits', presence, 'lost'); // as the hub does with the older one
  await settle();
  expect(c.cluster.find('digits', alice)).toMatchObject({ replica: 'bb' });
  expect(c.events.filter(({ type }) => type === 'departed')).toEqual([]);
  // Neither had heard of the other: each comes to the same answer.
  expect(isNewer({ order: 3, replica: 'a' }, { order: 3, replica: 'bb' })).toBe(false);
  expect(isNewer({ order: 3, replica: 'bb' }, { order: 3, replica: 'a' })).toBe(true);
});

test('a goodbye is heard at once; a replica of the same name that starts anew is another', async () => {
  const { replica, settle, wire } = site();
  const [a, b] = [replica('a'), replica('bb')];
  await settle();
  b.cluster.arrive('digits', presence);
  await settle();
  b.cluster.close();
  await settle();
  expect(a.cluster.others).toEqual([]);
  expect(a.events.at(-1)).toMatchObject({ type: 'departed', reason: 'lost' });
  wire.connect().publish('all', Buffer.from('{"type":"arrived"}'));
  wire.connect().publish('to:a', Uint8Array.of(0, 99));
  await settle();
  expect(a.events.at(-1)).toMatchObject({ type: 'departed' });
});

test('what one replica passes to another is read as it was written, or refused', () => {
  const payload = Uint8Array.of(1, 2, 3);
  const parcel = { kind: 'relay', federation: 'digits', from: alice, to: bob, payload } as const;
  expect(decodeParcel(encodeParcel(parcel))).toEqual(parcel);
  const toNode = { ...parcel, kind: 'to-node', to: undefined } as const;
  expect(decodeParcel(encodeParcel(toNode))).toEqual(toNode);
  for (const bytes of [[], [0], [99, 0], [0, 200, 1, 2]])
    expect(() => decodeParcel(Uint8Array.from(bytes))).toThrow(/^wire.malformed|another replica/);
  expect(() => parseClusterMessage(Buffer.from('{"type":"beat"}'))).toThrow(/another replica/);
});

test('H-07 holds across replicas: a slow receiver holds up whoever relays to it, until it has caught up or the release is lost', async () => {
  const { replica, settle } = site();
  const [a, b] = [replica('a'), replica('bb')];
  const clock = createSteppedClock();
  await settle();
  a.cluster.arrive('digits', presence);
  b.cluster.arrive('digits', { peer: bob, incarnation: 1 });
  await settle();

  const holds: (() => void)[] = [];
  let drained = (): void => undefined;
  const sent: Uint8Array[] = [];
  const member = (peer: ParticipantId, connection: object): Member =>
    ({ federation: 'digits', presence: { peer, incarnation: 1 }, connection }) as never;
  const sender = member(alice, {
    waitFor: ({ onceDrained }: { onceDrained(callback: () => void): void }) => {
      onceDrained(() => holds.push(() => undefined));
      waits++;
    },
  });
  let waits = 0;
  const receiver = member(bob, {
    congested: true,
    sendBytes: (bytes: Uint8Array) => sent.push(bytes),
    onceDrained: (callback: () => void) => {
      drained = callback;
    },
  });
  const crossings = (of: typeof a, found: Member) => {
    const made = createCrossings({
      cluster: of.cluster,
      limits: DEFAULT_HUB_LIMITS,
      clock,
      find: (_, participant) => (found.presence.peer === participant ? found : undefined),
      tellAbsent: () => undefined,
      emitFrame: () => undefined,
    });
    of.cluster.subscribe((event) => {
      if (event.type === 'parcel') made.receive(event.replica, event.parcel);
    });
    return made;
  };
  const near = crossings(a, sender);
  crossings(b, receiver);
  for (let i = 0; i < 3; i++) near.relay(sender, bob, Uint8Array.of(i));
  await settle();
  expect(sent).toHaveLength(3);
  expect([waits, holds.length]).toEqual([1, 0]); // told once, and waiting
  drained();
  await settle();
  expect(holds).toHaveLength(1);

  near.relay(sender, bob, Uint8Array.of(9));
  await settle();
  expect(waits).toBe(2);
  b.mute(true);
  drained(); // nobody hears of it
  await clock.advance(DEFAULT_HUB_LIMITS.stallMs);
  expect(holds).toHaveLength(2);
});
