import { describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
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
import type { Message, ModelRef } from '../../wire/index.ts';
import { type CoordinatorContext, type CoordinatorState, initialCoordinator } from './state.ts';
import { stepCoordinator } from './step.ts';

const START = refOf(modelOf(0));
const TRIO = [ALICE, BOB, CAROL];

function coordinator(
  change: Partial<CoordinatorContext> = {},
  { model = START, holders = [SERVER] as NodeId[], electorate = [] as ParticipantId[], term = 1 } = {},
): Machine<CoordinatorState> {
  return machineOf(
    stepCoordinator,
    initialCoordinator(term, model, holders, electorate),
    coordinatorContext(change),
  );
}

function join(machine: Machine<CoordinatorState>, id: ParticipantId, change: Partial<JoinFields> = {}) {
  return machine.hear(id, {
    type: 'join',
    run: RUN,
    incarnation: 1,
    model: START,
    term: 1,
    examples: 10,
    paused: false,
    ...change,
  });
}
interface JoinFields {
  incarnation: number;
  model: ModelRef | null;
  term: number;
  paused: boolean;
}

/** A round of these, just begun. */
function begun(change: Partial<CoordinatorContext> = {}, ids: ParticipantId[] = TRIO) {
  const machine = coordinator(change);
  for (const id of ids) join(machine, id);
  machine.take({ type: 'timer', name: 'settle' });
  return machine;
}

const attempt = attemptOf();
const say = {
  trained: { type: 'trained', run: RUN, attempt },
  uploaded: (revision = 0, undeliverable: number[] = []): Message => ({
    type: 'uploaded',
    run: RUN,
    attempt,
    revision,
    undeliverable,
  }),
  applied: (tally = 1, hash = 'aa'): Message => ({ type: 'applied', run: RUN, attempt, tally, hash }),
  missing: (tally: number, slices: number[]): Message => ({
    type: 'missing',
    run: RUN,
    attempt,
    tally,
    slices,
  }),
  refuse: (code: string): Message => ({ type: 'refuse', run: RUN, attempt, code, reason: 'because' }),
  reject: (participant: ParticipantId): Message => ({
    type: 'reject',
    run: RUN,
    attempt,
    participant,
    code: 'update.overflow',
  }),
} as const;

function allTrained(machine: Machine<CoordinatorState>, ids: ParticipantId[] = TRIO) {
  return ids.flatMap((id) => machine.hear(id, say.trained));
}
function allUploaded(machine: Machine<CoordinatorState>, ids: ParticipantId[] = TRIO, revision = 0) {
  return ids.flatMap((id) => machine.hear(id, say.uploaded(revision)));
}
/** Survivors are fixed; sums are awaited. */
function counting(change: Partial<CoordinatorContext> = {}, ids: ParticipantId[] = TRIO) {
  const machine = begun(change, ids);
  allTrained(machine, ids);
  allUploaded(machine, ids);
  return machine;
}
function planOf({ state }: Machine<CoordinatorState>) {
  if (state.status.name !== 'round') throw new Error(`no round, but ${state.status.name}`);
  return state.status.rounds[0]!.plan;
}

describe('members', () => {
  test('C-01: a join is answered with the term, the newest model and at most 8 holders', () => {
    const holders = Array.from({ length: 12 }, (_, i) => `holder-${i}`.padEnd(22, '-') as ParticipantId);
    const machine = coordinator({}, { holders, term: 7 });
    const [welcome] = sent(join(machine, ALICE, { model: null, term: 7 }), 'welcome');
    expect(welcome).toMatchObject({ to: ALICE, message: { term: 7, model: START } });
    expect(welcome!.message.holders).toEqual(holders.slice(0, 8));
  });

  test('C-02: another incarnation is the loss of the earlier one first', () => {
    const machine = begun();
    join(machine, CAROL, { incarnation: 2 });
    expect(machine.state.status).toMatchObject({ rounds: [{ dropped: new Set([CAROL]) }] });
    expect(machine.state.members.get(CAROL)).toMatchObject({ incarnation: 2, here: true });
  });

  test('C-03: a later term raises our own above it, stored, and ends the attempt', () => {
    const machine = begun();
    const effects = join(machine, DAVE, { term: 5 });
    expect(machine.state.term).toBe(6);
    expect(effectsOf(effects, 'save-term')).toEqual([{ type: 'save-term', term: 6 }]);
    expect(sent(effects, 'abandon').map(({ message }) => message.code)).toEqual(
      Array(3).fill('round.superseded'),
    );
  });

  test('C-04: a newer model is the one to build on, and the server asks for the records it lacks', () => {
    const machine = begun();
    const newer = refOf(modelOf(4));
    const effects = join(machine, DAVE, { model: newer });
    expect(machine.state).toMatchObject({
      model: newer,
      holders: new Set([DAVE]),
      status: { name: 'gathering' },
    });
    expect(effectsOf(effects, 'fetch-history')).toEqual([
      { type: 'fetch-history', from: DAVE, fromRound: 1 },
    ]);
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.superseded');
  });

  test('an older model changes nothing; the same model makes its bearer a holder', () => {
    const machine = coordinator({}, { model: refOf(modelOf(3)) });
    join(machine, ALICE);
    join(machine, BOB, { model: refOf(modelOf(3)) });
    expect(machine.state.holders).toEqual(new Set([SERVER, BOB]));
  });

  test('whoever leaves is no member any more; whoever is lost may come back', () => {
    const machine = begun();
    machine.take({ type: 'peer-down', peer: BOB });
    machine.hear(CAROL, { type: 'leave', run: RUN });
    expect([...machine.state.members.keys()]).toEqual([ALICE, BOB]);
    expect(machine.state.members.get(BOB)?.here).toBe(false);
  });
});

describe('starting', () => {
  test('C-05: the cohort is drawn from those here, unpaused, in the order of their ids', () => {
    const machine = coordinator({ groupSize: 2 });
    for (const id of [DAVE, CAROL, BOB]) join(machine, id);
    join(machine, ALICE, { paused: true });
    machine.take({ type: 'timer', name: 'settle' });
    const { cohort } = planOf(machine);
    expect(cohort).toHaveLength(2);
    expect(cohort).not.toContain(ALICE);
    expect(cohort).toEqual([...cohort].sort());
  });

  test('C-06: newcomers are waited for, and too few start nothing', () => {
    const machine = coordinator();
    const effects = join(machine, ALICE);
    expect(effects).toContainEqual({ type: 'timer', name: 'settle', delayMs: 100 });
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('gathering');
    join(machine, BOB);
    expect(machine.state.status.name).toBe('gathering');
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('round');
  });

  test('C-07: at the last version the run is finished, and newcomers are told', () => {
    const machine = coordinator({ maximumRounds: 3 }, { model: refOf(modelOf(3)) });
    join(machine, ALICE);
    join(machine, BOB);
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'maximum-rounds' });
    expect(sent(join(machine, CAROL), 'finish')).toHaveLength(1);
  });

  test('C-08: more than half of the last survivors are waited for, ten settling times at most', () => {
    const machine = coordinator({}, { electorate: [ALICE, CAROL, DAVE] });
    join(machine, ALICE);
    join(machine, BOB);
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('gathering');
    machine.nowMs = 999;
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('gathering');
    machine.nowMs = 1000;
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('round');
  });

  test('C-08: with most of them here nothing is waited for', () => {
    const machine = coordinator({}, { electorate: [ALICE, BOB, DAVE] });
    join(machine, ALICE);
    join(machine, BOB);
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('round');
  });

  test('C-09: everyone owns a slice; with the server path only, the server owns the one there is', () => {
    expect(planOf(begun()).owners).toEqual(TRIO);
    const machine = coordinator({ mesh: false, serverMayOwn: true });
    for (const id of TRIO) join(machine, id);
    const invites = sent(machine.take({ type: 'timer', name: 'settle' }), 'invite');
    expect(planOf(machine).owners).toEqual([SERVER]);
    expect(invites.map(({ to }) => to)).toEqual([...TRIO, SERVER]);
  });

  test('C-09: an elected coordinator starts nothing where only the server may own', () => {
    const machine = coordinator({ self: DAVE, mesh: false, serverMayOwn: true });
    for (const id of TRIO) join(machine, id);
    const effects = machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.status.name).toBe('gathering');
    expect(effectsOf(effects, 'notice')).toHaveLength(1);
  });

  test('R-04: the round is one above the version it starts from; R-01: attempts of a round are counted', () => {
    const machine = coordinator({}, { model: refOf(modelOf(4)), term: 2 });
    for (const id of TRIO) join(machine, id, { term: 2 });
    machine.take({ type: 'timer', name: 'settle' });
    expect(machine.state.lastAttempt).toEqual({ term: 2, round: 5, attempt: 0 });
    machine.take({ type: 'timer', name: 'train' });
    expect(machine.state.status.name).toBe('gathering');
    machine.take({ type: 'timer', name: 'retry' });
    expect(machine.state.lastAttempt).toEqual({ term: 2, round: 5, attempt: 1 });
  });
});

