import type { Path } from '../shared/transport/port.ts';
import type { SessionSnapshot } from '../web/src/session/snapshot.ts';
import { defineFederation, roundsOf, runOf } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { expectOneModel, hasFinished, hasModel, ROUNDS_MS } from './harness/one-model.ts';
import { expect, test } from './harness/test.ts';

const ROUNDS = 5;
/** No round starts before all three are there, however slow the machine is. */
const ALL_THREE = { cohort: { minParticipants: 3 } };

/** The path to every other participant; the server is not one. */
function pathsOf({ peers }: SessionSnapshot): Path[] {
  return peers.filter(({ id }) => id !== 'server').map(({ path }) => path);
}

test('three participants train one model over direct connections', async ({ server, join }) => {
  await defineFederation(
    server.url,
    quickFederation('mesh', { ...ALL_THREE, rounds: { maximum: ROUNDS }, evaluation: 'sample' }),
  );
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'mesh', shard, examples: 200 })),
  );
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));

  for (const end of ends) {
    expect(end.model?.version).toBe(ROUNDS);
    expect(pathsOf(end)).toEqual(['direct', 'direct']);
    expect(end.backend).toMatch(/^(wasm|webgl|webgpu)$/);
  }
  expect(new Set(ends.map(({ model }) => model?.hash)).size).toBe(1);
  await expectOneModel(server.url, peers, ROUNDS);

  const ids = ends.map(({ self }) => self).sort();
  const rounds = await roundsOf(server.url, ends[0]!.run!);
  expect(rounds.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5]);
  for (const { survivors, dropped } of rounds) {
    expect([...survivors, ...dropped].sort()).toEqual(ids);
  }
  expect(rounds.at(-1)!.survivors).toHaveLength(3);
  // Each of the 10,000 test digits is counted once, whoever evaluated it.
  await expect
    .poll(async () => (await roundsOf(server.url, ends[0]!.run!)).at(-1)!.evaluation?.total)
    .toBe(10_000);
  const run = await runOf(server.url, 'mesh');
  expect(run).toMatchObject({ status: 'finished', round: ROUNDS, model: { hash: ends[0]!.model!.hash } });
});

test('participants that may only be relayed are relayed', async ({ server, join }) => {
  await defineFederation(server.url, quickFederation('relayed', { ...ALL_THREE, rounds: { maximum: 3 } }));
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'relayed', shard, examples: 200, paths: ['relay'] })),
  );
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  for (const end of ends) expect(pathsOf(end)).toEqual(['relay', 'relay']);
  await expectOneModel(server.url, peers, 3);
});

test('the server adds up everything where the federation says so', async ({ server, join }) => {
  const document = quickFederation('by-server', { ...ALL_THREE, rounds: { maximum: 3 }, paths: ['server'] });
  await defineFederation(server.url, document);
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'by-server', shard, examples: 200 })),
  );
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  for (const { peers: connected } of ends) {
    expect(connected.map(({ id, path }) => [id, path])).toEqual([['server', 'server']]);
    // Three whole updates of 12,730 integers of four bytes.
    expect(connected[0]!.bytesSent).toBeGreaterThan(3 * 12_730 * 4);
  }
  await expectOneModel(server.url, peers, 3);
});

test('a fourth participant that comes in the middle of a run gets the model and takes part', async ({
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('late', { rounds: { maximum: 10_000 } }));
  const first = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'late', shard, examples: 200 })),
  );
  await Promise.all(first.map((peer) => peer.until(hasModel(2), ROUNDS_MS)));
  const late = await join({ federation: 'late', shard: 3, examples: 200 });
  const { model, self, run } = await late.until(hasModel(2), ROUNDS_MS);
  const took = await expect
    .poll(
      async () =>
        (await roundsOf(server.url, run!)).find(({ survivors }) => survivors.includes(self!))?.round,
      { timeout: ROUNDS_MS },
    )
    .toBeGreaterThan(2)
    .then(() => roundsOf(server.url, run!));
  const joined = took.find(({ survivors }) => survivors.includes(self!))!;
  expect(joined.survivors).toHaveLength(4);
  expect(joined.round).toBeGreaterThan(model!.version - 1);
  await expectOneModel(server.url, [...first, late], joined.round);
});
