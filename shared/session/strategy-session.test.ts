import { describe, expect, test } from 'vitest';
import { strategyOf } from '../aggregate/index.ts';
import type { FederationInput } from '../federation/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import { createWorld, fakeCryptoRandom, type World, type WorldOptions } from '../testing/session-world.ts';
import { toySuite } from '../testing/toy-suite.ts';
import { layoutOf } from '../update/index.ts';
import { decodeTranscript, verifyTogether } from './transcript/index.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const layout = layoutOf([
  { name: 'dense/kernel', shape: [5, 4] },
  { name: 'dense/bias', shape: [4] },
]);
const ADAM = { type: 'fedavg', serverOptimizer: { type: 'adam' }, serverLearningRate: 0.1 } as const;
const SCAFFOLD = {
  type: 'scaffold',
  weighting: 'uniform',
  population: 8,
  serverOptimizer: { type: 'sgd', momentum: 0.5 },
} as const;

function worldOf(
  strategy: FederationInput['strategy'],
  { participants = 6, rounds = 4, ...more }: Partial<WorldOptions> = {},
  late = 0,
): World {
  const seed = `${expect.getState().currentTestName}`;
  const world = createWorld({
    seed,
    participants,
    rounds,
    flush,
    ...(strategy === undefined ? {} : { strategy }),
    ...more,
  });
  world.start(SERVER);
  for (const id of world.ids.slice(late)) world.start(id);
  return world;
}

const finished = (world: World) => () =>
  world.modelOf(SERVER)?.version === world.federation.rounds.maximum &&
  [...world.nodes].every(([id, { state }]) => id === SERVER || state.participant?.status.name === 'finished');

/** Everyone holds what the survivors' updates make, computed apart from the engine, with what strategies remember. */
function expectOneModel(world: World): void {
  expect(world.records.length).toBeGreaterThan(0);
  for (const record of world.records)
    expect(record.hash, `round ${record.round}`).toBe(world.expectedHash(record));
  const everyone = [SERVER as NodeId, ...world.ids.filter((id) => world.nodes.has(id))];
  const models = everyone.map((id) => world.modelOf(id)!);
  expect(new Set(models.map(({ hash }) => hash))).toEqual(new Set([world.records.at(-1)!.hash]));
  const { slots } = strategyOf(world.federation, layout);
  for (const { state } of models) expect(state?.length ?? 0).toBe(slots.length * layout.length);
}

describe.each<[string, FederationInput['strategy']]>([
  ['FedAdam', ADAM],
  ['FedYogi', { type: 'fedavg', serverOptimizer: { type: 'yogi', tau: 0.01 } }],
  ['FedAdagrad', { type: 'fedavg', serverOptimizer: { type: 'adagrad' } }],
  ['FedAvgM', { type: 'fedavg', serverOptimizer: { type: 'sgd', momentum: 0.9, nesterov: true } }],
  ['SCAFFOLD', SCAFFOLD],
  ['FedNova', { type: 'fednova', maxSteps: 100 }],
  ['q-FedAvg', { type: 'qfedavg', q: 1, weighting: 'uniform' }],
])('%s', (_, strategy) => {
  test('Y-01 Y-02 Y-04: in a mesh and with the server as owner everyone computes the same model', async () => {
    const mesh = worldOf(strategy, { participants: 4 });
    const star = worldOf(strategy, { participants: 4, paths: ['server'] });
    for (const world of [mesh, star]) {
      expect(await world.run(finished(world), 240_000)).toBe(true);
      expectOneModel(world);
    }
    expect(star.records.map(({ hash }) => hash)).toEqual(mesh.records.map(({ hash }) => hash));
  });

  test('Y-02 Y-04: under secure aggregation, in groups as well', async () => {
    for (const more of [{}, { groupSize: 4, participants: 8 }]) {
      const world = worldOf(strategy, { secure: true, rounds: 2, ...more });
      expect(await world.run(finished(world), 480_000)).toBe(true);
      expectOneModel(world);
    }
  });
});

test.each([ADAM, SCAFFOLD])('Y-04 M-07: anyone can replay a transcript of $type', async (strategy) => {
  const world = worldOf(strategy, { participants: 4, rounds: 2, secure: true, transcripts: true });
  const written = () => world.ids.every((id) => world.transcriptOf(id, 2) !== undefined);
  expect(await world.run(written, 240_000)).toBe(true);
  for (const round of [1, 2]) {
    const transcripts = world.ids.map((id) => decodeTranscript(world.transcriptOf(id, round)!));
    const { each, joint } = await verifyTogether(transcripts, toySuite(fakeCryptoRandom(seededRandom('v'))));
    const findings = [...each.flat(), ...joint].filter(({ name }) => name === 'model');
    expect(findings.length).toBeGreaterThan(0);
    expect(new Set(findings.map(({ outcome }) => outcome))).toEqual(new Set(['ok']));
  }
});

test('Y-01: a clipping norm that follows updates and a server optimizer go together', async () => {
  const world = worldOf(
    { ...ADAM, weighting: 'uniform', clipNorm: 2 },
    {
      participantPrivacy: {
        trust: 'local',
        adaptiveClipping: { targetQuantile: 0.5, learningRate: 0.2, indicatorWeight: 0.5 },
      },
    },
  );
  expect(await world.run(finished(world), 240_000)).toBe(true);
  expectOneModel(world);
  expect(world.modelOf(SERVER)!.clipNorm).not.toBe(2);
});

