import type { WeightedSlice } from '../aggregate/index.ts';
import { type Encoding, unpackValues } from '../compress/index.ts';
import { type ErrorRecord, toErrorRecord } from '../errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { type Ring, type SecureParameters, sliceLengths, toCentred, unpackRing } from '../secagg/index.ts';
import { joinSlices, sliceRange } from '../update/index.ts';
import type { AttemptId, MessageOf, Plan } from '../wire/index.ts';
import {
  attemptTag,
  type CombineOrder,
  compareAttempts,
  type Effect,
  type EventOf,
  type SessionEvent,
  type Step,
} from './effects.ts';
import { checkSum, hashOfSum } from './group-sum.ts';
import { parametersOf } from './owner-secure.ts';

/**
 * The combiner, on the server only: collects the sums of the slices of every group, as a member of that group does, tells the
 * coordinator what each came to, and adds up those that the coordinator found to be what the groups hold too. SPEC G-10 to
 * G-13.
 *
 * A participant checks the sum of its own group and cannot check those of the others: for the addition it trusts the server,
 * which could put any sum in the place of another group's.
 */
export interface CombinerContext {
  readonly self: NodeId;
  readonly run: string;
  readonly federationRevision: number;
  readonly vectorLength: number;
  readonly encoding: Encoding;
  /** Set where the federation asks for secure aggregation. */
  readonly ring: Ring | undefined;
}

export interface CombinerState {
  readonly attempt: AttemptId | undefined;
  readonly groups: ReadonlyMap<number, GroupSums>;
  /** Who waits for what is made of their groups' sums. */
  readonly waiting?: readonly ParticipantId[];
}

/** What is known of one group's sum. */
interface GroupSums {
  /** What a secure round is bound to. */
  readonly parameters: SecureParameters | undefined;
  readonly plan: Plan;
  /** Who owned each slice before: their sums of the same tally are as good. SPEC P-24. */
  readonly formerOwners: ReadonlyMap<number, readonly NodeId[]>;
  /** By slice and owner, of the present tally. */
  readonly sums: ReadonlyMap<string, MessageOf<'sum'>>;
  /** Put together from all slices. */
  readonly whole: (WeightedSlice & { readonly hash: string }) | undefined;
}

export const initialCombiner: CombinerState = { attempt: undefined, groups: new Map() };

export function stepCombiner(
  state: CombinerState,
  event: SessionEvent,
  context: CombinerContext,
): Step<CombinerState> {
  if (event.type === 'combine') return onCombine(state, event);
  if (event.type === 'aggregated') return onAggregated(state, event, context);
  if (event.type !== 'message') return { state, effects: [] };
  const { from, message } = event;
  switch (message.type) {
    case 'invite':
    case 'plan':
      return from === context.self ? onPlan(state, message, context) : { state, effects: [] };
    case 'abandon':
      return from === context.self ? onAbandon(state, message) : { state, effects: [] };
    case 'sum':
      return onSum(state, from, message, context);
    default:
      return { state, effects: [] };
  }
}