describe('pace', () => {
  test('C-10: another attempt is ignored, an outsider noted', () => {
    const machine = begun();
    expect(machine.hear(ALICE, { ...say.trained, attempt: attemptOf(1) })).toEqual([]);
    expect(effectsOf(machine.hear(DAVE, say.trained), 'notice')[0]!.error?.code).toBe('wire.out-of-phase');
    expect(machine.state.status).toMatchObject({ rounds: [{ trained: new Set() }] });
  });

  test('C-11: whoever is late with training, then with uploading, is dropped', () => {
    const machine = begun({}, [ALICE, BOB, CAROL, DAVE]);
    allTrained(machine, [ALICE, BOB, CAROL]);
    machine.take({ type: 'timer', name: 'train' });
    expect(machine.state.status).toMatchObject({ rounds: [{ dropped: new Set([DAVE]) }] });
    const revision = planOf(machine).revision;
    allUploaded(machine, [ALICE, BOB], revision);
    machine.take({ type: 'timer', name: 'exchange' });
    // Carol owned a slice: it goes to another, and senders report again.
    allUploaded(machine, [ALICE, BOB], planOf(machine).revision);
    expect(planOf(machine).survivors).toEqual([ALICE, BOB]);
  });

  test('C-12: survivors are fixed when all that remain have uploaded at the present owners', () => {
    const machine = begun();
    allTrained(machine);
    allUploaded(machine, [ALICE, BOB]);
    expect(planOf(machine).survivors).toBeNull();
    const effects = machine.hear(CAROL, say.uploaded());
    expect(planOf(machine)).toMatchObject({ survivors: TRIO, tally: 1, revision: 1 });
    expect(sent(effects, 'plan').map(({ to }) => to)).toEqual(TRIO);
    expect(effects).toContainEqual({ type: 'timer', name: 'apply', delayMs: 300 });
  });

  test('R-02 R-03: every change raises the revision, every change of survivors the tally', () => {
    const machine = counting({}, [ALICE, BOB, CAROL, DAVE]);
    expect(planOf(machine)).toMatchObject({ revision: 1, tally: 1 });
    machine.hear(ALICE, say.missing(1, [0]));
    expect(planOf(machine)).toMatchObject({ revision: 2, tally: 1 });
    machine.take({ type: 'peer-down', peer: DAVE });
    expect(planOf(machine)).toMatchObject({ revision: 3, tally: 2, survivors: TRIO });
  });

  test('C-13: a new owner gives senders the exchange time again, and old reports do not count for it', () => {
    const machine = begun();
    allTrained(machine);
    allUploaded(machine, [ALICE, BOB]);
    const effects = machine.take({ type: 'peer-down', peer: CAROL });
    expect(effects).toContainEqual({ type: 'timer', name: 'exchange', delayMs: 600 });
    expect(planOf(machine)).toMatchObject({ revision: 1, survivors: null });
    allUploaded(machine, [ALICE, BOB], 1);
    expect(planOf(machine).survivors).toEqual([ALICE, BOB]);
  });

  test('C-15: whoever refuses is dropped, and invited again only after joining anew', () => {
    const machine = begun();
    machine.hear(CAROL, say.refuse('training.diverged'));
    expect(machine.state.status).toMatchObject({ rounds: [{ dropped: new Set([CAROL]) }] });
    expect(machine.state.members.get(CAROL)?.refused).toBe(true);
    join(machine, CAROL);
    expect(machine.state.members.get(CAROL)?.refused).toBe(false);
  });

  test('C-16: what one participant cannot fetch is not lost while the coordinator holds it', () => {
    const machine = coordinator({}, { model: refOf(modelOf(4)) });
    for (const id of TRIO) join(machine, id);
    machine.take({ type: 'timer', name: 'settle' });
    const late = { ...say.refuse('model.unavailable'), attempt: attemptOf(0, 5) } as Message;
    machine.hear(CAROL, late);
    expect(machine.state.model).toEqual(refOf(modelOf(4)));
    expect(machine.state.status).toMatchObject({ name: 'round', rounds: [{ dropped: new Set([CAROL]) }] });
    expect(machine.state.members.get(CAROL)?.refused).toBe(false);
  });

  test('C-16: a model that nobody delivers is given up for the newest that a member holds', () => {
    const machine = coordinator();
    for (const id of TRIO) join(machine, id);
    join(machine, DAVE, { model: refOf(modelOf(9)) });
    machine.take({ type: 'peer-down', peer: DAVE });
    machine.take({ type: 'timer', name: 'settle' });
    const effects = machine.hear(ALICE, {
      ...say.refuse('model.unavailable'),
      attempt: attemptOf(0, 10),
    } as Message);
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('model.unavailable');
    expect(machine.state).toMatchObject({ model: START, holders: new Set(TRIO) });
    join(machine, DAVE, { model: refOf(modelOf(9)), incarnation: 2 });
    expect(machine.state.model).toEqual(START);
  });
});

