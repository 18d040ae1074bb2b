import { expect, test } from 'vitest';
import { addition } from '../aggregate/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
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
import type { MessageOf } from '../wire/index.ts';
import { toInt32 } from './owner.ts';
import { initialOwners, type OwnersState, stepOwners } from './owner-groups.ts';

const FIRST = [ALICE, BOB];
const SECOND = [CAROL, DAVE];

/** The server owns the one slice of each of two groups. */
function server(attempt = attemptOf()): Machine<OwnersState> {
  const machine = machineOf(stepOwners, initialOwners, {
    self: SERVER,
    run: RUN,
    vectorLength: 1,
    encoding: { fractionalBits: 0, clipNorm: 10, maxWeight: 100 },
    federationRevision: 1,
    ring: undefined,
    rule: addition,
    addsNoise: false,
  });
  [FIRST, SECOND].forEach((cohort, index) => {
    machine.hear(
      SERVER,
      inviteOf({ attempt, plan: planOf({ cohort, owners: [SERVER], group: { index, count: 2 } }) }),
    );
  });
  return machine;
}

function slice(
  machine: Machine<OwnersState>,
  from: NodeId,
  value: number,
  change: Partial<MessageOf<'slice'>> = {},
) {
  const message = {
    attempt: attemptOf(),
    slice: 0,
    count: 1,
    weight: 1,
    values: bytesOf([value]),
    ...change,
  };
  return machine.hear(from, { type: 'slice', run: RUN, ...message });
}

function fix(machine: Machine<OwnersState>, index: number) {
  const cohort = index === 0 ? FIRST : SECOND;
  const group = { index, count: 2 };
  return machine.hear(
    SERVER,
    planMessage({ revision: 1, tally: 1, cohort, survivors: cohort, owners: [SERVER], group }),
  );
}

test('G-14: slices of one group enter no sum of another', () => {
  const machine = server();
  for (const [id, value] of [
    [ALICE, 1],
    [CAROL, 3],
    [BOB, 2],
    [DAVE, 4],
  ] as const)
    slice(machine, id, value);
  const [first, second] = [0, 1].map((index) => sent(fix(machine, index), 'sum')) as [
    ReturnType<typeof sent<'sum'>>,
    ReturnType<typeof sent<'sum'>>,
  ];
  expect(first.map(({ to }) => to)).toEqual([ALICE, BOB, SERVER]);
  expect(second.map(({ to }) => to)).toEqual([CAROL, DAVE, SERVER]);
  expect([...toInt32(first[0]!.message.values, 1)]).toEqual([3]);
  expect([...toInt32(second[0]!.message.values, 1)]).toEqual([7]);
  expect([first, second].map(([to]) => to!.message.group)).toEqual([0, 1]);
});

test('G-14: a group that is abandoned alone lets go of its slices and sums, the others keep theirs', () => {
  const machine = server();
  for (const id of [ALICE, BOB, CAROL, DAVE]) slice(machine, id, 1);
  const effects = machine.hear(SERVER, {
    type: 'abandon',
    run: RUN,
    attempt: attemptOf(),
    code: 'c',
    reason: 'r',
    group: 1,
  });
  expect(effects).toEqual([{ type: 'cancel-sends', tag: 'sum 1.1.0/1' }]);
  expect(fix(machine, 0)).not.toEqual([]);
  expect([...machine.state.keys()]).toEqual([0]);
});

test('G-14: a later attempt of one group ends all groups of the one before', () => {
  const machine = server();
  const later = inviteOf({
    attempt: attemptOf(1),
    plan: planOf({ cohort: [ALICE, CAROL], owners: [SERVER] }),
  });
  const tags = effectsOf(machine.hear(SERVER, later), 'cancel-sends').map(({ tag }) => tag);
  expect(tags).toEqual(['sum 1.1.0/0', 'sum 1.1.0/1']);
  expect([...machine.state.keys()]).toEqual([0]);
});

test('G-14: a slice of someone in no group is refused by the first', () => {
  const machine = server();
  const stranger = 'eve'.padEnd(22, '-') as NodeId;
  expect(effectsOf(slice(machine, stranger, 1), 'notice').map(({ error }) => error?.code)).toEqual([
    'wire.out-of-phase',
  ]);
  expect(effectsOf(slice(machine, DAVE, 10_000), 'notice').map(({ error }) => error?.code)).toEqual([
    'update.overflow',
  ]);
});
