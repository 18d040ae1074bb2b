import type { RuleFor, WeightedSlice } from '../aggregate/index.ts';
import { checkSlice, type Encoding, fitsValues, packValues, unpackValues } from '../compress/index.ts';
import { check, toErrorRecord } from '../errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { CHECK_WORDS, type Ring, type SecureParameters, sameBytes, sliceLengths } from '../secagg/index.ts';
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
import {
  type HeldSlice,
  NOTHING_YET,
  parametersOf,
  type SecureAssignment,
  unmaskEffects,
} from './owner-secure.ts';
import { countIn, isMarked, type RunningSum, totalOf } from './running-sum.ts';

/**
 * The owner: holds the slices it was given, and once the survivors are fixed, adds theirs up and sends the sum to
 * the cohort. In a mesh every participant is one; in server mode the server is the only one, and adds up what its coordinator
 * counts in as it comes. SPEC.
 */
export type OwnerContext = OwnerFacts & OwnerView;

/** What an owner sees of updates, and so what it may do with them. */
export type OwnerView =
  | { readonly ring: undefined; readonly rule: RuleFor<'none'> }
  /** Secure aggregation. */
  | { readonly ring: Ring; readonly rule: RuleFor<'secagg'> };

interface OwnerFacts {
  readonly self: NodeId;
  readonly run: string;
  readonly vectorLength: number;
  readonly encoding: Encoding;
  readonly federationRevision: number;
  /** Sums are noised before anyone hears of them, and so there is one of each attempt. SPEC N-10. */
  readonly addsNoise: boolean;
}

interface Assignment {
  readonly attempt: AttemptId;
  readonly coordinator: NodeId;
  readonly plan: Plan;
  /** What a secure round is bound to; unknown while its plan has overtaken its invitation. */
  readonly parameters: SecureParameters | undefined;
  readonly secure: SecureAssignment;
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
  readonly slices: ReadonlyMap<number, ReadonlyMap<NodeId, HeldSlice>>;
  /** Of the one slice there is, where this is the only owner: what is not held any more. */
  readonly running?: RunningSum;
}

/** Attempts not yet announced whose slices are kept: bounds what a stranger can make an owner hold. */
const MAX_EARLY_ATTEMPTS = 2;

export const initialOwner: OwnerState = { current: undefined, held: new Map(), sent: new Set() };

