import { expect, test } from 'vitest';
import { type NodeId, SERVER } from '../identity/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

function worldOf(participants: number, rounds: number, more: Partial<WorldOptions> = {}): World {
  const world = createWorld({
    seed: `${expect.getState().currentTestName}`,
    participants,
    rounds,
    flush,
    secure: true,
    ...more,
  });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}

const finished = (world: World) => () =>
  [...world.nodes].every(([id, { state }]) => id === SERVER || state.participant?.status.name === 'finished');

function expectExactSums(world: World): void {
  for (const record of world.records)
    expect(record.hash, `round ${record.round}`).toBe(world.expectedHash(record));
}

const codes = (world: World) => [...new Set(world.notices.map(({ code }) => code))];

test('a mesh of four: every sum is exact, and the rounds are recorded as secure', async () => {
  const world = worldOf(4, 3);
  expect(await world.run(finished(world), 120_000)).toBe(true);
  expect(world.records.map(({ round }) => round)).toEqual([1, 2, 3]);
  expect(world.records.map(({ secure }) => secure)).toEqual(
    Array.from({ length: 3 }, () => ({ threshold: 3, confirmations: 4 })),
  );
  expectExactSums(world);
  expect(codes(world)).toEqual([]);
});

test('A-12: the server as the only owner gives the same models as the mesh', async () => {
  const mesh = worldOf(5, 2);
  const server = worldOf(5, 2, { paths: ['server'] });
  expect(await mesh.run(finished(mesh), 120_000)).toBe(true);
  expect(await server.run(finished(server), 120_000)).toBe(true);
  expect(server.records.map(({ hash }) => hash)).toEqual(mesh.records.map(({ hash }) => hash));
  expectExactSums(mesh);
});

test('A-41: who hears late of the confirmations waits for them, and disputes no good sum', async () => {
  const isLate = (to: NodeId) => to === world.ids[2];
  const world: World = worldOf(4, 2, {
    lie: (_from, to, message) =>
      message.type === 'confirmed' && isLate(to) ? { afterMs: 3000, message } : message,
  });
  expect(await world.run(finished(world), 120_000)).toBe(true);
  expect(world.records.map(({ survivors }) => survivors.length)).toEqual([4, 4]);
  expect(codes(world)).toEqual([]);
  expectExactSums(world);
});

test('A-36: reloaded with its slices partly sent, a device trains anew, by another seed, and masks anew', async () => {
  const seeds = new Map<NodeId, string[]>();
  let heard = 0;
  let cut: NodeId | undefined;
  const world: World = worldOf(4, 2, {
    minParticipants: 4,
    onTrain: (id, seed) => seeds.set(id, [...(seeds.get(id) ?? []), seed]),
    lie(from, _to, message) {
      if (message.type !== 'slice' || from !== world.ids[0] || cut !== undefined) return message;
      // One owner gets its slice, the next does not.
      if (++heard < 2) return message;
      cut = from;
      world.clock.after(0, () => {
        world.kill(from);
        world.clock.after(500, () => world.start(from));
      });
      return undefined;
    },
  });
  expect(await world.run(() => cut !== undefined && finished(world)(), 480_000)).toBe(true);
  const own = seeds.get(cut!)!;
  expect(own.length).toBeGreaterThan(2);
  expect(new Set(own).size, 'no two trainings are alike').toBe(own.length);
  expect(world.records.map(({ survivors }) => survivors.length)).toEqual([4, 4]);
  expect([...world.watch.broken]).toEqual([]);
  expectExactSums(world);
});

test('whoever leaves after dealing shares is in the masks and not in the sum', async () => {
  const world = worldOf(6, 1);
  const gone: NodeId = world.ids[2]!;
  const dealt = () => world.nodes.get(gone)?.state.participant?.attempt?.secure?.opened === true;
  expect(await world.run(dealt, 60_000)).toBe(true);
  world.kill(gone);
  expect(await world.run(() => world.records.length === 1, 120_000)).toBe(true);
  expect(world.records[0]!.survivors).toEqual(world.ids.filter((id) => id !== gone));
  expectExactSums(world);
});