describe('losses', () => {
  test('C-20: too few that remain end the attempt by name', () => {
    const machine = begun({ minParticipants: 3 });
    const effects = machine.take({ type: 'peer-down', peer: CAROL });
    expect(sent(effects, 'abandon').map(({ to, message }) => [to, message.code])).toEqual([
      [ALICE, 'round.too-few-participants'],
      [BOB, 'round.too-few-participants'],
    ]);
  });

  test('C-21: the slice of a lost owner goes to one that remains', () => {
    const machine = begun();
    machine.take({ type: 'peer-down', peer: BOB });
    const { owners, cohort } = planOf(machine);
    expect(cohort).toEqual(TRIO);
    expect([ALICE, CAROL]).toContain(owners[1]);
    expect([owners[0], owners[2]]).toEqual([ALICE, CAROL]);
  });

  test('C-22: the server comes first where it coordinates and may own, and never twice in a row', () => {
    const machine = begun({ serverMayOwn: true });
    machine.take({ type: 'peer-down', peer: BOB });
    expect(planOf(machine).owners[1]).toBe(SERVER);
    allTrained(machine, [ALICE, CAROL]);
    machine.hear(ALICE, say.uploaded(planOf(machine).revision, [1]));
    expect([ALICE, CAROL]).toContain(planOf(machine).owners[1]);
  });

  test('C-23: a slice that would change hands a fifth time ends the attempt', () => {
    const machine = counting();
    for (let times = 1; times <= 4; times++) {
      machine.hear(ALICE, say.missing(1, [2]));
      expect(planOf(machine).revision).toBe(1 + times);
    }
    const effects = machine.hear(ALICE, say.missing(1, [2]));
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.owner-lost');
  });

  test('C-24: a survivor that owned a slice and is lost is counted out', () => {
    const machine = counting();
    machine.hear(ALICE, say.applied(1));
    machine.take({ type: 'peer-down', peer: CAROL });
    expect(planOf(machine)).toMatchObject({ survivors: [ALICE, BOB], tally: 2, revision: 2 });
    expect(planOf(machine).owners).not.toContain(CAROL);
    machine.hear(ALICE, say.applied(1));
    machine.hear(BOB, say.applied(2));
    expect(machine.state.model?.version).toBe(0);
    const effects = machine.hear(ALICE, say.applied(2));
    expect(effectsOf(effects, 'save-record')[0]!.record).toMatchObject({
      survivors: [ALICE, BOB],
      dropped: [CAROL],
    });
  });

  test('C-24: a survivor that owned nothing stays in the sum; only its answer is not awaited', () => {
    const machine = counting({ mesh: false, serverMayOwn: true });
    machine.take({ type: 'peer-down', peer: CAROL });
    expect(planOf(machine)).toMatchObject({ survivors: TRIO, tally: 1, revision: 1 });
    const effects = [...machine.hear(ALICE, say.applied()), ...machine.hear(BOB, say.applied())];
    expect(effectsOf(effects, 'save-record')[0]!.record).toMatchObject({ survivors: TRIO, dropped: [] });
  });

  test.each([
    ['before survivors are fixed', begun],
    ['after', counting],
  ])('C-25: whose slice is rejected %s is left out', (_, reach) => {
    const machine = reach();
    machine.hear(ALICE, say.reject(BOB));
    expect(machine.state.status).toMatchObject({ rounds: [{ dropped: new Set([BOB]) }] });
    if (reach === counting) expect(planOf(machine)).toMatchObject({ survivors: [ALICE, CAROL], tally: 2 });
  });

  test('N-10: where the server adds noise nothing is counted twice: the attempt ends', () => {
    const machine = counting({ mesh: false, serverMayOwn: true, addsNoise: true });
    const effects = machine.hear(SERVER, say.reject(BOB));
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.conflicting-slice');
    const lost = counting({ mesh: false, serverMayOwn: true, addsNoise: true });
    expect(sent(lost.take({ type: 'peer-down', peer: BOB }), 'abandon')).toEqual([]);
  });

  test('C-25: the server as owner is heard too', () => {
    const machine = begun({ mesh: false, serverMayOwn: true });
    machine.hear(SERVER, say.reject(BOB));
    expect(machine.state.status).toMatchObject({ rounds: [{ dropped: new Set([BOB]) }] });
  });

  test('C-25: a reject from someone who owns nothing is not heard', () => {
    const machine = begun({ mesh: false, serverMayOwn: true });
    machine.hear(ALICE, say.reject(BOB));
    expect(machine.state.status).toMatchObject({ rounds: [{ dropped: new Set() }] });
  });

  test('C-26: missing sums of the present tally, and undeliverable slices, get another owner', () => {
    const machine = counting();
    machine.hear(ALICE, say.missing(0, [1]));
    expect(planOf(machine).owners).toEqual(TRIO);
    machine.hear(ALICE, say.missing(1, [1, 99]));
    expect(planOf(machine).owners[1]).not.toBe(BOB);
    const uploading = begun();
    allTrained(uploading);
    uploading.hear(ALICE, say.uploaded(0, [2]));
    expect(planOf(uploading).owners[2]).not.toBe(CAROL);
  });
});