export function stepOwner(state: OwnerState, event: SessionEvent, context: OwnerContext): Step<OwnerState> {
  if (event.type === 'unmasked') return onUnmasked(state, event, context);
  if (event.type === 'unmask-failed') return onUnmaskFailed(state, event, context);
  if (event.type === 'aggregated') return onAggregated(state, event, context);
  if (event.type === 'count-in') return onCountIn(state, event, context);
  if (event.type !== 'message') return { state, effects: [] };
  switch (event.message.type) {
    case 'invite':
    case 'plan':
      return onPlan(state, event.from, event.message, context);
    case 'abandon':
      return onAbandon(state, event.message.attempt, context);
    case 'roster':
    case 'inbox':
      return onSetup(state, event.message, context);
    case 'reveal':
      return onReveal(state, event.from, event.message, context);
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
  const { current } = state;
  const order = current === undefined ? 1 : compareAttempts(attempt, current.attempt);
  if (order < 0) return { state, effects: [] };
  const known = order === 0 ? current!.parameters : undefined;
  const parameters = known ?? (message.type === 'invite' ? parametersOf(message, context) : undefined);
  if (order === 0 && plan.revision <= current!.plan.revision) {
    if (parameters === known) return { state, effects: [] };
    return sendSums({ ...state, current: { ...current!, parameters } }, context);
  }
  const effects: Effect[] = [];
  if (order > 0 && current !== undefined)
    effects.push({ type: 'cancel-sends', tag: sumTag(current) }, ...cancelAggregate(current, context));
  const held = new Map([...state.held].filter(([, entry]) => compareAttempts(entry.attempt, attempt) >= 0));
  const early = order > 0 ? held.get(attemptTag(attempt)) : undefined;
  const assigned = {
    attempt,
    coordinator: from,
    plan,
    parameters,
    secure: order === 0 ? current!.secure : NOTHING_YET,
  };
  const misfits = early === undefined ? [] : sendersOfMisfits(early, assigned, context);
  if (early !== undefined && misfits.length > 0)
    held.set(attemptTag(attempt), withoutSenders(early, misfits));
  const next: OwnerState = { current: assigned, held, sent: order > 0 ? new Set() : state.sent };
  for (const sender of misfits) effects.push(...refusal(next, sender, attempt, MISFIT, context));
  const step = sendSums(next, context);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

const UNANNOUNCED = {
  code: 'wire.out-of-phase',
  message: 'A slice came for a round that was not announced.',
} as const;
const MISFIT = {
  code: 'update.wrong-length',
  message: 'A slice does not fit the plan of this round.',
} as const;

/** Who sent, before the plan came, a slice that the plan does not cut. SPEC R-29. */
function sendersOfMisfits(entry: HeldAttempt, assigned: Assignment, context: OwnerContext): NodeId[] {
  const { length } = assigned.plan.owners;
  const misfits = [...entry.slices].flatMap(([slice, parts]) =>
    [...parts].filter(([, { bytes }]) => slice >= length || !fits(bytes, slice, assigned, context)),
  );
  return [...new Set(misfits.map(([sender]) => sender))];
}

/** Whether bytes are as many as slice `slice` of this plan takes, check words included. */
function fits(
  { byteLength }: Uint8Array,
  slice: number,
  { plan, parameters }: Assignment,
  { vectorLength, ring, encoding }: OwnerContext,
): boolean {
  if (parameters !== undefined) return byteLength === sliceLengths(parameters).wireBytes(slice);
  // Before the invitation is here; the sum is not formed without it, and names whoever does not fit.
  if (ring !== undefined) return byteLength <= 4 * (vectorLength + CHECK_WORDS);
  const { start, end } = sliceRange(vectorLength, plan.owners.length, slice);
  return fitsValues(byteLength, end - start, encoding);
}

function withoutSenders({ attempt, slices }: HeldAttempt, senders: readonly NodeId[]): HeldAttempt {
  const kept = [...slices].map(
    ([slice, parts]) => [slice, new Map([...parts].filter(([id]) => !senders.includes(id)))] as const,
  );
  return { attempt, slices: new Map(kept) };
}

function onAbandon(state: OwnerState, attempt: AttemptId, context: OwnerContext): Step<OwnerState> {
  if (state.current === undefined || compareAttempts(attempt, state.current.attempt) !== 0)
    return { state, effects: [] };
  return {
    state: { ...state, current: undefined, held: without(state.held, attemptTag(attempt)), sent: new Set() },
    effects: [
      { type: 'cancel-sends', tag: sumTag(state.current) },
      ...cancelAggregate(state.current, context),
    ],
  };
}

function cancelAggregate({ attempt }: Assignment, context: OwnerContext): Effect[] {
  return isSumEnough(context) ? [] : [{ type: 'cancel-aggregate', attempt }];
}

/** Otherwise what is published is made elsewhere, and takes its time. SPEC N-10, Q-01. */
function isSumEnough({ rule, addsNoise }: OwnerContext): boolean {
  return rule.needs === 'sum' && !addsNoise;
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
  // Keys and shares need every owner, so that no honest masked slice comes before its invitation.
  if (context.ring !== undefined && (order > 0 || slice >= count)) return refuse(UNANNOUNCED);

  const known = state.held.get(attemptTag(attempt));
  if (known === undefined && order > 0) {
    const early = [...state.held.values()].filter(
      (entry) => current === undefined || compareAttempts(entry.attempt, current.attempt) > 0,
    );
    if (early.length >= MAX_EARLY_ATTEMPTS) return refuse(UNANNOUNCED);
  }
  const received = { bytes: message.values.slice(), weight: message.weight };
  try {
    checkReceived(received, message, current, order, context);
  } catch (thrown) {
    return refuse(thrown);
  }
  const before = known?.slices.get(slice)?.get(from);
  const isCounted = known?.running?.marks.has(from) === true;
  if (before !== undefined || isCounted) {
    const isSame = isCounted ? isMarked(known.running!, from, received) : sameSlice(before!, received);
    if (isSame) return { state, effects: [] };
    return refuse({
      code: 'round.conflicting-slice',
      message: 'Two different slices came from the same participant for the same round.',
    });
  }
  const slices = new Map(known?.slices);
  slices.set(slice, new Map(slices.get(slice)).set(from, received));
  const held = new Map(state.held).set(attemptTag(attempt), { ...known, attempt, slices });
  return sendSums({ ...state, held }, context);
}

/**
 * Size and, where the values can be seen, bounds. What came before its plan can only be checked for size with it.
 * @throws `update.wrong-length`, `update.overflow`, `secagg.wrong-ring`.
 */
function checkReceived(
  { bytes, weight }: HeldSlice,
  { slice, count }: MessageOf<'slice'>,
  current: Assignment | undefined,
  order: number,
  context: OwnerContext,
): void {
  const { vectorLength, encoding, ring } = context;
  if (ring === undefined) {
    const { start, end } = sliceRange(vectorLength, count, slice);
    return checkSlice(unpackValues(bytes, end - start, encoding), weight, encoding);
  }
  // Bounds cannot be checked on what is masked; the sum cannot overflow a ring that has room for every honest one.
  check(
    order !== 0 || fits(bytes, slice, current!, context),
    'secagg.wrong-ring',
    'A masked slice has the wrong size.',
    {
      expected: `slice ${slice} of the announced ring and length, with its check words`,
      received: `${bytes.byteLength} bytes`,
    },
  );
}

/** The coordinator here will name this participant among the survivors, whatever becomes of it. SPEC R-30, C-56. */
function onCountIn(
  state: OwnerState,
  { attempt, participant }: EventOf<'count-in'>,
  { self, vectorLength, encoding, ring, rule }: OwnerContext,
): Step<OwnerState> {
  const { current } = state;
  if (current === undefined || compareAttempts(attempt, current.attempt) !== 0) return { state, effects: [] };
  const { owners } = current.plan;
  const seesSumOnly = ring === undefined && rule.needs === 'sum';
  if (!seesSumOnly || owners.length !== 1 || owners[0] !== self) return { state, effects: [] };
  const held = state.held.get(attemptTag(attempt));
  const parts = held?.slices.get(0);
  const part = parts?.get(participant);
  // It said that it had sent what is not here: it stays as it is.
  if (held === undefined || parts === undefined || part === undefined) return { state, effects: [] };
  const running = countIn(held.running, participant, part, unpackValues(part.bytes, vectorLength, encoding));
  const slices = new Map(held.slices).set(0, without(parts, participant));
  return {
    state: { ...state, held: new Map(state.held).set(attemptTag(attempt), { attempt, slices, running }) },
    effects: [{ type: 'counted', attempt, participant }],
  };
}

/** Sends every sum that can be formed now and has not been: the survivors are fixed and all of theirs is here. */
function sendSums(state: OwnerState, context: OwnerContext): Step<OwnerState> {
  const { self, run } = context;
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
    if (context.addsNoise && sent.size > 0) return;
    const parts = held?.slices.get(slice);
    const running = held?.running;
    const uncounted = survivors.filter((id) => running?.marks.has(id) !== true);
    // Nothing can be taken out of a sum: of survivors that lack one of those in it there is none. SPEC R-31
    if (survivors.length - uncounted.length !== (running?.marks.size ?? 0)) return;
    const wanted = uncounted.map((id) => parts?.get(id));
    if (!wanted.every((part) => part !== undefined)) return;
    if (context.ring !== undefined) {
      const unmask = unmaskEffects(
        attempt,
        plan.tally,
        current.parameters,
        current.secure,
        slice,
        survivors,
        wanted,
        plan.group?.index,
      );
      if (unmask.length > 0) sent.add(key);
      effects.push(...unmask);
      return;
    }
    sent.add(key);
    const { start, end } = sliceRange(context.vectorLength, plan.owners.length, slice);
    const unpack = ({ bytes, weight }: HeldSlice): WeightedSlice => {
      return { values: unpackValues(bytes, end - start, context.encoding), weight };
    };
    const { tally } = plan;
    if (!isSumEnough(context)) {
      // A part of a vector says nothing of the whole; whoever plans so is not this federation's coordinator.
      if (plan.owners.length > 1) return;
      const parts =
        context.rule.needs === 'individual'
          ? wanted.map((part, i) => ({ ...unpack(part), members: [survivors[i]!] }))
          : [{ ...totalOf(running, inTurn(wanted, unpack)), members: survivors }];
      effects.push({ type: 'aggregate', attempt, tally, over: 'updates', parts });
      return;
    }
    const { values, weight } = totalOf(running, inTurn(wanted, unpack));
    const sum = { slice, weight, values: packValues(values, context.encoding), proof: null };
    effects.push(...publish(current, { type: 'sum', run, attempt, tally, ...sum }));
  });
  return { state: { ...state, sent }, effects };
}