function onPlan(
  state: CombinerState,
  message: MessageOf<'invite'> | MessageOf<'plan'>,
  context: CombinerContext,
): Step<CombinerState> {
  const { attempt, plan } = message;
  const order = state.attempt === undefined ? 1 : compareAttempts(attempt, state.attempt);
  if (order < 0) return { state, effects: [] };
  const effects: Effect[] = [];
  if (order > 0 && state.attempt !== undefined) effects.push(...endOf(state.attempt));
  const groups = order > 0 ? new Map<number, GroupSums>() : new Map(state.groups);
  const next = order > 0 ? { attempt, groups } : { ...state, groups };
  if (plan.group === undefined) return { state: next, effects };
  const { index } = plan.group;
  const before = groups.get(index);
  if (before !== undefined && before.plan.revision >= plan.revision) return { state: next, effects };
  const isSameTally = before?.plan.tally === plan.tally;
  groups.set(index, {
    parameters: message.type === 'invite' ? parametersOf(message, context) : before?.parameters,
    plan,
    formerOwners: before === undefined ? new Map() : withFormer(before, plan.owners),
    sums: isSameTally ? before.sums : new Map(),
    whole: isSameTally ? before.whole : undefined,
  });
  const step = putTogether(next, index, context);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

function withFormer(
  { plan, formerOwners }: GroupSums,
  owners: readonly NodeId[],
): Map<number, readonly NodeId[]> {
  const former = new Map(formerOwners);
  plan.owners.forEach((owner, slice) => {
    if (owners[slice] !== owner) former.set(slice, [...(former.get(slice) ?? []), owner]);
  });
  return former;
}

function onAbandon(state: CombinerState, { attempt, group }: MessageOf<'abandon'>): Step<CombinerState> {
  if (state.attempt === undefined || compareAttempts(attempt, state.attempt) !== 0)
    return { state, effects: [] };
  if (group === undefined)
    return {
      state: { attempt, groups: new Map() },
      effects: endOf(attempt),
    };
  const groups = new Map(state.groups);
  groups.delete(group);
  return { state: { ...state, groups }, effects: [] };
}

/** Of those who take part in that group, or of the server itself, for slices that they own or owned. */
function onSum(
  state: CombinerState,
  from: NodeId,
  message: MessageOf<'sum'>,
  context: CombinerContext,
): Step<CombinerState> {
  const { attempt, group: index, slice, tally } = message;
  if (state.attempt === undefined || compareAttempts(attempt, state.attempt) !== 0)
    return { state, effects: [] };
  const group = index === undefined ? undefined : state.groups.get(index);
  // A sum may come before the plan that its owner acted on only from someone else's coordinator: this node's own comes first.
  if (index === undefined || group === undefined || tally !== group.plan.tally) return { state, effects: [] };
  const isMember = from === SERVER || group.plan.cohort.includes(from as ParticipantId);
  if (!isMember || slice >= group.plan.owners.length) return { state, effects: [] };
  const sums = new Map(group.sums).set(sumKey(slice, from), message);
  const groups = new Map(state.groups).set(index, { ...group, sums });
  return putTogether({ ...state, groups }, index, context);
}

/** With the sums of all slices of the present tally, the coordinator is told what the group's sum is. */
function putTogether(state: CombinerState, index: number, context: CombinerContext): Step<CombinerState> {
  const group = state.groups.get(index)!;
  const { plan, formerOwners, sums } = group;
  if (plan.survivors === null) return { state, effects: [] };
  const parts = plan.owners.map((owner, slice) => {
    const from = [owner, ...(formerOwners.get(slice) ?? [])].find((id) => sums.has(sumKey(slice, id)));
    return from === undefined ? undefined : sums.get(sumKey(slice, from))!;
  });
  if (!parts.every((part) => part !== undefined)) return { state, effects: [] };
  const report = (hash: string | undefined, error: ErrorRecord | undefined): Effect => {
    return { type: 'collected', attempt: state.attempt!, group: index, tally: plan.tally, hash, error };
  };
  const { weight } = parts[0]!;
  if (parts.some((part) => part.weight !== weight)) return { state, effects: [] };
  try {
    const values = joinSlices(
      context.vectorLength,
      parts.map((part) => valuesOf(part, group, context)),
    );
    const sum = { values, weight };
    checkSum(sum, plan.survivors.length, context.encoding);
    const hash = hashOfSum(sum);
    if (hash === group.whole?.hash) return { state, effects: [] };
    const groups = new Map(state.groups).set(index, { ...group, whole: { ...sum, hash } });
    return { state: { ...state, groups }, effects: [report(hash, undefined)] };
  } catch (thrown) {
    return { state, effects: [report(undefined, toErrorRecord(thrown))] };
  }
}

/** Without check words, whose key the server does not have. @throws `update.wrong-length`, `secagg.wrong-ring`. */
function valuesOf(
  { slice, values }: MessageOf<'sum'>,
  { parameters, plan }: GroupSums,
  { vectorLength, encoding }: CombinerContext,
): Int32Array<ArrayBuffer> {
  const { start, end } = sliceRange(vectorLength, plan.owners.length, slice);
  if (parameters === undefined) return unpackValues(values, end - start, encoding);
  const { ring } = parameters;
  return toCentred(unpackRing(values, sliceLengths(parameters).length(slice), ring), ring).subarray(
    0,
    end - start,
  );
}

/** Hands the sums of these groups to whatever the federation makes of them: addition, or a robust rule. SPEC G-12, Q-03. */
function onCombine(state: CombinerState, order: EventOf<'combine'>): Step<CombinerState> {
  const { attempt } = order;
  if (state.attempt === undefined || compareAttempts(attempt, state.attempt) !== 0)
    return { state, effects: [] };
  const groups = groupsOf(state, order);
  if (!groups.every((group) => group?.whole !== undefined)) return { state, effects: [] };
  const parts = groups.map((group) => {
    const { values, weight } = group!.whole!;
    return { values, weight, members: group!.plan.survivors! };
  });
  return {
    state: { attempt, groups: new Map(), waiting: groups.flatMap((group) => group!.plan.cohort) },
    effects: [{ type: 'aggregate', attempt, tally: 0, over: 'groups', parts }],
  };
}

/** Tells all members of the groups that are in it. */
function onAggregated(
  state: CombinerState,
  { attempt, over, weight, values }: EventOf<'aggregated'>,
  { run }: CombinerContext,
): Step<CombinerState> {
  if (over !== 'groups' || state.attempt === undefined || compareAttempts(attempt, state.attempt) !== 0)
    return { state, effects: [] };
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const message = { type: 'total', run, attempt, weight, values: bytes } as const;
  const tag = totalTag(attempt);
  const effects = (state.waiting ?? []).map((to): Effect => ({ type: 'send', to, tag, message }));
  return { state: { attempt, groups: state.groups }, effects };
}

function endOf(attempt: AttemptId): Effect[] {
  return [
    { type: 'cancel-sends', tag: totalTag(attempt) },
    { type: 'cancel-aggregate', attempt },
  ];
}

function groupsOf(state: CombinerState, order: CombineOrder): (GroupSums | undefined)[] {
  return order.groups.map(({ group, tally }) => {
    const known = state.groups.get(group);
    return known?.plan.tally === tally ? known : undefined;
  });
}

function sumKey(slice: number, from: NodeId): string {
  return `${slice}@${from}`;
}

function totalTag(attempt: AttemptId): string {
  return `total ${attemptTag(attempt)}`;
}
