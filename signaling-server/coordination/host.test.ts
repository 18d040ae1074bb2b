import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import { nobleIdentity, type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import { eventsOf, verifyChain } from '../../shared/ledger/index.ts';
import { seededRandom, webCryptoRandom } from '../../shared/random/index.ts';
import { nobleSuite } from '../../shared/secagg/index.ts';
import { createNode, type SessionNode, type Trainer } from '../../shared/session/index.ts';
import { createMemoryNetwork, type MemoryNetwork } from '../../shared/testing/memory-network.ts';
import { memoryStore } from '../../shared/testing/memory-store.ts';
import { compileModel } from '../../shared/training/index.ts';
import { systemClock } from '../../shared/transport/clock.ts';
import { makeModel } from '../../shared/update/index.ts';
import { createEngineBoard } from '../engines/engine-board.ts';
import type { HubServer } from '../hub/index.ts';
import { openBudgets } from '../privacy/open-budgets.ts';
import { plannedEvent } from '../privacy/releases-of.ts';
import { createGate } from '../reliability/gate.ts';
import { openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { repositoryOver } from '../storage/repository.ts';
import { silentLog } from '../testing/silent-log.ts';
import { attachCoordination } from './host.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const EXAMPLES = 100;
const WAIT = { timeout: 30_000, interval: 20 };
const ids = ['A', 'B'].map((letter) => letter.repeat(22) as ParticipantId);

function federationOf(id: string, epsilon: number): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id,
    name: id,
    data: { kind: 'records', features: 2, target: { name: 'y', type: 'value' } },
    model: { loss: 'meanSquaredError', layers: [{ type: 'dense', units: 1 }], seed: 's' },
    training: { batchSize: 10 },
    rounds: { maximum: 50 },
    paths: ['server'],
    privacy: { record: { noiseMultiplier: 2 }, budget: { epsilon, delta: 1e-5 } },
  });
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The server's part, and a log that can be waited for. */
async function openHost() {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  closers.push(() => rm(folder, { recursive: true }));
  const database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  closers.push(() => database.close());
  const repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  const log = pino(
    { level: 'info' },
    {
      write(line: string) {
        lines.push(JSON.parse(line) as Record<string, unknown>);
        for (const check of waiting) check();
      },
    },
  );
  const logged = (matches: (line: Record<string, unknown>) => boolean) =>
    new Promise<Record<string, unknown>>((resolve) => {
      const check = (): void => {
        const found = lines.find(matches);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  const budgets = openBudgets(repository, log);
  const gate = createGate(repository);
  const told: [ParticipantId, string][] = [];
  const network = createMemoryNetwork(systemClock, seededRandom('network'));
  let arrived: (federation: string) => void = () => undefined;
  const random = webCryptoRandom(crypto);
  const coordination = attachCoordination({
    hub: {
      subscribe(listener) {
        arrived = (federation) =>
          listener({ type: 'arrived', federation, presence: { peer: ids[0]!, incarnation: 1 } });
        return () => undefined;
      },
      peers: () => [],
      notify: (_, participant, { code }) => void told.push([participant, code]),
      expel: (participant, { code }) => void told.push([participant, code]),
    } as Pick<HubServer, 'subscribe' | 'peers' | 'notify' | 'expel'> as HubServer,
    transports: { transportFor: () => network.connect(SERVER, 1) } as never,
    repository,
    budgets,
    gate,
    engines: createEngineBoard(),
    judges: { judgeOf: () => ({ evaluate: () => Promise.reject(new Error('nobody asks')) }) as never },
    secure: { identity: nobleIdentity(random.bytes(32)), suite: nobleSuite(random) },
    log,
  });
  closers.push(() => coordination.close());
  const { stateOf } = coordination;
  return {
    stateOf,
    repository,
    budgets,
    gate,
    told,
    network,
    logged,
    lines,
    arrive: (id: string) => arrived(id),
  };
}

function participant(
  id: ParticipantId,
  federation: Federation,
  run: string,
  network: MemoryNetwork,
): SessionNode {
  const { layout } = compileModel(federation);
  const base = makeModel(0, layout, new Float32Array(layout.length));
  const noise = federation.privacy.record && { recordNoise: eventOfRound(federation) };
  const trainer: Trainer = {
    layout,
    initialModel: async () => base,
    train: async () => ({
      update: {
        layoutHash: layout.hash,
        delta: new Float32Array(layout.length),
        examples: EXAMPLES,
        ...noise,
      },
      loss: 1,
    }),
    evaluate: async () => ({ total: 1, correct: 1, lossSum: 0 }),
  };
  const node = createNode({
    run,
    federation,
    layout,
    transport: network.connect(id, 1),
    // A device without a budget of its own: the server is what stops here.
    store: memoryStore(),
    clock: systemClock,
    random: webCryptoRandom(crypto),
    participant: { trainer, examples: EXAMPLES, dataset: 'd', model: base, electionMs: 60_000 },
    settleMs: 100,
  });
  closers.push(async () => node.close());
  node.command('start');
  return node;
}

function eventOfRound(federation: Federation) {
  const event = plannedEvent(federation, EXAMPLES, compileModel(federation).layout.length);
  if (event.mechanism !== 'sampled-gaussian') throw new Error('a private round was expected');
  return event;
}

test('C-38: rounds go on as long as the budget of those who take part, and then wait, with the reason', async () => {
  const { repository, budgets, network, logged, lines, arrive } = await openHost();
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
  const { repository, gate, told, network, logged, arrive, stateOf } = await openHost();
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
    const { status, allowances } = stateOf('plain')!.coordinator!;
    return status.name === 'gathering' && allowances.get(ids[1]!) === 0;
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
