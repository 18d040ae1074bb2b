import { describe, expect, test } from 'vitest';
import { weightOf } from '../compress/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';
import type { AttemptId, MessageOf } from '../wire/index.ts';
import { stalenessFactor } from './pace.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

function worldOf(participants: number, rounds: number, more: Partial<WorldOptions> = {}): World {
  const world = createWorld({
    seed: `${expect.getState().currentTestName}`,
    participants,
    rounds,
    flush,
    strategy: { type: 'fedbuff', maxStaleness: 5 },
    ...more,
  });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}

/** Everyone knows of the end and holds the last model. */
const finished = (world: World) => () =>
  world.ids.every((id) => {
    const participant = world.nodes.get(id)?.state.participant;
    const last = world.nodes.get(SERVER)?.state.coordinator?.model?.hash;
    return participant?.status.name === 'finished' && participant.model?.hash === last;
  });

function expectExactSums(world: World): void {
  for (const record of world.records)
    expect(record.hash, `round ${record.round}`).toBe(world.expectedHash(record));
}

const paceOf = (world: World, id: ParticipantId) => world.nodes.get(id)?.state.participant?.pace;
const codes = (world: World) =>
  world.notices.flatMap(({ code }) => (code === undefined || code === 'round.not-ready' ? [] : [code]));
const tagOf = ({ term, round, attempt }: AttemptId) => `${term}.${round}.${attempt}`;

describe.each<[string, Partial<WorldOptions>]>([
  ['the server adds up', { paths: ['server'] }],
  ['a mesh', {}],
  ['secure sums in a mesh', { secure: true }],
  ['secure sums at the server', { secure: true, paths: ['server'] }],
  ['several groups', { secure: true, groupSize: 3, participants: 9 }],
  [
    'shares of noise',
    {
      secure: true,
      participantPrivacy: { trust: 'distributed', colluding: 0 },
      strategy: { type: 'fedbuff', weighting: 'uniform', stalenessExponent: 0, clipNorm: 2 },
    },
  ],
])('%s', (_, options) => {
  test('E-11: rounds are of those who are ready, and their sums are exact', async () => {
    const world = worldOf(6, 6, { minParticipants: 3, ...options });
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expect(world.records.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6]);
    // Nobody waits for the slowest: some rounds are of fewer than all.
    expect(world.records.some(({ survivors }) => survivors.length < world.ids.length)).toBe(true);
    expectExactSums(world);
    expect(codes(world)).toEqual([]);
    expect([...world.watch.broken, ...world.noiseWatch.broken]).toEqual([]);
    expect(new Set(world.ids.map((id) => world.modelOf(id)?.hash)).size).toBe(1);
  });
});

/** One in four takes as long as `rounds` rounds of the others. */
const oneSlow = (slow: () => NodeId | undefined, slowMs: number) => (id: ParticipantId) =>
  id === slow() ? slowMs : 1000;

describe('one device that is much slower', () => {
  function slowWorld(maxStaleness: number, more: Partial<WorldOptions> = {}) {
    const weights: { from: NodeId; attempt: AttemptId; weight: number }[] = [];
    const models: { to: NodeId; message: MessageOf<'model'> }[] = [];
    let slow: ParticipantId | undefined;
    const world = worldOf(4, 60, {
      minParticipants: 3,
      paths: ['server'],
      strategy: { type: 'fedbuff', maxStaleness, weighting: 'uniform' },
      trainMs: oneSlow(() => slow, 60_000),
      onSaid: (from, to, message) => {
        if (message.type === 'slice')
          weights.push({ from, attempt: message.attempt, weight: message.weight });
        if (message.type === 'model') models.push({ to, message });
      },
      ...more,
    });
    slow = world.ids[2]!;
    return { world, slow, weights, models };
  }

  test('E-01 E-15: rounds go on while it trains, and its update is taken with the weight of its staleness', async () => {
    const { world, slow, weights, models } = slowWorld(100);
    const taken = () => world.records.some(({ survivors }) => survivors.includes(slow));
    expect(await world.run(taken, 120_000)).toBe(true);
    const record = world.records.at(-1)!;
    expect(record.round).toBeGreaterThan(45);
    // Others took at most a second to train, and some exchange.
    expect(Math.max(...world.records.map(({ trainMs }) => trainMs))).toBeLessThan(1000);
    const { weight } = weights.find(
      ({ from, attempt }) => from === slow && tagOf(attempt) === tagOf(record),
    )!;
    const staleness = record.round - 1;
    expect(weight).toBe(Math.max(1, Math.round(64 / Math.sqrt(1 + staleness))));
    expect(weight).toBe(weightOf(world.federation, 1, stalenessFactor(world.federation, staleness)));
    expect(weights.filter(({ from }) => from !== slow).every((slice) => slice.weight === 64)).toBe(true);
    expectExactSums(world);
    // E-04: the base of its round, and nothing of the fifty before.
    expect(models.filter(({ to }) => to === slow).map(({ message }) => message.model.version)).toEqual([
      staleness,
    ]);
  });

  test('E-05: beyond maxStaleness its training ends and begins anew from the newest, each time', async () => {
    const { world, slow } = slowWorld(10);
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expect(world.records).toHaveLength(60);
    expect(world.records.some(({ survivors }) => survivors.includes(slow))).toBe(false);
    expect(paceOf(world, slow)?.training).toBeUndefined();
    expectExactSums(world);
  });
});