/** One at a time, so that no more than one is unpacked. */
function* inTurn<T, U>(items: readonly T[], make: (item: T) => U): Iterable<U> {
  for (const item of items) yield make(item);
}

/** Of the one slice that there is: whoever sees whole updates owns all of them. */
function onAggregated(
  state: OwnerState,
  { attempt, tally, over, weight, values: sum }: EventOf<'aggregated'>,
  { run, encoding }: OwnerContext,
): Step<OwnerState> {
  const { current } = state;
  if (over !== 'updates') return { state, effects: [] };
  if (current === undefined || compareAttempts(attempt, current.attempt) !== 0) return { state, effects: [] };
  if (current.plan.tally !== tally) return { state, effects: [] };
  const values = packValues(sum, encoding);
  const message = { type: 'sum', run, attempt, tally, slice: 0, weight, values, proof: null } as const;
  return { state, effects: publish(current, message) };
}

// ---- secure aggregation: docs/decisions/0017 ------------------------------------------------------------------

function onSetup(
  state: OwnerState,
  message: MessageOf<'roster'> | MessageOf<'inbox'>,
  context: OwnerContext,
): Step<OwnerState> {
  const { current } = state;
  if (current === undefined || compareAttempts(message.attempt, current.attempt) !== 0)
    return { state, effects: [] };
  const known =
    message.type === 'roster'
      ? { adverts: message.adverts }
      : { dealers: message.dealers, shares: message.shares };
  return sendSums({ ...state, current: { ...current, secure: { ...current.secure, ...known } } }, context);
}

