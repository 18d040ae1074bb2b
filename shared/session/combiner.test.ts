import { expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  bytesOf,
  CAROL,
  DAVE,
  effectsOf,
  inviteOf,
  type Machine,
  machineOf,
  planMessage,
  planOf,
  RUN,
  sent,
} from '../testing/session-fixtures.ts';
import type { MessageOf, Plan } from '../wire/index.ts';
import { type CombinerContext, type CombinerState, initialCombiner, stepCombiner } from './combiner.ts';
import { hashOfSum } from './group-sum.ts';
import { toInt32 } from './owner.ts';

type Combiner = Machine<CombinerState>;

const GROUPS: ParticipantId[][] = [
  [ALICE, BOB],
  [CAROL, DAVE],
];

/** Two groups of two in a mesh, vectors of two coordinates; one slice for each owner. */
function combiner(change: Partial<CombinerContext> = {}): Combiner {
  const machine = machineOf(stepCombiner, initialCombiner, {
    self: SERVER,
    run: RUN,
    federationRevision: 1,
    vectorLength: 2,
    encoding: { fractionalBits: 0, clipNorm: 10, maxWeight: 100 },
    ring: undefined,
    ...change,
  });
  for (const index of [0, 1]) machine.hear(SERVER, inviteOf({ plan: groupPlan(index) }));
  return machine;
}

function groupPlan(index: number, change: Partial<Plan> = {}): Plan {
  return planOf({ cohort: GROUPS[index]!, group: { index, count: 2 }, ...change });
}

/** Survivors of this group are fixed. */
function fix(machine: Combiner, index: number, change: Partial<Plan> = {}) {
  const plan = groupPlan(index, { revision: 1, tally: 1, survivors: GROUPS[index]!, ...change });
  return machine.hear(SERVER, planMessage(plan));
}

function sum(
  machine: Combiner,
  from: NodeId,
  slice: number,
  value: number,
  change: Partial<MessageOf<'sum'>> = {},
) {
  const group = GROUPS.findIndex((cohort) => cohort.some((id) => id === from));
  return machine.hear(from, {
    type: 'sum',
    run: RUN,
    attempt: attemptOf(),
    tally: 1,
    slice,
    weight: 4,
    values: bytesOf([value]),
    proof: null,
    group,
    ...change,
  });
}

const combine = (groups: readonly number[] = [0, 1], tally = 1) => ({
  type: 'combine' as const,
  attempt: attemptOf(),
  groups: groups.map((group) => ({ group, tally })),
});

/** Both groups' sums are here: [1, 2] and [30, 40]. */
function collected(): Combiner {
  const machine = combiner();
  for (const index of [0, 1]) fix(machine, index);
  sum(machine, ALICE, 0, 1);
  sum(machine, BOB, 1, 2);
  sum(machine, CAROL, 0, 30);
  sum(machine, DAVE, 1, 40);
  return machine;
}

test('G-10: the coordinator hears what a group came to once all slices of the present tally are here', () => {
  const machine = combiner();
  expect(sum(machine, ALICE, 0, 1)).toEqual([]);
  fix(machine, 0);
  expect(sum(machine, ALICE, 0, 1, { tally: 0 })).toEqual([]);
  expect(sum(machine, ALICE, 0, 1)).toEqual([]);
  const hash = hashOfSum({ values: Int32Array.of(1, 2), weight: 4 });
  expect(sum(machine, BOB, 1, 2)).toEqual([
    { type: 'collected', attempt: attemptOf(), group: 0, tally: 1, hash, error: undefined },
  ]);
  expect(sum(machine, BOB, 1, 2), 'said once').toEqual([]);
});

const total = (weight: number, values: readonly number[]) => ({
  type: 'aggregated' as const,
  attempt: attemptOf(),
  tally: 0,
  over: 'groups' as const,
  weight,
  values: Int32Array.from(values),
});

test('G-12, Q-03: what is made of the groups’ sums is told to the members of all of them', () => {
  const machine = collected();
  const asked = machine.take(combine());
  expect(sent(asked, 'total')).toEqual([]);
  expect(effectsOf(asked, 'aggregate')[0]).toMatchObject({
    over: 'groups',
    parts: [
      { members: GROUPS[0], weight: 4, values: Int32Array.of(1, 2) },
      { members: GROUPS[1], weight: 4, values: Int32Array.of(30, 40) },
    ],
  });
  const effects = machine.take(total(8, [31, 42]));
  const totals = sent(effects, 'total');
  expect(totals.map(({ to }) => to)).toEqual([ALICE, BOB, CAROL, DAVE]);
  expect(totals[0]!.message.weight).toBe(8);
  expect([...toInt32(totals[0]!.message.values, 2)]).toEqual([31, 42]);
});

