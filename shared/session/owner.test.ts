import { describe, expect, test } from 'vitest';
import { addition, type RuleFor } from '../aggregate/index.ts';
import { combineRuleOf } from '../aggregate/robust/index.ts';
import type { FixedPoint, Grid } from '../compress/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
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
  planMessage,
  planOf,
  RUN,
  sent,
} from '../testing/session-fixtures.ts';
import type { MessageOf, Plan } from '../wire/index.ts';
import type { Effect } from './effects.ts';
import { initialOwner, type OwnerState, type OwnerView, stepOwner, toInt32 } from './owner.ts';

type Owner = Machine<OwnerState>;

const TRIO = [ALICE, BOB, CAROL];
/** Coordinates of weight w stay within ±⌊10 · w + ½⌋. */
const fixedPoint: FixedPoint = { fractionalBits: 0, clipNorm: 10, maxWeight: 100 };

/** Bob owns slice 1, of two coordinates. */
function owner(): Owner {
  return machineOf(stepOwner, initialOwner, {
    self: BOB,
    run: RUN,
    vectorLength: 6,
    encoding: fixedPoint,
    federationRevision: 1,
    ring: undefined,
    rule: addition,
    addsNoise: false,
  });
}
function announced(change: Partial<Plan> = {}): Owner {
  const machine = owner();
  machine.hear(SERVER, inviteOf({ plan: planOf(change) }));
  return machine;
}
function slice(values = [1, 2], change: Partial<MessageOf<'slice'>> = {}): MessageOf<'slice'> {
  return {
    type: 'slice',
    run: RUN,
    attempt: attemptOf(),
    slice: 1,
    count: 3,
    weight: 2,
    values: bytesOf(values),
    ...change,
  };
}
function fix(machine: Owner, survivors = TRIO, change: Partial<Plan> = {}) {
  return machine.hear(SERVER, planMessage({ revision: 1, tally: 1, survivors, ...change }));
}
function valuesOf(message: MessageOf<'sum'>): number[] {
  return [...toInt32(message.values, message.values.byteLength / 4)];
}
function codesOf(effects: ReturnType<Owner['take']>): (string | undefined)[] {
  return effectsOf(effects, 'notice').map(({ error }) => error?.code);
}