function onReveal(
  state: OwnerState,
  from: NodeId,
  message: MessageOf<'reveal'>,
  context: OwnerContext,
): Step<OwnerState> {
  const { current } = state;
  const holder = from as ParticipantId;
  if (current === undefined || compareAttempts(message.attempt, current.attempt) !== 0)
    return { state, effects: [] };
  if (!current.plan.cohort.includes(holder) || current.secure.reveals.has(holder))
    return { state, effects: [] };
  const reveals = new Map(current.secure.reveals).set(holder, message);
  return sendSums({ ...state, current: { ...current, secure: { ...current.secure, reveals } } }, context);
}

function onUnmasked(
  state: OwnerState,
  { attempt, tally, slice, values, proof }: EventOf<'unmasked'>,
  { run }: OwnerContext,
): Step<OwnerState> {
  const { current } = state;
  if (current === undefined || compareAttempts(attempt, current.attempt) !== 0) return { state, effects: [] };
  if (current.plan.tally !== tally) return { state, effects: [] };
  const weights = new Map(current.secure.adverts.map(({ participant, weight }) => [participant, weight]));
  const weight = (current.plan.survivors ?? []).reduce((sum, id) => sum + (weights.get(id) ?? 0), 0);
  const message = { type: 'sum', run, attempt, tally, slice, weight, values, proof } as const;
  return { state, effects: publish(current, message) };
}

/** To the cohort, and to the server where it is to combine the sums of several groups. SPEC R-25, G-10. */
function publish(current: Assignment, sum: MessageOf<'sum'>): Effect[] {
  const { cohort, group } = current.plan;
  const [audience, message] =
    group === undefined ? [cohort, sum] : [[...cohort, SERVER as NodeId], { ...sum, group: group.index }];
  return audience.map((to) => ({ type: 'send', to, tag: sumTag(current), message }));
}

function onUnmaskFailed(
  state: OwnerState,
  { attempt, slice, error, offender }: EventOf<'unmask-failed'>,
  { run }: OwnerContext,
): Step<OwnerState> {
  const { current } = state;
  if (current === undefined || compareAttempts(attempt, current.attempt) !== 0) return { state, effects: [] };
  const text = `The sum of slice ${slice} could not be unmasked.`;
  const notice: Effect = { type: 'notice', level: 'error', text, error };
  if (offender === undefined) return { state, effects: [notice] };
  const message = { type: 'reject', run, attempt, participant: offender, code: error.code } as const;
  return {
    state,
    effects: [notice, { type: 'send', to: current.coordinator, message, tag: attemptTag(attempt) }],
  };
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
export function sumTag({ attempt, plan }: Pick<Assignment, 'attempt' | 'plan'>): string {
  return plan.group === undefined
    ? `sum ${attemptTag(attempt)}`
    : `sum ${attemptTag(attempt)}/${plan.group.index}`;
}

/** @throws `update.wrong-length` when the bytes are not `length` little-endian 32-bit integers. */
export function toInt32(bytes: Uint8Array, length: number): Int32Array<ArrayBuffer> {
  check(bytes.byteLength === length * 4, 'update.wrong-length', 'A slice has the wrong size.', {
    expected: `${length * 4} bytes`,
    received: String(bytes.byteLength),
  });
  return new Int32Array(bytes.slice().buffer);
}

function sameSlice(a: HeldSlice, b: HeldSlice): boolean {
  return a.weight === b.weight && sameBytes(a.bytes, b.bytes);
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
