import { join } from 'node:path';
import { ledgerFiles } from '../scripts/participant/ledger-file.ts';
import type { FederationInput } from '../shared/federation/index.ts';
import { openAccount } from '../shared/ledger/index.ts';
import { defineFederation, roundsOf } from './harness/api.ts';
import { largeFederation, quickFederation, secureFederation } from './harness/federations.ts';
import { digitsFile, type HeadlessParticipant } from './harness/headless.ts';
import { expectOneModel, hasFinished, hasModel, ROUNDS_MS } from './harness/one-model.ts';
import { test as base, expect } from './harness/test.ts';

interface Fixtures {
  readonly inNode: (federation: string, args?: readonly string[]) => Promise<HeadlessParticipant>;
}

const test = base.extend<Fixtures>({
  inNode: async ({ server, joinHeadless }, use) => {
    await use(async (federation, args) =>
      joinHeadless(federation, await digitsFile(server.url, 5000, 200), args),
    );
  },
});

const ROUNDS = 3;
const ALL_THREE = { cohort: { minParticipants: 3 }, rounds: { maximum: ROUNDS } };

for (const [name, federation] of [
  ['plain', quickFederation('headless', { ...ALL_THREE, evaluation: 'sample' })],
  ['secure', secureFederation('headless', ALL_THREE)],
] satisfies [string, FederationInput][]) {
  test(`two browsers and a process train one model in one mesh, ${name}`, async ({
    server,
    join,
    inNode,
  }) => {
    await defineFederation(server.url, federation);
    const process = await inNode('headless');
    const browsers = await Promise.all(
      [0, 1].map((shard) => join({ federation: 'headless', shard, examples: 200 })),
    );
    const ends = await Promise.all(browsers.map((browser) => browser.until(hasFinished, ROUNDS_MS)));
    expect(await process.end()).toBe(0);
    await expectOneModel(server.url, browsers, ROUNDS);

    const { participant, session, end, privacyBudget } = process.report();
    expect(end).toEqual({ reason: 'finished', code: 0 });
    for (const { model } of ends) expect(session.model).toEqual(model);
    const rounds = await roundsOf(server.url, ends[0]!.run!);
    expect(rounds).toHaveLength(ROUNDS);
    for (const { survivors } of rounds) expect(survivors).toContain(participant);
    for (const { self } of ends) {
      const paths = process.log.filter(({ msg, peer }) => msg === 'path to a peer' && peer === self);
      expect(paths.map(({ path }) => path)).toContain('direct');
    }
    // Three updates left without noise, and the report says what that means.
    expect(privacyBudget.epsilon).toBeNull();
    expect(privacyBudget.events).toEqual([{ event: expect.anything(), count: ROUNDS }]);
  });
}

test('a process that is killed in the middle of a round costs nobody the round, and goes on where it was', async ({
  server,
  join: open,
  inNode,
}) => {
  await defineFederation(server.url, largeFederation('killed', { rounds: { maximum: 10_000 } }));
  const process = await inNode('killed');
  const browsers = await Promise.all(
    [0, 1].map((shard) => open({ federation: 'killed', shard, examples: 200 })),
  );
  const { round } = await process.until(
    ({ msg, phase, round }) => msg === 'in a round' && phase === 'training' && (round as number) >= 3,
    ROUNDS_MS,
  );
  await process.end('SIGKILL');
  const later = (round as number) + 2;
  await Promise.all(browsers.map((browser) => browser.until(hasModel(later), ROUNDS_MS)));
  const before = process.log.length;

  process.start();
  await process.until(
    (line) => process.log.indexOf(line) >= before && line.msg === 'round committed' && line.counted === true,
    ROUNDS_MS,
  );
  expect(await process.end('SIGTERM')).toBe(0);
  const { participant, dataset, run, end } = process.report();
  expect(end).toEqual({ reason: 'told', code: 0 });
  expect(new Set(process.log.flatMap(({ participant }) => participant ?? []))).toEqual(
    new Set([participant]),
  );

  // Everything that may have left is in one unbroken chain, and every round that counted it in is there.
  const ledger = ledgerFiles(join(process.stateFolder, 'ledgers'), openAccount);
  const released = (await ledger.read(dataset)).map(({ entry }) => entry.round);
  const rounds = await roundsOf(server.url, run);
  const counted = rounds.filter(({ survivors }) => survivors.includes(participant));
  expect(counted.length).toBeGreaterThan(2);
  for (const { round } of counted) expect(released).toContain(round);
  const hashes = new Map(rounds.map(({ round, hash }) => [round, hash]));
  for (const line of process.log)
    if (line.msg === 'round committed' && hashes.has(line.round as number))
      expect(line.hash).toBe(hashes.get(line.round as number));
  await expectOneModel(server.url, browsers, later);
});

test('changed terms are refused by name, with what changed', async ({ server, inNode }) => {
  const document = quickFederation('terms', { rounds: { maximum: 10_000 } });
  await defineFederation(server.url, document);
  const process = await inNode('terms');
  await process.until(({ msg }) => msg === 'connected to the server', ROUNDS_MS);
  expect(await process.end('SIGTERM')).toBe(0);
  await defineFederation(server.url, {
    ...document,
    revision: 2,
    strategy: { type: 'fedavg', clipNorm: 50 },
  });
  process.start();
  expect(await process.end()).toBe(3);
  const last = process.log.at(-1)!;
  expect(last).toMatchObject({ exit: 3, err: { code: 'privacy.policy-changed' } });
  expect(JSON.stringify(last)).toContain('clipNorm: 20 → 50');
});
