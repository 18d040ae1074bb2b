import { describe, expect, test } from 'vitest';
import { SERVER } from '../../identity/index.ts';
import { ringOf } from '../../secagg/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  CAROL,
  effectsOf,
  inviteOf,
  type Machine,
  machineOf,
  modelOf,
  planMessage,
  planOf,
  RUN,
  refOf,
  sent,
  updateOf,
} from '../../testing/session-fixtures.ts';
import type { AttemptId, Message, RoundRecord } from '../../wire/index.ts';
import { initialParticipant, type ParticipantContext, type ParticipantState } from './state.ts';
import { stepParticipant } from './step.ts';

type Participant = Machine<ParticipantState>;

const TRIO = [ALICE, BOB, CAROL];
const error = { code: 'training.diverged', message: 'It diverged.' } as const;

function participant(change: Partial<ParticipantContext> = {}): Participant {
  const context: ParticipantContext = {
    self: ALICE,
    incarnation: 5,
    run: RUN,
    federationRevision: 1,
    examples: 7,
    weight: 64,
    vectorLength: 6,
    encoding: { fractionalBits: 0, clipNorm: 2 ** 20, maxWeight: 1000 },
    ring: undefined,
    groupSize: 16,
    minParticipants: 2,
    maxParticipants: 16,
    noise: undefined,
    evaluates: false,
    groups: undefined,
    pace: { maxStaleness: 3, isNoised: false, weightAt: (staleness) => 64 - staleness },
    electionMs: 1000,
    ...change,
  };
  return machineOf(stepParticipant, initialParticipant(modelOf(0)), context);
}

const welcome = (version = 0, term = 1): Message => ({
  type: 'welcome',
  run: RUN,
  term,
  model: refOf(modelOf(version)),
  holders: [BOB],
});

/** Joined at the server, and so at work. */
function training(change: Partial<ParticipantContext> = {}): Participant {
  const machine = participant(change);
  for (const peer of [SERVER, BOB, CAROL] as const) machine.take({ type: 'peer-up', peer, incarnation: 1 });
  machine.take({ type: 'command', command: 'start' });
  machine.hear(SERVER, welcome());
  return machine;
}

const trainedFrom = (version: number) => ({
  type: 'trained' as const,
  attempt: attemptOf(),
  baseHash: modelOf(version).hash,
  result: {
    update: { layoutHash: modelOf(version).layoutHash, delta: new Float32Array(6), examples: 7 },
    loss: 1,
  },
});

/** Its update, of version 0, waits for a round. */
function holding(change: Partial<ParticipantContext> = {}): Participant {
  const machine = training(change);
  machine.take(trainedFrom(0));
  return machine;
}

const inviteTo = (round: number, attempt: AttemptId = attemptOf(0, round)) =>
  inviteOf({ attempt, base: refOf(modelOf(round - 1)) });

/** In round 1, all of its update sent. */
function uploaded(change: Partial<ParticipantContext> = {}): Participant {
  const machine = holding(change);
  machine.hear(SERVER, inviteTo(1));
  machine.take(sealed(1));
  deliver(machine, 1);
  return machine;
}

const sealed = (round: number, attempt = attemptOf(0, round)) => ({
  type: 'protected' as const,
  attempt,
  baseHash: modelOf(round - 1).hash,
  update: updateOf([1, 2, 3, 4, 5, 6], 64),
});

function deliver(machine: Participant, round: number) {
  return TRIO.flatMap((owner, slice) =>
    machine.take({
      type: 'delivered',
      attempt: attemptOf(0, round),
      receipt: { kind: 'slice', slice, owner },
    }),
  );
}

