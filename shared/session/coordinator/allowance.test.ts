import { expect, test } from 'vitest';
import { type ParticipantId, SERVER } from '../../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  CAROL,
  coordinatorContext,
  effectsOf,
  machineOf,
  modelOf,
  RUN,
  refOf,
  sent,
} from '../../testing/session-fixtures.ts';
import { initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

const START = refOf(modelOf(0));

function rationing(rations = true) {
  const machine = machineOf(
    stepCoordinator,
    initialCoordinator(1, START, [SERVER], []),
    coordinatorContext({ mesh: false, serverMayOwn: true, rations }),
  );
  for (const id of [ALICE, BOB, CAROL])
    machine.hear(id, {
      type: 'join',
      run: RUN,
      incarnation: 1,
      model: START,
      term: 1,
      examples: 10,
      paused: false,
    });
  const settle = () => machine.take({ type: 'timer', name: 'settle' });
  const allow = (participant: ParticipantId, rounds: number) =>
    machine.take({ type: 'allowance', participant, rounds });
  /** All that were invited carry the round under way to its end. @returns what that made the coordinator do. */
  const finishRound = (round: number) => {
    const { status } = machine.state;
    if (status.name !== 'round') throw new Error('no round is under way');
    const { cohort } = status.rounds[0]!.plan;
    const attempt = attemptOf(0, round);
    for (const id of cohort) machine.hear(id, { type: 'trained', run: RUN, attempt });
    for (const id of cohort)
      machine.hear(id, { type: 'uploaded', run: RUN, attempt, revision: 0, undeliverable: [] });
    const hash = `h${round}`;
    return cohort.flatMap((id) => machine.hear(id, { type: 'applied', run: RUN, attempt, tally: 1, hash }));
  };
  return { machine, settle, allow, finishRound };
}
const invited = (effects: Parameters<typeof sent>[0]) =>
  sent(effects, 'invite')
    .map(({ to }) => to)
    .sort();
const notices = (effects: Parameters<typeof effectsOf>[0]) =>
  effectsOf(effects, 'notice').filter(({ error }) => error?.code === 'privacy.budget-exceeded');

test('C-38: nobody is invited before it is known how many rounds are left to it', () => {
  const { machine, settle, allow } = rationing();
  expect(invited(settle())).toEqual([]);
  allow(ALICE, 5);
  expect(allow(BOB, 5)).toContainEqual({ type: 'timer', name: 'settle', delayMs: 100 });
  expect(invited(settle())).toEqual([ALICE, BOB, SERVER].sort());
  expect(machine.state.status.name).toBe('round');
});

test('C-38: whoever has no rounds left is not invited any more; the others go on', () => {
  const { settle, allow, finishRound } = rationing();
  allow(ALICE, 1);
  allow(BOB, 2);
  allow(CAROL, 2);
  expect(invited(settle())).toEqual([ALICE, BOB, CAROL, SERVER].sort());
  expect(invited(finishRound(1))).toEqual([BOB, CAROL, SERVER].sort());
});

test('C-38: with too few left the round waits, says so once, and goes on as soon as a budget has room', () => {
  const { machine, settle, allow, finishRound } = rationing();
  allow(ALICE, 1);
  allow(BOB, 1);
  allow(CAROL, 9);
  settle();
  const last = finishRound(1);
  expect(invited(last)).toEqual([]);
  expect(notices(last).map(({ text }) => text)).toEqual([
    'Participants whose privacy budget is spent: 2. The round waits for 1 more.',
  ]);
  expect(notices(settle())).toEqual([]);
  allow(ALICE, 3);
  expect(invited(settle())).toEqual([ALICE, CAROL, SERVER].sort());
  expect(machine.state.status.name).toBe('round');
});

test('of whoever left, and of whoever is gone when a round is done, nothing is kept', () => {
  const { machine, settle, allow, finishRound } = rationing();
  for (const id of [ALICE, BOB, CAROL]) allow(id, 9);
  settle();
  finishRound(1);
  machine.hear(ALICE, { type: 'leave', run: RUN });
  expect([...machine.state.members.keys()]).toEqual([BOB, CAROL]);
  expect([...machine.state.allowances.keys()]).toEqual([BOB, CAROL]);
  machine.hear(ALICE, {
    type: 'join',
    run: RUN,
    incarnation: 2,
    model: refOf(modelOf(0)),
    term: 1,
    examples: 10,
    paused: false,
  });
  machine.take({ type: 'peer-down', peer: ALICE });
  expect(machine.state.members.get(ALICE)?.here).toBe(false);
  finishRound(2);
  expect([...machine.state.members.keys()]).toEqual([BOB, CAROL]);
});

test('a coordinator that does not ration invites whoever is here', () => {
  const { settle } = rationing(false);
  expect(invited(settle())).toEqual([ALICE, BOB, CAROL, SERVER].sort());
});
