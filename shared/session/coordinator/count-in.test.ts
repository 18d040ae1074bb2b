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
import type { Message } from '../../wire/index.ts';
import type { Effect } from '../effects.ts';
import { type CoordinatorContext, type CoordinatorState, initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

const TRIO = [ALICE, BOB, CAROL];
const attempt = attemptOf();
const trained: Message = { type: 'trained', run: RUN, attempt };
const uploaded = (undeliverable: number[] = []): Message => {
  return { type: 'uploaded', run: RUN, attempt, revision: 0, undeliverable };
};
const applied: Message = { type: 'applied', run: RUN, attempt, tally: 1, hash: 'aa' };
const reject = (participant: ParticipantId): Message => {
  return { type: 'reject', run: RUN, attempt, participant, code: 'round.conflicting-slice' };
};

type Coordinator = Machine<CoordinatorState>;

/** A round at the server, which is the only owner. */
function begun(change: Partial<CoordinatorContext> = {}, ids = TRIO): Coordinator {
  const context = coordinatorContext({ mesh: false, serverMayOwn: true, ...change });
  const machine = machineOf(stepCoordinator, initialCoordinator(1, refOf(modelOf(0)), [SERVER], []), context);
  for (const id of ids) join(machine, id);
  machine.take({ type: 'timer', name: 'settle' });
  return machine;
}
function join(machine: Coordinator, id: ParticipantId, incarnation = 1) {
  const model = refOf(modelOf(0));
  return machine.hear(id, {
    type: 'join',
    run: RUN,
    incarnation,
    model,
    term: 1,
    examples: 10,
    paused: false,
  });
}
/** With an owner beside it that has every slice. */
function upload(machine: Coordinator, id: ParticipantId): readonly Effect[] {
  machine.hear(id, trained);
  const effects = machine.hear(id, uploaded());
  for (const { participant } of effectsOf(effects, 'count-in'))
    machine.take({ type: 'counted', attempt, participant });
  return effects;
}
const lose = (machine: Coordinator, peer: ParticipantId) => machine.take({ type: 'peer-down', peer });
function roundOf({ state }: Coordinator) {
  if (state.status.name !== 'round') throw new Error(`no round, but ${state.status.name}`);
  return state.status.rounds[0]!;
}
const recordsIn = (effects: readonly Effect[]) =>
  effectsOf(effects, 'save-record').map(({ record }) => record);

describe('counting in', () => {
  test('C-56: each update as it is uploaded, the last before survivors are fixed', () => {
    const machine = begun();
    expect(effectsOf(upload(machine, ALICE), 'count-in')).toEqual([
      { type: 'count-in', attempt, participant: ALICE },
    ]);
    upload(machine, BOB);
    const last = upload(machine, CAROL).filter(
      (effect) => effect.type === 'count-in' || (effect.type === 'send' && effect.to === SERVER),
    );
    expect(last.map(({ type }) => type)).toEqual(['count-in', 'send']);
    expect(roundOf(machine).plan.survivors).toEqual(TRIO);
  });

  test.each([
    ['in a mesh', { mesh: true }],
    ['behind masks', { secure: true }],
    ['under a rule that looks at each update', { aggregates: true }],
  ])('C-56: not %s', (_, change) => {
    const machine = begun(change);
    expect(TRIO.flatMap((id) => effectsOf(upload(machine, id), 'count-in'))).toEqual([]);
  });

  test('C-56: nor what was dropped, could not be delivered, or comes before its training', () => {
    const machine = begun({}, [...TRIO, DAVE]);
    expect(effectsOf(machine.hear(ALICE, uploaded()), 'count-in')).toEqual([]);
    machine.hear(BOB, trained);
    expect(effectsOf(machine.hear(BOB, uploaded([0])), 'count-in')).toEqual([]);
    machine.hear(BOB, trained);
    expect(effectsOf(machine.hear(BOB, uploaded()), 'count-in')).toEqual([]);
  });

  test('C-56: what the owner does not have is not counted in, and is lost with its sender', () => {
    const machine = begun();
    machine.hear(CAROL, trained);
    machine.hear(CAROL, uploaded());
    lose(machine, CAROL);
    for (const id of [ALICE, BOB]) upload(machine, id);
    expect(roundOf(machine).plan.survivors).toEqual([ALICE, BOB]);
  });

  test('C-56: an answer of another attempt counts nobody in', () => {
    const machine = begun();
    machine.take({ type: 'counted', attempt: attemptOf(7), participant: ALICE });
    machine.take({ type: 'counted', attempt, participant: DAVE });
    expect(roundOf(machine).counted).toEqual(new Set());
  });
});

describe('whoever was counted in', () => {
  test.each([
    ['is lost', (machine: Coordinator) => lose(machine, CAROL)],
    ['leaves', (machine: Coordinator) => machine.hear(CAROL, { type: 'leave', run: RUN })],
    ['comes back after a reload', (machine: Coordinator) => join(machine, CAROL, 2)],
    [
      'refuses',
      (machine: Coordinator) =>
        machine.hear(CAROL, { type: 'refuse', run: RUN, attempt, code: 'x', reason: 'y' }),
    ],
  ])('C-56: and then %s is a survivor, and not waited for', (_, go) => {
    const machine = begun();
    upload(machine, CAROL);
    go(machine);
    upload(machine, ALICE);
    expect(roundOf(machine).plan.survivors).toBeNull();
    upload(machine, BOB);
    expect(roundOf(machine).plan).toMatchObject({ survivors: TRIO, tally: 1 });
    const effects = [...machine.hear(ALICE, applied), ...machine.hear(BOB, applied)];
    expect(recordsIn(effects)).toMatchObject([{ survivors: TRIO, dropped: [] }]);
    // Nor does the next round wait for it.
    expect(machine.state.electorate).toEqual([ALICE, BOB]);
    expect(machine.state.status.name).toBe('round');
  });

  test('C-56: deadlines drop the others only', () => {
    const machine = begun({}, [...TRIO, DAVE]);
    upload(machine, ALICE);
    lose(machine, ALICE);
    for (const id of [BOB, CAROL]) upload(machine, id);
    machine.take({ type: 'timer', name: 'train' });
    expect(roundOf(machine).plan.survivors).toEqual(TRIO);
  });

  test('C-56, C-54: nobody is cut off whom those still here cannot do without', () => {
    const selection = { by: 'uniform', overSelection: 4 / 3, maxExamples: 1000, epochs: 1 } as const;
    const machine = begun({ minParticipants: 3, selection }, [...TRIO, DAVE]);
    upload(machine, ALICE);
    lose(machine, ALICE);
    for (const id of [BOB, CAROL]) upload(machine, id);
    expect(roundOf(machine)).toMatchObject({ dropped: new Set([ALICE]), trainedAtMs: undefined });
    upload(machine, DAVE);
    expect(roundOf(machine).plan.survivors).toEqual([...TRIO, DAVE]);
  });

  test('C-56, C-20: those who are still here must be enough to hold the model', () => {
    const machine = begun({ minParticipants: 2 });
    upload(machine, ALICE);
    lose(machine, ALICE);
    const effects = lose(machine, BOB);
    expect(sent(effects, 'abandon').map(({ to, message }) => [to, message.code])).toEqual([
      [CAROL, 'round.too-few-participants'],
      [SERVER, 'round.too-few-participants'],
    ]);
  });

  test('C-57, C-25: what it sends after that cannot take it out; before, a reject can', () => {
    const machine = begun({}, [...TRIO, DAVE]);
    upload(machine, ALICE);
    expect(machine.hear(SERVER, reject(ALICE))).toEqual([]);
    machine.hear(SERVER, reject(BOB));
    for (const id of [CAROL, DAVE]) upload(machine, id);
    expect(roundOf(machine).plan.survivors).toEqual([ALICE, CAROL, DAVE]);
    expect(machine.hear(SERVER, reject(ALICE))).toEqual([]);
    expect(roundOf(machine).plan).toMatchObject({ survivors: [ALICE, CAROL, DAVE], tally: 1 });
  });

  test('C-56: the next attempt counts anew', () => {
    const machine = begun({ minParticipants: 3 });
    upload(machine, ALICE);
    lose(machine, BOB);
    expect(machine.state.status.name).toBe('gathering');
    join(machine, BOB, 2);
    machine.take({ type: 'timer', name: 'retry' });
    expect(roundOf(machine)).toMatchObject({ attempt: attemptOf(1), counted: new Set() });
  });
});