describe('sums', () => {
  test('R-25: exactly the survivors, to the whole cohort, once', () => {
    const machine = announced();
    machine.hear(ALICE, slice([1, -2]));
    machine.hear(BOB, slice([10, 20], { weight: 3 }));
    machine.hear(CAROL, slice([5, 5]));
    const effects = fix(machine, [ALICE, BOB]);
    expect(sent(effects, 'sum').map(({ to }) => to)).toEqual(TRIO);
    const { message } = sent(effects, 'sum')[0]!;
    expect(message).toMatchObject({ slice: 1, tally: 1, weight: 5 });
    expect(valuesOf(message)).toEqual([11, 18]);
    expect(fix(machine, [ALICE, BOB], { revision: 2 })).toEqual([]);
  });

  test('R-25: the last slice that was missing brings the sum', () => {
    const machine = announced();
    machine.hear(ALICE, slice([1, 1]));
    expect(sent(fix(machine, [ALICE, CAROL]), 'sum')).toEqual([]);
    const effects = machine.hear(CAROL, slice([2, 2]));
    expect(valuesOf(sent(effects, 'sum')[0]!.message)).toEqual([3, 3]);
  });

  test('R-03: another tally is another sum', () => {
    const machine = announced();
    for (const id of TRIO) machine.hear(id, slice([1, 1]));
    fix(machine);
    const effects = fix(machine, [ALICE, CAROL], { revision: 2, tally: 2 });
    expect(sent(effects, 'sum')[0]!.message).toMatchObject({ tally: 2, weight: 4 });
    expect(valuesOf(sent(effects, 'sum')[0]!.message)).toEqual([2, 2]);
  });

  test('R-25: a slice that another owns is held, and summed only once it is ours', () => {
    const machine = announced();
    for (const id of TRIO) machine.hear(id, slice([1, 1], { slice: 2 }));
    expect(sent(fix(machine), 'sum')).toEqual([]);
    const effects = fix(machine, TRIO, { revision: 2, owners: [ALICE, BOB, BOB] });
    expect(sent(effects, 'sum').map(({ message }) => message.slice)).toEqual([2, 2, 2]);
  });

  test('R-21: slices that came before their plan count, those of a third unknown attempt do not', () => {
    const machine = owner();
    machine.hear(ALICE, slice([4, 4]));
    machine.hear(ALICE, slice([4, 4], { attempt: attemptOf(1) }));
    expect(codesOf(machine.hear(ALICE, slice([4, 4], { attempt: attemptOf(2) })))).toEqual([
      'wire.out-of-phase',
    ]);
    machine.hear(SERVER, inviteOf());
    machine.hear(CAROL, slice([1, 1]));
    expect(valuesOf(sent(fix(machine, [ALICE, CAROL]), 'sum')[0]!.message)).toEqual([5, 5]);
  });

  test('R-27 R-01: a later attempt ends the earlier; an earlier one or an old revision changes nothing', () => {
    const machine = announced();
    machine.hear(ALICE, slice());
    machine.hear(SERVER, planMessage({ revision: 5, owners: [ALICE, CAROL, CAROL] }));
    machine.hear(SERVER, planMessage({ revision: 4 }));
    expect(machine.state.current?.plan.revision).toBe(5);
    const effects = machine.hear(SERVER, inviteOf({ attempt: attemptOf(0, 2) }));
    expect(effects).toEqual([{ type: 'cancel-sends', tag: 'sum 1.1.0' }]);
    expect(machine.state.held.size).toBe(0);
    expect(machine.hear(SERVER, inviteOf())).toEqual([]);
    expect(machine.hear(ALICE, slice())).toEqual([]);
    expect(machine.state.current?.attempt).toEqual(attemptOf(0, 2));
  });

  test('R-28: an abandoned attempt frees its slices and cancels its sums', () => {
    const machine = announced();
    machine.hear(ALICE, slice());
    const abandon = { type: 'abandon', run: RUN, code: 'x', reason: 'y' } as const;
    expect(machine.hear(SERVER, { ...abandon, attempt: attemptOf(1) })).toEqual([]);
    expect(machine.hear(SERVER, { ...abandon, attempt: attemptOf() })).toEqual([
      { type: 'cancel-sends', tag: 'sum 1.1.0' },
    ]);
    expect(machine.state).toEqual(initialOwner);
  });
});

