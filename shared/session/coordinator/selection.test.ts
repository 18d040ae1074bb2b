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
import type { Selection } from './cohort.ts';
import { type CoordinatorContext, type CoordinatorState, initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

type Coordinator = Machine<CoordinatorState>;

const FOUR = [ALICE, BOB, CAROL, DAVE];
const attempt = attemptOf();
const by = (change: Partial<Selection>): Partial<CoordinatorContext> => ({
  selection: { by: 'uniform', overSelection: 1, maxExamples: 1000, epochs: 1, ...change },
});

function coordinator(change: Partial<CoordinatorContext> = {}): Coordinator {
  return machineOf(
    stepCoordinator,
    initialCoordinator(1, refOf(modelOf(0)), [SERVER], []),
    coordinatorContext({ mesh: false, serverMayOwn: true, ...change }),
  );
}

function join(machine: Coordinator, id: ParticipantId, examples = 10) {
  const model = refOf(modelOf(0));
  return machine.hear(id, {
    type: 'join',
    run: RUN,
    incarnation: 1,
    model,
    term: 1,
    examples,
    paused: false,
  });
}

function begun(change: Partial<CoordinatorContext> = {}, ids = FOUR): Coordinator {
  const machine = coordinator(change);
  for (const id of ids) join(machine, id);
  machine.take({ type: 'timer', name: 'settle' });
  return machine;
}

const trained: Message = { type: 'trained', run: RUN, attempt };
const uploaded = (revision = 0): Message => ({
  type: 'uploaded',
  run: RUN,
  attempt,
  revision,
  undeliverable: [],
});
const roundOf = ({ state }: Coordinator) =>
  state.status.name === 'round' ? state.status.rounds[0] : undefined;
const seen = (machine: Coordinator, id: ParticipantId) => machine.state.seen.get(id);

describe('what is seen', () => {
  test('C-53: how long training took, and who was lost, refused or was late', () => {
    const machine = begun(by({ by: 'resources' }));
    machine.nowMs = 400;
    machine.hear(ALICE, trained);
    machine.hear(ALICE, trained);
    machine.take({ type: 'peer-down', peer: BOB });
    machine.hear(CAROL, { type: 'refuse', run: RUN, attempt, code: 'training.diverged', reason: 'It did.' });
    expect(seen(machine, ALICE)).toEqual({ invitations: 1, finished: 1, failed: 0, trainMs: 400 });
    for (const id of [BOB, CAROL])
      expect(seen(machine, id)).toEqual({ invitations: 1, finished: 0, failed: 1, trainMs: undefined });
    machine.take({ type: 'timer', name: 'train' });
    expect(seen(machine, DAVE)).toMatchObject({ failed: 1 });
    machine.take({ type: 'peer-down', peer: ALICE });
    expect(seen(machine, ALICE), 'it had trained').toMatchObject({ failed: 0 });
  });

  test('C-53: a federation that draws uniformly keeps nothing of it', () => {
    const machine = begun();
    machine.hear(ALICE, trained);
    expect(machine.state.seen.size).toBe(0);
  });

  test('C-53: what was reported with consent counts before anything was seen', () => {
    const counts = new Map<ParticipantId, number>();
    for (let i = 0; i < 200; i++) {
      const machine = coordinator({ ...by({ by: 'resources' }), groupSize: 2, maxParticipants: 2 });
      for (const id of FOUR) join(machine, id, 100);
      const device = { charging: null, battery: null, metered: null };
      machine.hear(ALICE, { type: 'device', run: RUN, device: { ...device, examplesPerSecond: 1000 } });
      for (const id of [BOB, CAROL, DAVE])
        machine.hear(id, { type: 'device', run: RUN, device: { ...device, examplesPerSecond: 50 } });
      machine.entropy = `draw ${i}`;
      machine.take({ type: 'timer', name: 'settle' });
      for (const id of roundOf(machine)!.plan.cohort) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    // Weights 1 and three times 1/16: Alice is out with less than 2 %, and was in with half before.
    expect(counts.get(ALICE)).toBeGreaterThan(185);
  });

  test('C-51: more examples, up to maxExamples, make it likelier', () => {
    const counts = new Map<ParticipantId, number>();
    for (let i = 0; i < 400; i++) {
      const machine = coordinator({
        ...by({ by: 'data-size' }),
        minParticipants: 1,
        groupSize: 1,
        maxParticipants: 1,
      });
      join(machine, ALICE, 1_000_000);
      join(machine, BOB, 1000);
      join(machine, CAROL, 0);
      machine.entropy = `draw ${i}`;
      machine.take({ type: 'timer', name: 'settle' });
      for (const id of roundOf(machine)!.plan.cohort) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    // 1000 : 1000 : 1; five standard deviations of a fair coin are 50.
    expect(Math.abs((counts.get(ALICE) ?? 0) - 200)).toBeLessThan(50);
    expect(counts.get(CAROL) ?? 0).toBeLessThan(8);
  });

  test('C-52: a newcomer counts as invited as often as the least of those here', () => {
    const machine = begun({ ...by({ by: 'fairness' }), groupSize: 2, maxParticipants: 2 }, [ALICE, BOB]);
    expect([seen(machine, ALICE)?.invitations, seen(machine, BOB)?.invitations]).toEqual([1, 1]);
    join(machine, CAROL);
    expect(seen(machine, CAROL)?.invitations).toBe(1);
    machine.hear(CAROL, { type: 'leave', run: RUN });
    join(machine, CAROL);
    expect(seen(machine, CAROL)?.invitations, 'coming back changes nothing').toBe(1);
  });
});

describe('going on with the quickest', () => {
  test('C-54: at the target the others are cut off, told so, and stay members', () => {
    const machine = begun(by({ overSelection: 1.3 }));
    // ⌈4 / 1.3⌉ = 4 would be all of them.
    for (const id of [ALICE, BOB, CAROL]) machine.hear(id, trained);
    expect(roundOf(machine)?.trainedAtMs).toBeUndefined();

    const quick = begun(by({ overSelection: 1.5 }));
    quick.hear(ALICE, trained);
    quick.nowMs = 70;
    quick.hear(BOB, trained);
    expect(roundOf(quick)?.trainedAtMs).toBeUndefined();
    const effects = quick.hear(CAROL, trained);
    expect(sent(effects, 'abandon')).toMatchObject([
      { to: DAVE, message: { attempt, code: 'round.cut-off' } },
    ]);
    expect(effectsOf(effects, 'timer')).toMatchObject([{ name: 'exchange' }]);
    expect(effectsOf(effects, 'notice')).toEqual([]);
    expect(quick.state.members.get(DAVE)).toMatchObject({ here: true, refused: false });
    expect(seen(quick, DAVE)).toMatchObject({ failed: 0, trainMs: 70 });
    for (const id of [ALICE, BOB, CAROL]) quick.hear(id, uploaded());
    expect(roundOf(quick)?.plan.survivors).toEqual([ALICE, BOB, CAROL]);
  });

  test('C-54: never fewer than minParticipants', () => {
    const machine = begun({ ...by({ overSelection: 4 }), minParticipants: 3 });
    machine.hear(ALICE, trained);
    machine.hear(BOB, trained);
    expect(roundOf(machine)?.trainedAtMs).toBeUndefined();
    expect(sent(machine.hear(CAROL, trained), 'abandon')).toHaveLength(1);
  });

  test('C-54: whoever was dropped before does not count towards the target', () => {
    const machine = begun(by({ overSelection: 2 }));
    machine.hear(ALICE, trained);
    machine.take({ type: 'peer-down', peer: ALICE });
    machine.hear(BOB, trained);
    expect(roundOf(machine)?.trainedAtMs).toBeUndefined();
    expect(sent(machine.hear(CAROL, trained), 'abandon').map(({ to }) => to)).toEqual([DAVE]);
  });

  test('C-54 C-21: in a mesh their slices go to those who were quicker, in one change of the plan', () => {
    const machine = begun({ ...by({ overSelection: 2 }), mesh: true, serverMayOwn: false });
    machine.hear(ALICE, trained);
    const effects = machine.hear(BOB, trained);
    expect(sent(effects, 'abandon').map(({ to }) => to)).toEqual([CAROL, DAVE]);
    const plans = sent(effects, 'plan').map(({ message }) => message.plan);
    expect(new Set(plans.map(({ revision }) => revision))).toEqual(new Set([1]));
    expect(plans[0]!.owners.every((owner) => owner === ALICE || owner === BOB)).toBe(true);
    for (const id of [ALICE, BOB]) machine.hear(id, uploaded(1));
    expect(roundOf(machine)?.plan.survivors).toEqual([ALICE, BOB]);
  });

  test('C-54: what someone cut off still says changes nothing', () => {
    const machine = begun(by({ overSelection: 2 }));
    for (const id of [ALICE, BOB]) machine.hear(id, trained);
    for (const message of [trained, uploaded()]) expect(machine.hear(DAVE, message)).toEqual([]);
    for (const id of [ALICE, BOB]) machine.hear(id, uploaded());
    expect(roundOf(machine)?.plan.survivors).toEqual([ALICE, BOB]);
  });

  test('C-54: without it everyone is waited for', () => {
    const machine = begun();
    for (const id of [ALICE, BOB, CAROL]) machine.hear(id, trained);
    expect(roundOf(machine)?.trainedAtMs).toBeUndefined();
  });
});
