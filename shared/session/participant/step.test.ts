import { describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import { ringOf } from '../../secagg/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  bytesOf,
  CAROL,
  DAVE,
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
import type { Message, Plan } from '../../wire/index.ts';
import { initialParticipant, type ParticipantContext, type ParticipantState } from './state.ts';
import { stepParticipant } from './step.ts';

type Participant = Machine<ParticipantState>;

const TRIO = [ALICE, BOB, CAROL];
const BASE = modelOf(0);
const NEXT = modelOf(1);
const UPDATE = updateOf([1, 2, 3, 4, 5, 6], 7);
const attempt = attemptOf();
const error = { code: 'training.diverged', message: 'It diverged.' } as const;
const trained = {
  type: 'trained' as const,
  attempt,
  baseHash: BASE.hash,
  result: { update: { layoutHash: BASE.layoutHash, delta: new Float32Array(6), examples: 7 }, loss: 1 },
};
const sealed = { type: 'protected' as const, attempt, baseHash: BASE.hash, update: UPDATE };

function participant(change: Partial<ParticipantContext> = {}, model = BASE): Participant {
  const context: ParticipantContext = {
    self: ALICE,
    incarnation: 5,
    run: RUN,
    federationRevision: 1,
    examples: 7,
    weight: 7,
    vectorLength: 6,
    encoding: { fractionalBits: 0, clipNorm: 2 ** 20, maxWeight: 1000 },
    ring: undefined,
    groupSize: 16,
    minParticipants: 2,
    maxParticipants: 16,
    noise: undefined,
    evaluates: false,
    groups: undefined,
    electionMs: 1000,
    ...change,
  };
  return machineOf(stepParticipant, initialParticipant(model), context);
}

const welcome = (term = 1, model = refOf(BASE)): Message => ({
  type: 'welcome',
  run: RUN,
  term,
  model,
  holders: [BOB],
});

/** Joined at the server. */
function joined(change: Partial<ParticipantContext> = {}, model = BASE): Participant {
  const machine = participant(change, model);
  machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
  machine.take({ type: 'peer-up', peer: BOB, incarnation: 1 });
  machine.take({ type: 'peer-up', peer: CAROL, incarnation: 1 });
  machine.take({ type: 'command', command: 'start' });
  machine.hear(SERVER, welcome());
  return machine;
}

const phases: Record<string, (change?: Partial<ParticipantContext>) => Participant> = {
  fetching(change) {
    const machine = joined(change, modelOf(0, 9));
    machine.hear(SERVER, inviteOf({ holders: [BOB] }));
    return machine;
  },
  training(change) {
    const machine = joined(change);
    machine.hear(SERVER, inviteOf());
    return machine;
  },
  protecting(change) {
    const machine = phases.training!(change);
    machine.take(trained);
    return machine;
  },
  exchanging(change) {
    const machine = phases.protecting!(change);
    machine.take(sealed);
    return machine;
  },
  watching(change) {
    const machine = phases.training!(change);
    machine.take({ type: 'train-failed', attempt, error });
    return machine;
  },
  applying(change) {
    const machine = phases.exchanging!(change);
    plan(machine, { revision: 1, survivors: TRIO, tally: 1 });
    sums(machine);
    return machine;
  },
  applied(change) {
    const machine = phases.applying!(change);
    machine.take({ type: 'applied', attempt, tally: 1, model: NEXT });
    return machine;
  },
};

function plan(machine: Participant, change: Partial<Plan>) {
  return machine.hear(SERVER, planMessage(change));
}
function sum(slice: number, tally = 1, weight = 21, values = [1, 2]) {
  return {
    type: 'sum',
    run: RUN,
    attempt,
    tally,
    slice,
    weight,
    values: bytesOf(values),
    proof: null,
  } as const;
}
function sums(machine: Participant, tally = 1) {
  return TRIO.flatMap((owner, slice) => machine.hear(owner, sum(slice, tally)));
}
function phaseOf({ state }: Participant): string {
  return state.attempt?.phase.name ?? 'none';
}
function deliver(
  machine: Participant,
  slice: number,
  owner: NodeId,
  type: 'delivered' | 'undelivered' = 'delivered',
) {
  return machine.take({ type, attempt, receipt: { kind: 'slice', slice, owner } });
}
function commitOf(hash: string, round = 1): Message {
  const record = {
    ...attempt,
    round,
    coordinator: SERVER as NodeId,
    federationRevision: 1,
    baseHash: BASE.hash,
    hash,
    survivors: TRIO,
    dropped: [],
    startedAtMs: 0,
    trainMs: 1,
    exchangeMs: 1,
    applyMs: 1,
    evaluation: null,
    secure: null,
  };
  return { type: 'commit', run: RUN, record, holders: [BOB] };
}

describe('coming and going', () => {
  test('P-01: joins the server when it is there, with what it holds', () => {
    const machine = participant();
    const alone = machine.take({ type: 'command', command: 'start' });
    expect(effectsOf(alone, 'timer')).toEqual([{ type: 'timer', name: 'election', delayMs: 1000 }]);
    const effects = machine.take({ type: 'peer-up', peer: SERVER, incarnation: 1 });
    expect(sent(effects, 'join')).toEqual([
      {
        to: SERVER,
        message: {
          type: 'join',
          run: RUN,
          incarnation: 5,
          model: refOf(BASE),
          term: 0,
          examples: 7,
          paused: false,
        },
      },
    ]);
  });

  test('a join that was not delivered is tried again', () => {
    const machine = joined();
    const effects = machine.take({ type: 'undelivered', attempt: undefined, receipt: { kind: 'join' } });
    expect(effects).toEqual([{ type: 'timer', name: 'join', delayMs: 1000 }]);
    expect(sent(machine.take({ type: 'timer', name: 'join' }), 'join')).toHaveLength(1);
  });

  test('P-02: a pause ends the attempt and is told; no invitation is taken until it is over', () => {
    const machine = phases.training!();
    const effects = machine.take({ type: 'command', command: 'pause' });
    expect(effectsOf(effects, 'cancel-training')).toHaveLength(1);
    expect(sent(effects, 'join')[0]!.message.paused).toBe(true);
    machine.hear(SERVER, inviteOf({ attempt: attemptOf(1) }));
    expect(phaseOf(machine)).toBe('none');
    expect(sent(machine.take({ type: 'command', command: 'resume' }), 'join')[0]!.message.paused).toBe(false);
  });

  test('P-03: leaving says so, and nothing happens any more', () => {
    const machine = phases.exchanging!();
    const effects = machine.take({ type: 'command', command: 'leave' });
    expect(sent(effects, 'leave').map(({ to }) => to)).toEqual([SERVER]);
    expect(machine.take({ type: 'command', command: 'start' })).toEqual([]);
    expect(machine.hear(SERVER, inviteOf({ attempt: attemptOf(1) }))).toEqual([]);
  });

  test('P-04 P-34: the server at a later term ends a coordinator of our own', () => {
    const machine = phases.training!();
    const effects = machine.hear(SERVER, welcome(3));
    expect(effectsOf(effects, 'resign')).toEqual([{ type: 'resign', term: 3 }]);
    expect(machine.state).toMatchObject({ coordinator: SERVER, term: 3 });
  });

  test('P-34: a server that comes back is joined', () => {
    const machine = joined();
    machine.take({ type: 'peer-down', peer: SERVER });
    machine.hear(BOB, welcome(2));
    expect(machine.state.coordinator).toBe(BOB);
    const effects = machine.take({ type: 'peer-up', peer: SERVER, incarnation: 2 });
    // Beyond the term of a peer: the server may have taken the same one when it came back.
    expect(sent(effects, 'join').map(({ to, message }) => [to, message.term])).toEqual([[SERVER, 3]]);
  });

  test('P-05: while the server is there no peer gives orders; an earlier term never does', () => {
    const machine = joined();
    expect(machine.hear(BOB, inviteOf({ attempt: attemptOf(0, 1, 9) }))).toEqual([]);
    machine.hear(SERVER, welcome(4));
    expect(machine.hear(SERVER, inviteOf({ attempt: attemptOf(0, 1, 3) }))).toEqual([]);
    machine.take({ type: 'peer-down', peer: SERVER });
    machine.hear(BOB, inviteOf({ attempt: attemptOf(0, 1, 5) }));
    expect(machine.state).toMatchObject({ coordinator: BOB, term: 5 });
  });

  test('P-06: a newer model is fetched; an older or equal one is not', () => {
    const machine = joined();
    expect(effectsOf(machine.hear(SERVER, welcome()), 'fetch-model')).toEqual([]);
    const effects = machine.hear(SERVER, welcome(1, refOf(modelOf(8))));
    expect(effectsOf(effects, 'fetch-model')).toEqual([
      { type: 'fetch-model', model: refOf(modelOf(8)), holders: [BOB] },
    ]);
    machine.take({ type: 'model-fetched', model: modelOf(8) });
    expect(machine.state.model?.version).toBe(8);
  });

  test('P-06: a model that nobody delivered is asked about again', () => {
    const machine = joined();
    machine.hear(SERVER, welcome(1, refOf(modelOf(8))));
    const effects = machine.take({ type: 'model-unavailable', model: refOf(modelOf(8)) });
    expect(effects).toEqual([{ type: 'timer', name: 'join', delayMs: 5000 }]);
  });

  test('P-07: after silence the attempt ends and it joins again', () => {
    const machine = phases.exchanging!();
    const effects = machine.take({ type: 'timer', name: 'silence' });
    expect(phaseOf(machine)).toBe('none');
    expect(sent(effects, 'join')).toHaveLength(1);
    const invited = joined().hear(SERVER, inviteOf());
    expect(invited).toContainEqual({ type: 'timer', name: 'silence', delayMs: 1000 + 600 + 300 + 5000 });
  });

  const statuses: Record<string, () => Participant> = {
    idle: () => participant(),
    connecting: () => {
      const machine = participant();
      machine.take({ type: 'command', command: 'start' });
      return machine;
    },
    joined: () => joined(),
    paused: () => {
      const machine = joined();
      machine.take({ type: 'command', command: 'pause' });
      return machine;
    },
    finished: () => {
      const machine = joined();
      machine.hear(SERVER, { type: 'finish', run: RUN, model: refOf(BASE), reason: 'stopped' });
      return machine;
    },
    left: () => {
      const machine = joined();
      machine.take({ type: 'command', command: 'leave' });
      return machine;
    },
  };
  const moves: Record<string, Record<string, string>> = {
    idle: { start: 'connecting', leave: 'left', stop: 'left' },
    connecting: { pause: 'paused', leave: 'left', stop: 'left' },
    joined: { pause: 'paused', leave: 'left', stop: 'left' },
    paused: { resume: 'connecting', leave: 'left', stop: 'left' },
    finished: { leave: 'left', stop: 'left' },
    left: {},
  };
  const commands = ['start', 'pause', 'resume', 'leave', 'stop'] as const;
  for (const [status, reach] of Object.entries(statuses)) {
    test.each(commands)(`${status} × %s`, (command) => {
      const machine = reach();
      expect(machine.state.status.name).toBe(status);
      machine.take({ type: 'command', command });
      expect(machine.state.status.name).toBe(moves[status]![command] ?? status);
    });
  }
});

describe('in a round', () => {
  test('P-10: an invitation that is not later, or not for us, is ignored', () => {
    const machine = phases.exchanging!();
    expect(machine.hear(SERVER, inviteOf())).toEqual([]);
    const others = planOf({ cohort: [BOB, CAROL] });
    machine.hear(SERVER, inviteOf({ attempt: attemptOf(1), plan: others }));
    expect(machine.state.attempt?.attempt).toEqual(attempt);
  });

  test('P-11: another revision of the federation is refused', () => {
    const machine = joined();
    const effects = machine.hear(SERVER, inviteOf({ federationRevision: 2 }));
    expect(sent(effects, 'refuse')[0]!.message.code).toBe('round.refused');
    expect(phaseOf(machine)).toBe('none');
  });

  test('P-12: starts from the model held, the candidate, or what it fetches', () => {
    expect(effectsOf(joined().hear(SERVER, inviteOf()), 'train')).toEqual([
      { type: 'train', attempt, base: BASE },
    ]);
    const computed = phases.applied!();
    const again = computed.hear(SERVER, inviteOf({ attempt: attemptOf(0, 2), base: refOf(NEXT) }));
    expect(effectsOf(again, 'train').map(({ base }) => base.hash)).toEqual([NEXT.hash]);
    expect(effectsOf(again, 'save-model')).toHaveLength(1);
    const behind = joined({}, modelOf(0, 9));
    const effects = behind.hear(SERVER, inviteOf({ holders: [BOB, ALICE] }));
    expect(effectsOf(effects, 'fetch-model')).toEqual([
      { type: 'fetch-model', model: refOf(BASE), holders: [BOB] },
    ]);
    expect(effectsOf(behind.take({ type: 'model-fetched', model: BASE }), 'train')).toHaveLength(1);
  });

  test('P-13: the very same integers are used again from the same base', () => {
    const machine = phases.exchanging!();
    machine.hear(SERVER, { type: 'abandon', run: RUN, attempt, code: 'round.deadline', reason: 'late' });
    const effects = machine.hear(SERVER, inviteOf({ attempt: attemptOf(1) }));
    expect(effectsOf(effects, 'train')).toEqual([]);
    expect(sent(effects, 'slice').map(({ message }) => message.values)).toEqual(
      sent(phases.protecting!().take(sealed), 'slice').map(({ message }) => message.values),
    );
  });

  test('A-36 P-13: masked, and a slice of it sent, it is trained anew; before that it is used again', () => {
    const machine = joined({ ring: ringOf(1000, 16), minParticipants: 3 });
    machine.hear(SERVER, inviteOf());
    machine.take(trained);
    machine.take(sealed);
    const [second, third] = [attemptOf(1), attemptOf(2)];
    expect(effectsOf(machine.hear(SERVER, inviteOf({ attempt: second })), 'train')).toEqual([]);
    expect(phaseOf(machine)).toBe('masking');
    machine.take({ type: 'secured', attempt: second, result: { name: 'open' } });
    const slices = TRIO.map(() => new Uint8Array(8));
    const update = { layoutHash: modelOf(0).layoutHash, weight: 7, masking: 'secagg', slices };
    const result = { name: 'mask', update: update as never, digests: new Uint8Array(48) } as const;
    expect(sent(machine.take({ type: 'secured', attempt: second, result }), 'slice').length).toBeGreaterThan(
      0,
    );
    // Nobody ever says that a slice came.
    const effects = machine.hear(SERVER, inviteOf({ attempt: third }));
    expect(effectsOf(effects, 'train').map(({ attempt }) => attempt)).toEqual([third]);
    expect(sent(effects, 'slice')).toEqual([]);
  });

  const central = { trust: 'central', noiseMultiplier: 1, colluding: 1, mechanism: 'independent' } as const;

  test('N-09: where the server noises sums, what was uploaded is trained anew', () => {
    const plan = planOf({ owners: [SERVER] });
    const exchanging = () => {
      const machine = joined({ noise: central });
      machine.hear(SERVER, inviteOf({ plan }));
      machine.take(trained);
      machine.take(sealed);
      return machine;
    };
    const again = (machine: Participant) => {
      machine.hear(SERVER, { type: 'abandon', run: RUN, attempt, code: 'round.deadline', reason: 'late' });
      return effectsOf(machine.hear(SERVER, inviteOf({ attempt: attemptOf(1), plan })), 'train');
    };
    const uploaded = exchanging();
    deliver(uploaded, 0, SERVER);
    expect(again(uploaded)).toHaveLength(1);
    expect(again(exchanging())).toEqual([]);
  });

  test('N-09: where the server noises sums, nobody else gets a slice', () => {
    const machine = joined({ noise: central });
    machine.hear(SERVER, inviteOf({ plan: planOf({ owners: [BOB] }) }));
    machine.take(trained);
    const effects = machine.take(sealed);
    expect(sent(effects, 'slice')).toEqual([]);
    expect(sent(effects, 'refuse')[0]!.message.code).toBe('privacy.policy-unmet');
  });

  describe('shares of noise', () => {
    const noise = {
      trust: 'distributed',
      noiseMultiplier: 1,
      colluding: 1,
      mechanism: 'independent',
    } as const;
    const FOUR = [ALICE, BOB, CAROL, DAVE];
    /** Of four ⌈8/3⌉ − 1 = 2 shares are certain, of three one. */
    const sealedFor = (shares: number, value = shares) => ({
      ...sealed,
      update: { ...updateOf([value, 0, 0, 0, 0, 0]), shares },
    });
    const invitedTo = (machine: Participant, cohort: readonly ParticipantId[], attempt = attemptOf()) =>
      machine.hear(SERVER, inviteOf({ attempt, plan: planOf({ cohort: [...cohort], owners: [...cohort] }) }));

    test('N-04: are as large as the cohort of the invitation asks for', () => {
      const machine = joined({ noise });
      invitedTo(machine, FOUR);
      expect(effectsOf(machine.take(trained), 'protect')).toEqual([
        { type: 'protect', attempt, baseHash: BASE.hash, update: trained.result.update, invited: 4 },
      ]);
      const effects = machine.take(sealedFor(2));
      expect(effectsOf(effects, 'add-missing-noise')).toEqual([]);
      expect(sent(effects, 'slice')).toHaveLength(4);
    });

    test('N-04: an attempt with fewer adds what is missing before it sends anything', () => {
      const machine = joined({ noise, ring: { bits: 32 } });
      invitedTo(machine, FOUR);
      machine.take(trained);
      machine.take(sealedFor(2));
      const effects = invitedTo(machine, TRIO, attemptOf(1));
      const { update } = sealedFor(2);
      expect(effectsOf(effects, 'add-missing-noise')).toEqual([
        { type: 'add-missing-noise', attempt: attemptOf(1), baseHash: BASE.hash, update, invited: 3 },
      ]);
      expect(phaseOf(machine)).toBe('protecting');
      const added = { ...sealedFor(1, 9), attempt: attemptOf(1) };
      machine.take(added);
      expect(phaseOf(machine)).toBe('masking');
      // With more of them again there is more noise than it takes.
      const more = invitedTo(machine, FOUR, attemptOf(2));
      expect(effectsOf(more, 'add-missing-noise')).toEqual([]);
      expect(machine.state.attempt?.phase).toEqual({ name: 'masking', update: added.update, asked: false });
    });

    test('N-13: what left with a share of noise is trained anew, whether or not anyone says that it came', () => {
      const machine = joined({ noise });
      invitedTo(machine, FOUR);
      machine.take(trained);
      expect(sent(machine.take(sealedFor(2)), 'slice')).toHaveLength(4);
      const effects = invitedTo(machine, FOUR, attemptOf(1));
      expect(effectsOf(effects, 'train')).toHaveLength(1);
      expect(sent(effects, 'slice')).toEqual([]);
    });

    test('N-04: an update that was noised for an attempt that is over is looked at again', () => {
      const machine = joined({ noise });
      invitedTo(machine, FOUR);
      machine.take(trained);
      invitedTo(machine, TRIO, attemptOf(1));
      const effects = machine.take(sealedFor(2));
      expect(sent(effects, 'slice')).toEqual([]);
      expect(effectsOf(effects, 'add-missing-noise')).toHaveLength(1);
    });

    test('N-04: one that has no share at all never leaves', () => {
      const machine = joined({ noise });
      invitedTo(machine, FOUR);
      machine.take(trained);
      expect(sent(machine.take(sealed), 'slice')).toEqual([]);
    });

    test('N-04: nothing is confirmed for fewer survivors than hide each other', () => {
      const cohort = [
        ...FOUR,
        'eve'.padEnd(22, '-') as ParticipantId,
        'fay'.padEnd(22, '-') as ParticipantId,
      ];
      const machine = joined({ noise, ring: { bits: 32 } });
      invitedTo(machine, cohort);
      const fix = (survivors: ParticipantId[]) =>
        machine.hear(SERVER, planMessage({ cohort, owners: [...cohort], revision: 1, tally: 1, survivors }));
      const effects = fix(TRIO);
      expect(sent(effects, 'refuse')[0]!.message.code).toBe('secagg.below-threshold');
      expect(effectsOf(effects, 'secure').filter(({ step }) => step.name === 'confirm')).toEqual([]);
      expect(effectsOf(fix(FOUR), 'secure').map(({ step }) => step.name)).toEqual(['confirm']);
    });
  });

  test('P-13: an update whose ledger entry took until the next attempt is the one that leaves', () => {
    const machine = phases.protecting!();
    const again = machine.hear(SERVER, inviteOf({ attempt: attemptOf(1) }));
    expect(effectsOf(again, 'train')).toHaveLength(1);
    const late = machine.take(sealed);
    expect(effectsOf(late, 'cancel-training')).toHaveLength(1);
    const values = sent(late, 'slice').map(({ message }) => message.values);
    expect(values).toEqual([bytesOf([1, 2]), bytesOf([3, 4]), bytesOf([5, 6])]);
    // Another one of the same base changes nothing, in this attempt or the next.
    const other = { ...sealed, update: { ...sealed.update, values: sealed.update.values.map((x) => x + 1) } };
    expect(sent(machine.take(other), 'slice')).toEqual([]);
    const third = machine.hear(SERVER, inviteOf({ attempt: attemptOf(2) }));
    expect(sent(third, 'slice').map(({ message }) => message.values)).toEqual(values);
  });

  test.each(['fetching', 'training', 'protecting', 'exchanging'])(
    'C-55: cut off while %s, it ends the attempt and its training, and complains of nothing',
    (name) => {
      const machine = phases[name]!();
      const message = { type: 'abandon', run: RUN, attempt, code: 'round.cut-off', reason: 'y' } as const;
      const effects = machine.hear(SERVER, message);
      expect(machine.state.attempt).toBeUndefined();
      expect(effectsOf(effects, 'cancel-training')).toHaveLength(name === 'training' ? 1 : 0);
      expect(effectsOf(effects, 'cancel-sends')).toHaveLength(1);
      expect(effectsOf(effects, 'notice').map(({ level, error }) => [level, error])).toEqual([
        ['info', undefined],
      ]);
      expect(machine.take(sealed)).toEqual([]);
      machine.hear(SERVER, { ...message, attempt: attemptOf(3) });
      expect(machine.state.status.name).toBe('joined');
    },
  );

  test('P-14: training goes on over an abandonment, and over an invitation with the same base', () => {
    const machine = phases.training!();
    const abandon = { type: 'abandon', run: RUN, attempt, code: 'x', reason: 'y' } as const;
    expect(effectsOf(machine.hear(SERVER, abandon), 'cancel-training')).toEqual([]);
    const same = machine.hear(SERVER, inviteOf({ attempt: attemptOf(1) }));
    expect([...effectsOf(same, 'cancel-training'), ...effectsOf(same, 'train')]).toEqual([]);
    const effects = machine.take(trained);
    expect(effectsOf(effects, 'protect')[0]!.attempt).toEqual(attemptOf(1));
    const other = phases.training!().hear(
      SERVER,
      inviteOf({ attempt: attemptOf(0, 9), base: refOf(modelOf(8)) }),
    );
    expect(effectsOf(other, 'cancel-training')).not.toEqual([]);
  });

  test('P-14: where the operator stopped all rounds it ends, and nothing leaves the device', () => {
    const machine = phases.training!();
    const halted = { type: 'abandon', run: RUN, attempt, code: 'round.on-hold', reason: 'y' } as const;
    expect(effectsOf(machine.hear(SERVER, halted), 'cancel-training')).toHaveLength(1);
    expect(effectsOf(machine.take(trained), 'protect')).toEqual([]);
  });

  test('P-15: who cannot train refuses by its name, and waits for the sum of the others', () => {
    const machine = phases.training!();
    const effects = machine.take({ type: 'train-failed', attempt, error });
    expect(sent(effects, 'refuse')[0]!.message).toMatchObject({ code: 'training.diverged' });
    plan(machine, { revision: 1, survivors: [BOB, CAROL], tally: 1 });
    sums(machine);
    expect(phaseOf(machine)).toBe('applying');
  });

  test.each(['internal', 'training.failed'] as const)(
    'P-15: what a library said of an error of code %s stays on the device',
    (code) => {
      const machine = phases.training!();
      const effects = machine.take({
        type: 'train-failed',
        attempt,
        error: { code, message: 'Unexpected value 37.2' },
      });
      const { message } = sent(effects, 'refuse')[0]!;
      expect(message.code).toBe(code);
      expect(JSON.stringify(message)).not.toContain('37.2');
    },
  );

  test('P-16: without the base it refuses', () => {
    const machine = phases.fetching!();
    const effects = machine.take({ type: 'model-unavailable', model: refOf(BASE) });
    expect(sent(effects, 'refuse')[0]!.message.code).toBe('model.unavailable');
    expect(phaseOf(machine)).toBe('watching');
  });

  test('P-20 R-20: each owner gets its slice; uploaded names those that cannot be delivered', () => {
    const machine = phases.protecting!();
    const effects = machine.take(sealed);
    expect(sent(effects, 'trained')).toHaveLength(1);
    expect(sent(effects, 'slice').map(({ to, message }) => [to, message.weight, message.values])).toEqual([
      [ALICE, 7, bytesOf([1, 2])],
      [BOB, 7, bytesOf([3, 4])],
      [CAROL, 7, bytesOf([5, 6])],
    ]);
    expect([...deliver(machine, 0, ALICE), ...deliver(machine, 1, BOB)]).toEqual([]);
    const last = deliver(machine, 2, CAROL, 'undelivered');
    expect(sent(last, 'uploaded')[0]!.message).toMatchObject({ revision: 0, undeliverable: [2] });
  });

  test('P-21: another owner gets that slice and no other, and uploaded is said anew', () => {
    const machine = phases.exchanging!();
    TRIO.forEach((owner, slice) => {
      deliver(machine, slice, owner);
    });
    const effects = plan(machine, { revision: 1, owners: [ALICE, CAROL, CAROL] });
    expect(sent(effects, 'slice').map(({ to, message }) => [to, message.slice])).toEqual([[CAROL, 1]]);
    expect(deliver(machine, 1, BOB)).toEqual([]); // of the former owner
    expect(sent(deliver(machine, 1, CAROL), 'uploaded')[0]!.message.revision).toBe(1);
  });

  test('P-22 R-02: a plan that overtook its invitation is kept; an older revision changes nothing', () => {
    const machine = joined();
    plan(machine, { revision: 3, owners: [ALICE, ALICE, CAROL] });
    machine.hear(SERVER, inviteOf());
    expect(machine.state.attempt?.plan.revision).toBe(3);
    plan(machine, { revision: 2, owners: [CAROL, CAROL, CAROL] });
    expect(machine.state.attempt?.plan.owners).toEqual([ALICE, ALICE, CAROL]);
  });

  test('P-23: all sums of the present tally make the model', () => {
    const machine = phases.exchanging!();
    sums(machine); // before the survivors are known
    expect(phaseOf(machine)).toBe('exchanging');
    const effects = plan(machine, { revision: 1, survivors: TRIO, tally: 1 });
    expect(effectsOf(effects, 'apply')[0]!).toMatchObject({ tally: 1, base: BASE });
    expect(effectsOf(effects, 'apply')[0]!.slices.map(({ weight }) => weight)).toEqual([21, 21, 21]);
  });

  test('P-23: sums of unequal weight do not fit together', () => {
    const machine = phases.exchanging!();
    plan(machine, { revision: 1, survivors: TRIO, tally: 1 });
    machine.hear(ALICE, sum(0));
    machine.hear(BOB, sum(1));
    const effects = machine.hear(CAROL, sum(2, 1, 20));
    expect(effectsOf(effects, 'notice')[0]!.error?.code).toBe('round.diverged');
    expect(machine.state.attempt?.sums.size).toBe(0);
  });

  test('P-24: a former owner of the slice counts, anyone else does not', () => {
    const machine = phases.exchanging!();
    plan(machine, { revision: 1, survivors: TRIO, tally: 1 });
    plan(machine, { revision: 2, survivors: TRIO, tally: 1, owners: [ALICE, CAROL, CAROL] });
    machine.hear(ALICE, sum(0));
    machine.hear(CAROL, sum(2));
    machine.hear(ALICE, sum(1)); // never owned slice 1
    machine.hear(DAVE, sum(1)); // no part in this
    expect(phaseOf(machine)).toBe('exchanging');
    machine.hear(BOB, sum(1)); // owned it before
    expect(phaseOf(machine)).toBe('applying');
  });

  test('P-25 R-03: a later tally voids what was computed', () => {
    const machine = phases.applied!();
    plan(machine, { revision: 2, survivors: [ALICE, BOB], tally: 2 });
    expect(phaseOf(machine)).toBe('exchanging');
    expect(machine.state.candidate).toBeUndefined();
    machine.take({ type: 'applied', attempt, tally: 1, model: NEXT });
    expect(machine.state.candidate).toBeUndefined();
    sums(machine, 2);
    expect(phaseOf(machine)).toBe('applying');
    machine.take({ type: 'applied', attempt, tally: 1, model: NEXT });
    expect(phaseOf(machine)).toBe('applying');
  });

  test('P-26: what has not come after a third of the applying time is missing', () => {
    const machine = phases.exchanging!();
    const effects = plan(machine, { revision: 1, survivors: TRIO, tally: 1 });
    expect(effects).toContainEqual({ type: 'timer', name: 'collect', delayMs: 100 });
    machine.hear(BOB, sum(1));
    const late = machine.take({ type: 'timer', name: 'collect' });
    expect(sent(late, 'missing')[0]!.message).toMatchObject({ tally: 1, slices: [0, 2] });
  });

  test('M-06: a sum of the wrong length or of no slice is refused by name', () => {
    const machine = phases.exchanging!();
    const short = machine.hear(BOB, sum(1, 1, 21, [1]));
    expect(effectsOf(short, 'notice')[0]!.error?.code).toBe('update.wrong-length');
    const beyond = machine.hear(BOB, sum(3));
    expect(effectsOf(beyond, 'notice')[0]!.error?.code).toBe('wire.malformed');
  });

  test('W-06: a sum of an ended attempt is dropped in silence', () => {
    const machine = phases.exchanging!();
    expect(machine.hear(BOB, { ...sum(1), attempt: attemptOf(7) })).toEqual([]);
  });

  test('P-27: applied tells the hash; the model is a candidate until it is committed', () => {
    const machine = phases.applying!({ evaluates: true });
    const effects = machine.take({ type: 'applied', attempt, tally: 1, model: NEXT });
    expect(sent(effects, 'applied')[0]!.message).toMatchObject({ tally: 1, hash: NEXT.hash });
    expect(effectsOf(effects, 'evaluate')[0]!.part).toEqual({ index: 0, count: 3 });
    expect(machine.state.model).toEqual(BASE);
    expect(machine.state.candidate).toEqual(NEXT);
  });

  test('P-28: a commit of the candidate makes it the model', () => {
    const machine = phases.applied!();
    const effects = machine.hear(SERVER, commitOf(NEXT.hash));
    expect(effectsOf(effects, 'save-model').map(({ model }) => model)).toEqual([NEXT]);
    expect(effectsOf(effects, 'save-record')).toHaveLength(1);
    expect(machine.state.model).toEqual(NEXT);
    expect(phaseOf(machine)).toBe('none');
  });

  test('P-28: another hash is fetched, and named when ours was for the same round', () => {
    const machine = phases.applied!();
    const other = modelOf(1, 5);
    const effects = machine.hear(SERVER, commitOf(other.hash));
    expect(effectsOf(effects, 'notice')[0]!.error?.code).toBe('round.diverged');
    expect(effectsOf(effects, 'fetch-model')).toEqual([
      { type: 'fetch-model', model: refOf(other), holders: [BOB] },
    ]);
    machine.take({ type: 'model-fetched', model: other });
    expect(machine.state.model).toEqual(other);
  });

  test('a commit that a newer one has overtaken is history', () => {
    const machine = joined({}, modelOf(5));
    const effects = machine.hear(SERVER, commitOf(NEXT.hash));
    expect(effects.map(({ type }) => type)).toEqual(['save-record']);
  });

  test('finish ends the attempt, and fetches the last model where it differs', () => {
    const machine = phases.exchanging!();
    const effects = machine.hear(SERVER, { type: 'finish', run: RUN, model: refOf(NEXT), reason: 'stopped' });
    expect(machine.state.status).toEqual({ name: 'finished', reason: 'stopped' });
    expect(effectsOf(effects, 'fetch-model')[0]!.holders).toEqual([SERVER]);
  });

  /** What each outcome does in each phase; whatever is not named changes nothing. */
  const outcomes: Record<string, (machine: Participant) => unknown> = {
    'model-fetched': (machine) => machine.take({ type: 'model-fetched', model: BASE }),
    'model-unavailable': (machine) => machine.take({ type: 'model-unavailable', model: refOf(BASE) }),
    trained: (machine) => machine.take(trained),
    'train-failed': (machine) => machine.take({ type: 'train-failed', attempt, error }),
    protected: (machine) => machine.take(sealed),
    applied: (machine) => machine.take({ type: 'applied', attempt, tally: 1, model: NEXT }),
    'apply-failed': (machine) => machine.take({ type: 'apply-failed', attempt, error, disputed: [] }),
    abandon: (machine) =>
      machine.hear(SERVER, { type: 'abandon', run: RUN, attempt, code: 'x', reason: 'y' }),
    'abandon of another': (machine) =>
      machine.hear(SERVER, { type: 'abandon', run: RUN, attempt: attemptOf(9), code: 'x', reason: 'y' }),
    'sums of another tally': (machine) => sums(machine, 2),
  };
  const table: Record<string, Record<string, string>> = {
    fetching: { 'model-fetched': 'training', 'model-unavailable': 'watching', abandon: 'none' },
    training: { trained: 'protecting', 'train-failed': 'watching', protected: 'exchanging' },
    protecting: { protected: 'exchanging', 'train-failed': 'watching', abandon: 'none' },
    exchanging: { abandon: 'none' },
    watching: { abandon: 'none' },
    applying: { applied: 'applied', 'apply-failed': 'watching', abandon: 'none' },
    applied: { abandon: 'none' },
  };
  for (const [phase, reach] of Object.entries(phases)) {
    test.each(Object.entries(outcomes))(`${phase} × %s`, (outcome, act) => {
      const machine = reach();
      expect(phaseOf(machine)).toBe(phase);
      const given = machine.state;
      const before = structuredClone(given);
      act(machine);
      expect(given).toEqual(before); // the state that was given is never changed
      expect(phaseOf(machine)).toBe(table[phase]![outcome] ?? phase);
    });
  }
});

describe('without the server', () => {
  /** After a round of three, with these peers left. */
  function orphan(peers: NodeId[] = [BOB, CAROL], change: Partial<ParticipantContext> = {}): Participant {
    const machine = joined(change);
    machine.hear(SERVER, inviteOf());
    for (const peer of [BOB, CAROL, ALICE])
      if (!peers.includes(peer)) machine.take({ type: 'peer-down', peer });
    machine.take({ type: 'peer-down', peer: SERVER });
    return machine;
  }
  const request = (term: number, version = 0): Message => ({
    type: 'voteRequest',
    run: RUN,
    term,
    model: refOf(modelOf(version)),
  });

  test('P-30: the lower the id, the sooner it stands', () => {
    const delayOf = (self: typeof ALICE, peers: NodeId[]) => {
      const machine = participant({ self });
      for (const peer of peers) machine.take({ type: 'peer-up', peer, incarnation: 1 });
      const effects = machine.take({ type: 'command', command: 'start' });
      return effectsOf(effects, 'timer')[0]!.delayMs;
    };
    expect(delayOf(ALICE, [BOB, CAROL])).toBe(1000);
    expect(delayOf(BOB, [ALICE, CAROL])).toBe(1500);
    expect(delayOf(CAROL, [ALICE, BOB])).toBe(2000);
  });

  test('P-31: stands only without the server, with more than half of the last cohort in reach', () => {
    const machine = orphan();
    const effects = machine.take({ type: 'timer', name: 'election' });
    expect(sent(effects, 'voteRequest').map(({ to, message }) => [to, message.term])).toEqual([
      [BOB, 2],
      [CAROL, 2],
    ]);
    expect(sent(orphan([]).take({ type: 'timer', name: 'election' }), 'voteRequest')).toEqual([]);
    const served = joined();
    served.hear(SERVER, inviteOf());
    expect(sent(served.take({ type: 'timer', name: 'election' }), 'voteRequest')).toEqual([]);
  });

  test('P-32: one vote per term, for a later term, to nobody with an older model', () => {
    const granted = (machine: Participant, from: NodeId, term: number, version = 0) =>
      sent(machine.hear(from, request(term, version)), 'vote')[0]!.message.granted;
    const machine = orphan();
    expect(granted(machine, BOB, 1)).toBe(false);
    expect(granted(machine, BOB, 2)).toBe(true);
    expect(granted(machine, BOB, 2)).toBe(true); // asked again, answered again
    expect(granted(machine, CAROL, 2)).toBe(false);
    expect(granted(machine, CAROL, 3)).toBe(true);
    const ahead = joined({}, modelOf(4));
    ahead.take({ type: 'peer-down', peer: SERVER });
    expect(granted(ahead, BOB, 7, 3)).toBe(false);
    expect(granted(joined(), BOB, 7)).toBe(false); // the server is there
  });

  test('P-33: more than half of the last cohort makes it coordinate', () => {
    const machine = orphan();
    machine.take({ type: 'timer', name: 'election' });
    expect(machine.hear(DAVE, { type: 'vote', run: RUN, term: 2, granted: true })).toEqual([]);
    expect(machine.hear(BOB, { type: 'vote', run: RUN, term: 1, granted: true })).toEqual([]);
    const effects = machine.hear(BOB, { type: 'vote', run: RUN, term: 2, granted: true });
    expect(effectsOf(effects, 'coordinate')).toEqual([{ type: 'coordinate', term: 2, model: refOf(BASE) }]);
    expect(machine.state.coordinator).toBe(ALICE);
  });

  test('P-33: half of a split group elects nobody', () => {
    const cohort = [ALICE, BOB, CAROL, DAVE];
    const machine = joined();
    machine.hear(SERVER, inviteOf({ plan: planOf({ cohort }) }));
    machine.take({ type: 'peer-down', peer: CAROL });
    machine.take({ type: 'peer-down', peer: SERVER });
    expect(sent(machine.take({ type: 'timer', name: 'election' }), 'voteRequest')).toEqual([]);
  });

  test('J-03: whoever heard of a pause from the server neither stands nor votes, until the server is back', () => {
    const pausedBy = (from: NodeId, code: string) => {
      const machine = joined();
      machine.hear(SERVER, inviteOf());
      machine.hear(from, { type: 'standby', run: RUN, code, reason: 'Paused.' });
      machine.take({ type: 'peer-down', peer: SERVER });
      return machine;
    };
    const stands = (machine: Participant) =>
      sent(machine.take({ type: 'timer', name: 'election' }), 'voteRequest').length > 0;
    const votes = (machine: Participant) => sent(machine.hear(BOB, request(7)), 'vote')[0]!.message.granted;
    expect(stands(pausedBy(SERVER, 'round.on-hold'))).toBe(false);
    expect(votes(pausedBy(SERVER, 'round.on-hold'))).toBe(false);
    // Another reason to wait, and another's word, are none.
    expect(stands(pausedBy(SERVER, 'aggregate.no-held-out'))).toBe(true);
    expect(votes(pausedBy(BOB, 'round.on-hold'))).toBe(true);

    const back = pausedBy(SERVER, 'round.on-hold');
    back.take({ type: 'peer-up', peer: SERVER, incarnation: 2 });
    back.hear(SERVER, { type: 'welcome', run: RUN, term: 3, model: refOf(BASE), holders: [] });
    back.take({ type: 'peer-down', peer: SERVER });
    expect(stands(back)).toBe(true);
  });

  test('a term that lost its vote is not used again', () => {
    const machine = orphan();
    machine.take({ type: 'timer', name: 'election' });
    machine.take({ type: 'timer', name: 'vote' });
    const effects = machine.take({ type: 'timer', name: 'election' });
    expect(sent(effects, 'voteRequest')[0]!.message.term).toBe(3);
  });
});

describe('what would fill the memory, or the ring', () => {
  test('P-25: sums of tallies that are over, or that no plan can be at, are not kept', () => {
    const machine = joined();
    machine.hear(SERVER, inviteOf());
    for (const tally of [0, 1, 2, 3, 4_000_000_000]) machine.hear(BOB, sum(1, tally));
    expect([...machine.state.attempt!.sums.keys()]).toEqual([`1@0@${BOB}`, `1@1@${BOB}`]);
    machine.hear(SERVER, planMessage({ revision: 1, survivors: TRIO, tally: 1 }));
    machine.hear(BOB, sum(1, 0));
    machine.hear(BOB, sum(1, 1));
    expect([...machine.state.attempt!.sums.keys()]).toEqual([`1@1@${BOB}`]);
  });

  test.each([
    ['two', [ALICE, BOB]],
    ['more than sum together', [ALICE, BOB, CAROL, DAVE]],
  ])('A-02 A-10: a secure round of %s is refused', (_, cohort) => {
    const machine = joined({ ring: { bits: 32 }, groupSize: 3 });
    const effects = machine.hear(SERVER, inviteOf({ plan: planOf({ cohort, owners: [...cohort] }) }));
    expect(sent(effects, 'refuse').map(({ message }) => message.code)).toEqual(['round.wrong-cohort']);
    expect(machine.state.attempt).toBeUndefined();
  });

  test('a plan of another cohort than the invitation’s is refused', () => {
    const machine = joined();
    machine.hear(SERVER, inviteOf());
    const cohort = [ALICE, BOB, DAVE];
    const effects = machine.hear(SERVER, planMessage({ revision: 1, cohort, owners: [...cohort] }));
    expect(sent(effects, 'refuse').map(({ message }) => message.code)).toEqual(['round.refused']);
    expect(machine.state.attempt!.plan.cohort).toEqual(TRIO);
  });
});