describe('refusals', () => {
  test('R-22: the same slice again changes nothing; another is a conflict', () => {
    const machine = announced();
    machine.hear(ALICE, slice([1, 2]));
    expect(machine.hear(ALICE, slice([1, 2]))).toEqual([]);
    expect(codesOf(machine.hear(ALICE, slice([1, 3])))).toEqual(['round.conflicting-slice']);
    expect(codesOf(machine.hear(ALICE, slice([1, 2], { weight: 1 })))).toEqual(['round.conflicting-slice']);
  });

  test.each([
    ['a coordinate above the bound of its weight', [21, 0], 2],
    ['a coordinate below it', [0, -21], 2],
    ['no weight', [0, 0], 0],
    ['more weight than the federation allows', [0, 0], 101],
  ])('R-23 R-26: %s is refused and reported', (_, values, weight) => {
    const machine = announced();
    const effects = machine.hear(ALICE, slice(values, { weight }));
    expect(codesOf(effects)).toEqual(['update.overflow']);
    expect(sent(effects, 'reject')).toEqual([
      {
        to: SERVER,
        message: {
          type: 'reject',
          run: RUN,
          attempt: attemptOf(),
          participant: ALICE,
          code: 'update.overflow',
        },
      },
    ]);
    expect(sent(fix(machine, [ALICE]), 'sum')).toEqual([]);
  });

  test('R-23: the bound itself is allowed', () => {
    expect(announced().hear(ALICE, slice([20, -20]))).toEqual([]);
  });

  test('R-24: an outsider is refused, and nobody is told to leave it out', () => {
    const effects = announced().hear(DAVE, slice());
    expect(codesOf(effects)).toEqual(['wire.out-of-phase']);
    expect(sent(effects, 'reject')).toEqual([]);
  });

  test.each([
    ['too short', slice([1])],
    ['too long', slice([1, 2, 3])],
    ['not of whole integers', slice([], { values: new Uint8Array(7) })],
    ['cut for another number of owners', slice([1, 2, 3], { count: 2 })],
  ])('R-29 M-06: a slice that is %s is refused', (_, message) => {
    const effects = announced().hear(ALICE, message);
    expect(codesOf(effects)).toEqual(['update.wrong-length']);
    expect(sent(effects, 'reject')).toHaveLength(1);
  });

  test('R-29: also when it came before the plan; what others sent early still counts', () => {
    const machine = owner();
    machine.hear(ALICE, slice([1, 2, 3], { count: 2 }));
    machine.hear(CAROL, slice([7, 7]));
    const effects = machine.hear(SERVER, inviteOf());
    expect(sent(effects, 'reject').map(({ message }) => message.participant)).toEqual([ALICE]);
    machine.hear(BOB, slice([1, 1]));
    expect(valuesOf(sent(fix(machine, [BOB, CAROL]), 'sum')[0]!.message)).toEqual([8, 8]);
  });

  test('a slice index beyond its count is refused by name', () => {
    expect(codesOf(announced().hear(ALICE, slice([1, 2], { slice: 3 })))).toEqual(['argument.invalid']);
  });

  test('W-06: a slice of an ended attempt is dropped in silence', () => {
    const machine = owner();
    machine.hear(SERVER, inviteOf({ attempt: attemptOf(3) }));
    expect(machine.hear(ALICE, slice())).toEqual([]);
  });
});

test('Q-01: where updates are masked a rule that looks at each of them does not compile', () => {
  const median: RuleFor<'none'> = { needs: 'individual', combine: combineRuleOf(undefined, fixedPoint) };
  const plain: OwnerView = { ring: undefined, rule: median };
  // @ts-expect-error: masks hide what the rule would have to see.
  const masked: OwnerView = { ring: { bits: 32 }, rule: median };
  expect([plain.rule.needs, masked.rule.needs]).toEqual(['individual', 'individual']);
});

test('Q-01: the rule is asked about whole updates, and what it makes of them is the sum', () => {
  const machine = machineOf(stepOwner, initialOwner, {
    self: SERVER,
    run: RUN,
    vectorLength: 6,
    encoding: fixedPoint,
    federationRevision: 1,
    ring: undefined,
    rule: { needs: 'individual', combine: combineRuleOf(undefined, fixedPoint) },
    addsNoise: false,
  });
  const owners = [SERVER as NodeId];
  machine.hear(SERVER, inviteOf({ plan: planOf({ owners }) }));
  const values = [1, 2, 3, 4, 5, 6];
  for (const id of TRIO) machine.hear(id, slice(values, { slice: 0, count: 1, weight: 1 }));
  const effects = fix(machine, [ALICE, BOB], { owners });
  expect(sent(effects, 'sum')).toEqual([]);
  expect(effectsOf(effects, 'aggregate')[0]).toMatchObject({
    over: 'updates',
    parts: [{ members: [ALICE] }, { members: [BOB] }],
  });
  const made = { type: 'aggregated', attempt: attemptOf(), over: 'updates', weight: 2 } as const;
  expect(machine.take({ ...made, tally: 0, values: Int32Array.from(values) })).toEqual([]);
  const published = sent(machine.take({ ...made, tally: 1, values: Int32Array.from(values) }), 'sum');
  expect(published.map(({ to }) => to)).toEqual(TRIO);
  const later = machine.hear(SERVER, inviteOf({ attempt: attemptOf(1), plan: planOf({ owners }) }));
  expect(effectsOf(later, 'cancel-aggregate').map(({ attempt }) => attempt)).toEqual([attemptOf()]);
});