describe('conclusion', () => {
  test('C-30 C-32: when all survivors applied, the record is stored and told to all present', () => {
    const machine = begun();
    machine.nowMs = 50;
    allTrained(machine);
    machine.nowMs = 80;
    allUploaded(machine);
    join(machine, DAVE);
    machine.nowMs = 100;
    const effects = TRIO.flatMap((id) => machine.hear(id, say.applied()));
    const { record } = effectsOf(effects, 'save-record')[0]!;
    expect(record).toEqual({
      ...attempt,
      coordinator: SERVER,
      federationRevision: 1,
      baseHash: START.hash,
      hash: 'aa',
      survivors: TRIO,
      dropped: [],
      startedAtMs: 0,
      trainMs: 50,
      exchangeMs: 30,
      applyMs: 20,
      evaluation: null,
      secure: null,
    });
    expect(sent(effects, 'commit').map(({ to }) => to)).toEqual([...TRIO, DAVE]);
    expect(machine.state).toMatchObject({ model: { version: 1, hash: 'aa' }, electorate: TRIO });
  });

  test('C-30: at the deadline minParticipants are enough; fewer end it as round.deadline', () => {
    const enough = counting();
    enough.hear(ALICE, say.applied());
    enough.hear(BOB, say.applied());
    enough.take({ type: 'timer', name: 'apply' });
    expect(enough.state.model?.hash).toBe('aa');
    const few = counting();
    few.hear(ALICE, say.applied());
    expect(sent(few.take({ type: 'timer', name: 'apply' }), 'abandon')[0]!.message.code).toBe(
      'round.deadline',
    );
  });

  test('C-31: a minority is noted; without a majority the round has diverged', () => {
    const lesser = counting();
    lesser.hear(ALICE, say.applied(1, 'aa'));
    lesser.hear(BOB, say.applied(1, 'aa'));
    const effects = lesser.hear(CAROL, say.applied(1, 'bb'));
    expect(effectsOf(effects, 'notice')[0]!.error?.code).toBe('round.diverged');
    expect(lesser.state).toMatchObject({ model: { hash: 'aa' }, holders: new Set([ALICE, BOB]) });
    const split = counting({}, [ALICE, BOB, CAROL, DAVE]);
    split.hear(ALICE, say.applied(1, 'aa'));
    split.hear(BOB, say.applied(1, 'aa'));
    split.hear(CAROL, say.applied(1, 'bb'));
    const torn = split.hear(DAVE, say.applied(1, 'bb'));
    expect(sent(torn, 'abandon')[0]!.message.code).toBe('round.diverged');
  });

  test('C-33 C-07: evaluations are added up, the record is told again, the target ends the run', () => {
    const machine = counting({ evaluates: true, targetAccuracy: 0.9 });
    for (const id of TRIO) machine.hear(id, say.applied());
    const answer = (correct: number): Message => ({
      type: 'evaluated',
      run: RUN,
      round: 1,
      hash: 'aa',
      counts: { total: 10, correct, lossSum: 0.5 },
    });
    machine.hear(ALICE, answer(10));
    machine.hear(DAVE, answer(0));
    machine.hear(BOB, answer(9));
    // The next round has begun meanwhile: it is still finished.
    const effects = machine.hear(CAROL, answer(8));
    expect(effectsOf(effects, 'save-record')[0]!.record.evaluation).toEqual({
      total: 30,
      correct: 27,
      lossSum: 1.5,
    });
    expect(machine.state.finishAfterRound).toBe('target-accuracy');
  });

  test('C-33: who evaluates before the last one has applied counts too', () => {
    const machine = counting({ evaluates: true, maximumRounds: 1 });
    const evaluated = (hash: string): Message => ({
      type: 'evaluated',
      run: RUN,
      round: 1,
      hash,
      counts: { total: 4, correct: 3, lossSum: 1 },
    });
    machine.hear(ALICE, say.applied());
    machine.hear(ALICE, evaluated('aa'));
    machine.hear(BOB, say.applied());
    machine.hear(BOB, evaluated('bb'));
    machine.hear(CAROL, evaluated('aa'));
    machine.hear(CAROL, say.applied());
    const effects = machine.hear(BOB, evaluated('aa'));
    const records = effectsOf(effects, 'save-record').map(({ record }) => record.evaluation);
    expect(records).toEqual([{ total: 12, correct: 9, lossSum: 3 }]);
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'maximum-rounds' });
  });

  test('C-33: after 60 s the evaluation speaks of those who answered', () => {
    const machine = counting({ evaluates: true, maximumRounds: 1 });
    const effects = TRIO.flatMap((id) => machine.hear(id, say.applied()));
    expect(effects).toContainEqual({ type: 'timer', name: 'evaluation', delayMs: 60_000 });
    expect(machine.state.status.name).toBe('closing');
    machine.hear(ALICE, {
      type: 'evaluated',
      run: RUN,
      round: 1,
      hash: 'aa',
      counts: { total: 4, correct: 3, lossSum: 1 },
    });
    const late = machine.take({ type: 'timer', name: 'evaluation' });
    expect(effectsOf(late, 'save-record')[0]!.record.evaluation?.total).toBe(4);
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'maximum-rounds' });
  });

  test('C-34: abandonments are tried again after 250 ms, doubling up to ten seconds', () => {
    const machine = begun();
    const delays: number[] = [];
    for (let i = 0; i < 8; i++) {
      const effects = machine.take({ type: 'timer', name: 'train' });
      delays.push(
        ...effectsOf(effects, 'timer').flatMap(({ name, delayMs }) => (name === 'retry' ? delayMs : [])),
      );
      machine.take({ type: 'timer', name: 'retry' });
    }
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  test('C-35: stop ends the attempt by name, then the run', () => {
    const machine = begun();
    const effects = machine.take({ type: 'command', command: 'stop' });
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.superseded');
    expect(sent(effects, 'finish').map(({ to }) => to)).toEqual(TRIO);
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'stopped' });
  });

  test('C-37: the server fetches every k-th model and the last', () => {
    const fetchedAt = (round: number, checkpointEvery: number) => {
      const model = refOf(modelOf(round - 1));
      const machine = coordinator({ checkpointEvery, maximumRounds: 5 }, { model });
      for (const id of TRIO) join(machine, id, { model });
      machine.take({ type: 'timer', name: 'settle' });
      const all = (message: Message) =>
        TRIO.flatMap((id) => machine.hear(id, { ...message, attempt: attemptOf(0, round) } as Message));
      all(say.trained);
      all(say.uploaded());
      const [first] = effectsOf(all(say.applied()), 'fetch-model');
      return first?.model.version === round && machine.state.status.name !== 'round'
        ? 'kept'
        : first?.model.version;
    };
    expect(fetchedAt(5, 3)).toBe('kept');
    expect(fetchedAt(3, 3)).toBe(3);
  });

  test('C-37: between checkpoints the server fetches nothing, and one that was missed comes with a later round', () => {
    const fetchedAsRoundBegins = (version: number, checkpointEvery: number, stored?: number) => {
      const model = refOf(modelOf(version));
      const machine = coordinator({ checkpointEvery, maximumRounds: 20 });
      for (const id of TRIO) join(machine, id, { model });
      if (stored !== undefined) machine.take({ type: 'model-fetched', model: modelOf(stored) });
      const effects = machine.take({ type: 'timer', name: 'settle' });
      expect(machine.state.status.name).toBe('round');
      return effectsOf(effects, 'fetch-model').map((effect) => effect.model.version);
    };
    expect(fetchedAsRoundBegins(2, 3)).toEqual([]);
    expect(fetchedAsRoundBegins(3, 3)).toEqual([3]);
    expect(fetchedAsRoundBegins(5, 3)).toEqual([5]);
    expect(fetchedAsRoundBegins(5, 3, 3)).toEqual([]);
  });
});