test('Y-01: FedAdam in a secure mesh: a latecomer and a reloaded page go on with its memory', async () => {
  const world = worldOf(ADAM, { secure: true }, 1);
  expect(await world.run(() => world.records.length >= 1, 240_000)).toBe(true);
  const [latecomer, reloaded] = world.ids;
  world.start(latecomer!);
  world.kill(reloaded!);
  world.start(reloaded!);
  expect(await world.run(finished(world), 480_000)).toBe(true);
  expectOneModel(world);
  expect(world.records.some(({ survivors }) => survivors.includes(latecomer!))).toBe(true);
}, 60_000);

test('Y-01: a restart of everyone goes on with what the server optimizer remembered', async () => {
  const world = worldOf(ADAM);
  expect(await world.run(() => world.records.length >= 2, 240_000)).toBe(true);
  const everyone = [SERVER as NodeId, ...world.ids];
  for (const id of everyone) world.kill(id);
  for (const id of everyone) world.start(id);
  expect(await world.run(finished(world), 480_000)).toBe(true);
  expectOneModel(world);
});

test('Y-01: a peer that takes over the coordination goes on with the same memory', async () => {
  const world = worldOf(ADAM, { participants: 5, rounds: 6 });
  expect(await world.run(() => world.records.length >= 2, 240_000)).toBe(true);
  world.kill(SERVER);
  expect(
    await world.run(() => world.records.some(({ coordinator }) => coordinator !== SERVER), 480_000),
  ).toBe(true);
  world.start(SERVER);
  expect(await world.run(finished(world), 480_000)).toBe(true);
  expectOneModel(world);
}, 60_000);

test('Y-03: SCAFFOLD with the server as owner: who drops out keeps the variate of the last round it was in', async () => {
  const world = worldOf(SCAFFOLD, { paths: ['server'], rounds: 8, participants: 5 });
  const [victim] = world.ids;
  for (let round = 1; round <= 5; round += 2) {
    expect(await world.run(() => world.records.length >= round, 480_000)).toBe(true);
    world.kill(victim!);
    expect(await world.run(() => world.records.length > round, 480_000)).toBe(true);
    world.start(victim!);
  }
  expect(await world.run(finished(world), 480_000)).toBe(true);
  expectOneModel(world);
  const taken = world.records.map(({ survivors }) => survivors.includes(victim!));
  expect(new Set(taken)).toEqual(new Set([true, false]));
}, 60_000);

describe('Y-05: SCAFFOLD, and a device that is cut off at the commit of a round that counted its update', () => {
  /** It comes back once the others have gone on by a round. @param isTold whether anyone answers what it asks then. */
  async function returned(isTold: boolean): Promise<{ world: World; victim: NodeId; asked: number[] }> {
    let victim: NodeId | undefined;
    const asked: number[] = [];
    const world: World = worldOf(SCAFFOLD, {
      paths: ['server'],
      rounds: 6,
      participants: 5,
      onSaid(from, to, message) {
        victim ??= world.ids[0]!;
        if (to === victim && message.type === 'commit' && message.record.round === 2)
          world.network.setLink(SERVER, victim, false);
        if (from === victim && message.type === 'historyRequest') asked.push(message.fromRound);
      },
      // What was on its way is lost for good.
      lie(_from, to, message) {
        const isMissed = to === victim && message.type === 'commit' && message.record.round === 2;
        return isMissed || (message.type === 'history' && !isTold) ? undefined : message;
      },
    });
    expect(await world.run(() => world.records.length >= 3, 480_000)).toBe(true);
    expect(world.records[1]!.survivors).toContain(victim);
    expect(world.modelOf(victim!)!.version, 'it was away').toBe(1);
    world.network.setLink(SERVER, victim!, true);
    expect(await world.run(finished(world), 480_000)).toBe(true);
    const after = world.records.filter(
      ({ round, survivors }) => round > 3 && survivors.some((id) => id === victim),
    );
    expect(after.length, 'it takes part again').toBeGreaterThan(0);
    return { world, victim: victim!, asked };
  }

  test('asks how it ended, and goes on with the variate of that round', async () => {
    const { world, asked } = await returned(true);
    expect(asked).toEqual([2]);
    // What it sends afterwards follows from the variate that round 2 took.
    expectOneModel(world);
    expect(world.notices.map(({ code }) => code)).not.toContain('round.outcome-unknown');
  });

  test('where nobody tells drops the variate, and says so once', async () => {
    const { world, victim, asked } = await returned(false);
    expect(asked).toEqual([2]);
    const told = world.notices.filter(({ code }) => code === 'round.outcome-unknown');
    expect(told.map(({ node }) => node)).toEqual([victim]);
  });
});

test('Y-31: whoever would take too many steps refuses by name, and the others go on without it', async () => {
  const world = worldOf({ type: 'fednova', maxSteps: 12 }, { participants: 8, rounds: 2 });
  expect(await world.run(() => world.records.length >= 2, 480_000)).toBe(true);
  expect(world.notices.some(({ code }) => code === 'training.too-many-steps')).toBe(true);
  for (const record of world.records) {
    expect(record.survivors.length).toBeLessThan(8);
    expect(record.hash).toBe(world.expectedHash(record));
  }
});
