import { afterEach, expect, test, vi } from 'vitest';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { eventsOf, verifyChain } from '../../shared/ledger/index.ts';
import type { MemoryNetwork } from '../../shared/testing/memory-network.ts';
import { compileModel } from '../../shared/training/index.ts';
import { plannedEvent } from '../privacy/releases-of.ts';
import { EXAMPLES, joinDevice, openHost, plainFederation, removeFolder } from '../testing/host-world.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const WAIT = { timeout: 30_000, interval: 20 };
const ids = ['A', 'B'].map((letter) => letter.repeat(22) as ParticipantId);

function federationOf(id: string, epsilon: number): Federation {
  return plainFederation(id, {
    rounds: { maximum: 50 },
    privacy: { record: { noiseMultiplier: 2 }, budget: { epsilon, delta: 1e-5 } },
  });
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server on which rounds go on by themselves. */
async function openServer() {
  const host = await openHost({ controlOf: () => 'open' });
  closers.push(async () => {
    await host.close();
    await removeFolder(host.folder);
  });
  return host;
}

function participant(id: ParticipantId, federation: Federation, run: string, network: MemoryNetwork): void {
  const device = joinDevice(id, federation, { run, network });
  closers.push(async () => device.close());
}

function eventOfRound(federation: Federation) {
  const event = plannedEvent(federation, EXAMPLES, compileModel(federation).layout.length);
  if (event.mechanism !== 'sampled-gaussian') throw new Error('a private round was expected');
  return event;
}

test('C-38: rounds go on as long as the budget of those who take part, and then wait, with the reason', async () => {
  const { repository, budgets, network, logged, lines, arrive } = await openServer();
  // What two rounds cost, and a little: not enough for a third.
  const probe = federationOf('probe', 1000);
  await repository.putFederation(probe);
  const charge = eventsOf(eventOfRound(probe)).record;
  const [, two] = [
    await budgets.charge('1', [{ kind: 'user', id: 'probe' }], charge),
    await budgets.charge('2', [{ kind: 'user', id: 'probe' }], charge),
  ];
  const federation = federationOf('private', two[0]!.epsilon! * 1.0001);
  await repository.putFederation(federation);
  const run = (await repository.currentRun(federation)).id;

  arrive('private');
  await logged(({ msg }) => msg === 'coordinating');
  for (const id of ids) participant(id, federation, run, network);
  const wait = await logged(({ msg }) =>
    String(msg).startsWith('Participants whose privacy budget is spent'),
  );
  expect(wait).toMatchObject({ code: 'privacy.budget-exceeded', federation: 'private' });
  expect((await repository.loadRecords(run, 1)).map(({ round }) => round)).toEqual([1, 2]);

  const warning = await logged(({ code, kind }) => code === 'privacy.budget-low' && kind === 'federation');
  expect(warning).toMatchObject({ id: 'private' });
  for (const id of ids) {
    const chain = await repository.readReleases('private', id);
    verifyChain(chain);
    expect(chain.map(({ entry }) => [entry.round, entry.event])).toEqual([
      [1, eventOfRound(federation)],
      [2, eventOfRound(federation)],
    ]);
  }
  const { spent } = await budgets.budgetOf({ kind: 'federation', id: 'private' });
  expect(spent).toBeGreaterThan(0.999);
  expect(spent).toBeLessThanOrEqual(1);
  expect(lines.filter(({ level }) => level === 50)).toEqual([]);
});

test('whoever is blocked is told, not invited until it is unblocked, and everyone is counted', async () => {
  const { repository, gate, told, network, logged, arrive, stateOf } = await openServer();
  const { privacy: _, ...plain } = federationOf('plain', 1);
  const federation = parseFederation({ ...plain, rounds: { maximum: 1_000 } });
  await repository.putFederation(federation);
  const run = (await repository.currentRun(federation)).id;
  arrive('plain');
  await logged(({ msg }) => msg === 'coordinating');
  for (const id of ids) participant(id, federation, run, network);
  const roundsAfter = async (round: number): Promise<number> => {
    const records = await vi.waitUntil(async () => {
      const newer = await repository.loadRecords(run, round + 1);
      return newer.length > 0 ? newer : undefined;
    }, WAIT);
    return records.at(-1)!.round;
  };
  await roundsAfter(0);

  await gate.block(ids[1]!, 'Why.');
  await vi.waitUntil(() => told.length > 0, WAIT);
  expect(told).toEqual([[ids[1], 'participant.blocked']]);
  // A round that was under way may end, but no other begins: it takes two.
  await vi.waitUntil(() => {
    const { status, barred } = stateOf('plain')!.coordinator!;
    return status.name === 'gathering' && barred.has(ids[1]!);
  }, WAIT);
  const last = stateOf('plain')!.coordinator!.model!.version;

  expect(await gate.unblock(ids[1]!)).toBe(true);
  const more = await roundsAfter(last);
  await vi.waitUntil(
    async () => (await repository.listReliability('plain', 9)).every(({ survived }) => survived >= more),
    WAIT,
  );
  const rows = await repository.listReliability('plain', 9);
  expect(rows.map(({ participant }) => participant)).toEqual(ids);
  for (const row of rows) {
    expect(row.survived).toBe(row.uploaded);
    expect(row.invitations).toBeGreaterThanOrEqual(row.survived);
    expect(row).toMatchObject({ rejections: 0, missedDeadlines: 0, refusals: {} });
  }
});

test('V-16: of whoever is deleted nothing is left in what coordinates', async () => {
  const { repository, network, logged, lines, arrive, emit, stateOf } = await openServer();
  const { privacy: _, ...plain } = federationOf('plain', 1);
  const federation = parseFederation({ ...plain, rounds: { maximum: 1_000 } });
  await repository.putFederation(federation);
  const run = (await repository.currentRun(federation)).id;
  arrive('plain');
  await logged(({ msg }) => msg === 'coordinating');
  const devices = ids.map((id) => joinDevice(id, federation, { run, network }));
  closers.push(async () => devices[1]!.close());
  await vi.waitUntil(() => stateOf('plain')!.coordinator!.members.size === 2, WAIT);
  const coordinations = () => lines.filter(({ msg }) => msg === 'coordinating').length;

  // One that nothing is known of disturbs no round; of one that left something is known.
  const erased = { type: 'participant-erased', federations: [] } as const;
  emit({ ...erased, participant: 'C'.repeat(22) as ParticipantId });
  expect(stateOf('plain')).toBeDefined();
  devices[0]!.close();
  emit({ ...erased, participant: ids[0]! });
  expect(stateOf('plain')).toBeUndefined();
  await vi.waitUntil(() => coordinations() === 2, WAIT);
});
