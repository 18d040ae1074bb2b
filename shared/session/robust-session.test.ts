import { describe, expect, test, vi } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';
import type { Model } from '../update/index.ts';
import type { Judge } from './judge.ts';

// Seven to twelve engines and their cryptography, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const LENGTH = 24;
const fill = (value: number) => new Float32Array(LENGTH).fill(value);

type Robust = NonNullable<WorldOptions['strategy']>['robust'];
const strategyWith = (robust: Robust, more: object = {}): NonNullable<WorldOptions['strategy']> => {
  return { type: 'fedavg', weighting: 'uniform', clipNorm: 20, robust, ...more };
};
const TRIMMED = { rule: { type: 'trimmed-mean' }, byzantine: 1 } as const;
const MEDIAN = { rule: { type: 'median' }, byzantine: 1 } as const;

function worldOf(options: Partial<WorldOptions> & { readonly participants: number }): World {
  const world = createWorld({ seed: `${expect.getState().currentTestName}`, rounds: 1, flush, ...options });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  return world;
}

/** Everyone moves every weight by 0.1, and the first of them by −2. */
const oneLiar = (idOf: () => ParticipantId | undefined) => (id: ParticipantId) =>
  fill(id === idOf() ? -2 : 0.1);

const finished = (world: World) => () =>
  [...world.nodes].every(([id, { state }]) => id === SERVER || state.participant?.status.name === 'finished');
const codes = (world: World) => [...new Set(world.notices.map(({ code }) => code))].filter((code) => code);

/** By how much the weights of the newest model differ from version 0's, on average. */
function movedBy(world: World, from: Model): number {
  const model = world.modelOf(world.ids.at(-1)!)!;
  return model.weights.reduce((sum, weight, i) => sum + weight - from.weights[i]!, 0) / LENGTH;
}
function initialOf(world: World): Model {
  return world.modelOf(world.ids[0]!)!;
}

describe('over updates', () => {
  const seven = (more: Partial<WorldOptions> = {}) => {
    let ids: readonly ParticipantId[] = [];
    const world = worldOf({
      participants: 7,
      minParticipants: 3,
      paths: ['server'],
      strategy: strategyWith(TRIMMED),
      delta: oneLiar(() => ids[0]),
      ...more,
    });
    ids = world.ids;
    return world;
  };

  test('Q-01: one of seven liars does not move the model, with a trimmed mean', async () => {
    const world = seven();
    const initial = initialOf(world);
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(world.records[0]!.survivors).toEqual(world.ids);
    expect(movedBy(world, initial)).toBeCloseTo(0.1, 3);
    expect(codes(world)).toEqual([]);
  });

  test('Q-01: without the rule it does: the tests above can fail', async () => {
    const world = seven({ strategy: { type: 'fedavg', weighting: 'uniform', clipNorm: 20 } });
    const initial = initialOf(world);
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(movedBy(world, initial)).toBeCloseTo((6 * 0.1 - 2) / 7, 3);
  });

  test('Q-01, C-11: whoever drops out after its upload is not in what the rule makes', async () => {
    let left: NodeId | undefined;
    const world: World = seven({
      onSaid(from, _to, message) {
        if (left !== undefined || message.type !== 'uploaded') return;
        left = from;
        world.clock.after(0, () => world.kill(from));
      },
    });
    const initial = initialOf(world);
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(world.records[0]!.survivors).not.toContain(left);
    expect(movedBy(world, initial)).toBeCloseTo(0.1, 3);
  });

  test('Q-02: what is not an update within the bounds is refused before any rule sees it', async () => {
    const world: World = seven({
      lie(from, _to, message) {
        if (message.type !== 'slice' || from !== world.ids[0]) return message;
        return { ...message, values: message.values.map(() => 0x7f) };
      },
    });
    const initial = initialOf(world);
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(world.records[0]!.dropped).toEqual([world.ids[0]]);
    expect(codes(world)).toContain('update.overflow');
    expect(movedBy(world, initial)).toBeCloseTo(0.1, 3);
  });

  test('Q-04: with fewer than the rule needs the round is abandoned with the arithmetic', async () => {
    const world: World = seven({
      minParticipants: 7,
      participants: 7,
      strategy: strategyWith({ rule: { type: 'krum' }, byzantine: 2 }),
      onSaid(_from, to, message) {
        if (message.type !== 'invite' || to !== world.ids[1]) return;
        world.clock.after(1, () => world.kill(to));
      },
    });
    const isAbandoned = () => codes(world).includes('round.too-few-participants');
    expect(await world.run(isAbandoned, 120_000)).toBe(true);
    expect(world.records).toEqual([]);
  });
});

