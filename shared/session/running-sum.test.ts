import { describe, expect, test } from 'vitest';
import { addition, type RuleFor } from '../aggregate/index.ts';
import { combineRuleOf } from '../aggregate/robust/index.ts';
import { type Encoding, type FixedPoint, packValues } from '../compress/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import {
  ALICE,
  attemptOf,
  BOB,
  bytesOf,
  CAROL,
  effectsOf,
  inviteOf,
  type Machine,
  machineOf,
  planMessage,
  planOf,
  RUN,
  sent,
} from '../testing/session-fixtures.ts';
import type { MessageOf } from '../wire/index.ts';
import { initialOwner, type OwnerContext, type OwnerState, stepOwner, toInt32 } from './owner.ts';
import { initialOwners, stepOwners } from './owner-groups.ts';

const TRIO = [ALICE, BOB, CAROL];
const owners: NodeId[] = [SERVER];
const fixedPoint: FixedPoint = { fractionalBits: 0, clipNorm: 10, maxWeight: 100 };
const abandon = { type: 'abandon', run: RUN, code: 'x', reason: 'y' } as const;
const median: RuleFor<'none'> = { needs: 'individual', combine: combineRuleOf(undefined, fixedPoint) };

/** The server owns the one slice there is. */
function contextOf(change: Partial<OwnerContext> = {}): OwnerContext {
  return {
    self: SERVER,
    run: RUN,
    vectorLength: 2,
    encoding: fixedPoint,
    federationRevision: 1,
    ring: undefined,
    rule: addition,
    addsNoise: false,
    ...change,
  } as OwnerContext;
}
function announced(change: Partial<OwnerContext> = {}, cohort = TRIO): Machine<OwnerState> {
  const machine = machineOf(stepOwner, initialOwner, contextOf(change));
  machine.hear(SERVER, inviteOf({ plan: planOf({ cohort, owners }) }));
  return machine;
}
function slice(values: number[], change: Partial<MessageOf<'slice'>> = {}): MessageOf<'slice'> {
  const whole = { slice: 0, count: 1, weight: 1, values: bytesOf(values) };
  return { type: 'slice', run: RUN, attempt: attemptOf(), ...whole, ...change };
}
const countIn = (machine: Machine<OwnerState>, participant: ParticipantId, attempt = attemptOf()) =>
  machine.take({ type: 'count-in', attempt, participant });
const fix = (
  machine: Machine<OwnerState>,
  survivors: ParticipantId[],
  cohort = TRIO,
  attempt = attemptOf(),
) => machine.hear(SERVER, planMessage({ revision: 1, tally: 1, survivors, owners, cohort }, attempt));
const heldIn = ({ state }: Machine<OwnerState>) =>
  [...state.held.values()].flatMap(({ slices }) =>
    [...slices.values()].flatMap((parts) => [...parts.keys()]),
  );
const sumsIn = (effects: ReturnType<typeof fix>) =>
  sent(effects, 'sum').map(({ message: { weight, values } }) => [weight, ...toInt32(values, 2)]);
const codesOf = (effects: ReturnType<typeof fix>) =>
  effectsOf(effects, 'notice').map(({ error }) => error?.code);

