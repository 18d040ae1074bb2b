import { describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  coordinatorContext,
  effectsOf,
  type Machine,
  machineOf,
  modelOf,
  RUN,
  refOf,
  sent,
} from '../../testing/session-fixtures.ts';
import type { Message } from '../../wire/index.ts';
import { type CoordinatorContext, type CoordinatorState, initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

type Coordinator = Machine<CoordinatorState>;

const START = refOf(modelOf(0));
const DUO = [ALICE, BOB];
const counts = (correct: number) => ({ total: 100, correct, lossSum: 1 });
const error = { code: 'data.empty', message: 'There are no held-out examples.' } as const;
const hashOf = (round: number) => `${round}`.repeat(64);

/** Two members at a server that owns everything. */
function coordinator(change: Partial<CoordinatorContext> = {}): Coordinator {
  const machine = machineOf(
    stepCoordinator,
    initialCoordinator(1, START, [SERVER] as NodeId[], []),
    coordinatorContext({ mesh: false, serverMayOwn: true, ...change }),
  );
  for (const id of DUO) join(machine, id);
  return machine;
}
function join(machine: Coordinator, id: ParticipantId) {
  const fields = { incarnation: 1, model: START, term: 1, examples: 10, paused: false };
  return machine.hear(id, { type: 'join', run: RUN, ...fields });
}
const settle = (machine: Coordinator) => machine.take({ type: 'timer', name: 'settle' });

/** Both have trained and uploaded: survivors are fixed. */
function upload(machine: Coordinator, round = 1, attempts = 0) {
  const attempt = attemptOf(attempts, round);
  for (const id of DUO) machine.hear(id, { type: 'trained', run: RUN, attempt });
  for (const id of DUO)
    machine.hear(id, { type: 'uploaded', run: RUN, attempt, revision: 0, undeliverable: [] });
}
function commit(machine: Coordinator, round = 1) {
  upload(machine, round);
  const applied = { run: RUN, attempt: attemptOf(0, round), tally: 1, hash: hashOf(round) };
  return DUO.flatMap((id) => machine.hear(id, { type: 'applied', ...applied }));
}
const judged = (machine: Coordinator, round: number, correct: number) =>
  machine.take({ type: 'judged', model: { version: round, hash: hashOf(round) }, counts: counts(correct) });

describe('what is made of parts', () => {
  const begun = () => {
    const machine = coordinator({ aggregates: true });
    settle(machine);
    upload(machine);
    return machine;
  };
  const made = { attempt: attemptOf(), tally: 1, over: 'updates' } as const;

  test('Q-05: while it is in the making nobody else is asked, and its time to be applied begins with it', () => {
    const machine = begun();
    const missing = {
      type: 'missing',
      run: RUN,
      attempt: attemptOf(),
      tally: 1,
      slices: [0],
    } satisfies Message;
    expect(machine.hear(ALICE, missing)).toEqual([]);
    const effects = machine.take({ type: 'aggregated', ...made, weight: 2, values: new Int32Array(6) });
    expect(effects).toEqual([{ type: 'timer', name: 'apply', delayMs: 300 }]);
  });

  test('Q-04: when nothing comes of it the attempt ends by that name', () => {
    const machine = begun();
    const failure = { code: 'aggregate.too-few', message: 'n is too small.' } as const;
    const effects = machine.take({ type: 'aggregate-failed', ...made, error: failure });
    expect(sent(effects, 'abandon').map(({ to, message }) => [to, message.code])).toEqual(
      [ALICE, BOB, SERVER].map((to) => [to, 'aggregate.too-few']),
    );
    expect(machine.state.status.name).toBe('gathering');
    expect(machine.state.model).toEqual(START);
  });

  test('of another attempt neither says anything', () => {
    const machine = begun();
    const other = { ...made, attempt: attemptOf(1) };
    expect(machine.take({ type: 'aggregate-failed', ...other, error })).toEqual([]);
    expect(machine.take({ type: 'aggregated', ...other, weight: 2, values: new Int32Array(6) })).toEqual([]);
  });

  test('Q-04: over groups one group makes no round, and an elected coordinator none at all', () => {
    const grouped = { fewestGroups: 3, groupSize: 2, maxParticipants: 12, mesh: true };
    for (const self of [SERVER as NodeId, ALICE]) {
      const effects = settle(coordinator({ ...grouped, self }));
      expect(sent(effects, 'invite')).toEqual([]);
      expect(effectsOf(effects, 'notice')).toHaveLength(1);
    }
  });
});

describe('a federation that screens', () => {
  const screening = () => coordinator({ screens: true, judges: true });

  test('Q-06: nobody is invited before the judge has judged', () => {
    const machine = screening();
    expect(effectsOf(settle(machine), 'judge').map(({ model }) => model)).toEqual([START]);
    expect(settle(machine)).toEqual([]);
    const effects = machine.take({ type: 'judged', model: START, counts: counts(10) });
    expect(sent(effects, 'invite').map(({ to }) => to)).toEqual([ALICE, BOB, SERVER]);
  });

  test('Q-06: participants are told why not, newcomers too, and the judge is asked again after a while', () => {
    const machine = screening();
    settle(machine);
    const effects = machine.take({ type: 'judge-failed', model: START, error });
    expect(sent(effects, 'standby').map(({ to, message }) => [to, message.code])).toEqual(
      DUO.map((id) => [id, 'data.empty']),
    );
    expect(effects).toContainEqual({ type: 'timer', name: 'settle', delayMs: 10_000 });
    expect(sent(join(machine, ALICE), 'standby')).toHaveLength(1);
    expect(effectsOf(settle(machine), 'judge')).toHaveLength(1);
    const again = machine.take({ type: 'judge-failed', model: START, error });
    expect(sent(again, 'standby'), 'said once').toEqual([]);
    settle(machine);
    const ready = machine.take({ type: 'judged', model: START, counts: counts(10) });
    expect(sent(ready, 'invite')).toHaveLength(3);
    expect(sent(join(machine, ALICE), 'standby')).toEqual([]);
  });

  test('Q-06: a judge that fails in a round is asked again before the next one', () => {
    const machine = screening();
    settle(machine);
    machine.take({ type: 'judged', model: START, counts: counts(10) });
    upload(machine);
    machine.take({ type: 'aggregate-failed', attempt: attemptOf(), tally: 1, over: 'updates', error });
    expect(effectsOf(machine.take({ type: 'timer', name: 'retry' }), 'judge')).toHaveLength(1);
  });
});

test('Q-07: a base that nothing improves ends the run after five attempts, not before', () => {
  const machine = coordinator({ aggregates: true });
  settle(machine);
  const error = { code: 'aggregate.all-screened', message: 'Nothing improves the model.' } as const;
  for (let attempt = 0; attempt < 5; attempt++) {
    expect(machine.state.status.name).toBe('round');
    upload(machine, 1, attempt);
    const of = { attempt: attemptOf(attempt), tally: 1, over: 'updates' } as const;
    const effects = machine.take({ type: 'aggregate-failed', ...of, error });
    if (attempt < 4) machine.take({ type: 'timer', name: 'retry' });
    else
      expect(sent(effects, 'finish').map(({ to, message }) => [to, message.reason])).toEqual(
        DUO.map((id) => [id, 'stopped']),
      );
  }
  expect(machine.state.status).toEqual({ name: 'finished', reason: 'stopped' });
});

describe('versions', () => {
  test('Q-20: each is evaluated after its commit, and its record told again', () => {
    const machine = coordinator({ judges: true });
    settle(machine);
    const effects = commit(machine);
    expect(effectsOf(effects, 'judge').map(({ model }) => model)).toEqual([{ version: 1, hash: hashOf(1) }]);
    const told = sent(judged(machine, 1, 70), 'commit');
    expect(told.map(({ to, message }) => [to, message.record.evaluation])).toEqual(
      DUO.map((id) => [id, counts(70)]),
    );
  });

  test('Q-20: with two of them waiting, rounds wait', () => {
    const machine = coordinator({ judges: true });
    settle(machine);
    commit(machine, 1);
    expect(sent(commit(machine, 2), 'invite')).toEqual([]);
    expect(sent(judged(machine, 1, 70), 'invite')).toHaveLength(3);
  });

  test('Q-20: one that cannot be evaluated is gone on from', () => {
    const machine = coordinator({ judges: true, maximumRounds: 1 });
    settle(machine);
    commit(machine);
    expect(machine.state.status.name).toBe('closing');
    const model = { version: 1, hash: hashOf(1) };
    const effects = machine.take({ type: 'judge-failed', model, error });
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'maximum-rounds' });
    expect(sent(effects, 'standby')).toEqual([]);
  });

  test('C-07: the accuracy that the server finds may end the run', () => {
    const machine = coordinator({ judges: true, targetAccuracy: 0.7 });
    settle(machine);
    commit(machine);
    judged(machine, 1, 70);
    expect(machine.state.finishAfterRound).toBe('target-accuracy');
  });
});