describe('over the sums of groups', () => {
  const inGroups = (secure: boolean, more: Partial<WorldOptions> = {}) => {
    let ids: readonly ParticipantId[] = [];
    const world = worldOf({
      participants: 12,
      groupSize: 4,
      minParticipants: 9,
      secure,
      strategy: strategyWith(MEDIAN),
      delta: oneLiar(() => ids[0]),
      ...more,
    });
    ids = world.ids;
    return world;
  };

  test.each([true, false])(
    'Q-03: a spoiled group does not move the model, with a median (secure: %s)',
    async (secure) => {
      const world = inGroups(secure);
      const initial = initialOf(world);
      expect(await world.run(finished(world), 300_000)).toBe(true);
      expect(world.records[0]).toMatchObject({ survivors: world.ids, groups: 3 });
      expect(movedBy(world, initial)).toBeCloseTo(0.1, 3);
      expect(world.watch.broken).toEqual(new Set());
    },
  );

  test('Q-03: with one more who drops out, its group weighs what is left of it', async () => {
    let left: NodeId | undefined;
    const world: World = inGroups(true, {
      onSaid(from, _to, message) {
        if (left !== undefined || message.type !== 'slice' || from === world.ids[0]) return;
        left = from;
        world.clock.after(0, () => world.kill(from));
      },
    });
    const initial = initialOf(world);
    expect(await world.run(finished(world), 300_000)).toBe(true);
    expect(world.records[0]!.survivors).toHaveLength(11);
    expect(movedBy(world, initial)).toBeCloseTo(0.1, 3);
  });

  test('Q-04: when a group is lost and the rule has too few left, nothing weaker takes its place', async () => {
    const doomed: NodeId[] = [];
    let attempts = 0;
    const world: World = inGroups(false, {
      minParticipants: 9,
      onSaid(_from, to, message) {
        if (message.type !== 'invite' || message.plan.group?.index !== 1 || to === SERVER) return;
        if (message.attempt.attempt > 0 || message.attempt.round > 1) return;
        attempts++;
        doomed.push(to);
        world.clock.after(10, () => {
          world.kill(to);
          world.clock.after(20_000, () => world.start(to));
        });
      },
    });
    expect(await world.run(finished(world), 600_000)).toBe(true);
    expect(attempts).toBe(4);
    expect(world.records).toHaveLength(1);
    expect(world.records[0]!.groups).toBe(3);
    expect(codes(world)).toContain('round.too-few-participants');
  });
});

describe('screening', () => {
  /** Loss is the distance of the mean weight to 1: what moves weights up improves the model. */
  const lossOf = ({ weights }: Model) => Math.abs(1 - weights.reduce((a, b) => a + b, 0) / LENGTH);
  const toyJudge: Judge = {
    evaluate: async (model) => ({ total: 100, correct: 50, lossSum: 100 * lossOf(model) }),
  };
  const SCREENED = { rule: { type: 'median' }, byzantine: 1, screening: 'held-out' } as const;

  const screened = (judge: Judge | undefined, more: Partial<WorldOptions> = {}) => {
    let ids: readonly ParticipantId[] = [];
    const world = worldOf({
      participants: 12,
      groupSize: 4,
      minParticipants: 9,
      evaluation: 'server',
      strategy: strategyWith(SCREENED),
      // Three of twelve lie: the median of three groups may be a lie.
      delta: (id) => fill(ids.indexOf(id) < 3 ? -2 : 0.1),
      ...(judge === undefined ? {} : { judge }),
      ...more,
    });
    ids = world.ids;
    return world;
  };

  test('Q-06, Q-20: groups that make the model worse are left out, and each version is evaluated', async () => {
    const world = screened(toyJudge, { rounds: 3 });
    const before = lossOf(initialOf(world));
    expect(await world.run(finished(world), 600_000)).toBe(true);
    const after = lossOf(world.modelOf(world.ids.at(-1)!)!);
    expect(after).toBeLessThanOrEqual(before);
    const saved = world.nodes.get(SERVER)!.state.coordinator!;
    expect(saved.judging.size).toBe(0);
    expect(saved.judge).toBe('ready');
  });

  test('Q-07: when every one of them makes it worse, the round is abandoned by name and the base stays', async () => {
    const world = screened(toyJudge, { delta: () => fill(-1) });
    const initial = initialOf(world);
    expect(await world.run(() => codes(world).includes('aggregate.all-screened'), 120_000)).toBe(true);
    expect(world.records).toEqual([]);
    expect(world.modelOf(world.ids[0]!)!.hash).toBe(initial.hash);
  });

  test('Q-06: without held-out examples no round begins, and participants are told why', async () => {
    const invited = new Set<NodeId>();
    const world = screened(undefined, {
      onSaid: (_from, to, message) => {
        if (message.type === 'invite') invited.add(to);
      },
    });
    const told = () =>
      world.ids.every((id) =>
        world.notices.some(({ node, code }) => node === id && code === 'aggregate.no-held-out'),
      );
    expect(await world.run(told, 120_000)).toBe(true);
    await world.run(() => false, 60_000);
    expect(invited.size).toBe(0);
  });
});

