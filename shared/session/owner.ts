import { sumSlices, type WeightedSlice } from '../aggregate/index.ts';
import { checkSlice, type FixedPoint } from '../compress/index.ts';
import { check, toErrorRecord } from '../errors/index.ts';
import type { NodeId, ParticipantId } from '../identity/index.ts';
import { sliceRange } from '../update/index.ts';
import type { AttemptId, MessageOf, Plan } from '../wire/index.ts';
import {
  attemptTag,
  compareAttempts,
  type Effect,
  type EventOf,
  type SessionEvent,
  type Step,
} from './effects.ts';

/**
 * The owner: holds the slices it was given, and once the survivors are fixed, adds theirs up and sends the sum to
 * the cohort. In a mesh every participant is one; in server mode the server is the only one. SPEC.
 */
export interface OwnerContext {
  readonly self: NodeId;
  readonly run: string;
  readonly vectorLength: number;
  readonly fixedPoint: FixedPoint;
}

interface Assignment {
  readonly attempt: AttemptId;
  readonly coordinator: NodeId;
  readonly plan: Plan;
}

export interface OwnerState {
  readonly current: Assignment | undefined;
  /** Slices by attempt, slice and sender; those of an attempt not yet announced wait here too. */
  readonly held: ReadonlyMap<string, HeldAttempt>;
  /** `slice@tally` already sent out. */
  readonly sent: ReadonlySet<string>;
}

interface HeldAttempt {
  readonly attempt: AttemptId;
  readonly slices: ReadonlyMap<number, ReadonlyMap<NodeId, WeightedSlice>>;
}

/** Attempts not yet announced whose slices are kept: bounds what a stranger can make an owner hold. */
const MAX_EARLY_ATTEMPTS = 2;

export const initialOwner: OwnerState = { current: undefined, held: new Map(), sent: new Set() };

export function stepOwner(state: OwnerState, event: SessionEvent, context: OwnerContext): Step<OwnerState> {
  if (event.type !== 'message') return { state, effects: [] };
  switch (event.message.type) {
    case 'invite':
    case 'plan':
      return onPlan(state, event.from, event.message, context);
    case 'abandon':
      return onAbandon(state, event.message.attempt);
    case 'slice':
      return onSlice(state, event as EventOf<'message'> & { message: MessageOf<'slice'> }, context);
    default:
      return { state, effects: [] };
  }
}

