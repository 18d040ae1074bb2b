import { describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import {
  attemptOf,
  bytesOf,
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
import type { AttemptId, Message, MessageOf } from '../../wire/index.ts';
import { commitmentTo, cutGroups, drawSeed, nonceFrom } from '../groups.ts';
import { initialParticipant, type ParticipantState } from './state.ts';
import { stepParticipant } from './step.ts';

type Participant = Machine<ParticipantState>;

const BASE = modelOf(0);
const IDS = Array.from({ length: 6 }, (_, i) => `member-${String(i).padStart(15, '0')}` as ParticipantId);
const SELF = IDS[2]!;
const SIZES = { groupSize: 2, fewest: 1, maxParticipants: 6 };
/** The fixtures give every event this entropy. */
const OWN = nonceFrom(RUN, SELF, 'entropy');
const nonceOf = (id: ParticipantId) => (id === SELF ? OWN : nonceFrom(RUN, id, 'theirs'));
const NONCES = IDS.map(nonceOf);
const HASH = 'ab'.repeat(32);

function participant(): Participant {
  const machine = machineOf(stepParticipant, initialParticipant(BASE), {
    self: SELF,
    incarnation: 1,
    run: RUN,
    federationRevision: 1,
    examples: 7,
    weight: 7,
    minParticipants: 2,
    maxParticipants: 100,
    noise: undefined,
    vectorLength: 6,
    encoding: { fractionalBits: 0, clipNorm: 2 ** 20, maxWeight: 1000 },
    ring: undefined,
    groupSize: 16,
    evaluates: true,
    groups: SIZES,
    electionMs: 1000,
  });
  machine.take({ type: 'command', command: 'start' });
  machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
  machine.hear(SERVER, { type: 'welcome', run: RUN, term: 1, model: refOf(BASE), holders: [] });
  return machine;
}

function draw(change: Partial<MessageOf<'draw'>> = {}): MessageOf<'draw'> {
  const commitments = IDS.map((id) => commitmentTo(RUN, id, nonceOf(id)));
  return { type: 'draw', run: RUN, attempt: attemptOf(), cohort: IDS, commitments, ...change };
}

function inviteTo(attempt: AttemptId = attemptOf(), cohort = IDS, nonces = NONCES): MessageOf<'invite'> {
  const groups = cutGroups(
    drawSeed({ run: RUN, attempt, federationRevision: 1 }, cohort, nonces),
    cohort,
    SIZES,
  );
  const index = groups.findIndex((group) => group.includes(SELF));
  const plan = planOf({ cohort: groups[index]!, group: { index, count: groups.length } });
  return inviteOf({ attempt, plan, draw: { cohort, nonces } });
}

/** It has answered the draw and taken its group. */
function invited(): Participant {
  const machine = participant();
  machine.hear(SERVER, draw());
  machine.hear(SERVER, inviteTo());
  return machine;
}

/** Its group's survivors are fixed and the sums of both slices are here. */
function summing() {
  const machine = invited();
  const update = updateOf([1, 2, 3, 4, 5, 6], 7);
  const result = {
    update: { layoutHash: BASE.layoutHash, delta: new Float32Array(6), examples: 7 },
    loss: 1,
  };
  machine.take({ type: 'trained', attempt: attemptOf(), baseHash: BASE.hash, result });
  machine.take({ type: 'protected', attempt: attemptOf(), baseHash: BASE.hash, update });
  const { plan } = machine.state.attempt!;
  const survivors = plan.cohort;
  machine.hear(SERVER, planMessage({ ...plan, revision: 1, tally: 1, survivors }));
  const effects = plan.owners.flatMap((owner, slice) =>
    machine.hear(owner, {
      type: 'sum',
      run: RUN,
      attempt: attemptOf(),
      tally: 1,
      slice,
      weight: 14,
      values: bytesOf([1, 2, 3]),
      proof: null,
    }),
  );
  return { machine, effects, survivors };
}
const total = (change: Partial<MessageOf<'total'>> = {}): MessageOf<'total'> => {
  return {
    type: 'total',
    run: RUN,
    attempt: attemptOf(),
    weight: 42,
    values: bytesOf([1, 2, 3, 4, 5, 6]),
    ...change,
  };
};
const summed = { type: 'summed' as const, attempt: attemptOf(), tally: 1, hash: HASH };
const codesOf = (effects: ReturnType<Participant['take']>) =>
  effectsOf(effects, 'notice').map(({ error }) => error?.code);
const refusals = (effects: ReturnType<Participant['take']>) =>
  sent(effects, 'refuse').map(({ message }) => message.code);

describe('the draw', () => {
  test('G-01: a join carries a commitment, the same until it is revealed', () => {
    const machine = participant();
    const joins = [1, 2].flatMap(() => sent(machine.take({ type: 'timer', name: 'join' }), 'join'));
    for (const { message } of joins) expect(message.commitment).toEqual(commitmentTo(RUN, SELF, OWN));
  });

  test('G-02: it reveals what it committed to, and commits to the next', () => {
    const machine = participant();
    const [answer] = sent(machine.hear(SERVER, draw()), 'nonce');
    expect(answer).toMatchObject({ to: SERVER, message: { attempt: attemptOf(), nonce: OWN } });
    expect(answer!.message.next).toEqual(machine.state.draws.own!.commitment);
  });

  test('G-02: asked again for the same draw, it says the same; for another of the same attempt, it refuses', () => {
    const machine = participant();
    const first = sent(machine.hear(SERVER, draw()), 'nonce');
    expect(sent(machine.hear(SERVER, draw()), 'nonce')).toEqual(first);
    const another = machine.hear(
      SERVER,
      draw({ cohort: IDS.slice(0, 4), commitments: draw().commitments.slice(0, 4) }),
    );
    expect(sent(another, 'nonce')).toEqual([]);
    expect(refusals(another)).toEqual(['round.unfair-draw']);
    expect(machine.hear(SERVER, draw({ attempt: attemptOf(0, 0) })), 'an earlier one').not.toContainEqual(
      expect.objectContaining({ type: 'send' }),
    );
  });

  test.each<[string, Partial<MessageOf<'draw'>>]>([
    ['a commitment that is not its own', { commitments: draw().commitments.with(2, new Uint8Array(32)) }],
    ['a list out of order', { cohort: [IDS[1]!, IDS[0]!, ...IDS.slice(2)] }],
    ['someone twice', { cohort: [IDS[0]!, IDS[0]!, ...IDS.slice(2)] }],
    ['a commitment too few', { commitments: draw().commitments.slice(1) }],
    [
      'more than the federation allows',
      {
        cohort: [...IDS, 'zoe'.padEnd(22, '-') as ParticipantId],
        commitments: [...draw().commitments, new Uint8Array(32)],
      },
    ],
  ])('G-02: %s is refused by name, and nothing is revealed', (_, change) => {
    const machine = participant();
    const effects = machine.hear(SERVER, draw(change));
    expect(sent(effects, 'nonce')).toEqual([]);
    expect(codesOf(effects)).toContain('round.unfair-draw');
    expect(refusals(effects)).toEqual(['round.unfair-draw']);
  });

  test('G-02: of a draw without it, while it pauses, or by someone else, nothing comes', () => {
    const machine = participant();
    const without = { cohort: IDS.toSpliced(2, 1), commitments: draw().commitments.toSpliced(2, 1) };
    expect(sent(machine.hear(SERVER, draw(without)), 'nonce')).toEqual([]);
    expect(sent(machine.hear(IDS[0]!, draw()), 'nonce')).toEqual([]);
    machine.take({ type: 'command', command: 'pause' });
    expect(sent(machine.hear(SERVER, draw()), 'nonce')).toEqual([]);
  });

  test('G-02: an elected coordinator draws nothing', () => {
    const machine = participant();
    machine.take({ type: 'peer-down', peer: SERVER });
    const effects = machine.hear(IDS[0]!, draw({ attempt: attemptOf(0, 1, 2) }));
    expect(sent(effects, 'nonce')).toEqual([]);
    expect(codesOf(effects)).toContain('round.unfair-draw');
  });
});

describe('the group', () => {
  test('G-05: it takes the group that follows from the nonces', () => {
    const machine = invited();
    expect(machine.state.attempt?.plan.cohort).toContain(SELF);
    expect(machine.state.attempt?.draw?.cohort).toEqual(IDS);
  });

  test('G-06: all who were drawn are the electorate', () => {
    expect(invited().state.electorate).toEqual(IDS);
  });

  test.each<[string, (invite: MessageOf<'invite'>) => MessageOf<'invite'>]>([
    ['no draw', ({ draw: _, ...invite }) => invite],
    ['a draw and no group', (invite) => ({ ...invite, plan: planOf({ cohort: invite.plan.cohort }) })],
    ['another nonce', (invite) => ({ ...invite, draw: { cohort: IDS, nonces: NONCES.with(0, OWN) } })],
    ['another attempt', (invite) => ({ ...invite, attempt: attemptOf(1) })],
    [
      'another group',
      (invite) => ({ ...invite, plan: { ...invite.plan, group: { ...invite.plan.group!, count: 2 } } }),
    ],
  ])('G-05: an invitation with %s is refused by name', (_, change) => {
    const machine = participant();
    machine.hear(SERVER, draw());
    const effects = machine.hear(SERVER, change(inviteTo()));
    expect(refusals(effects)).toEqual(['round.unfair-draw']);
    expect(machine.state.attempt).toBeUndefined();
  });

  test('G-05: so is one to groups in whose draw it took no part', () => {
    const machine = participant();
    expect(refusals(machine.hear(SERVER, inviteTo()))).toEqual(['round.unfair-draw']);
  });

  test('G-05: and a later plan with another cohort or group', () => {
    for (const change of [{ cohort: IDS.slice(1, 4) }, { group: { index: 7, count: 9 } }]) {
      const machine = invited();
      const before = machine.state.attempt!.plan;
      const effects = machine.hear(SERVER, planMessage({ ...before, revision: 1, ...change }));
      expect(refusals(effects)).toEqual(['round.unfair-draw']);
      expect(machine.state.attempt!.plan).toEqual(before);
    }
  });

  test('G-05: a plan of another cohort that overtakes its invitation is not kept for it', () => {
    const machine = participant();
    machine.hear(SERVER, draw());
    const { plan } = inviteTo();
    machine.hear(SERVER, planMessage({ ...plan, revision: 3, cohort: IDS }));
    machine.hear(SERVER, inviteTo());
    expect(machine.state.attempt?.plan).toEqual(plan);
  });

  test('a round of one group needs no draw', () => {
    const machine = participant();
    machine.hear(SERVER, inviteOf({ plan: planOf({ cohort: [SELF, IDS[3]!] }) }));
    expect(machine.state.attempt?.draw).toBeUndefined();
    expect(machine.state.electorate).toEqual([SELF, IDS[3]]);
  });
});

describe('the sum', () => {
  test('G-10: its group’s sums are put together, checked, and their hash is told', () => {
    const { machine, effects, survivors } = summing();
    expect(effectsOf(effects, 'apply')).toEqual([]);
    expect(effectsOf(effects, 'sum-up')).toMatchObject([{ attempt: attemptOf(), tally: 1, survivors }]);
    expect(sent(machine.take(summed), 'summed')).toEqual([
      { to: SERVER, message: { type: 'summed', run: RUN, attempt: attemptOf(), tally: 1, hash: HASH } },
    ]);
  });

  test('G-12: the total is applied to the base, whether it comes after or before its own group’s sum', () => {
    const late = summing().machine;
    late.take(summed);
    const early = summing().machine;
    expect(effectsOf(early.hear(SERVER, total()), 'apply-total')).toEqual([]);
    const { values } = total();
    const expected = [
      { type: 'apply-total', attempt: attemptOf(), tally: 1, base: BASE, weight: 42, values },
    ];
    expect(effectsOf(late.hear(SERVER, total()), 'apply-total')).toEqual(expected);
    expect(effectsOf(early.take(summed), 'apply-total')).toEqual(expected);
    expect(effectsOf(late.hear(SERVER, total()), 'apply-total'), 'once').toEqual([]);
  });

  test('G-12: a total of another size, from someone else, or of another attempt is not applied', () => {
    const { machine } = summing();
    machine.take(summed);
    expect(codesOf(machine.hear(SERVER, total({ values: bytesOf([1]) })))).toEqual(['update.wrong-length']);
    expect(machine.hear(IDS[0]! as NodeId, total())).toEqual([]);
    expect(machine.hear(SERVER, total({ attempt: attemptOf(1) }))).toEqual([]);
    expect(machine.state.attempt?.total).toBeUndefined();
  });

  test('a total in a round of one group is ignored', () => {
    const machine = participant();
    machine.hear(SERVER, inviteOf({ plan: planOf({ cohort: [SELF, IDS[3]!] }) }));
    expect(machine.hear(SERVER, total())).toEqual([]);
  });

  test('P-25: a recount voids the hash of the earlier tally, not the wait for the total', () => {
    const { machine, survivors } = summing();
    machine.take(summed);
    const { plan } = machine.state.attempt!;
    machine.hear(SERVER, planMessage({ ...plan, revision: 2, tally: 2, survivors: [SELF] }));
    expect(machine.state.attempt).toMatchObject({ summed: undefined, phase: { name: 'exchanging' } });
    expect(survivors).toHaveLength(2);
    expect(sent(machine.take(summed), 'summed')).toEqual([]);
    expect(effectsOf(machine.hear(SERVER, total()), 'apply-total')).toEqual([]);
  });

  test('C-33: parts of the test data are shared out among all who were drawn', () => {
    const { machine } = summing();
    machine.take(summed);
    machine.hear(SERVER, total());
    const model = modelOf(1);
    const effects = machine.take({ type: 'applied', attempt: attemptOf(), tally: 1, model });
    expect(sent(effects, 'applied')[0]!.message.hash).toBe(model.hash);
    expect(effectsOf(effects, 'evaluate')).toMatchObject([{ part: { index: 2, count: 6 } }]);
  });

  test('G-07: when its group is abandoned it waits for the commit and fetches the model', () => {
    const { machine } = summing();
    const abandon: Message = {
      type: 'abandon',
      run: RUN,
      attempt: attemptOf(),
      code: 'c',
      reason: 'r',
      group: 0,
    };
    machine.hear(SERVER, abandon);
    expect(machine.state.attempt).toBeUndefined();
    const record = {
      ...attemptOf(),
      coordinator: SERVER,
      federationRevision: 1,
      baseHash: BASE.hash,
      hash: HASH,
      survivors: [IDS[0]!],
      dropped: [SELF],
      startedAtMs: 0,
      trainMs: 0,
      exchangeMs: 0,
      applyMs: 0,
      evaluation: null,
      secure: null,
      groups: 2,
    } as const;
    const commit = { ...record, survivors: [...record.survivors], dropped: [...record.dropped] };
    const effects = machine.hear(SERVER, { type: 'commit', run: RUN, record: commit, holders: [IDS[0]!] });
    expect(effectsOf(effects, 'fetch-model')).toEqual([
      { type: 'fetch-model', model: { version: 1, hash: HASH }, holders: [IDS[0]] },
    ]);
  });
});