test('R-21: no masked slice is kept for an attempt that was not announced', () => {
  const machine = machineOf(stepOwner, initialOwner, {
    self: BOB,
    run: RUN,
    vectorLength: 6,
    encoding: fixedPoint,
    federationRevision: 1,
    ring: { bits: 32 },
    rule: addition,
    addsNoise: false,
  });
  for (const [later, of] of [0, 1, 2].entries()) {
    const effects = machine.hear(DAVE, slice([1, 2], { attempt: attemptOf(later), slice: of }));
    expect(effectsOf(effects, 'notice').map(({ error }) => error?.code)).toEqual(['wire.out-of-phase']);
  }
  expect(machine.state.held.size).toBe(0);
});

describe('a server that noises sums', () => {
  const grid: Grid = {
    kind: 'grid',
    clipNorm: 1,
    maxWeight: 1,
    dimension: 6,
    scale: 9,
    bits: 16,
    squaredNormLimit: 100,
    l2Sensitivity: 10,
    l1Sensitivity: 24,
    noiseVariance: 100,
    groupSumLimit: 1000,
    isNoised: false,
  };
  const whole = (id: ParticipantId, values: readonly number[]) =>
    [id, slice([...values], { slice: 0, count: 1, weight: 1 })] as const;
  const fixed = (): { machine: Owner; effects: readonly Effect[] } => {
    const machine = machineOf(stepOwner, initialOwner, {
      self: SERVER,
      run: RUN,
      vectorLength: 6,
      encoding: grid,
      federationRevision: 1,
      ring: undefined,
      rule: addition,
      addsNoise: true,
    });
    machine.hear(SERVER, inviteOf({ plan: planOf({ owners: [SERVER] }) }));
    for (const id of TRIO) machine.hear(...whole(id, [1, 2, 3, 4, 5, 6]));
    return { machine, effects: fix(machine, TRIO, { owners: [SERVER] }) };
  };
  const noised = (values: readonly number[]) =>
    ({
      type: 'aggregated',
      attempt: attemptOf(),
      tally: 1,
      over: 'updates',
      weight: 3,
      values: Int32Array.from(values),
    }) as const;

  test('N-10: nobody hears of the sum before it is noised', () => {
    const { machine, effects } = fixed();
    expect(sent(effects, 'sum')).toEqual([]);
    const [asked] = effectsOf(effects, 'aggregate');
    expect(asked!.parts).toEqual([{ members: TRIO, weight: 3, values: Int32Array.of(3, 6, 9, 12, 15, 18) }]);
    const published = sent(machine.take(noised([7, 7, 7, 7, 7, 7])), 'sum');
    expect(published.map(({ to }) => to)).toEqual(TRIO);
    expect(published[0]!.message).toMatchObject({ weight: 3, values: bytesOf([7, 7, 7, 7, 7, 7]) });
  });

  test('N-10: a second sum of the attempt, over others, is never formed', () => {
    const { machine } = fixed();
    const again = fix(machine, [ALICE, BOB], { owners: [SERVER], revision: 2, tally: 2 });
    expect(effectsOf(again, 'aggregate')).toEqual([]);
    expect(machine.take(noised([1, 1, 1, 1, 1, 1]))).toEqual([]);
  });

  test('N-10: a sum that is ready when its attempt is over is not published', () => {
    const { machine } = fixed();
    machine.hear(SERVER, { type: 'abandon', run: RUN, attempt: attemptOf(), code: 'x', reason: 'y' });
    expect(machine.take(noised([1, 1, 1, 1, 1, 1]))).toEqual([]);
  });

  test('N-08: updates without noise are bounded by the norm', () => {
    const { machine } = fixed();
    machine.hear(SERVER, inviteOf({ attempt: attemptOf(1), plan: planOf({ owners: [SERVER] }) }));
    const [, message] = whole(ALICE, [11, 0, 0, 0, 0, 0]);
    const effects = machine.hear(ALICE, { ...message, attempt: attemptOf(1) });
    expect(sent(effects, 'reject')[0]!.message.code).toBe('update.overflow');
  });
});
