import { describe, expect, test } from 'vitest';
import { SERVER } from '../../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  CAROL,
  coordinatorContext,
  effectsOf,
  type Machine,
  machineOf,
  modelOf,
  RUN,
  refOf,
  sent,
} from '../../testing/session-fixtures.ts';
import type { CoordinatorOrder } from './orders.ts';
import { type CoordinatorContext, type CoordinatorState, initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

const START = refOf(modelOf(0));
const TRIO = [ALICE, BOB, CAROL];
const HOLD: CoordinatorOrder = { name: 'hold', reason: 'Paused.' };
const HALT: CoordinatorOrder = { name: 'halt', reason: 'Stopped.' };

type Coordinator = Machine<CoordinatorState>;

function coordinator(change: Partial<CoordinatorContext> = {}): Coordinator {
  const context = coordinatorContext({ mesh: false, serverMayOwn: true, ...change });
  return machineOf(stepCoordinator, initialCoordinator(1, START, [SERVER], []), context);
}
const join = (machine: Coordinator, id = ALICE) =>
  machine.hear(id, {
    type: 'join',
    run: RUN,
    incarnation: 1,
    model: START,
    term: 1,
    examples: 10,
    paused: false,
  });
const settle = (machine: Coordinator) => machine.take({ type: 'timer', name: 'settle' });
const order = (machine: Coordinator, what: CoordinatorOrder) => machine.take({ type: 'order', order: what });

/** Carries the round under way to its end. */
function finishRound(machine: Coordinator, number = 1) {
  const { status, lastAttempt } = machine.state;
  if (status.name !== 'round') throw new Error('no round is under way');
  const attempt = lastAttempt!;
  const { cohort } = status.rounds[0]!.plan;
  for (const id of cohort) machine.hear(id, { type: 'trained', run: RUN, attempt });
  for (const id of cohort)
    machine.hear(id, { type: 'uploaded', run: RUN, attempt, revision: 0, undeliverable: [] });
  return cohort.flatMap((id) =>
    machine.hear(id, { type: 'applied', run: RUN, attempt, tally: 1, hash: `h${number}` }),
  );
}

/** The server with three members, in the phase of that name. */
const PHASES: Readonly<Record<string, (machine: Coordinator) => void>> = {
  gathering: () => undefined,
  training: settle,
  exchanging(machine) {
    settle(machine);
    for (const id of TRIO) machine.hear(id, { type: 'trained', run: RUN, attempt: attemptOf() });
  },
  applying(machine) {
    settle(machine);
    for (const id of TRIO) machine.hear(id, { type: 'trained', run: RUN, attempt: attemptOf() });
    for (const id of TRIO)
      machine.hear(id, { type: 'uploaded', run: RUN, attempt: attemptOf(), revision: 0, undeliverable: [] });
  },
};

function at(phase: string, change: Partial<CoordinatorContext> = {}): Coordinator {
  const machine = coordinator(change);
  for (const id of TRIO) join(machine, id);
  PHASES[phase]!(machine);
  return machine;
}

describe.each(Object.keys(PHASES))('while %s', (phase) => {
  const isUnderWay = phase !== 'gathering';

  test('J-02: a hold tells everyone, lets what is under way finish, and nothing more begin', () => {
    const machine = at(phase);
    const told = order(machine, HOLD);
    expect(sent(told, 'standby')).toMatchObject(
      TRIO.map((to) => ({ to, message: { code: 'round.on-hold', reason: 'Paused.' } })),
    );
    expect(sent(told, 'abandon')).toEqual([]);
    if (isUnderWay) expect(sent(finishRound(machine), 'commit')).toHaveLength(3);
    expect(settle(machine)).toEqual([]);
    expect(machine.state.status.name).toBe('gathering');
    expect(machine.state.model!.version).toBe(isUnderWay ? 1 : 0);
  });

  test('J-05: a halt abandons what is under way, by name, and nothing more begins', () => {
    const machine = at(phase);
    const effects = order(machine, HALT);
    const code = 'round.on-hold';
    expect(sent(effects, 'abandon').map(({ message }) => message.code)).toEqual(
      isUnderWay ? [code, code, code, code] : [],
    );
    expect(effectsOf(effects, 'attempt-abandoned')).toEqual(
      isUnderWay ? [{ type: 'attempt-abandoned', attempt: attemptOf(), code }] : [],
    );
    expect(sent(effects, 'standby')).toHaveLength(3);
    expect(machine.take({ type: 'timer', name: 'retry' })).toEqual([]);
    expect(settle(machine)).toEqual([]);
  });

  test('J-04: an end comes after the round under way, or at once', () => {
    const machine = at(phase);
    const effects = order(machine, { name: 'end', reason: 'early-stopping' });
    const finished = isUnderWay ? finishRound(machine) : effects;
    if (isUnderWay) expect(sent(effects, 'finish')).toEqual([]);
    // Participants know the word of before.
    expect(sent(finished, 'finish').map(({ message }) => message.reason)).toEqual(TRIO.map(() => 'stopped'));
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'early-stopping' });
  });

  test('J-04: an end comes also when nothing comes of the round under way', () => {
    const machine = at(phase);
    order(machine, { name: 'end', reason: 'stopped' });
    for (const id of [BOB, CAROL]) machine.take({ type: 'peer-down', peer: id });
    machine.take({ type: 'timer', name: 'apply' });
    machine.take({ type: 'timer', name: 'retry' });
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'stopped' });
  });

  test('J-01: the same order again, in whatever phase, changes nothing', () => {
    for (const what of [HOLD, HALT]) {
      const machine = at(phase);
      order(machine, what);
      const before = machine.state;
      expect(order(machine, what)).toEqual([]);
      expect(machine.state).toEqual(before);
    }
  });
});

