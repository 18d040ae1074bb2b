import type { RoundRecord } from '../shared/wire/index.ts';
import type { SessionPhase } from '../web/src/session/snapshot.ts';
import { defineFederation, roundsOf } from './harness/api.ts';
import { datasetsOf, ledgerOf } from './harness/device.ts';
import { largeFederation, quickFederation } from './harness/federations.ts';
import { expectOneModel, hasModel, ROUNDS_MS } from './harness/one-model.ts';
import { whenPhase } from './harness/recorder.ts';
import { expect, test } from './harness/test.ts';

const PHASES = ['training', 'uploading', 'collecting', 'applying'] as const satisfies SessionPhase['name'][];

/** Rounds whose sum holds this participant's update. */
function contributions(records: readonly RoundRecord[], participant: string | undefined): number[] {
  return records
    .filter(({ survivors }) => survivors.some((id) => id === participant))
    .map(({ round }) => round);
}

for (const phase of PHASES) {
  test(`the others finish the round when a tab closes while ${phase}`, async ({ server, join }) => {
    await defineFederation(server.url, largeFederation('churn', { rounds: { maximum: 10_000 } }));
    const peers = await Promise.all(
      [0, 1, 2, 3].map((shard) => join({ federation: 'churn', shard, examples: 400 })),
    );
    await Promise.all(
      peers.map((peer) => peer.until(({ records }) => records.at(-1)?.survivors.length === 4, ROUNDS_MS)),
    );

    const [leaver, ...others] = peers;
    const last = await whenPhase(leaver!.page, phase);
    await leaver!.page.close();
    if (!('round' in last.phase)) throw new Error(`${phase} is a phase of a round`);
    const { round } = last.phase;

    await Promise.all(others.map((peer) => peer.until(hasModel(round + 2), ROUNDS_MS)));
    await expectOneModel(server.url, others, round + 2);
    const rounds = await roundsOf(server.url, last.run!);
    const stayed = (await Promise.all(others.map(async (peer) => (await peer.snapshot())!.self!))).sort();
    const left = last.self!;
    const interrupted = rounds.find((record) => record.round === round)!;
    const cohort = [...interrupted.survivors, ...interrupted.dropped];
    expect(cohort).toContain(left);
    // Nobody else's update is lost. The closed tab's counts if all of it was added up by then: the slice it owned
    // itself goes with it otherwise, and an update counts whole or not at all.
    expect([left]).toEqual(expect.arrayContaining([...interrupted.dropped]));
    if (phase === 'training') expect(interrupted.dropped).toEqual([left]);
    const later = rounds.filter((record) => record.round > round + 1);
    expect(later.length).toBeGreaterThan(0);
    for (const { survivors } of later) expect(stayed).toEqual(expect.arrayContaining([...survivors]));
  });
}

test('a reloaded tab goes on with the same identity, data and ledger', async ({ server, join }) => {
  await defineFederation(server.url, quickFederation('reload', { rounds: { maximum: 10_000 } }));
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'reload', shard, examples: 200 })),
  );
  const [reloader] = peers;
  const { self, run } = await reloader!.until(
    (snapshot) => contributions(snapshot.records, snapshot.self).length >= 2,
    ROUNDS_MS,
  );
  const datasetsBefore = await datasetsOf(reloader!.page);
  const interrupted = await whenPhase(reloader!.page, 'training');
  const ledgerBefore = await ledgerOf(reloader!.page);
  await reloader!.page.reload();

  const { round: lastBefore } = interrupted.records.at(-1)!;
  const after = await reloader!.until(
    ({ records }) => contributions(records, self).some((round) => round > lastBefore + 2),
    ROUNDS_MS,
  );
  expect(after.self).toBe(self);
  expect(after.run).toBe(run);
  expect(await datasetsOf(reloader!.page)).toEqual(datasetsBefore);

  // Every update that counted is on the ledger, the entries from before the reload unchanged.
  const ledger = await ledgerOf(reloader!.page);
  expect(ledger.slice(0, ledgerBefore.length)).toEqual(ledgerBefore);
  const released = ledger
    .filter(({ entry }) => entry.run === run && entry.event.released === 'update')
    .map(({ entry }) => entry.round);
  expect(released).toEqual(expect.arrayContaining(contributions(after.records, self)));
  expect(new Set(released).size).toBe(released.length);
  await expectOneModel(server.url, peers, after.records.at(-1)!.round);
});

test('the server is killed in the middle of a round: the mesh goes on, and history catches up', async ({
  server,
  join,
}) => {
  await defineFederation(server.url, quickFederation('outage', { rounds: { maximum: 10_000 } }));
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'outage', shard, examples: 400 })),
  );
  const started = await Promise.all(peers.map((peer) => peer.until(hasModel(2), ROUNDS_MS)));
  for (const { coordinator } of started) expect(coordinator).toBe('server');

  await whenPhase(peers[0]!.page, 'training');
  await server.kill();
  const away = await Promise.all(
    peers.map((peer) =>
      peer.until(
        ({ coordinator, serverConnected, records }) =>
          !serverConnected && coordinator !== 'server' && records.at(-1)?.coordinator === coordinator,
        ROUNDS_MS,
      ),
    ),
  );
  const ids = away.map(({ self }) => self);
  for (const { coordinator } of away) expect(ids).toContain(coordinator);
  const ahead = Math.max(...away.map(({ model }) => model!.version)) + 3;
  await Promise.all(peers.map((peer) => peer.until(hasModel(ahead), ROUNDS_MS)));

  await server.start();
  await Promise.all(peers.map((peer) => peer.until(({ serverConnected }) => serverConnected, ROUNDS_MS)));
  const back = await peers[0]!.until(({ model }) => model!.version >= ahead + 2, ROUNDS_MS);
  await expectOneModel(server.url, peers, back.model!.version);
  const rounds = await roundsOf(server.url, back.run!);
  expect(rounds.map(({ round }) => round)).toEqual(rounds.map((_, index) => index + 1));
  expect(rounds.some(({ coordinator }) => coordinator !== 'server')).toBe(true);
});