describe('coming and going', () => {
  const steady = { minParticipants: 3, trainMs: () => 1000 };

  test('a device that is reloaded holds nothing, and trains anew', async () => {
    const world = worldOf(4, 6, {
      ...steady,
      minParticipants: 4,
      trainMs: (id) => (id === world.ids[3] ? 9000 : 1000),
    });
    const id: ParticipantId = world.ids[1]!;
    expect(await world.run(() => paceOf(world, id)?.isAnnounced === true, 60_000)).toBe(true);
    world.kill(id);
    world.start(id);
    expect(await world.run(() => paceOf(world, id)?.training !== undefined, 60_000)).toBe(true);
    expect(paceOf(world, id)?.held).toBeUndefined();
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expectExactSums(world);
  });

  test.each([true, false])(
    'E-07: trained again from the same model after a reload, securely %s',
    async (secure) => {
      const seeds: string[] = [];
      const id = (): ParticipantId => world.ids[1]!;
      const world: World = worldOf(3, 1, {
        ...steady,
        secure,
        onTrain: (who, seed) => {
          if (who === id()) seeds.push(seed);
        },
      });
      expect(await world.run(() => seeds.length === 1, 60_000)).toBe(true);
      world.kill(id());
      world.start(id());
      expect(await world.run(() => seeds.length === 2, 60_000)).toBe(true);
      // Where an owner sees single updates, the same one again tells it nothing.
      expect(new Set(seeds).size).toBe(secure ? 2 : 1);
    },
  );

  test('E-02: a coordinator that restarts hears again who is ready', async () => {
    const world = worldOf(4, 5, {
      ...steady,
      minParticipants: 4,
      trainMs: (id) => (id === world.ids[3] ? 9000 : 1000),
    });
    const first: ParticipantId = world.ids[0]!;
    expect(await world.run(() => paceOf(world, first)?.isAnnounced === true, 60_000)).toBe(true);
    const { held } = paceOf(world, first)!;
    world.kill(SERVER);
    world.start(SERVER);
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expect(world.records.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5]);
    // What it held was not lost: round 1 has its first training.
    expect(held?.base.version).toBe(0);
    expect(world.trainingOf(world.records[0]!, first)).toBe(1);
    expectExactSums(world);
  });

  test('P-33: without the server an elected participant paces the rounds', async () => {
    const world = worldOf(5, 8, steady);
    expect(await world.run(() => world.records.length >= 2, 60_000)).toBe(true);
    world.kill(SERVER);
    expect(
      await world.run(() => world.records.some(({ coordinator }) => coordinator !== SERVER), 120_000),
    ).toBe(true);
    world.start(SERVER);
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expectExactSums(world);
  });

  test('E-01: whoever pauses is in no round, and goes on with what it held', async () => {
    const world = worldOf(4, 6, { ...steady, paths: ['server'] });
    const id: ParticipantId = world.ids[0]!;
    expect(await world.run(() => world.records.length >= 1, 60_000)).toBe(true);
    world.nodes.get(id)!.command('pause');
    const from = world.records.length;
    expect(await world.run(() => world.records.length >= from + 3, 60_000)).toBe(true);
    expect(world.records.slice(from + 1).some(({ survivors }) => survivors.includes(id))).toBe(false);
    world.nodes.get(id)!.command('resume');
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expectExactSums(world);
  });

  test.each(['slice', 'confirm'] as const)(
    'E-09 E-10: secure, one lost at its %s: nothing is in two sums',
    async (moment) => {
      let lost: NodeId | undefined;
      const world = worldOf(6, 5, {
        secure: true,
        minParticipants: 4,
        onSaid: (from, _, message) => {
          if (message.type !== moment || lost !== undefined || message.attempt.round < 2) return;
          lost = from;
          world.clock.after(5, () => world.kill(from));
          world.clock.after(5000, () => world.start(from));
        },
      });
      expect(await world.run(finished(world), 600_000)).toBe(true);
      expect(lost).toBeDefined();
      expectExactSums(world);
      expect([...world.watch.broken]).toEqual([]);
      const counted = world.records.flatMap((record) =>
        record.survivors.map((id) => `${id} ${world.trainingOf(record, id)}`),
      );
      expect(new Set(counted).size).toBe(counted.length);
    },
  );
});

describe('over-selection', () => {
  const overSelected = (secure: boolean, paths: WorldOptions['paths']): Partial<WorldOptions> => ({
    secure,
    ...(paths === undefined ? {} : { paths }),
    strategy: { type: 'fedavg', selection: { by: 'uniform', overSelection: 1.25 } },
  });

  test.each<[string, boolean, WorldOptions['paths']]>([
    ['the server adds up', false, ['server']],
    ['a mesh', false, undefined],
    ['secure sums in a mesh', true, undefined],
    ['secure sums at the server', true, ['server']],
  ])('C-54 C-55: %s: a round goes on with the first four of five', async (_, secure, paths) => {
    const world = worldOf(5, 3, {
      ...overSelected(secure, paths),
      trainMs: (id) => (id === world.ids[1] ? 8000 : 500),
    });
    const slow = world.ids[1]!;
    const said: string[] = [];
    expect(await world.run(finished(world), 120_000)).toBe(true);
    for (const { node, text, code } of world.notices) if (node === slow) said.push(code ?? text);
    expect(world.records.map(({ survivors }) => survivors.includes(slow))).toEqual([false, false, false]);
    expect(world.records.map(({ dropped }) => dropped)).toEqual([[slow], [slow], [slow]]);
    expect(world.records.every(({ trainMs }) => trainMs < 4000)).toBe(true);
    expectExactSums(world);
    expect([...world.watch.broken]).toEqual([]);
    expect(codes(world)).toEqual([]);
    expect(said.filter((text) => /goes on without this device/.test(text))).toHaveLength(3);
    // Nothing of it left, and its ledger says so.
    expect(world.ledgerOf(slow).filter(({ event }) => event.released === 'update')).toEqual([]);
    expect(world.modelOf(slow)?.hash).toBe(world.records.at(-1)!.hash);
  });
});
