import { expect, test } from 'vitest';
import { SERVER } from '../identity/index.ts';
import { createWorld, type World } from '../testing/session-world.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

function worldOf(
  participants: number,
  rounds: number,
  more: Partial<Parameters<typeof createWorld>[0]> = {},
): World {
  const world = createWorld({
    seed: `${expect.getState().currentTestName}`,
    participants,
    rounds,
    flush,
    ...more,
  });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}

const finished = (world: World) => () =>
  [...world.nodes].every(([id, { state }]) => id === SERVER || state.participant?.status.name === 'finished');

function expectOneModel(world: World): void {
  for (const record of world.records)
    expect(record.hash, `round ${record.round}`).toBe(world.expectedHash(record));
  const hashes = world.ids.filter((id) => world.nodes.has(id)).map((id) => world.modelOf(id)!.hash);
  expect(new Set(hashes)).toEqual(new Set([world.records.at(-1)!.hash]));
}

test('four participants in a mesh train five rounds and hold the identical model', async () => {
  const world = worldOf(4, 5);
  expect(await world.run(finished(world), 120_000)).toBe(true);
  expect(world.records.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5]);
  expect(world.records.every(({ survivors }) => survivors.length === 4)).toBe(true);
  expectOneModel(world);
  const last = world.records.at(-1)!.hash;
  expect(await world.run(() => world.modelOf(SERVER)?.hash === last, 10_000), 'the server keeps it').toBe(
    true,
  );
});

test('the server as the only owner gives the same models as the mesh', async () => {
  const mesh = worldOf(3, 3);
  const server = worldOf(3, 3, { paths: ['server'] });
  expect(await mesh.run(finished(mesh), 120_000)).toBe(true);
  expect(await server.run(finished(server), 120_000)).toBe(true);
  expect(server.records.map(({ hash }) => hash)).toEqual(mesh.records.map(({ hash }) => hash));
});
