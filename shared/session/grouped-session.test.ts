import { expect, test, vi } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { createWorld, type World, type WorldOptions } from '../testing/session-world.ts';
import type { Message } from '../wire/index.ts';

// Twelve engines and their cryptography, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Every invitation's cohort, by attempt and group. */
interface Groups {
  readonly byAttempt: Map<string, Map<number, readonly ParticipantId[]>>;
  see(message: Message): void;
}

function watchGroups(): Groups {
  const byAttempt: Groups['byAttempt'] = new Map();
  return {
    byAttempt,
    see(message) {
      if (message.type !== 'invite' || message.plan.group === undefined) return;
      const { term, round, attempt } = message.attempt;
      const key = `${term}.${round}.${attempt}`;
      const groups = byAttempt.get(key) ?? new Map<number, readonly ParticipantId[]>();
      byAttempt.set(key, groups.set(message.plan.group.index, message.plan.cohort));
    },
  };
}

function worldOf(participants: number, rounds: number, more: Partial<WorldOptions> = {}): World {
  const world = createWorld({
    seed: `${expect.getState().currentTestName}`,
    participants,
    rounds,
    groupSize: 4,
    flush,
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
  expect(world.watch.broken).toEqual(new Set());
}

const codes = (world: World) => [...new Set(world.notices.map(({ code }) => code))].filter((code) => code);

test.each([
  ['secure', ['direct', 'relay', 'server']],
  ['secure', ['server']],
  ['plain', ['direct', 'relay', 'server']],
  ['plain', ['server']],
] as const)(
  'G-03, G-12: twelve in groups of four, %s over %s: every total is exact, groups change',
  async (kind, paths) => {
    const groups = watchGroups();
    const world = worldOf(12, 3, {
      secure: kind === 'secure',
      paths: [...paths],
      onSaid: (_from, _to, message) => groups.see(message),
    });
    expect(await world.run(finished(world), 120_000)).toBe(true);
    expect(world.records.map(({ round }) => round)).toEqual([1, 2, 3]);
    for (const { survivors, groups: count } of world.records) {
      expect(survivors).toEqual(world.ids);
      expect(count).toBe(3);
    }
    expect(world.records.map(({ secure }) => secure)).toEqual(
      Array.from({ length: 3 }, () => (kind === 'secure' ? { threshold: 3, confirmations: 12 } : null)),
    );
    expectExactSums(world);
    expect(codes(world)).toEqual([]);
    const drawn = [...groups.byAttempt.values()].map((round) => [...round.values()]);
    expect(drawn).toHaveLength(3);
    for (const round of drawn) {
      expect(round.map((cohort) => cohort.length)).toEqual([4, 4, 4]);
      expect(round.flat().sort()).toEqual(world.ids);
    }
    expect(
      new Set(
        drawn.map((round) =>
          round
            .map((cohort) => cohort.join())
            .sort()
            .join('|'),
        ),
      ).size,
    ).toBe(3);
  },
);

const LEAVE_AT = [
  'nonce',
  'keys',
  'shares',
  'slice',
  'uploaded',
  'confirm',
  'reveal',
  'sum',
  'summed',
  'applied',
] as const;

/** A world in which one of its participants is closed as it says this for the first time, `afterMs` later. */
function worldWithLeaver(
  moment: (typeof LEAVE_AT)[number],
  more: Partial<WorldOptions>,
  participants = 12,
): { readonly world: World; readonly left: () => NodeId | undefined } {
  let left: NodeId | undefined;
  const world: World = worldOf(participants, 1, {
    ...more,
    onSaid(from, _to, message) {
      if (left !== undefined || from === SERVER || message.type !== moment) return;
      left = from;
      world.clock.after(0, () => world.kill(from));
    },
  });
  return { world, left: () => left };
}

test.each(LEAVE_AT)('G-07: one closed at its %s message costs its group at most', async (moment) => {
  const { world, left } = worldWithLeaver(moment, { secure: true });
  expect(await world.run(finished(world), 300_000)).toBe(true);
  expect(left()).toBeDefined();
  expect(world.records).toHaveLength(1);
  const [{ survivors }] = world.records as [(typeof world.records)[number]];
  expect(survivors.length).toBeGreaterThanOrEqual(8);
  expectExactSums(world);
  const others = world.ids.filter((id) => id !== left());
  const haveIt = () => others.every((id) => world.modelOf(id)!.hash === world.records[0]!.hash);
  expect(await world.run(haveIt, 60_000)).toBe(true);
});

test.each(LEAVE_AT.filter((moment) => !['keys', 'shares', 'confirm', 'reveal'].includes(moment)))(
  'G-07: of a plain round, one closed at its %s message costs its group at most',
  async (moment) => {
    const { world, left } = worldWithLeaver(moment, {});
    expect(await world.run(finished(world), 300_000)).toBe(true);
    expect(left()).toBeDefined();
    expect(world.records).toHaveLength(1);
    expect(world.records[0]!.survivors.length).toBeGreaterThanOrEqual(8);
    expectExactSums(world);
  },
);

test.each([true, false])(
  'G-07: when a whole group dies the round goes on with the others (secure: %s)',
  async (secure) => {
    const doomed: NodeId[] = [];
    const world: World = worldOf(12, 1, {
      secure,
      onSaid(_from, to, message) {
        if (message.type !== 'invite' || message.plan.group?.index !== 1 || to === SERVER) return;
        doomed.push(to);
        world.clock.after(10, () => world.kill(to));
      },
    });
    expect(await world.run(finished(world), 300_000)).toBe(true);
    expect(doomed).toHaveLength(4);
    const [record] = world.records;
    expect(record!.survivors).toEqual(world.ids.filter((id) => !doomed.includes(id)));
    expect([...record!.dropped].sort()).toEqual([...doomed].sort());
    expect(record!.groups).toBe(2);
    expect(record!.attempt).toBe(0);
    expectExactSums(world);
  },
);

test('G-07: members of a group that is abandoned take the model that the others make', async () => {
  // In groups of three, one who leaves ends its group: a sum of two gives both away.
  const { world, left } = worldWithLeaver('slice', { secure: true, groupSize: 3 }, 9);
  expect(await world.run(finished(world), 300_000)).toBe(true);
  const [record] = world.records;
  expect(record!.survivors).toHaveLength(6);
  expect(record!.groups).toBe(2);
  expect(record!.dropped).toContain(left());
  expectExactSums(world);
  expect(codes(world)).toContain('round.too-few-participants');
  const others = world.ids.filter((id) => id !== left());
  const haveIt = () => others.every((id) => world.modelOf(id)!.hash === record!.hash);
  expect(await world.run(haveIt, 60_000)).toBe(true);
});

test('G-08: groups that are too few together end the attempt, and the next draw is another', async () => {
  const groups = watchGroups();
  const world = worldOf(8, 1, {
    secure: true,
    minParticipants: 4,
    onSaid: (_from, _to, message) => groups.see(message),
  });
  const firstGroups = () => groups.byAttempt.get('1.1.0');
  expect(await world.run(() => firstGroups()?.size === 2, 60_000)).toBe(true);
  for (const cohort of firstGroups()!.values())
    for (const id of cohort.slice(0, 2)) {
      world.kill(id);
      world.start(id);
    }
  expect(await world.run(finished(world), 300_000)).toBe(true);
  expect(world.records.map(({ attempt }) => attempt)).toEqual([1]);
  expect(codes(world)).toContain('round.too-few-participants');
  const [first, second] = [...groups.byAttempt.values()].map((cohorts) => [...cohorts.values()].join('|'));
  expect(second).not.toBe(first);
  expectExactSums(world);
});

test.each(['draw', 'slice', 'sum', 'summed', 'total'] as const)(
  'the server restarts as the first %s message is sent: the run goes on',
  async (moment) => {
    let restarted = false;
    const world: World = worldOf(12, 2, {
      secure: true,
      onSaid(_from, _to, message) {
        if (restarted || message.type !== moment) return;
        restarted = true;
        world.clock.after(0, () => {
          world.kill(SERVER);
          world.clock.after(3000, () => world.start(SERVER));
        });
      },
    });
    expect(await world.run(() => restarted && finished(world)(), 600_000)).toBe(true);
    expect(new Set(world.records.map(({ round }) => round))).toEqual(new Set([1, 2]));
    expectExactSums(world);
    expect(new Set(world.ids.map((id) => world.modelOf(id)!.hash)).size).toBe(1);
  },
);

const oneOff = (values: Uint8Array<ArrayBuffer>) => values.map((byte, i) => (i === 0 ? byte ^ 1 : byte));

test.each([true, false])(
  'G-11: an owner that sends the server another sum than its group costs the group (secure: %s)',
  async (secure) => {
    let liar: NodeId | undefined;
    const world = worldOf(12, 1, {
      secure,
      lie(from, to, message) {
        if (message.type !== 'sum' || to !== SERVER) return message;
        liar ??= from;
        return from === liar ? { ...message, values: oneOff(message.values) } : message;
      },
    });
    expect(await world.run(finished(world), 300_000)).toBe(true);
    const [record] = world.records;
    expect(record!.survivors).toHaveLength(8);
    expect(record!.survivors).not.toContain(liar);
    expect(codes(world)).toContain('round.diverged');
    expectExactSums(world);
  },
);

test('A-41: an owner that sends its group a wrong sum is replaced, and the total is right', async () => {
  let liar: NodeId | undefined;
  const world = worldOf(12, 1, {
    secure: true,
    lie(from, _to, message) {
      if (message.type !== 'sum') return message;
      liar ??= from;
      return from === liar ? { ...message, values: oneOff(message.values) } : message;
    },
  });
  expect(await world.run(finished(world), 300_000)).toBe(true);
  expect(world.records[0]!.survivors).toEqual(world.ids);
  expect(codes(world)).toContain('secagg.check-failed');
  expectExactSums(world);
});

test('a cohort of forty at the server, in groups of ten', async () => {
  const world = worldOf(40, 1, { secure: true, groupSize: 10, paths: ['server'] });
  expect(await world.run(finished(world), 120_000)).toBe(true);
  expect(world.records[0]).toMatchObject({ groups: 4, secure: { threshold: 7, confirmations: 40 } });
  expectExactSums(world);
  expect(codes(world)).toEqual([]);
});

/** What a server says that chooses the groups itself; its machine is honest and knows nothing of it. */
const COOKED: readonly [string, (message: Message, to: NodeId, before: Map<NodeId, Message>) => Message][] = [
  [
    'another nonce',
    (message) => {
      if (message.type !== 'invite' || message.draw === undefined) return message;
      const nonces = message.draw.nonces.map((nonce, i) => (i === 3 ? nonce.map((byte) => byte ^ 1) : nonce));
      return { ...message, draw: { ...message.draw, nonces } };
    },
  ],
  [
    'another cut',
    (message) => {
      if (message.type !== 'invite' || message.draw === undefined) return message;
      const { plan, draw } = message;
      const stranger = draw.cohort.find((id) => !plan.cohort.includes(id))!;
      const cohort = [...plan.cohort.slice(0, 3), stranger].sort();
      return { ...message, plan: { ...plan, cohort, owners: cohort } };
    },
  ],
  [
    'fewer nonces than were revealed to it, and the old cut',
    (message) => {
      if (message.type !== 'invite' || message.draw === undefined) return message;
      const { cohort, nonces } = message.draw;
      return { ...message, draw: { cohort: cohort.slice(1), nonces: nonces.slice(1) } };
    },
  ],
  [
    'the draw of an earlier round',
    (message, to, before) => {
      if (message.type !== 'invite' || message.draw === undefined) return message;
      const earlier = before.get(to) as typeof message | undefined;
      before.set(to, earlier ?? message);
      return earlier === undefined ? message : { ...message, plan: earlier.plan, draw: earlier.draw! };
    },
  ],
  [
    'no draw',
    (message) => {
      if (message.type !== 'invite') return message;
      const { draw: _, ...without } = message;
      return without;
    },
  ],
  [
    'commitments of its own making',
    (message) => {
      if (message.type !== 'draw') return message;
      const commitments = message.commitments.map((commitment) => commitment.map((byte) => byte ^ 1));
      return { ...message, commitments };
    },
  ],
  [
    'another group in a later plan',
    (message) => {
      if (message.type !== 'plan' || message.plan.group === undefined) return message;
      const { group } = message.plan;
      return {
        ...message,
        plan: { ...message.plan, group: { ...group, index: (group.index + 1) % group.count } },
      };
    },
  ],
];

test.each(COOKED.flatMap(([name, cook]) => [true, false].map((secure) => [name, secure, cook] as const)))(
  'G-05: a server that cooks the groups, by %s, is refused by name (secure: %s)',
  async (_, secure, cook) => {
    const before = new Map<NodeId, Message>();
    const victims = new Set<NodeId>();
    const world: World = worldOf(12, 3, {
      secure,
      lie(from, to, message) {
        const said = from === SERVER ? cook(message, to, before) : message;
        if (said !== message) victims.add(to);
        return said;
      },
    });
    const refused = (): Set<NodeId> =>
      new Set(world.notices.filter(({ code }) => code === 'round.unfair-draw').map(({ node }) => node));
    // Whoever was told earlier of a round that the first refusals ended does not hear the lie out.
    const mostRefused = () => [...victims].filter((id) => refused().has(id)).length >= 8;
    expect(await world.run(mostRefused, 60_000)).toBe(true);
    // Nothing came of the groups that were cooked.
    expect(world.records.every((record) => record.hash === world.expectedHash(record))).toBe(true);
    for (const id of victims)
      if (refused().has(id)) expect(world.nodes.get(id)!.state.participant).toBeDefined();
  },
);

test('G-02: a commitment that the server missed is told again, without an alarm', async () => {
  let lost = 0;
  const world: World = worldOf(12, 3, {
    lie(from, _to, message) {
      if (message.type !== 'nonce' || from !== world.ids[0] || lost > 0) return message;
      lost++;
      return undefined;
    },
  });
  expect(await world.run(finished(world), 120_000)).toBe(true);
  expect(lost).toBe(1);
  const [first, second, third] = world.records;
  expect(first!.dropped).toEqual([world.ids[0]]);
  expect(second!.dropped).toEqual([world.ids[0]]);
  expect(third!.survivors).toEqual(world.ids);
  expect(codes(world)).toEqual([]);
});