describe('taking back', () => {
  const rollback = { afterRounds: 1, threshold: 0.05 };
  const best = { version: 1, hash: hashOf(1) };
  /** Version 1 is good, version 2 is not. */
  const spoiled = (change: Partial<CoordinatorContext> = {}) => {
    const machine = coordinator({ judges: true, rollback, ...change });
    settle(machine);
    const first = commit(machine, 1);
    const second = judged(machine, 1, 90);
    commit(machine, 2);
    const effects = judged(machine, 2, 80);
    return { machine, first, second, effects };
  };

  test('Q-22: nobody trains while it is not known whether the version stays', () => {
    const { machine, first, second, effects } = spoiled();
    expect(sent(first, 'invite')).toEqual([]);
    expect(effectsOf(second, 'keep-best').map(({ model }) => model)).toEqual([best]);
    expect(sent(second, 'invite')).toHaveLength(3);
    expect(effectsOf(effects, 'roll-back')).toEqual([{ type: 'roll-back', to: best, version: 3 }]);
    expect(sent(effects, 'invite')).toEqual([]);
    expect(settle(machine)).toEqual([]);
  });

  test('Q-23: the record of a return, and the round from it', () => {
    const { machine } = spoiled();
    const model = { version: 3, hash: best.hash };
    const effects = machine.take({ type: 'rolled-back', to: best, model });
    const [record] = effectsOf(effects, 'save-record').map(({ record }) => record);
    expect(record).toMatchObject({
      round: 3,
      baseHash: hashOf(2),
      hash: hashOf(1),
      survivors: [],
      rollback: { to: 1 },
      evaluation: counts(90),
    });
    expect(sent(effects, 'commit').map(({ to }) => to)).toEqual(DUO);
    const [invitation] = sent(effects, 'invite');
    expect(invitation!.message).toMatchObject({ base: model, holders: [SERVER], attempt: { round: 4 } });
  });

  test('Q-23: also after the last round, before the run ends', () => {
    const { machine, effects } = spoiled({ maximumRounds: 2 });
    expect(effectsOf(effects, 'roll-back')).toHaveLength(1);
    expect(machine.state.status.name).toBe('closing');
    const end = machine.take({ type: 'rolled-back', to: best, model: { version: 3, hash: best.hash } });
    expect(sent(end, 'finish')[0]!.message.model).toEqual({ version: 3, hash: best.hash });
  });

  test('Q-25: a server that has the best no more says so and goes on', () => {
    const { machine } = spoiled();
    const gone = { code: 'aggregate.rollback-failed', message: 'It is gone.' } as const;
    const effects = machine.take({ type: 'rollback-failed', to: best, error: gone });
    expect(effectsOf(effects, 'notice')[0]!.error?.code).toBe('aggregate.rollback-failed');
    expect(sent(effects, 'invite')[0]!.message.base).toEqual({ version: 2, hash: hashOf(2) });
    expect(machine.state.standing).toMatchObject({ worse: 0 });
  });

  test('Q-23: someone with a newer model came in between: what was judged is not what there is', () => {
    const { machine } = spoiled();
    const newer = { version: 5, hash: hashOf(5) };
    const fields = { incarnation: 1, model: newer, term: 1, examples: 10, paused: false };
    machine.hear(ALICE, { type: 'join', run: RUN, ...fields });
    const effects = machine.take({ type: 'rolled-back', to: best, model: { version: 3, hash: best.hash } });
    expect(effectsOf(effects, 'save-record')).toEqual([]);
    expect(machine.state.model).toEqual(newer);
  });
});