test('J-02: whoever joins during a hold is told too; J-04: to go on is told by a welcome, and a round begins after settling', () => {
  const machine = coordinator();
  order(machine, HOLD);
  expect(sent(join(machine), 'standby')).toHaveLength(1);
  join(machine, BOB);
  expect(settle(machine)).toEqual([]);
  const effects = order(machine, { name: 'go' });
  expect(sent(effects, 'welcome').map(({ to }) => to)).toEqual([ALICE, BOB]);
  expect(effectsOf(effects, 'timer')).toEqual([{ type: 'timer', name: 'settle', delayMs: 100 }]);
  expect(sent(settle(machine), 'invite')).toHaveLength(3);
  expect(order(machine, { name: 'go' }), 'nothing was held').toEqual([]);
});

test('J-06: limits narrow the document and never widen it', () => {
  const machine = at('gathering', { maximumRounds: 10, targetAccuracy: 0.8 });
  order(machine, { name: 'limit', limits: { clientsPerRound: 2, maximumRounds: 1, targetAccuracy: 0.9 } });
  expect(sent(settle(machine), 'invite').filter(({ to }) => to !== SERVER)).toHaveLength(2);
  finishRound(machine);
  expect(machine.state.status).toEqual({ name: 'finished', reason: 'maximum-rounds' });

  const wide = at('gathering', { groupSize: 2, maxParticipants: 2, maximumRounds: 1 });
  order(wide, { name: 'limit', limits: { clientsPerRound: 99, maximumRounds: 99 } });
  expect(sent(settle(wide), 'invite').filter(({ to }) => to !== SERVER)).toHaveLength(2);
  finishRound(wide);
  expect(wide.state.status.name).toBe('finished');
});

test('J-06: never fewer than the document needs are invited', () => {
  const machine = at('gathering', { minParticipants: 3 });
  order(machine, { name: 'limit', limits: { clientsPerRound: 1 } });
  expect(sent(settle(machine), 'invite').filter(({ to }) => to !== SERVER)).toHaveLength(3);
});

test('J-06: of a list of clients others are told that it is not for them, and not invited', () => {
  const machine = at('gathering');
  const limits = { clients: new Set([ALICE, CAROL]) };
  expect(sent(order(machine, { name: 'limit', limits }), 'standby')).toMatchObject([
    { to: BOB, message: { code: 'participant.not-listed' } },
  ]);
  expect(sent(order(machine, { name: 'limit', limits }), 'standby'), 'said once').toEqual([]);
  expect(sent(settle(machine), 'invite').map(({ to }) => to)).toEqual([ALICE, CAROL, SERVER]);
});

test('J-01: whoever is barred is not invited, also after it joined anew, and says nothing of budgets', () => {
  const machine = at('gathering', { rations: true });
  for (const participant of TRIO) machine.take({ type: 'allowance', participant, rounds: 5 });
  order(machine, { name: 'bar', participant: BOB, allowed: false });
  order(machine, { name: 'bar', participant: CAROL, allowed: false });
  join(machine, BOB);
  machine.take({ type: 'allowance', participant: BOB, rounds: 0 });
  const effects = settle(machine);
  expect(sent(effects, 'invite')).toEqual([]);
  expect(effectsOf(effects, 'notice')).toEqual([]);
  order(machine, { name: 'bar', participant: CAROL, allowed: true });
  expect(sent(settle(machine), 'invite').map(({ to }) => to)).toEqual([ALICE, CAROL, SERVER]);
});

test('the model goes back by order; what is under way is abandoned; where it cannot, that is said', () => {
  const machine = at('training');
  finishRound(machine);
  const effects = order(machine, { name: 'roll-back', to: START });
  expect(effectsOf(effects, 'roll-back')).toEqual([{ type: 'roll-back', to: START, version: 2 }]);
  expect(sent(effects, 'abandon')).toHaveLength(4);
  const back = machine.take({ type: 'rolled-back', to: START, model: { version: 2, hash: START.hash } });
  expect(effectsOf(back, 'save-record')[0]!.record).toMatchObject({
    round: 2,
    evaluation: null,
    rollback: { to: 0 },
  });
  const refused = order(machine, { name: 'roll-back', to: { version: 7, hash: 'x' } });
  expect(effectsOf(refused, 'notice')[0]!.error!.code).toBe('aggregate.rollback-failed');
});