test('G-12: of groups that finished only', () => {
  const machine = collected();
  expect(effectsOf(machine.take(combine([1])), 'aggregate')[0]!.parts).toHaveLength(1);
  const totals = sent(machine.take(total(4, [30, 40])), 'total');
  expect(totals.map(({ to }) => to)).toEqual([CAROL, DAVE]);
  expect([...toInt32(totals[0]!.message.values, 2)]).toEqual([30, 40]);
});

test('Q-03: what is ready when its attempt is over, or when nobody asked, is told to nobody', () => {
  const machine = collected();
  expect(machine.take(total(8, [31, 42]))).toEqual([]);
  machine.take(combine());
  machine.hear(SERVER, { type: 'abandon', run: RUN, attempt: attemptOf(), code: 'c', reason: 'r' });
  expect(machine.take(total(8, [31, 42]))).toEqual([]);
});

test('G-12: nothing is combined twice, of another tally, of another attempt, or before it is here', () => {
  const machine = collected();
  expect(machine.take(combine([0, 1], 2))).toEqual([]);
  expect(machine.take({ ...combine(), attempt: attemptOf(1) })).toEqual([]);
  expect(machine.take(combine())).not.toEqual([]);
  expect(machine.take(combine())).toEqual([]);
  const early = combiner();
  expect(early.take(combine())).toEqual([]);
});

test('a sum counts from members of its group and from the server, for slices that there are', () => {
  const machine = combiner();
  fix(machine, 0);
  sum(machine, ALICE, 0, 1);
  expect(sum(machine, CAROL, 1, 2, { group: 0 })).toEqual([]);
  expect(sum(machine, BOB, 2, 2)).toEqual([]);
  expect(sum(machine, BOB, 1, 2, { group: 5 })).toEqual([]);
  fix(machine, 0, { revision: 2, owners: [ALICE, SERVER] });
  expect(effectsOf(sum(machine, SERVER, 1, 2, { group: 0 }), 'collected')).toHaveLength(1);
});

test('P-24: the sum of an earlier owner counts until that of the present one is here', () => {
  const machine = combiner();
  fix(machine, 0);
  sum(machine, ALICE, 0, 1);
  sum(machine, BOB, 1, 2);
  fix(machine, 0, { revision: 2, owners: [ALICE, ALICE] });
  const [corrected] = effectsOf(sum(machine, ALICE, 1, 9), 'collected');
  expect(corrected?.hash).toBe(hashOfSum({ values: Int32Array.of(1, 9), weight: 4 }));
});

test('P-25: a later tally voids what was collected', () => {
  const machine = collected();
  fix(machine, 0, { revision: 2, tally: 2, survivors: [ALICE], owners: [ALICE, ALICE] });
  expect(machine.take(combine())).toEqual([]);
  const values = { tally: 2, weight: 2 };
  sum(machine, ALICE, 0, 1, values);
  expect(effectsOf(sum(machine, ALICE, 1, 1, values), 'collected')[0]?.tally).toBe(2);
});

test('different weights do not fit together', () => {
  const machine = combiner();
  fix(machine, 0);
  sum(machine, ALICE, 0, 1);
  expect(sum(machine, BOB, 1, 2, { weight: 5 })).toEqual([]);
});

test.each([
  ['update.overflow', bytesOf([42])],
  ['update.wrong-length', new Uint8Array(5)],
] as const)('G-13: a sum that cannot be one is reported as %s', (code, values) => {
  const machine = combiner();
  fix(machine, 0);
  sum(machine, ALICE, 0, 1);
  const [report] = effectsOf(sum(machine, BOB, 1, 0, { values }), 'collected');
  expect(report).toMatchObject({ group: 0, hash: undefined, error: { code } });
  expect(machine.take(combine([0]))).toEqual([]);
});

test('an abandoned group is let go, or all of them; only its own node is obeyed', () => {
  const abandon = (group?: number) =>
    ({
      type: 'abandon',
      run: RUN,
      attempt: attemptOf(),
      code: 'c',
      reason: 'r',
      ...(group === undefined ? {} : { group }),
    }) as const;
  const machine = collected();
  machine.hear(ALICE, abandon(0));
  expect(machine.state.groups.size).toBe(2);
  machine.hear(SERVER, abandon(0));
  expect([...machine.state.groups.keys()]).toEqual([1]);
  machine.hear(SERVER, abandon());
  expect(machine.state.groups.size).toBe(0);
});

test('a later attempt ends an earlier one and what was sent for it', () => {
  const machine = collected();
  const effects = machine.hear(SERVER, inviteOf({ attempt: attemptOf(1), plan: groupPlan(0) }));
  expect(effects).toEqual([
    { type: 'cancel-sends', tag: 'total 1.1.0' },
    { type: 'cancel-aggregate', attempt: attemptOf() },
  ]);
  expect([...machine.state.groups.keys()]).toEqual([0]);
  expect(machine.hear(SERVER, inviteOf({ plan: groupPlan(1) }))).toEqual([]);
  expect([...machine.state.groups.keys()]).toEqual([0]);
});
