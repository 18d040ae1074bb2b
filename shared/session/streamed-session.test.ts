import { describe, expect, test, vi } from 'vitest';
import { type NodeId, SERVER } from '../identity/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';
import type { MessageOf } from '../wire/index.ts';

// Several engines, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

function worldOf(options: Partial<WorldOptions> = {}): World {
  const seed = `${expect.getState().currentTestName}`;
  const world = createWorld({ seed, participants: 5, rounds: 2, flush, paths: ['server'], ...options });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}
const finished = (world: World) => () =>
  world.ids.every((id) => world.nodes.get(id)?.state.participant?.status.name === 'finished');
const codes = (world: World) => [...new Set(world.notices.map(({ code }) => code))].filter((code) => code);

/** Every committed round is the exact sum of its survivors, and everyone holds the last. */
function expectExact(world: World): void {
  for (const record of world.records) expect(record.hash).toBe(world.expectedHash(record));
  const last = world.records.at(-1)!.hash;
  for (const id of world.ids) expect(world.modelOf(id)?.hash).toBe(last);
}

describe('a plain round at the server', () => {
  test.each([
    ['one group', {}],
    ['groups', { participants: 6, groupSize: 3 }],
    [
      'a lattice',
      { strategy: { type: 'fedavg', weighting: 'uniform', clipNorm: 20, compression: { bits: 8 } } },
    ],
  ] as const satisfies readonly (readonly [string, Partial<WorldOptions>])[])(
    'R-30: of %s, nothing but running sums is left once survivors are fixed',
    async (_, options) => {
      const held: number[] = [];
      const world: World = worldOf({
        ...options,
        onSaid(from, _to, message) {
          if (from !== SERVER || message.type !== 'sum') return;
          const { owner } = world.nodes.get(SERVER)!.state;
          for (const { slices, running } of owner.held.values())
            held.push((slices.get(0)?.size ?? 0) + (running === undefined ? 100 : 0));
        },
      });
      expect(await world.run(finished(world), 120_000)).toBe(true);
      expect(held.length).toBeGreaterThan(0);
      expect(new Set(held)).toEqual(new Set([0]));
      expect(world.records.map(({ survivors }) => survivors)).toEqual([world.ids, world.ids]);
    },
  );

  test('C-56: whoever closes its page right after its upload is in the sum, and fetches the model later', async () => {
    let left: NodeId | undefined;
    const world: World = worldOf({
      onSaid(from, _to, message) {
        if (left !== undefined || message.type !== 'uploaded') return;
        left = from;
        // Once the server has heard of it, while the others still train.
        world.clock.after(50, () => world.kill(from));
        world.clock.after(20_000, () => world.start(from));
      },
      trainMs: (id) => (id.endsWith('0') ? 100 : 5000),
      rounds: 6,
    });
    expect(await world.run(finished(world), 240_000)).toBe(true);
    expect(left).toBeDefined();
    const [first, second] = world.records;
    expect(first).toMatchObject({ round: 1, attempt: 0, survivors: world.ids, dropped: [] });
    expect(second!.survivors).toEqual(world.ids.filter((id) => id !== left));
    expectExact(world);
  });

  test('C-56, P-13: an abandoned attempt throws its sum away; the next has the same integers', async () => {
    const slices = new Map<NodeId, Set<string>>();
    const attempts = new Set<number>();
    let trainings = 0;
    let gone = false;
    const world: World = worldOf({
      rounds: 1,
      minParticipants: 5,
      trainMs: (id) => (id.endsWith('4') ? 5000 : 100),
      onTrain: () => {
        trainings++;
      },
      onSaid(from, _to, message) {
        if (message.type === 'slice') {
          attempts.add(message.attempt.attempt);
          slices.set(from, (slices.get(from) ?? new Set()).add(message.values.join()));
        }
        if (message.type !== 'uploaded' || gone) return;
        gone = true;
        // Four of five are in the sum when the fifth, which they cannot do without, is reloaded.
        const slow = world.ids[4]!;
        world.clock.after(1000, () => world.kill(slow));
        world.clock.after(2000, () => world.start(slow));
      },
    });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(codes(world)).toContain('round.too-few-participants');
    expect(world.records).toMatchObject([{ round: 1, survivors: world.ids }]);
    expect(attempts.size).toBe(2);
    expect([...slices.values()].map((sent) => sent.size)).toEqual([1, 1, 1, 1, 1]);
    // The one that was reloaded trained twice.
    expect(trainings).toBe(6);
    expectExact(world);
  });

  test('C-57, R-22: a second slice after the first was counted is refused by name, and changes nothing', async () => {
    let liar: NodeId | undefined;
    let honest: MessageOf<'slice'> | undefined;
    const world: World = worldOf({
      lie(from, _to, message) {
        if (message.type === 'slice') liar ??= from;
        if (from !== liar) return message;
        if (message.type === 'slice') honest ??= message;
        if (message.type !== 'uploaded' || honest?.attempt.round !== message.attempt.round) return message;
        return [message, { ...honest, values: honest.values.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) }];
      },
    });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(codes(world)).toEqual(['round.conflicting-slice']);
    expect(world.records.map(({ survivors }) => survivors)).toEqual([world.ids, world.ids]);
    expectExact(world);
  });

  test('C-56, N-10: with noise of the server’s too, which goes on the one sum of the attempt', async () => {
    let left: NodeId | undefined;
    const world: World = worldOf({
      rounds: 1,
      participantPrivacy: { trust: 'central' },
      strategy: { type: 'fedavg', weighting: 'uniform', clipNorm: 1 },
      trainMs: (id) => (id.endsWith('0') ? 100 : 5000),
      onSaid(from, _to, message) {
        if (left !== undefined || message.type !== 'uploaded') return;
        left = from;
        world.clock.after(50, () => world.kill(from));
        world.clock.after(9000, () => world.start(from));
      },
    });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(world.records).toMatchObject([{ attempt: 0, survivors: world.ids }]);
    expect(world.noiseWatch.broken).toEqual([]);
  });
});