describe('a sum that grows as updates come', () => {
  test('R-30: what is counted in is added and let go of; the sum is of it and of what is held', () => {
    const machine = announced();
    machine.hear(ALICE, slice([1, -2], { weight: 3 }));
    machine.hear(BOB, slice([10, 20], { weight: 4 }));
    machine.hear(CAROL, slice([5, 5]));
    const before = machine.state;
    expect(countIn(machine, ALICE)).toEqual([{ type: 'counted', attempt: attemptOf(), participant: ALICE }]);
    countIn(machine, BOB);
    expect(heldIn(machine)).toEqual([CAROL]);
    expect(machine.state.held.get('1.1.0')!.running!.sum).toEqual({
      weight: 7,
      values: Int32Array.of(11, 18),
    });
    expect(before.held.get('1.1.0')!.running).toBeUndefined();
    expect(sumsIn(fix(machine, TRIO))).toEqual(Array(3).fill([8, 16, 23]));
  });

  test('R-30: whoever is held and no survivor is not in it', () => {
    const machine = announced();
    for (const id of TRIO) machine.hear(id, slice([1, 1]));
    for (const id of [ALICE, BOB]) countIn(machine, id);
    expect(sumsIn(fix(machine, [ALICE, BOB]))).toEqual(Array(3).fill([2, 2, 2]));
  });

  test('R-30: with all counted in, an old state keeps the sum that it had', () => {
    const machine = announced();
    for (const id of TRIO) machine.hear(id, slice([1, 1]));
    countIn(machine, ALICE);
    const { running } = machine.state.held.get('1.1.0')!;
    for (const id of [BOB, CAROL]) countIn(machine, id);
    expect(sumsIn(fix(machine, TRIO))).toEqual(Array(3).fill([3, 3, 3]));
    expect(running!.sum).toEqual({ weight: 1, values: Int32Array.of(1, 1) });
  });

  test('R-30, R-22: the same again changes nothing; another is a conflict, and in no sum', () => {
    const machine = announced();
    for (const id of TRIO) machine.hear(id, slice([1, 2]));
    countIn(machine, ALICE);
    expect(machine.hear(ALICE, slice([1, 2]))).toEqual([]);
    const effects = machine.hear(ALICE, slice([1, 3]));
    expect(codesOf(effects)).toEqual(['round.conflicting-slice']);
    expect(sent(effects, 'reject').map(({ message }) => message.participant)).toEqual([ALICE]);
    expect(codesOf(machine.hear(ALICE, slice([1, 2], { weight: 2 })))).toEqual(['round.conflicting-slice']);
    expect(countIn(machine, ALICE)).toEqual([]);
    expect(heldIn(machine)).toEqual([BOB, CAROL]);
    expect(sumsIn(fix(machine, TRIO))).toEqual(Array(3).fill([3, 3, 6]));
  });

  test('R-31: without one of those in it there is no sum', () => {
    const machine = announced();
    for (const id of TRIO) machine.hear(id, slice([1, 1]));
    countIn(machine, CAROL);
    expect(fix(machine, [ALICE, BOB])).toEqual([]);
  });

  test('R-30, R-28: an attempt takes its sum with it; the next begins at nothing', () => {
    const machine = announced();
    machine.hear(ALICE, slice([1, 1]));
    countIn(machine, ALICE);
    machine.hear(SERVER, { ...abandon, attempt: attemptOf() });
    expect(machine.state).toEqual(initialOwner);
    const attempt = attemptOf(1);
    machine.hear(SERVER, inviteOf({ attempt, plan: planOf({ owners }) }));
    for (const id of [ALICE, BOB]) {
      machine.hear(id, slice([1, 1], { attempt }));
      countIn(machine, id, attempt);
    }
    expect(sumsIn(fix(machine, [ALICE, BOB], TRIO, attempt))).toEqual(Array(3).fill([2, 2, 2]));
    machine.hear(SERVER, inviteOf({ attempt: attemptOf(2), plan: planOf({ owners }) }));
    expect(machine.state.held.size).toBe(0);
  });

  test('R-30: nothing is counted in that has not come, or of another attempt', () => {
    const machine = announced();
    machine.hear(ALICE, slice([1, 1]));
    const before = machine.state;
    expect([countIn(machine, BOB), countIn(machine, ALICE, attemptOf(1))]).toEqual([[], []]);
    expect(machine.state).toBe(before);
    machine.hear(BOB, slice([2, 2]));
    expect(sumsIn(fix(machine, [ALICE, BOB]))).toEqual(Array(3).fill([2, 3, 3]));
  });

  test.each([
    ['under a rule that looks at each of them', { rule: median }, owners],
    ['behind masks', { ring: { bits: 32 } } as Partial<OwnerContext>, owners],
    ['of several slices', {}, [SERVER, SERVER]],
    ['at someone who owns none', {}, [ALICE]],
  ] as const)('R-30: not %s', (_, change, planned) => {
    const machine = machineOf(stepOwner, initialOwner, contextOf(change));
    machine.hear(SERVER, inviteOf({ plan: planOf({ owners: [...planned] }) }));
    const values = planned.length === 1 ? [1, 1] : [1];
    machine.hear(ALICE, slice(values, { count: planned.length }));
    const before = machine.state;
    expect(countIn(machine, ALICE)).toEqual([]);
    expect(machine.state).toBe(before);
  });

  test('R-30, N-10: the noise goes on the one sum, of those counted in and those held', () => {
    const machine = announced({ addsNoise: true });
    for (const id of TRIO) machine.hear(id, slice([1, 2]));
    for (const id of [ALICE, BOB]) countIn(machine, id);
    const effects = fix(machine, TRIO);
    expect(sent(effects, 'sum')).toEqual([]);
    expect(effectsOf(effects, 'aggregate')[0]!.parts).toEqual([
      { members: TRIO, weight: 3, values: Int32Array.of(3, 6) },
    ]);
  });

  test('R-30, Z-07: in a lattice of 8 bits the running sum wraps where the sum does', () => {
    const lattice = { kind: 'lattice', bits: 8, maxWeight: 1 } as Encoding;
    const packed = (values: number[]) => packValues(Int32Array.from(values), lattice);
    const machine = announced({ encoding: lattice });
    for (const id of TRIO) {
      machine.hear(id, slice([], { values: packed([100, -1]) }));
      countIn(machine, id);
    }
    const [message] = sent(fix(machine, TRIO), 'sum');
    // 300 − 256 = 44.
    expect(message!.message.values).toEqual(packed([44, -3]));
  });

  test('R-30, G-14: each group has a sum of its own', () => {
    const machine = machineOf(stepOwners, initialOwners, contextOf());
    const cohorts = [[ALICE], [BOB, CAROL]];
    for (const [index, cohort] of cohorts.entries()) {
      const group = { index, count: 2 };
      machine.hear(SERVER, inviteOf({ plan: planOf({ cohort, owners, group }) }));
      for (const id of cohort) machine.hear(id, slice([index + 1, 1]));
    }
    for (const participant of TRIO) machine.take({ type: 'count-in', attempt: attemptOf(), participant });
    const sums = [...machine.state.values()].map(({ held }) => held.get('1.1.0')!.running!.sum);
    expect(sums).toEqual([
      { weight: 1, values: Int32Array.of(1, 1) },
      { weight: 2, values: Int32Array.of(4, 2) },
    ]);
  });

  test('R-30: of 100 participants an owner keeps one model, and one more while the next one is there', () => {
    const vectorLength = 1000;
    const cohort = Array.from({ length: 100 }, (_, i) => `participant-${i}`.padEnd(22, '-') as ParticipantId);
    const machine = announced({ vectorLength }, cohort);
    const modelBytes = 4 * vectorLength;
    let most = 0;
    for (const [i, id] of cohort.entries()) {
      machine.hear(id, slice(Array<number>(vectorLength).fill(i % 3)));
      most = Math.max(most, bytesIn(machine.state));
      countIn(machine, id);
    }
    expect(most).toBe(2 * modelBytes);
    expect(bytesIn(machine.state)).toBe(modelBytes);
    const [first] = sent(fix(machine, cohort, cohort), 'sum');
    // 34 times 0, 33 times 1 and 33 times 2.
    expect([...new Set(toInt32(first!.message.values, vectorLength))]).toEqual([99]);
    expect(first!.message.weight).toBe(100);
  });
});

/** In the buffers that a state refers to, each counted once. */
function bytesIn(state: unknown): number {
  const buffers = new Set<ArrayBufferLike>();
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (ArrayBuffer.isView(value)) buffers.add(value.buffer);
    else if (value instanceof Map || value instanceof Set) for (const item of value) visit(item);
    else for (const item of Object.values(value)) visit(item);
  };
  visit(state);
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