function onPlan(
  state: OwnerState,
  from: NodeId,
  message: MessageOf<'invite'> | MessageOf<'plan'>,
  context: OwnerContext,
): Step<OwnerState> {
  const { attempt, plan } = message;
  const order = state.current === undefined ? 1 : compareAttempts(attempt, state.current.attempt);
  if (order < 0 || (order === 0 && plan.revision <= state.current!.plan.revision))
    return { state, effects: [] };
  const effects: Effect[] = [];
  if (order > 0 && state.current !== undefined)
    effects.push({ type: 'cancel-sends', tag: sumTag(state.current.attempt) });
  const held = new Map([...state.held].filter(([, entry]) => compareAttempts(entry.attempt, attempt) >= 0));
  const early = order > 0 ? held.get(attemptTag(attempt)) : undefined;
  const misfits = early === undefined ? [] : sendersOfMisfits(early, plan, context);
  if (early !== undefined && misfits.length > 0)
    held.set(attemptTag(attempt), withoutSenders(early, misfits));
  const next: OwnerState = {
    current: { attempt, coordinator: from, plan },
    held,
    sent: order > 0 ? new Set() : state.sent,
  };
  for (const sender of misfits) effects.push(...refusal(next, sender, attempt, MISFIT, context));
  const step = sendSums(next, context);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

const MISFIT = {
  code: 'update.wrong-length',
  message: 'A slice does not fit the plan of this round.',
} as const;

/** Who sent, before the plan came, a slice that the plan does not cut. SPEC R-29. */
function sendersOfMisfits(entry: HeldAttempt, plan: Plan, { vectorLength }: OwnerContext): NodeId[] {
  const { length } = plan.owners;
  const misfits = [...entry.slices].flatMap(([slice, parts]) => {
    const range = slice < length ? sliceRange(vectorLength, length, slice) : { start: 0, end: -1 };
    return [...parts].filter(([, { values }]) => values.length !== range.end - range.start);
  });
  return [...new Set(misfits.map(([sender]) => sender))];
}

function withoutSenders({ attempt, slices }: HeldAttempt, senders: readonly NodeId[]): HeldAttempt {
  const kept = [...slices].map(
    ([slice, parts]) => [slice, new Map([...parts].filter(([id]) => !senders.includes(id)))] as const,
  );
  return { attempt, slices: new Map(kept) };
}

function onAbandon(state: OwnerState, attempt: AttemptId): Step<OwnerState> {
  if (state.current === undefined || compareAttempts(attempt, state.current.attempt) !== 0)
    return { state, effects: [] };
  return {
    state: { ...state, current: undefined, held: without(state.held, attemptTag(attempt)), sent: new Set() },
    effects: [{ type: 'cancel-sends', tag: sumTag(attempt) }],
  };
}

function onSlice(
  state: OwnerState,
  { from, message }: EventOf<'message'> & { message: MessageOf<'slice'> },
  context: OwnerContext,
): Step<OwnerState> {
  const { attempt, slice, count } = message;
  const refuse = (error: unknown): Step<OwnerState> => ({
    state,
    effects: refusal(state, from, attempt, error, context),
  });
  const current = state.current;
  const order = current === undefined ? 1 : compareAttempts(attempt, current.attempt);
  // A slice of an ended attempt is what a slow network does, not an offence.
  if (order < 0) return { state, effects: [] };
  if (order === 0 && !current!.plan.cohort.includes(from as ParticipantId)) {
    return refuse({
      code: 'wire.out-of-phase',
      message: 'A slice came from someone who does not take part in this round.',
    });
  }
  if (order === 0 && count !== current!.plan.owners.length) return refuse(MISFIT);

  const known = state.held.get(attemptTag(attempt));
  if (known === undefined && order > 0) {
    const early = [...state.held.values()].filter(
      (entry) => current === undefined || compareAttempts(entry.attempt, current.attempt) > 0,
    );
    if (early.length >= MAX_EARLY_ATTEMPTS)
      return refuse({
        code: 'wire.out-of-phase',
        message: 'A slice came for a round that was not announced.',
      });
  }
  let received: WeightedSlice;
  try {
    const { start, end } = sliceRange(context.vectorLength, count, slice);
    received = { values: toInt32(message.values, end - start), weight: message.weight };
    checkSlice(received.values, received.weight, context.fixedPoint);
  } catch (thrown) {
    return refuse(thrown);
  }
  const before = known?.slices.get(slice)?.get(from);
  if (before !== undefined) {
    if (sameSlice(before, received)) return { state, effects: [] };
    return refuse({
      code: 'round.conflicting-slice',
      message: 'Two different slices came from the same participant for the same round.',
    });
  }
  const slices = new Map(known?.slices);
  slices.set(slice, new Map(slices.get(slice)).set(from, received));
  const held = new Map(state.held).set(attemptTag(attempt), { attempt, slices });
  return sendSums({ ...state, held }, context);
}

/** Sends every sum that can be formed now and has not been: the survivors are fixed and all of theirs is here. */
function sendSums(state: OwnerState, { self, run }: OwnerContext): Step<OwnerState> {
  const current = state.current;
  const survivors = current?.plan.survivors;
  if (current === undefined || survivors == null) return { state, effects: [] };
  const { attempt, plan } = current;
  const held = state.held.get(attemptTag(attempt));
  const effects: Effect[] = [];
  const sent = new Set(state.sent);
  plan.owners.forEach((owner, slice) => {
    const key = `${slice}@${plan.tally}`;
    if (owner !== self || sent.has(key)) return;
    const parts = held?.slices.get(slice);
    const wanted = survivors.map((id) => parts?.get(id));
    if (!wanted.every((part) => part !== undefined)) return;
    sent.add(key);
    const { values, weight } = sumSlices(wanted);
    const bytes = new Uint8Array(values.buffer);
    for (const to of plan.cohort) {
      effects.push({
        type: 'send',
        to,
        tag: sumTag(attempt),
        message: { type: 'sum', run, attempt, tally: plan.tally, slice, weight, values: bytes },
      });
    }
  });
  return { state: { ...state, sent }, effects };
}

/** The page and the coordinator hear of it; the round goes on without the offender. */
function refusal(
  state: OwnerState,
  from: NodeId,
  attempt: AttemptId,
  thrown: unknown,
  { run }: OwnerContext,
): Effect[] {
  const error = toErrorRecord(thrown);
  const notice: Effect = { type: 'notice', level: 'warning', text: `Refused a slice from ${from}.`, error };
  const current = state.current;
  if (current === undefined || compareAttempts(attempt, current.attempt) !== 0) return [notice];
  if (!current.plan.cohort.includes(from as ParticipantId)) return [notice];
  const message = {
    type: 'reject',
    run,
    attempt,
    participant: from as ParticipantId,
    code: error.code,
  } as const;
  return [notice, { type: 'send', to: current.coordinator, message, tag: attemptTag(attempt) }];
}

/** Sums of one attempt are cancelled apart from its other messages: survivors may still wait for them. */
function sumTag(attempt: AttemptId): string {
  return `sum ${attemptTag(attempt)}`;
}

/** @throws `update.wrong-length` when the bytes are not `length` little-endian 32-bit integers. */
export function toInt32(bytes: Uint8Array, length: number): Int32Array<ArrayBuffer> {
  check(bytes.byteLength === length * 4, 'update.wrong-length', 'A slice has the wrong size.', {
    expected: `${length * 4} bytes`,
    received: String(bytes.byteLength),
  });
  return new Int32Array(bytes.slice().buffer);
}

function sameSlice(a: WeightedSlice, b: WeightedSlice): boolean {
  return (
    a.weight === b.weight &&
    a.values.length === b.values.length &&
    a.values.every((value, i) => value === b.values[i])
  );
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
