import { describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import {
  coordinatorContext,
  effectsOf,
  type Machine,
  machineOf,
  modelOf,
  RUN,
  refOf,
  sent,
} from '../../testing/session-fixtures.ts';
import type { Message, MessageOf } from '../../wire/index.ts';
import { commitmentTo, findUnfair, nonceFrom } from '../groups.ts';
import {
  type CoordinatorContext,
  type CoordinatorState,
  initialCoordinator,
  type RoundState,
} from './state.ts';
import { stepCoordinator } from './step.ts';

type Coordinator = Machine<CoordinatorState>;

const START = refOf(modelOf(0));
const HASH = 'aa'.repeat(32);
const SUM = 'bb'.repeat(32);
const attempt = { term: 1, round: 1, attempt: 0 };
const idsOf = (count: number): ParticipantId[] =>
  Array.from({ length: count }, (_, i) => `member-${String(i).padStart(15, '0')}` as ParticipantId);
const SIX = idsOf(6);
const SIZES = { groupSize: 2, fewest: 1 };

const nonceOf = (id: ParticipantId, draw = 0) => nonceFrom(RUN, id, `draw ${draw}`);
const commitmentOf = (id: ParticipantId, draw = 0) => commitmentTo(RUN, id, nonceOf(id, draw));

function coordinator(change: Partial<CoordinatorContext> = {}, ids = SIX): Coordinator {
  const machine = machineOf(
    stepCoordinator,
    initialCoordinator(1, START, [SERVER], []),
    coordinatorContext({ groupSize: 2, maxParticipants: 100, serverMayOwn: true, ...change }),
  );
  for (const id of ids) join(machine, id);
  return machine;
}

function join(machine: Coordinator, id: ParticipantId, change: Partial<MessageOf<'join'>> = {}) {
  const fields = { incarnation: 1, model: START, term: 1, examples: 10, paused: false };
  return machine.hear(id, { type: 'join', run: RUN, ...fields, commitment: commitmentOf(id), ...change });
}

const settle = (machine: Coordinator) => machine.take({ type: 'timer', name: 'settle' });
const nonce = (id: ParticipantId, draw = 0, change: Partial<MessageOf<'nonce'>> = {}): Message => {
  return {
    type: 'nonce',
    run: RUN,
    attempt,
    nonce: nonceOf(id, draw),
    next: commitmentOf(id, draw + 1),
    ...change,
  };
};

/** Everyone has revealed: groups of two are invited. */
function split(change: Partial<CoordinatorContext> = {}, ids = SIX) {
  const machine = coordinator(change, ids);
  settle(machine);
  const effects = ids.flatMap((id) => machine.hear(id, nonce(id)));
  return { machine, effects };
}

function roundsOf({ state }: Coordinator): readonly RoundState[] {
  return state.status.name === 'round' ? state.status.rounds : [];
}
const tallied = (round: RoundState) => ({ run: RUN, attempt, tally: round.plan.tally });

/** Everyone of this group has trained and uploaded: survivors are fixed. */
function upload(machine: Coordinator, group: number, ids = groupOf(machine, group).plan.cohort) {
  for (const id of ids) machine.hear(id, { type: 'trained', run: RUN, attempt });
  const revision = groupOf(machine, group).ownersRevision;
  for (const id of ids)
    machine.hear(id, { type: 'uploaded', run: RUN, attempt, revision, undeliverable: [] });
}
function groupOf(machine: Coordinator, group: number): RoundState {
  return roundsOf(machine).find((round) => round.group === group)!;
}
function collect(machine: Coordinator, group: number, hash: string | undefined = SUM) {
  const { tally } = groupOf(machine, group).plan;
  return machine.take({ type: 'collected', attempt, group, tally, hash, error: undefined });
}
function sumUp(machine: Coordinator, group: number, hash = SUM) {
  const round = groupOf(machine, group);
  return round.plan.cohort.flatMap((id) => machine.hear(id, { type: 'summed', ...tallied(round), hash }));
}
/** This group has done its part. */
function finish(machine: Coordinator, group: number) {
  upload(machine, group);
  return [...collect(machine, group), ...sumUp(machine, group)];
}
const apply = (machine: Coordinator, ids: readonly ParticipantId[], hash = HASH) =>
  ids.flatMap((id) => machine.hear(id, { type: 'applied', run: RUN, attempt, tally: 1, hash }));
const toldTo = (effects: Parameters<typeof sent>[0], type: 'abandon' | 'draw') =>
  sent(effects, type).map(({ to }) => to);

describe('the draw', () => {
  test('G-02: more members than fit a group are shown what all of them committed to', () => {
    const machine = coordinator();
    const effects = settle(machine);
    const draws = sent(effects, 'draw');
    expect(draws.map(({ to }) => to)).toEqual(SIX);
    for (const { message } of draws) {
      expect(message.cohort).toEqual(SIX);
      expect(message.commitments).toEqual(SIX.map((id) => commitmentOf(id)));
    }
    expect(sent(effects, 'invite')).toEqual([]);
    expect(effects).toContainEqual({ type: 'timer', name: 'draw', delayMs: 200 });
  });

  test('G-01: as many as fit one group are not drawn, nor where the federation has no groups', () => {
    expect(sent(settle(coordinator({}, SIX.slice(0, 2))), 'invite')).toHaveLength(2);
    expect(sent(settle(coordinator({ maxParticipants: 2 })), 'invite')).toHaveLength(2);
  });

  test('G-01: an elected coordinator runs one group', () => {
    const effects = settle(coordinator({ self: SIX[0]! }));
    expect(sent(effects, 'draw')).toEqual([]);
    expect(sent(effects, 'invite')).toHaveLength(2);
    expect(sent(effects, 'invite')[0]!.message.plan.group).toBeUndefined();
  });

  test('G-01: whoever gave no commitment is not drawn', () => {
    const machine = coordinator({}, SIX.slice(0, 4));
    machine.hear(SIX[4]!, {
      type: 'join',
      run: RUN,
      incarnation: 1,
      model: START,
      term: 1,
      examples: 1,
      paused: false,
    });
    expect(toldTo(settle(machine), 'draw')).toEqual(SIX.slice(0, 4));
  });

  test('G-02: at most maxParticipants', () => {
    expect(toldTo(settle(coordinator({ maxParticipants: 4 })), 'draw')).toHaveLength(4);
  });

  test('G-03, G-05: groups follow from all nonces, and every invitation proves it', () => {
    const { machine, effects } = split();
    const invites = sent(effects, 'invite');
    const shown = { cohort: SIX, commitments: SIX.map((id) => commitmentOf(id)) };
    const context = { run: RUN, attempt, federationRevision: 1 };
    for (const { to, message } of invites.filter(({ to }) => to !== SERVER)) {
      const { cohort, group } = message.plan;
      const self = to as ParticipantId;
      expect(cohort).toContain(self);
      const unfair = findUnfair(
        context,
        SIZES,
        shown,
        message.draw!,
        { cohort, ...group! },
        self,
        nonceOf(self),
      );
      expect(unfair).toBeUndefined();
    }
    expect(invites.filter(({ to }) => to === SERVER)).toHaveLength(3);
    expect(roundsOf(machine).map(({ plan }) => plan.cohort.length)).toEqual([2, 2, 2]);
    const timers = effectsOf(effects, 'timer').map(({ name }) => name);
    expect(timers).toEqual(['train', 'train/1', 'train/2']);
  });

  test('G-03: whoever does not answer in time is in no group, and remembered', () => {
    const machine = coordinator();
    settle(machine);
    for (const id of SIX.slice(0, 5)) machine.hear(id, nonce(id));
    expect(machine.state.status.name).toBe('drawing');
    const effects = machine.take({ type: 'timer', name: 'draw' });
    expect(sent(effects, 'invite')[0]!.message.draw!.cohort).toEqual(SIX.slice(0, 5));
    expect(machine.state.status).toMatchObject({ split: { lost: [SIX[5]] } });
  });

  test('G-03: nobody is waited for who has left, and its nonce stays in the seed', () => {
    const machine = coordinator();
    settle(machine);
    machine.hear(SIX[0]!, nonce(SIX[0]!));
    machine.take({ type: 'peer-down', peer: SIX[0]! });
    for (const id of SIX.slice(2)) machine.hear(id, nonce(id));
    machine.take({ type: 'peer-down', peer: SIX[1]! });
    expect(machine.state.status).toMatchObject({
      name: 'round',
      split: { draw: { cohort: SIX.filter((id) => id !== SIX[1]) } },
    });
    const round = roundsOf(machine).find(({ plan }) => plan.cohort.includes(SIX[0]!));
    expect(round === undefined || round.dropped.has(SIX[0]!)).toBe(true);
  });

  test('G-03: a nonce that was not committed to leaves its sender out', () => {
    const machine = coordinator();
    settle(machine);
    const effects = machine.hear(SIX[0]!, nonce(SIX[0]!, 7));
    expect(effectsOf(effects, 'notice').map(({ error }) => error?.code)).toEqual(['round.unfair-draw']);
    expect(machine.state.members.get(SIX[0]!)?.refused).toBe(true);
    for (const id of SIX.slice(1)) machine.hear(id, nonce(id));
    expect(machine.state.status).toMatchObject({ split: { draw: { cohort: SIX.slice(1) } } });
  });

  test('G-02: the next commitment comes with the nonce, late or not', () => {
    const machine = coordinator();
    settle(machine);
    machine.hear(SIX[0]!, nonce(SIX[0]!));
    expect(machine.state.members.get(SIX[0]!)?.commitment).toEqual(commitmentOf(SIX[0]!, 1));
    machine.take({ type: 'timer', name: 'draw' });
    machine.hear(SIX[1]!, nonce(SIX[1]!));
    expect(machine.state.members.get(SIX[1]!)?.commitment).toEqual(commitmentOf(SIX[1]!, 1));
    machine.hear(SIX[1]!, nonce(SIX[1]!));
    expect(machine.state.members.get(SIX[1]!)?.commitment).toEqual(commitmentOf(SIX[1]!, 1));
  });

  test('too few that answer: another try, by name', () => {
    const machine = coordinator({ minParticipants: 4 });
    settle(machine);
    for (const id of SIX.slice(0, 3)) machine.hear(id, nonce(id));
    const effects = machine.take({ type: 'timer', name: 'draw' });
    expect(effectsOf(effects, 'notice').map(({ error }) => error?.code)).toEqual([
      'round.too-few-participants',
    ]);
    expect(machine.state.status.name).toBe('gathering');
    expect(effects).toContainEqual({ type: 'timer', name: 'retry', delayMs: 250 });
    const again = machine.take({ type: 'timer', name: 'retry' });
    expect(sent(again, 'draw')[0]!.message.attempt.attempt).toBe(1);
  });

  test('as many that answer as fit one group are that group', () => {
    const machine = coordinator();
    settle(machine);
    for (const id of SIX.slice(0, 2)) machine.hear(id, nonce(id));
    const invites = sent(machine.take({ type: 'timer', name: 'draw' }), 'invite');
    expect(invites.map(({ to }) => to)).toEqual(SIX.slice(0, 2));
    expect(invites[0]!.message.draw).toBeUndefined();
  });

  test('a refusal, a pause, something newer and the end of the run end the waiting', () => {
    const refused = coordinator();
    settle(refused);
    refused.hear(SIX[0]!, {
      type: 'refuse',
      run: RUN,
      attempt,
      code: 'round.unfair-draw',
      reason: 'because',
    });
    expect(refused.state.members.get(SIX[0]!)?.refused).toBe(true);
    join(refused, SIX[1]!, { paused: true });
    for (const id of SIX.slice(2)) refused.hear(id, nonce(id));
    expect(refused.state.status.name).toBe('round');

    const newer = coordinator();
    settle(newer);
    join(newer, SIX[0]!, { term: 5 });
    expect(newer.state.status.name).toBe('gathering');
    newer.hear(SIX[1]!, nonce(SIX[1]!));
    expect(newer.state.status.name).toBe('gathering');

    const stopped = coordinator();
    settle(stopped);
    stopped.take({ type: 'command', command: 'stop' });
    expect(stopped.state.status.name).toBe('finished');
  });
});

describe('groups', () => {
  test('G-12, G-15: when all groups are done their sums are combined; when all have applied that, it is committed', () => {
    const { machine } = split();
    finish(machine, 0);
    finish(machine, 1);
    expect(effectsOf(finish(machine, 2), 'combine')).toEqual([
      { type: 'combine', attempt, groups: [0, 1, 2].map((group) => ({ group, tally: 1 })) },
    ]);
    expect(sent(apply(machine, SIX.slice(0, 5)), 'commit')).toEqual([]);
    const commits = sent(apply(machine, SIX.slice(5)), 'commit');
    expect(commits.map(({ to }) => to)).toEqual(SIX);
    expect(commits[0]!.message.record).toMatchObject({
      survivors: SIX,
      dropped: [],
      groups: 3,
      hash: HASH,
      secure: null,
    });
  });

  test('G-11: a group’s sum counts once the server holds the same', () => {
    const { machine } = split();
    upload(machine, 1);
    sumUp(machine, 1);
    expect(groupOf(machine, 1).isFinished).toBe(false);
    collect(machine, 1, 'cc'.repeat(32));
    expect(groupOf(machine, 1).isFinished).toBe(false);
    collect(machine, 1);
    expect(groupOf(machine, 1).isFinished).toBe(true);
  });

  test.each([
    [undefined, 'round.owner-lost'],
    ['cc'.repeat(32), 'round.diverged'],
  ])('G-11: at the deadline a group without is abandoned (%s)', (hash, code) => {
    const { machine } = split();
    upload(machine, 1);
    sumUp(machine, 1);
    if (hash !== undefined) collect(machine, 1, hash);
    const cohort = groupOf(machine, 1).plan.cohort;
    const effects = machine.take({ type: 'timer', name: 'apply/1' });
    expect(toldTo(effects, 'abandon')).toEqual([...cohort, SERVER]);
    expect(sent(effects, 'abandon')[0]!.message).toMatchObject({ code, group: 1 });
    expect(roundsOf(machine).map(({ group }) => group)).toEqual([0, 2]);
  });

  test('G-11: two sums out of one group are none', () => {
    const { machine } = split();
    upload(machine, 0);
    const round = groupOf(machine, 0);
    const [first, second] = round.plan.cohort;
    machine.hear(first!, { type: 'summed', ...tallied(round), hash: SUM });
    const effects = machine.hear(second!, { type: 'summed', ...tallied(round), hash: HASH });
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.diverged');
    expect(roundsOf(machine)).toHaveLength(2);
  });

  test('G-07, G-15: a group that is abandoned leaves messages and timers of the others alone', () => {
    const { machine } = split();
    const [gone, other] = groupOf(machine, 1).plan.cohort as [ParticipantId, ParticipantId];
    machine.take({ type: 'peer-down', peer: gone });
    const effects = machine.take({ type: 'peer-down', peer: other });
    expect(effectsOf(effects, 'cancel-sends')).toEqual([{ type: 'cancel-sends', tag: 'coordinate 1.1.0/1' }]);
    expect(effectsOf(effects, 'cancel-timer').map(({ name }) => name)).toEqual([
      'train/1',
      'exchange/1',
      'apply/1',
    ]);
    expect(machine.state.status.name).toBe('round');
    expect(machine.hear(other, { type: 'trained', run: RUN, attempt }), 'what still comes of it').toEqual([]);
    finish(machine, 0);
    finish(machine, 2);
    const survivors = SIX.filter((id) => id !== gone && id !== other);
    const { record } = sent(apply(machine, survivors), 'commit')[0]!.message;
    expect(record.survivors).toEqual(survivors);
    expect([...record.dropped].sort()).toEqual([gone, other].sort());
    expect(record.groups).toBe(2);
  });

  test('G-08: groups that are too few together end the attempt', () => {
    const { machine } = split({ minParticipants: 5 });
    const [gone, other] = groupOf(machine, 1).plan.cohort as [ParticipantId, ParticipantId];
    machine.take({ type: 'peer-down', peer: gone });
    expect(machine.state.status.name).toBe('round');
    const effects = machine.take({ type: 'peer-down', peer: other });
    expect(sent(effects, 'abandon').at(-1)!.message).toMatchObject({ code: 'round.too-few-participants' });
    expect(sent(effects, 'abandon').at(-1)!.message.group).toBeUndefined();
    expect(machine.state.status.name).toBe('gathering');
  });

  test('G-08: a group of the finished ones may shrink the round below the least too', () => {
    const { machine } = split({ minParticipants: 6 });
    const [gone] = groupOf(machine, 0).plan.cohort as [ParticipantId];
    machine.take({ type: 'peer-down', peer: gone });
    upload(machine, 0, groupOf(machine, 0).plan.cohort.slice(1));
    collect(machine, 0);
    const round = groupOf(machine, 0);
    machine.hear(round.plan.cohort[1]!, { type: 'summed', ...tallied(round), hash: SUM });
    finish(machine, 1);
    const effects = finish(machine, 2);
    expect(effectsOf(effects, 'combine')).toEqual([]);
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.too-few-participants');
  });

  test('G-07: the last group that goes ends the attempt by its own code', () => {
    const { machine } = split({}, SIX.slice(0, 4));
    const everyone = roundsOf(machine).flatMap(({ plan }) => plan.cohort);
    const effects = everyone.flatMap((peer) => machine.take({ type: 'peer-down', peer }));
    expect(effectsOf(effects, 'notice').at(-1)?.error?.code).toBe('round.too-few-participants');
    expect(machine.state.status.name).toBe('gathering');
  });

  test('an owner lost before its sum reached the server: the group counts again without it', () => {
    const { machine } = split({ groupSize: 3 });
    upload(machine, 0);
    sumUp(machine, 0);
    const [gone] = groupOf(machine, 0).plan.cohort as [ParticipantId];
    machine.take({ type: 'peer-down', peer: gone });
    const { plan, collected } = groupOf(machine, 0);
    expect(plan).toMatchObject({ tally: 2, survivors: plan.cohort.slice(1) });
    expect(collected).toBeUndefined();
    expect(plan.owners).not.toContain(gone);
  });

  test('a member lost after its group is done changes nothing', () => {
    const { machine } = split();
    finish(machine, 0);
    const [gone] = groupOf(machine, 0).plan.cohort as [ParticipantId];
    expect(sent(machine.take({ type: 'peer-down', peer: gone }), 'plan')).toEqual([]);
    finish(machine, 1);
    finish(machine, 2);
    const { record } = sent(
      apply(
        machine,
        SIX.filter((id) => id !== gone),
      ),
      'commit',
    )[0]!.message;
    expect(record.survivors).toEqual(SIX);
  });

  test('C-30: at the deadline the total is committed with minParticipants, else abandoned', () => {
    const enough = split().machine;
    for (const group of [0, 1, 2]) finish(enough, group);
    apply(enough, SIX.slice(0, 2));
    expect(sent(enough.take({ type: 'timer', name: 'total' }), 'commit')).not.toEqual([]);

    const tooFew = split().machine;
    for (const group of [0, 1, 2]) finish(tooFew, group);
    apply(tooFew, SIX.slice(0, 1));
    const effects = tooFew.take({ type: 'timer', name: 'total' });
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.deadline');
    expect(effects).toContainEqual({ type: 'cancel-timer', name: 'total' });
  });

  test('C-31: different models out of one total are none', () => {
    const { machine } = split();
    for (const group of [0, 1, 2]) finish(machine, group);
    apply(machine, SIX.slice(0, 3), HASH);
    const effects = apply(machine, SIX.slice(3), SUM);
    expect(sent(effects, 'abandon')[0]!.message.code).toBe('round.diverged');
  });

  test('a model applied before the total, and a sum where there are no groups, are ignored', () => {
    const { machine } = split();
    finish(machine, 0);
    expect(apply(machine, SIX)).toEqual([]);
    const single = coordinator({ maxParticipants: 2 }, SIX.slice(0, 2));
    settle(single);
    upload(single, 0);
    expect(sumUp(single, 0)).toEqual([]);
    expect(groupOf(single, 0).applied.size).toBe(0);
  });

  test('G-09: keys and shares have their time in each group', () => {
    const nine = idsOf(9);
    const { machine, effects } = split({ secure: true, groupSize: 3, minParticipants: 3 }, nine);
    expect(effectsOf(effects, 'timer').map(({ name }) => name)).toEqual([
      'train',
      'keys',
      'train/1',
      'keys/1',
      'train/2',
      'keys/2',
    ]);
    expect(roundsOf(machine).map(({ secure }) => secure?.threshold)).toEqual([2, 2, 2]);
    const late = machine.take({ type: 'timer', name: 'keys/1' });
    expect(sent(late, 'abandon').every(({ message }) => message.group === 1)).toBe(true);
    expect(roundsOf(machine).map(({ group }) => group)).toEqual([0, 2]);
  });

  test('a stop and a participant with a newer model end all groups', () => {
    const stopped = split().machine;
    expect(toldTo(stopped.take({ type: 'command', command: 'stop' }), 'abandon')).toEqual(
      expect.arrayContaining([...SIX, SERVER] as NodeId[]),
    );
    const { machine } = split();
    const effects = join(machine, SIX[0]!, { model: { version: 4, hash: HASH } });
    expect(new Set(toldTo(effects, 'abandon')).size).toBe(7);
    expect(effectsOf(effects, 'cancel-sends').map(({ tag }) => tag)).toEqual([
      'coordinate 1.1.0',
      'coordinate 1.1.0/1',
      'coordinate 1.1.0/2',
    ]);
  });
});