/** Everything that a participant can say and every timer, in every state that a coordinator can be in. */
describe('the whole table', () => {
  const states: Record<string, () => Machine<CoordinatorState>> = {
    gathering: () => {
      const machine = coordinator();
      join(machine, ALICE);
      return machine;
    },
    training: () => begun(),
    uploading: () => {
      const machine = begun();
      allTrained(machine);
      return machine;
    },
    counting: () => counting(),
    closing: () => {
      const machine = counting({ evaluates: true, maximumRounds: 1 });
      for (const id of TRIO) machine.hear(id, say.applied());
      return machine;
    },
    finished: () => {
      const machine = begun();
      machine.take({ type: 'command', command: 'stop' });
      return machine;
    },
  };
  const hear = (message: Message) => (machine: Machine<CoordinatorState>) => machine.hear(ALICE, message);
  const timer =
    (name: 'train' | 'exchange' | 'apply' | 'retry' | 'settle' | 'evaluation') =>
    (machine: Machine<CoordinatorState>) =>
      machine.take({ type: 'timer', name });
  const events: Record<string, (machine: Machine<CoordinatorState>) => unknown> = {
    trained: hear(say.trained),
    uploaded: hear(say.uploaded()),
    applied: hear(say.applied()),
    missing: hear(say.missing(1, [0])),
    refuse: hear(say.refuse('training.failed')),
    reject: hear(say.reject(BOB)),
    leave: hear({ type: 'leave', run: RUN }),
    'peer-down': (machine) => machine.take({ type: 'peer-down', peer: ALICE }),
    'train late': timer('train'),
    'exchange late': timer('exchange'),
    'apply late': timer('apply'),
    retry: timer('retry'),
    settle: timer('settle'),
    'evaluation late': timer('evaluation'),
    stop: (machine) => machine.take({ type: 'command', command: 'stop' }),
  };
  /** What changes; whatever is not named stays as it is: a late or illegal message does no harm. */
  const changes: Record<string, Record<string, string>> = {
    gathering: { stop: 'finished' },
    training: {
      'train late': 'gathering',
      'exchange late': 'gathering',
      'apply late': 'gathering',
      stop: 'finished',
    },
    uploading: { 'exchange late': 'gathering', 'apply late': 'gathering', stop: 'finished' },
    counting: { 'apply late': 'gathering', 'exchange late': 'round', stop: 'finished' },
    closing: { 'evaluation late': 'finished', stop: 'finished' },
    finished: {},
  };
  const names: Record<string, string> = { training: 'round', uploading: 'round', counting: 'round' };

  for (const [state, reach] of Object.entries(states)) {
    test.each(Object.entries(events))(`${state} × %s`, (event, act) => {
      const machine = reach();
      const before = structuredClone(machine.state);
      const given = machine.state;
      act(machine);
      expect(given).toEqual(before); // the state that was given is never changed
      expect(machine.state.status.name).toBe(changes[state]![event] ?? names[state] ?? state);
    });
  }
});
