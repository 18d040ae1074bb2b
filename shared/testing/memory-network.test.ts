import { expect, test } from 'vitest';
import type { NodeId } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import type { TransportEvent } from '../transport/port.ts';
import { createMemoryNetwork, PERFECT } from './memory-network.ts';
import { createVirtualClock } from './virtual-clock.ts';

const [ALICE, BOB, CAROL] = ['alice', 'bob', 'carol'] as NodeId[] as [NodeId, NodeId, NodeId];

function world() {
  const clock = createVirtualClock(0);
  const network = createMemoryNetwork(clock, seededRandom('network'), PERFECT);
  const arrivals: { to: NodeId; event: TransportEvent; atMs: number }[] = [];
  const connect = (
    id: NodeId,
    ...rest: [incarnation: number, rates?: Parameters<typeof network.connect>[2]]
  ) => {
    const transport = network.connect(id, ...rest);
    transport.subscribe((event) => arrivals.push({ to: id, event, atMs: clock.nowMs() }));
    return transport;
  };
  const runAll = () => {
    while (clock.step());
  };
  return { clock, network, arrivals, connect, runAll };
}

test('a message takes as long as both lines need for it, and the next waits for its turn', () => {
  const { clock, arrivals, connect, runAll } = world();
  const alice = connect(ALICE, 1, { upBytesPerMs: 10, downBytesPerMs: Infinity });
  connect(BOB, 1, { upBytesPerMs: Infinity, downBytesPerMs: 20 });
  runAll();
  const startMs = clock.nowMs();
  void alice.send(BOB, new Uint8Array(1000));
  void alice.send(BOB, new Uint8Array(1000));
  runAll();
  const messages = arrivals.filter(({ event }) => event.type === 'message');
  // 1000 bytes at 10 and then at 20 a millisecond, and one of delay; the second leaves when the first has left.
  expect(messages.map(({ atMs }) => atMs - startMs)).toEqual([151, 251]);
});

test('lines without rates are as quick as they were', () => {
  const { clock, arrivals, connect, runAll } = world();
  const alice = connect(ALICE, 1);
  connect(BOB, 1);
  runAll();
  const startMs = clock.nowMs();
  void alice.send(BOB, new Uint8Array(1_000_000));
  runAll();
  expect(arrivals.at(-1)!.atMs - startMs).toBe(PERFECT.minDelayMs);
});

test.each(['close', 'kill'] as const)(
  'after a %s others learn of it, and a new start is another',
  async (how) => {
    const { network, arrivals, connect, runAll } = world();
    const alice = connect(ALICE, 1);
    const bob = connect(BOB, 1);
    connect(CAROL, 1);
    runAll();
    if (how === 'close') void bob.close();
    else network.kill(BOB);
    runAll();
    expect(arrivals.filter(({ event }) => event.type === 'peer-down').map(({ to }) => to)).toEqual([
      ALICE,
      CAROL,
    ]);
    expect([...alice.peers().keys()]).toEqual([CAROL]);
    const sent = alice.send(BOB, new Uint8Array(1));
    runAll();
    expect(await sent).toEqual({ kind: 'unreachable' });
    connect(BOB, 2);
    runAll();
    expect(alice.peers().get(BOB)?.incarnation).toBe(2);
  },
);
