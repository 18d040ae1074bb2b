import { describe, expect, test } from 'vitest';
import { type ParticipantId, SERVER } from '../../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  CAROL,
  coordinatorContext,
  DAVE,
  effectsOf,
  type Machine,
  machineOf,
  modelOf,
  RUN,
  refOf,
  sent,
} from '../../testing/session-fixtures.ts';
import type { AttemptId, Message } from '../../wire/index.ts';
import { type CoordinatorContext, type CoordinatorState, initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

type Coordinator = Machine<CoordinatorState>;

const EVERYONE = [ALICE, BOB, CAROL, DAVE];

/** Version 5 is the newest; updates may be three versions behind. */
function coordinator(change: Partial<CoordinatorContext> = {}, ids = EVERYONE): Coordinator {
  const machine = machineOf(
    stepCoordinator,
    initialCoordinator(1, refOf(modelOf(5)), [SERVER], []),
    coordinatorContext({ maxStaleness: 3, mesh: false, serverMayOwn: true, maximumRounds: 100, ...change }),
  );
  for (const id of ids) join(machine, id);
  return machine;
}

function join(machine: Coordinator, id: ParticipantId, incarnation = 1, paused = false) {
  return machine.hear(id, {
    type: 'join',
    run: RUN,
    incarnation,
    model: refOf(modelOf(2)),
    term: 1,
    examples: 10,
    paused,
  });
}

const ready = (version: number): Message => ({ type: 'ready', run: RUN, model: refOf(modelOf(version)) });
const cohortOf = (machine: Coordinator) =>
  machine.state.status.name === 'round' ? machine.state.status.rounds[0]!.plan.cohort : undefined;
const say = (type: 'trained' | 'uploaded' | 'applied', attempt: AttemptId): Message => {
  const common = { run: RUN, attempt };
  if (type === 'trained') return { type, ...common };
  if (type === 'uploaded') return { type, ...common, revision: 0, undeliverable: [] };
  return { type, ...common, tally: 1, hash: modelOf(attempt.round).hash };
};

/** Everyone of the round under way does its part. */
function finish(machine: Coordinator, attempt: AttemptId, ids: readonly ParticipantId[]) {
  return (['trained', 'uploaded', 'applied'] as const).flatMap((type) =>
    ids.flatMap((id) => machine.hear(id, say(type, attempt))),
  );
}

describe('beginning', () => {
  test('E-11: a round begins with the minimum of those who are ready, and asks for no settling', () => {
    const machine = coordinator();
    expect(machine.hear(CAROL, ready(5))).toEqual([]);
    const effects = machine.hear(ALICE, ready(4));
    expect(sent(effects, 'invite').map(({ to }) => to)).toEqual([ALICE, CAROL, SERVER]);
    expect(sent(effects, 'invite')[0]!.message.base).toEqual(refOf(modelOf(5)));
  });

  test('E-11: settling alone begins none', () => {
    const machine = coordinator();
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('gathering');
  });

  test.each([
    [2, true],
    [1, false],
    [6, false],
  ])('E-11: of version 5 of the model an update of version %i may take part: %s', (version, may) => {
    const machine = coordinator();
    machine.hear(ALICE, ready(5));
    machine.hear(BOB, ready(version));
    expect(cohortOf(machine)).toEqual(may ? [ALICE, BOB] : undefined);
  });

  test('E-11: nor the ready of someone who did not join', () => {
    const machine = coordinator({}, [ALICE]);
    machine.hear(ALICE, ready(5));
    machine.hear(BOB, ready(5));
    expect(cohortOf(machine)).toBeUndefined();
  });

  test.each<[string, (machine: Coordinator) => void]>([
    ['paused', (machine) => join(machine, BOB, 1, true)],
    ['left', (machine) => machine.hear(BOB, { type: 'leave', run: RUN })],
    ['is gone', (machine) => machine.take({ type: 'peer-down', peer: BOB })],
    ['came back as another incarnation, which has not said so', (machine) => join(machine, BOB, 2)],
  ])('E-11: who %s is not ready', (_, change) => {
    const machine = coordinator();
    machine.hear(BOB, ready(5));
    change(machine);
    machine.hear(ALICE, ready(5));
    expect(cohortOf(machine)).toBeUndefined();
  });

  test('E-12: whoever has been ready longest is invited, and saying so again is no later', () => {
    const machine = coordinator({ minParticipants: 3, groupSize: 3 });
    join(machine, 'erin'.padEnd(22, '-') as ParticipantId);
    const attempt = attemptOf(0, 6);
    for (const id of [DAVE, ALICE, CAROL]) machine.hear(id, ready(5));
    // In the round that began with these, the others wait; and one of it says at once that it is ready again.
    machine.nowMs = 10;
    machine.hear(BOB, ready(5));
    machine.nowMs = 20;
    machine.hear('erin'.padEnd(22, '-') as ParticipantId, ready(5));
    machine.nowMs = 30;
    machine.hear(BOB, ready(5));
    for (const type of ['trained', 'uploaded', 'applied'] as const)
      for (const id of [ALICE, CAROL, DAVE]) machine.hear(id, say(type, attempt));
    expect(machine.state.model?.version).toBe(6);
    machine.nowMs = 40;
    machine.hear(ALICE, ready(6));
    expect(cohortOf(machine)).toEqual([ALICE, BOB, 'erin'.padEnd(22, '-')]);
  });

  test('E-11 C-34: after an abandonment the next attempt waits its time', () => {
    const machine = coordinator();
    for (const id of [ALICE, BOB]) machine.hear(id, ready(5));
    machine.hear(ALICE, { type: 'leave', run: RUN });
    expect(machine.state.status.name).toBe('gathering');
    machine.hear(BOB, ready(5));
    expect(effectsOf(machine.hear(CAROL, ready(5)), 'timer')).toMatchObject([{ name: 'settle' }]);
    expect(cohortOf(machine)).toBeUndefined();
    machine.take({ type: 'timer', name: 'retry' });
    expect(cohortOf(machine)).toEqual([BOB, CAROL]);
  });

  test('C-07: a run at its last version ends, whether or not anyone is ready', () => {
    const machine = coordinator({ maximumRounds: 5 });
    const effects = machine.take({ type: 'timer', name: 'settle' });
    expect(sent(effects, 'finish').map(({ to }) => to)).toEqual(EVERYONE);
  });

  test('C-38: whoever has no round left waits, and only for want of budgets is that said', () => {
    const machine = coordinator({ rations: true });
    for (const id of EVERYONE) machine.take({ type: 'allowance', participant: id, rounds: 1 });
    const effects = machine.take({ type: 'timer', name: 'settle' });
    expect(effectsOf(effects, 'notice'), 'nobody is ready yet').toEqual([]);
    machine.hear(ALICE, ready(5));
    machine.take({ type: 'allowance', participant: BOB, rounds: 0 });
    machine.hear(BOB, ready(5));
    expect(cohortOf(machine)).toBeUndefined();
    machine.hear(CAROL, ready(5));
    expect(cohortOf(machine)).toEqual([ALICE, CAROL]);
  });
});

describe('readiness', () => {
  test('E-13: an invitation uses it up; whoever is in the sum is waited for until it says so again', () => {
    const machine = coordinator();
    for (const id of [ALICE, BOB]) machine.hear(id, ready(5));
    finish(machine, attemptOf(0, 6), [ALICE, BOB]);
    expect(machine.state.model?.version).toBe(6);
    machine.hear(CAROL, ready(5));
    expect(cohortOf(machine)).toBeUndefined();
    machine.hear(ALICE, ready(6));
    expect(cohortOf(machine)).toEqual([ALICE, CAROL]);
  });

  test('E-13: a ready that was on its way as the invitation came, of the update that is in the sum, is void', () => {
    const machine = coordinator();
    for (const id of [ALICE, BOB]) machine.hear(id, ready(5));
    machine.hear(ALICE, ready(5));
    finish(machine, attemptOf(0, 6), [ALICE, BOB]);
    machine.hear(CAROL, ready(5));
    expect(cohortOf(machine)).toBeUndefined();
  });

  test('E-13: that of someone who was left out counts', () => {
    const machine = coordinator();
    machine.hear(ALICE, ready(5));
    machine.hear(BOB, ready(5));
    machine.take({ type: 'peer-down', peer: BOB });
    join(machine, BOB, 2);
    expect(machine.state.status.name).toBe('gathering');
    machine.take({ type: 'timer', name: 'retry' });
    machine.hear(BOB, ready(4));
    machine.hear(ALICE, ready(5));
    machine.take({ type: 'timer', name: 'settle' });
    expect(cohortOf(machine)).toEqual([ALICE, BOB]);
  });

  test('E-13: one of a version that the run went back on is void', () => {
    const rollback = { afterRounds: 1, threshold: 0.05 };
    const machine = coordinator({ rollback, judges: true, evaluates: false });
    const best = refOf(modelOf(4));
    machine.state.standing = {
      best: { model: best, evaluation: { total: 10, correct: 9, lossSum: 1 } },
      worse: 1,
    };
    machine.hear(ALICE, ready(5));
    machine.hear(BOB, ready(4));
    machine.take({ type: 'rolled-back', to: best, model: { version: 6, hash: best.hash } });
    machine.hear(CAROL, ready(4));
    expect(cohortOf(machine)).toEqual([BOB, CAROL]);
  });

  test('E-14: whoever has nothing to send is dropped, and welcome in the next attempt', () => {
    const machine = coordinator({ minParticipants: 2 });
    for (const id of [ALICE, BOB]) machine.hear(id, ready(5));
    const attempt = attemptOf(0, 6);
    const refusal: Message = { type: 'refuse', run: RUN, attempt, code: 'round.not-ready', reason: 'Later.' };
    machine.hear(ALICE, refusal);
    expect(machine.state.members.get(ALICE)?.refused).toBe(false);
    expect(machine.state.status.name).toBe('gathering');
    machine.hear(ALICE, ready(5));
    machine.hear(BOB, ready(5));
    machine.take({ type: 'timer', name: 'retry' });
    expect(cohortOf(machine)).toEqual([ALICE, BOB]);
  });

  test('E-15: who is late to protect its update is dropped at the first deadline; who trains is waited for by nobody', () => {
    const machine = coordinator();
    for (const id of [ALICE, BOB, CAROL]) machine.hear(id, ready(5));
    const attempt = attemptOf(0, 6);
    machine.hear(ALICE, say('trained', attempt));
    const effects = machine.take({ type: 'timer', name: 'train' });
    // Of two invited, one is too few.
    expect(cohortOf(machine)).toBeUndefined();
    expect(effectsOf(effects, 'notice').at(-1)?.error?.code).toBe('round.too-few-participants');
  });

  test('a federation of other rounds takes no notice of it', () => {
    const machine = coordinator({ maxStaleness: undefined });
    for (const id of EVERYONE) machine.hear(id, ready(5));
    expect(machine.state.status.name).toBe('gathering');
    machine.take({ type: 'timer', name: 'settle' });
    expect(cohortOf(machine)).toEqual(EVERYONE);
  });
});

test('E-12 G-01: for several groups those are drawn who have been ready longest', () => {
  const machine = coordinator({ groupSize: 2, maxParticipants: 4, minParticipants: 2 }, []);
  const ids = Array.from({ length: 7 }, (_, i) => `member-${i}`.padEnd(22, '-') as ParticipantId);
  for (const id of ids)
    machine.hear(id, {
      type: 'join',
      run: RUN,
      incarnation: 1,
      model: refOf(modelOf(5)),
      term: 1,
      examples: 1,
      paused: false,
      commitment: new Uint8Array(32),
    });
  const attempt = attemptOf(0, 6);
  // The first two are in a round of their own by the time that the others are ready.
  const [first, second, ...others] = [...ids].reverse() as [ParticipantId, ParticipantId, ...ParticipantId[]];
  for (const id of [first, second]) machine.hear(id, ready(5));
  for (const [i, id] of others.entries()) {
    machine.nowMs = 100 - i;
    machine.hear(id, ready(5));
  }
  const effects = finish(machine, attempt, [first, second]);
  expect(sent(effects, 'draw').map(({ to }) => to)).toEqual(others.slice(1).sort());
  expect(machine.state.status.name).toBe('drawing');
});