const commitOf = (round: number, change: Partial<RoundRecord> = {}): Message => ({
  type: 'commit',
  run: RUN,
  holders: [BOB],
  record: {
    ...attemptOf(0, round),
    coordinator: SERVER,
    federationRevision: 1,
    baseHash: modelOf(round - 1).hash,
    hash: modelOf(round).hash,
    survivors: [BOB, CAROL],
    dropped: [],
    startedAtMs: 0,
    trainMs: 0,
    exchangeMs: 0,
    applyMs: 0,
    evaluation: null,
    secure: null,
    ...change,
  },
});
const abandon = (attempt: AttemptId, code = 'round.deadline'): Message => ({
  type: 'abandon',
  run: RUN,
  attempt,
  code,
  reason: 'because',
});

const base = (machine: Participant) => machine.state.pace.training?.version;
const held = (machine: Participant) => machine.state.pace.held;

describe('at its own pace', () => {
  test('E-01: it trains as soon as it has joined, from the model that it holds', () => {
    const machine = participant();
    machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
    expect(effectsOf(machine.take({ type: 'command', command: 'start' }), 'train')).toEqual([]);
    const [train, ...more] = effectsOf(machine.hear(SERVER, welcome()), 'train');
    expect(train).toMatchObject({ base: modelOf(0), entropy: 'entropy' });
    expect(more).toEqual([]);
    expect(base(machine)).toBe(0);
  });

  test('E-04: a welcome that names a newer model has that fetched first', () => {
    const machine = participant();
    machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
    machine.take({ type: 'command', command: 'start' });
    const effects = machine.hear(SERVER, welcome(4));
    expect(effectsOf(effects, 'train')).toEqual([]);
    expect(effectsOf(effects, 'fetch-model')).toMatchObject([{ model: refOf(modelOf(4)), holders: [BOB] }]);
    const [train] = effectsOf(machine.take({ type: 'model-fetched', model: modelOf(4) }), 'train');
    expect(train?.base).toEqual(modelOf(4));
  });

  test('E-04: a model that nobody delivers is asked for again after the next welcome', () => {
    const machine = participant();
    machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
    machine.take({ type: 'command', command: 'start' });
    machine.hear(SERVER, welcome(4));
    const failed = machine.take({ type: 'model-unavailable', model: refOf(modelOf(4)) });
    expect(effectsOf(failed, 'fetch-model')).toEqual([]);
    expect(effectsOf(failed, 'timer')).toMatchObject([{ name: 'join' }]);
    expect(effectsOf(machine.hear(SERVER, welcome(4)), 'fetch-model')).toHaveLength(1);
  });

  test.each<[string, Message]>([
    ['an invitation of others', inviteOf({ plan: planOf({ cohort: [BOB, CAROL] }) })],
    ['a plan', planMessage({ revision: 3 })],
    ['a commit', commitOf(1)],
    ['an abandonment', abandon(attemptOf())],
    ['a welcome', welcome(2)],
  ])('E-01 E-04: %s changes nothing about training, and nothing is fetched', (_, message) => {
    const machine = training();
    const effects = machine.hear(SERVER, message);
    expect(effectsOf(effects, 'cancel-training')).toEqual([]);
    expect(effectsOf(effects, 'fetch-model')).toEqual([]);
    expect(base(machine)).toBe(0);
    expect(machine.state.attempt).toBeUndefined();
  });

  test('E-05: training that has come to be too far behind ends, and begins anew', () => {
    const machine = training();
    for (const round of [1, 2, 3]) machine.hear(SERVER, commitOf(round));
    expect(base(machine)).toBe(0);
    const effects = machine.hear(SERVER, commitOf(4));
    expect(effectsOf(effects, 'cancel-training')).toHaveLength(1);
    expect(effectsOf(effects, 'fetch-model')).toMatchObject([{ model: refOf(modelOf(4)) }]);
    machine.take({ type: 'model-fetched', model: modelOf(4) });
    expect(base(machine)).toBe(4);
    machine.take(trainedFrom(0));
    expect(held(machine), 'what comes late of training that was ended').toBeUndefined();
  });

  test('E-05: an update from a version that the run went back on is thrown away, and one from before is not', () => {
    const rolledBack = commitOf(3, { survivors: [], hash: modelOf(0).hash, rollback: { to: 0 } });
    const bad = training();
    bad.hear(SERVER, commitOf(1));
    bad.take({ type: 'model-fetched', model: modelOf(1) });
    bad.take(trainedFrom(0));
    bad.hear(SERVER, rolledBack);
    expect(held(bad)?.base.version).toBe(0);

    const behind = training();
    behind.hear(SERVER, welcome(1));
    behind.take(trainedFrom(0));
    behind.hear(SERVER, commitOf(1, { survivors: [ALICE, BOB] }));
    behind.take({ type: 'model-fetched', model: modelOf(1) });
    expect(base(behind)).toBe(1);
    expect(effectsOf(behind.hear(SERVER, rolledBack), 'cancel-training')).toHaveLength(1);
    expect(base(behind)).toBeUndefined();
    expect(behind.state.electorate, 'a return has no cohort to elect by').toEqual([ALICE, BOB]);
  });

  test('E-05: also one that waits', () => {
    const machine = training();
    machine.take(trainedFrom(0));
    machine.hear(SERVER, commitOf(1, { survivors: [ALICE, BOB] }));
    machine.take({ type: 'model-fetched', model: modelOf(1) });
    machine.take(trainedFrom(1));
    expect(held(machine)?.base.version).toBe(1);
    machine.hear(SERVER, commitOf(3, { survivors: [], hash: modelOf(0).hash, rollback: { to: 0 } }));
    expect(held(machine)).toBeUndefined();
  });

  test('E-05: an update too far behind is thrown away', () => {
    const machine = holding();
    for (const round of [1, 2, 3]) machine.hear(SERVER, commitOf(round));
    expect(held(machine)?.base.version).toBe(0);
    expect(effectsOf(machine.hear(SERVER, commitOf(4)), 'fetch-model')).toHaveLength(1);
    expect(held(machine)).toBeUndefined();
  });

  test('E-02: it says ready, naming what it trained from, once', () => {
    const machine = training();
    const said = sent(machine.take(trainedFrom(0)), 'ready');
    expect(said).toEqual([{ to: SERVER, message: { type: 'ready', run: RUN, model: refOf(modelOf(0)) } }]);
    expect(sent(machine.hear(SERVER, commitOf(1)), 'ready')).toEqual([]);
    expect(base(machine)).toBeUndefined();
  });

  test('E-02: and again after each welcome', () => {
    const machine = holding();
    expect(sent(machine.hear(SERVER, welcome(1)), 'ready')).toHaveLength(1);
  });

  test('E-02: without a coordinator it goes on training, and says ready once there is one', () => {
    const machine = training();
    machine.take({ type: 'peer-down', peer: SERVER });
    expect(base(machine)).toBe(0);
    expect(sent(machine.take(trainedFrom(0)), 'ready')).toEqual([]);
    machine.take({ type: 'peer-up', peer: SERVER, incarnation: 2 });
    expect(sent(machine.hear(SERVER, welcome(0, 2)), 'ready')).toHaveLength(1);
  });

  test('E-01: a pause ends training; an update already there is kept and said again', () => {
    const machine = training();
    expect(effectsOf(machine.take({ type: 'command', command: 'pause' }), 'cancel-training')).toHaveLength(1);
    expect(base(machine)).toBeUndefined();
    machine.take({ type: 'command', command: 'resume' });
    machine.hear(SERVER, welcome());
    machine.take(trainedFrom(0));
    machine.take({ type: 'command', command: 'pause' });
    expect(held(machine)).toBeDefined();
    machine.take({ type: 'command', command: 'resume' });
    expect(sent(machine.hear(SERVER, welcome()), 'ready')).toHaveLength(1);
  });

  test.each<[string, (machine: Participant) => void]>([
    ['the end of the run', (machine) => machine.hear(SERVER, finish)],
    ['leaving', (machine) => machine.take({ type: 'command', command: 'leave' })],
  ])('E-01: %s ends training and drops what is held', (_, end) => {
    const machine = training();
    end(machine);
    expect(base(machine)).toBeUndefined();
    const other = holding();
    end(other);
    expect(held(other)).toBeUndefined();
  });
  const finish: Message = { type: 'finish', run: RUN, model: refOf(modelOf(0)), reason: 'stopped' };

  test('E-16: what failed is not tried again from the same model before a welcome', () => {
    const machine = training();
    const effects = machine.take({ type: 'train-failed', attempt: attemptOf(), error });
    expect(effectsOf(effects, 'notice')).toMatchObject([{ level: 'error', error }]);
    expect(effectsOf(effects, 'train')).toEqual([]);
    expect(effectsOf(machine.take({ type: 'timer', name: 'silence' }), 'train')).toEqual([]);
    expect(effectsOf(machine.hear(SERVER, welcome()), 'train')).toHaveLength(1);
  });

  test('B-10: whom a bound stops pauses', () => {
    const machine = training();
    const spent = { code: 'privacy.budget-exceeded', message: 'Spent.' } as const;
    machine.take({ type: 'train-failed', attempt: attemptOf(), error: spent });
    expect(machine.state.status.name).toBe('paused');
    expect(base(machine)).toBeUndefined();
  });
});

