import type { ErrorCode, ErrorRecord } from '../../errors/index.ts';
import type { ParticipantId } from '../../identity/index.ts';
import type { ModelRef } from '../../wire/index.ts';
import { ON_HOLD } from '../on-hold.ts';
import { abandonDraw, type DrawDesk } from './draw.ts';
import { sayStandby } from './server-evaluation.ts';
import type { CoordinatorContext, CoordinatorState, FinishReason } from './state.ts';

/**
 * What whoever runs a coordinator may order of it: to pause between rounds or at once, to go on, to end, to do with less than the
 * document allows, and to leave participants out. Orders say what is to be; the same again changes nothing. SPEC J-01 to J-06.
 */
export type CoordinatorOrder =
  /** No new rounds; the one under way finishes. */
  | { readonly name: 'hold'; readonly reason: string }
  /** As `hold`, and what is under way is abandoned. */
  | { readonly name: 'halt'; readonly reason: string }
  | { readonly name: 'go' }
  /** The round under way finishes, or comes to nothing; then the run ends. */
  | { readonly name: 'end'; readonly reason: FinishReason }
  /** What is under way is abandoned; the model becomes what this version was, under a number of its own. */
  | { readonly name: 'roll-back'; readonly to: ModelRef }
  | { readonly name: 'limit'; readonly limits: RunLimits }
  | { readonly name: 'bar'; readonly participant: ParticipantId; readonly allowed: boolean };

/** Each can only narrow what the document says; left out, the document counts. */
export interface RunLimits {
  /** Version of the model at which the run ends. */
  readonly maximumRounds?: number | undefined;
  readonly targetAccuracy?: number | undefined;
  /** Most that are invited to a round. */
  readonly clientsPerRound?: number | undefined;
  /** The only ones that are invited. */
  readonly clients?: ReadonlySet<ParticipantId> | undefined;
}

export const NO_LIMITS: RunLimits = {};
const NOT_LISTED: ErrorRecord = {
  code: 'participant.not-listed',
  message: 'This training is for other participants.',
};

/** The context that a step goes by. */
export function narrowed(context: CoordinatorContext, limits: RunLimits): CoordinatorContext {
  if (limits === NO_LIMITS) return context;
  const { minParticipants, groupSize, maxParticipants } = context;
  const most = Math.max(minParticipants, limits.clientsPerRound ?? maxParticipants);
  return {
    ...context,
    maximumRounds: Math.min(context.maximumRounds, limits.maximumRounds ?? Number.POSITIVE_INFINITY),
    targetAccuracy: least(context.targetAccuracy, limits.targetAccuracy),
    groupSize: Math.min(groupSize, most),
    maxParticipants: Math.min(maxParticipants, most),
  };
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** What an order changes of the state alone, before the step that it is part of, or before the node is made. */
export function withOrder(state: CoordinatorState, order: CoordinatorOrder): CoordinatorState {
  switch (order.name) {
    case 'hold':
    case 'halt':
      return { ...state, hold: { code: ON_HOLD, message: order.reason } };
    case 'go':
      return { ...state, hold: undefined };
    case 'end':
      return { ...state, finishAfterRound: order.reason };
    case 'roll-back':
      return state;
    case 'limit':
      return { ...state, limits: order.limits };
    case 'bar': {
      const barred = new Set(state.barred);
      if (order.allowed) barred.delete(order.participant);
      else barred.add(order.participant);
      return { ...state, barred };
    }
  }
}

/** What these functions need of the step under way. */
export interface OrderDesk extends DrawDesk {
  start(): void;
  abandonAll(code: ErrorCode, reason: string): void;
  supersede(reason: string): void;
}

/** @param before of the same state, without the order. */
export function onOrder(desk: OrderDesk, order: CoordinatorOrder, before: CoordinatorState): void {
  const { draft } = desk;
  switch (order.name) {
    case 'halt':
      abandonDraw(desk, ON_HOLD, order.reason);
      desk.abandonAll(ON_HOLD, order.reason);
      return tellHold(desk, before);
    case 'hold':
      return tellHold(desk, before);
    case 'go':
      if (before.hold === undefined) return;
      // Whoever was told to stand by hears that it is over.
      for (const [id, { here }] of draft.members) if (here) desk.welcome(id);
      return settle(desk);
    case 'limit':
      for (const [id, { here }] of draft.members) {
        if (here && !isListed(draft, id) && isListed(before, id)) sayNotListed(desk, id);
      }
      return settle(desk);
    case 'bar':
      return settle(desk);
    case 'roll-back':
      return goBack(desk, order.to);
    case 'end':
      return desk.start();
  }
}

/** To an earlier version, by hand. What is wrong with the order is said by a notice: nobody waits for an answer here. */
function goBack(desk: OrderDesk, to: ModelRef): void {
  const { draft } = desk;
  const isOver = draft.status.name === 'closing' || draft.status.name === 'finished';
  if (
    isOver ||
    draft.model === undefined ||
    draft.rollingBack !== undefined ||
    to.version >= draft.model.version
  ) {
    const text = `The model cannot go back to version ${to.version} now.`;
    return desk.notice('warning', text, 'aggregate.rollback-failed');
  }
  draft.rollingBack = { to, from: draft.model };
  desk.supersede(`The model goes back to version ${to.version}, as the operator ordered.`);
  desk.effects.push({ type: 'roll-back', to, version: draft.model.version + 1 });
}

/** As after an arrival: others may come at the same time. SPEC C-06. */
function settle(desk: OrderDesk): void {
  if (desk.draft.status.name === 'gathering') desk.timer('settle', desk.context.settleMs);
}

function tellHold(desk: OrderDesk, { hold }: CoordinatorState): void {
  const { draft } = desk;
  if (hold?.message === draft.hold?.message || draft.status.name === 'finished') return;
  for (const [id, { here }] of draft.members) if (here) sayStandby(desk, id);
}

/** Neither barred nor left out of the list of clients. */
export function isAdmitted(state: CoordinatorState, id: ParticipantId): boolean {
  return !state.barred.has(id) && isListed(state, id);
}

function isListed({ limits }: CoordinatorState, id: ParticipantId): boolean {
  return limits.clients?.has(id) ?? true;
}

/** Whoever joins a training that is for others is told so. */
export function sayNotListed(desk: OrderDesk, id: ParticipantId): void {
  if (isListed(desk.draft, id)) return;
  const { code, message: reason } = NOT_LISTED;
  desk.effects.push({
    type: 'send',
    to: id,
    message: { type: 'standby', run: desk.context.run, code, reason },
  });
}