describe('taking bad versions back', () => {
  /** Accuracy by version: 2 is the best; from 3 on it is bad, but for what 2 was. */
  const judgeOf = (bestHash: () => string | undefined): Judge => ({
    evaluate: async ({ version, hash }) => {
      const correct = hash === bestHash() || version === 2 ? 90 : version === 1 ? 80 : 40;
      return { total: 100, correct, lossSum: 1 };
    },
  });
  const run = (more: Partial<WorldOptions> = {}) => {
    const world: World = worldOf({
      participants: 4,
      rounds: 6,
      evaluation: 'server',
      judge: judgeOf(() => world?.records.find(({ round }) => round === 2)?.hash),
      strategy: { type: 'fedavg', rollback: { afterRounds: 2, threshold: 0.1 } },
      ...more,
    });
    return world;
  };

  const expectReturn = (world: World) => {
    const at = world.records.findIndex(({ rollback }) => rollback !== undefined);
    const [second, before, back, next] = [world.records[1]!, ...world.records.slice(at - 1, at + 2)];
    expect(back).toMatchObject({ round: 5, survivors: [], rollback: { to: 2 }, hash: second.hash });
    expect(back!.baseHash).toBe(before!.hash);
    expect(next).toMatchObject({ round: 6, baseHash: second.hash });
    expect(next!.survivors).toHaveLength(4);
  };

  test('Q-21 to Q-24: after two bad versions the best comes back, under a number of its own', async () => {
    const world = run();
    expect(await world.run(finished(world), 300_000)).toBe(true);
    const rounds = world.records.map(({ round }) => round);
    expect(new Set(rounds).size).toBe(rounds.length);
    expectReturn(world);
    expect(new Set(world.ids.map((id) => world.modelOf(id)!.hash)).size).toBe(1);
    expect(codes(world).filter((code) => code !== 'round.superseded')).toEqual([]);
  });

  test('Q-24: from what comes back nobody trains as it did before', async () => {
    const seeds = new Map<string, string[]>();
    const world = run({ onTrain: (id, seed) => seeds.set(id, [...(seeds.get(id) ?? []), seed]) });
    expect(await world.run(finished(world), 300_000)).toBe(true);
    const [second, back] = [world.records[1]!, world.records.find(({ rollback }) => rollback !== undefined)!];
    expect(back.hash).toBe(second.hash);
    for (const own of seeds.values()) {
      expect(own.filter((seed) => seed.includes(back.hash))).toHaveLength(2);
      expect(new Set(own).size).toBe(own.length);
    }
  });

  test('Q-23: a server that restarts in between goes back all the same', async () => {
    let restarted = false;
    const world: World = run({
      onSaid(_from, _to, message) {
        if (restarted || message.type !== 'commit' || message.record.round !== 4) return;
        if (message.record.evaluation === null) return;
        restarted = true;
        world.clock.after(0, () => {
          world.kill(SERVER);
          world.clock.after(1000, () => world.start(SERVER));
        });
      },
    });
    expect(await world.run(() => restarted && finished(world)(), 300_000)).toBe(true);
    expect(world.records.filter(({ rollback }) => rollback !== undefined).length).toBeGreaterThan(0);
    expectReturn({ ...world, records: [...new Map(world.records.map((r) => [r.round, r])).values()] });
  });

  test('Q-22: by evaluations of participants too', async () => {
    const world = run({ evaluation: 'sample' });
    // Everyone finds every version equally good: nothing to take back.
    expect(await world.run(finished(world), 300_000)).toBe(true);
    expect(world.records.every(({ rollback }) => rollback === undefined)).toBe(true);
  });
});