describe('in a round', () => {
  test('E-06: invited without an update it refuses, and goes on training', () => {
    const machine = training();
    const effects = machine.hear(SERVER, inviteTo(1));
    expect(sent(effects, 'refuse')).toMatchObject([{ message: { code: 'round.not-ready' } }]);
    expect(effectsOf(effects, 'cancel-training')).toEqual([]);
    expect(base(machine)).toBe(0);
  });

  test('E-06: it protects what it holds for the base, and trains nothing', () => {
    const machine = holding();
    const effects = machine.hear(SERVER, inviteTo(1));
    expect(effectsOf(effects, 'train')).toEqual([]);
    expect(effectsOf(effects, 'protect')).toMatchObject([
      { baseHash: modelOf(0).hash, staleness: 0, invited: 3 },
    ]);
    expect(machine.state.attempt?.phase.name).toBe('protecting');
    expect(sent(machine.take(sealed(1)), 'slice')).toHaveLength(3);
  });

  test('E-06 E-03: of a later base it fetches that first, and is so many versions behind', () => {
    const machine = holding();
    for (const round of [1, 2]) machine.hear(SERVER, commitOf(round));
    const effects = machine.hear(SERVER, inviteTo(3));
    expect(effectsOf(effects, 'fetch-model')).toMatchObject([{ model: refOf(modelOf(2)) }]);
    expect(machine.state.attempt?.phase.name).toBe('fetching');
    const protects = effectsOf(machine.take({ type: 'model-fetched', model: modelOf(2) }), 'protect');
    expect(protects).toMatchObject([{ baseHash: modelOf(2).hash, staleness: 2 }]);
  });

  test('E-06: the clipping norm is that of the base, not of what was trained from', () => {
    const machine = holding();
    machine.hear(SERVER, commitOf(1));
    machine.hear(SERVER, inviteTo(2));
    const adaptive = { ...modelOf(1), clipNorm: 0.5 };
    const [protect] = effectsOf(machine.take({ type: 'model-fetched', model: adaptive }), 'protect');
    expect(protect?.clipNorm).toBe(0.5);
  });

  test('E-03: the weight in its advert is that of its staleness', () => {
    const machine = holding({ ring: ringOf(1000, 16) });
    for (const round of [1, 2]) machine.hear(SERVER, commitOf(round));
    const [advertise] = effectsOf(machine.hear(SERVER, inviteTo(3)), 'secure');
    expect(advertise?.step).toMatchObject({ name: 'advertise', weight: 62 });
  });

  test('E-06: an update that is too old for the base is refused, and replaced', () => {
    const machine = holding();
    const effects = machine.hear(SERVER, inviteTo(5));
    expect(sent(effects, 'refuse')).toMatchObject([{ message: { code: 'round.not-ready' } }]);
    expect(machine.state.attempt).toBeUndefined();
  });

  test('E-09: in the sum, it is thrown away, and the next one is trained from the new model', () => {
    const machine = uploaded();
    const effects = machine.hear(SERVER, commitOf(1, { survivors: TRIO }));
    expect(held(machine)).toBeUndefined();
    expect(effectsOf(effects, 'fetch-model')).toMatchObject([{ model: refOf(modelOf(1)) }]);
    machine.take({ type: 'model-fetched', model: modelOf(1) });
    expect(base(machine)).toBe(1);
  });

  test('E-09: the same record told again, with its evaluation, costs no other update', () => {
    const machine = uploaded();
    machine.hear(SERVER, commitOf(1, { survivors: TRIO }));
    machine.take({ type: 'model-fetched', model: modelOf(1) });
    machine.take(trainedFrom(1));
    machine.hear(SERVER, commitOf(1, { survivors: TRIO, evaluation: { total: 1, correct: 1, lossSum: 1 } }));
    expect(held(machine)?.base.version).toBe(1);
  });

  test('E-10: left out of the sum it keeps its update, and says so', () => {
    const machine = uploaded();
    const effects = machine.hear(SERVER, commitOf(1, { dropped: [ALICE] }));
    expect(held(machine)?.uploadedIn).toBeUndefined();
    expect(sent(effects, 'ready')).toHaveLength(1);
  });

  test('E-02: dropped from a round whose invitation never came, it says so again', () => {
    const machine = holding();
    expect(sent(machine.hear(SERVER, commitOf(1, { dropped: [ALICE] })), 'ready')).toHaveLength(1);
    expect(sent(machine.hear(SERVER, abandon(attemptOf(0, 2))), 'ready')).toHaveLength(1);
  });

  test('E-10: after an abandonment it keeps its update, and says so', () => {
    const machine = uploaded();
    expect(sent(machine.hear(SERVER, abandon(attemptOf())), 'ready')).toHaveLength(1);
    expect(held(machine)?.uploadedIn).toBeUndefined();
  });

  test('P-13 E-10: invited again from the same base, it sends the very same integers', () => {
    const machine = uploaded();
    machine.hear(SERVER, abandon(attemptOf()));
    const effects = machine.hear(SERVER, inviteTo(1, attemptOf(1)));
    expect(effectsOf(effects, 'protect')).toEqual([]);
    expect(sent(effects, 'slice').map(({ message }) => message.weight)).toEqual([64, 64, 64]);
  });

  test('E-10: invited again from another base, it is protected anew', () => {
    const machine = uploaded();
    machine.hear(SERVER, commitOf(1, { dropped: [ALICE] }));
    machine.hear(SERVER, inviteTo(2));
    const [protect] = effectsOf(machine.take({ type: 'model-fetched', model: modelOf(1) }), 'protect');
    expect(protect).toMatchObject({ baseHash: modelOf(1).hash, staleness: 1 });
  });

  test('E-08: what is being protected when its attempt ends is protected once', () => {
    const machine = holding();
    machine.hear(SERVER, inviteTo(1));
    expect(effectsOf(machine.hear(SERVER, abandon(attemptOf())), 'train')).toEqual([]);
    const effects = machine.hear(SERVER, inviteTo(1, attemptOf(1)));
    expect(effectsOf(effects, 'protect')).toEqual([]);
    expect(sent(machine.take(sealed(1)), 'slice').map(({ message }) => message.attempt.attempt)).toEqual([
      1, 1, 1,
    ]);
  });

  test('E-10: a commit of a later attempt ends the one under way', () => {
    const machine = uploaded();
    const effects = machine.hear(SERVER, commitOf(2));
    expect(machine.state.attempt).toBeUndefined();
    expect(effectsOf(effects, 'cancel-sends')).toHaveLength(1);
  });

  test('E-09: all of it sent, and how that ended not heard: it is thrown away once there is a model of that round', () => {
    const machine = uploaded();
    machine.take({ type: 'timer', name: 'silence' });
    expect(held(machine), 'there is no such model yet').toBeDefined();
    const effects = machine.hear(SERVER, welcome(1));
    expect(held(machine)).toBeUndefined();
    expect(sent(effects, 'ready')).toEqual([]);
    machine.take({ type: 'model-fetched', model: modelOf(1) });
    expect(base(machine)).toBe(1);
  });

  test('E-09: not all of it sent, it was in no sum', () => {
    const machine = holding();
    machine.hear(SERVER, inviteTo(1));
    machine.take(sealed(1));
    machine.take({ type: 'timer', name: 'silence' });
    expect(sent(machine.hear(SERVER, welcome(1)), 'ready')).toHaveLength(1);
  });

  test('E-09: masked and sent it is gone, however the attempt ends', () => {
    const machine = holding({ ring: ringOf(1000, 16) });
    machine.hear(SERVER, inviteTo(1));
    machine.take(sealed(1));
    machine.take({ type: 'secured', attempt: attemptOf(), result: { name: 'open' } });
    const slices = TRIO.map(() => new Uint8Array(8));
    const update = { layoutHash: modelOf(0).layoutHash, weight: 64, masking: 'secagg', slices };
    machine.take({
      type: 'secured',
      attempt: attemptOf(),
      result: { name: 'mask', update: update as never, digests: new Uint8Array(48) },
    });
    expect(held(machine)).toBeDefined();
    deliver(machine, 1);
    expect(held(machine)).toBeUndefined();
    expect(base(machine), 'not before the attempt is over').toBeUndefined();
    expect(effectsOf(machine.hear(SERVER, abandon(attemptOf())), 'train')).toHaveLength(1);
    expect(machine.state.cached).toBeUndefined();
  });

  test('A-36: masked and partly sent it is gone as well', () => {
    const machine = holding({ ring: ringOf(1000, 16) });
    machine.hear(SERVER, inviteTo(1));
    machine.take(sealed(1));
    machine.take({ type: 'secured', attempt: attemptOf(), result: { name: 'open' } });
    const slices = TRIO.map(() => new Uint8Array(8));
    const update = { layoutHash: modelOf(0).layoutHash, weight: 64, masking: 'secagg', slices };
    const result = { name: 'mask', update: update as never, digests: new Uint8Array(48) } as const;
    expect(
      sent(machine.take({ type: 'secured', attempt: attemptOf(), result }), 'slice').length,
    ).toBeGreaterThan(0);
    const effects = machine.hear(SERVER, abandon(attemptOf()));
    expect(sent(effects, 'ready')).toEqual([]);
    expect(effectsOf(effects, 'train')).toHaveLength(1);
  });

  test('E-09: masked, and its survivors confirmed, it is gone, though one owner never says that its slice came', () => {
    const machine = holding({ ring: ringOf(1000, 16), minParticipants: 3 });
    const invitation = inviteTo(1);
    machine.hear(SERVER, invitation);
    machine.take(sealed(1));
    machine.take({ type: 'secured', attempt: attemptOf(), result: { name: 'open' } });
    const slices = TRIO.map(() => new Uint8Array(8));
    const update = { layoutHash: modelOf(0).layoutHash, weight: 64, masking: 'secagg', slices };
    machine.take({
      type: 'secured',
      attempt: attemptOf(),
      result: { name: 'mask', update: update as never, digests: new Uint8Array(48) },
    });
    const effects = machine.hear(
      SERVER,
      planMessage({ ...invitation.plan, revision: 1, survivors: TRIO, tally: 1 }),
    );
    expect(effectsOf(effects, 'secure').map(({ step }) => step.name)).toEqual(['confirm']);
    expect(held(machine)).toBeUndefined();
    const after = machine.hear(SERVER, abandon(attemptOf()));
    expect(sent(after, 'ready')).toEqual([]);
    expect(effectsOf(after, 'train')).toHaveLength(1);
  });

  test('E-08: with noise it is good for one base only', () => {
    const noised = { maxStaleness: 3, isNoised: true, weightAt: () => 1 };
    const machine = holding({ pace: noised });
    machine.hear(SERVER, inviteTo(1));
    machine.take(sealed(1));
    machine.hear(SERVER, abandon(attemptOf()));
    expect(held(machine), 'the same base may come again').toBeDefined();
    const effects = machine.hear(SERVER, commitOf(1));
    expect(held(machine)).toBeUndefined();
    expect(effectsOf(effects, 'fetch-model')).toHaveLength(1);
    const other = holding({ pace: noised });
    other.hear(SERVER, commitOf(1));
    expect(held(other), 'never protected, it may be behind').toBeDefined();
  });

  test('N-13 E-08: with a share of noise not even for that, once a slice left', () => {
    const noise = {
      trust: 'distributed',
      noiseMultiplier: 1,
      colluding: 0,
      mechanism: 'independent',
    } as const;
    const machine = holding({ noise, pace: { maxStaleness: 3, isNoised: true, weightAt: () => 1 } });
    machine.hear(SERVER, inviteTo(1));
    machine.take({ ...sealed(1), update: { ...updateOf([1, 2, 3, 4, 5, 6]), shares: 2 } });
    expect(machine.state.cached?.hasLeft).toBe(true);
    expect(effectsOf(machine.hear(SERVER, abandon(attemptOf())), 'train')).toHaveLength(1);
    expect(held(machine)).toBeUndefined();
  });

  test('E-16: what cannot be protected is thrown away', () => {
    const machine = holding();
    machine.hear(SERVER, inviteTo(1));
    const effects = machine.take({ type: 'train-failed', attempt: attemptOf(), error });
    expect(sent(effects, 'refuse')).toMatchObject([{ message: { code: 'training.diverged' } }]);
    expect(machine.state.attempt?.phase.name).toBe('watching');
    expect(effectsOf(machine.hear(SERVER, commitOf(1)), 'fetch-model')).toHaveLength(1);
    expect(held(machine)).toBeUndefined();
  });

  test('E-16: also when its attempt is over by then', () => {
    const machine = holding();
    machine.hear(SERVER, inviteTo(1));
    machine.hear(SERVER, abandon(attemptOf()));
    const effects = machine.take({ type: 'train-failed', attempt: attemptOf(), error });
    expect(held(machine)).toBeUndefined();
    expect(effectsOf(effects, 'train')).toHaveLength(1);
  });

  test('E-09: what comes of protecting an update that was thrown away is not sent for the next', () => {
    const machine = holding();
    machine.hear(SERVER, inviteTo(1));
    machine.hear(SERVER, abandon(attemptOf()));
    for (const round of [1, 2, 3, 4]) machine.hear(SERVER, commitOf(round));
    machine.take(sealed(1));
    expect(machine.state.cached).toBeUndefined();
    machine.take({ type: 'model-fetched', model: modelOf(4) });
    expect(base(machine)).toBe(4);
  });
});

test('P-31: who may elect is the cohort of the newest round that it heard of, in it or not', () => {
  const machine = training();
  machine.hear(SERVER, commitOf(3, { survivors: [BOB], dropped: [CAROL] }));
  expect(machine.state.electorate).toEqual([BOB, CAROL]);
  machine.hear(SERVER, commitOf(2, { survivors: [CAROL] }));
  expect(machine.state.electorate).toEqual([BOB, CAROL]);
});

test('C-53: what the person agreed to report goes along with each join, and nothing where that is nothing', () => {
  const device = { examplesPerSecond: 50, charging: true, battery: null, metered: null };
  const machine = participant({ device });
  const up = () => machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
  up();
  const effects = machine.take({ type: 'command', command: 'start' });
  expect(sent(effects, 'device')).toEqual([{ to: SERVER, message: { type: 'device', run: RUN, device } }]);
  expect(sent(up(), 'device')).toHaveLength(1);
  const silent = participant();
  silent.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
  expect(sent(silent.take({ type: 'command', command: 'start' }), 'device')).toEqual([]);
});
