import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { AttemptId, ModelRef, Plan, RoundRecord } from '../../wire/index.ts';
import type { EvaluationCounts } from '../ports.ts';

/** What a coordinator needs to know of its federation and its host. */
export interface CoordinatorContext {
  readonly self: NodeId;
  readonly run: string;
  readonly federationRevision: number;
  readonly minParticipants: number;
  readonly groupSize: number;
  readonly maximumRounds: number;
  readonly targetAccuracy: number | undefined;
  readonly checkpointEvery: number;
  readonly trainMs: number;
  readonly exchangeMs: number;
  readonly applyMs: number;
  /** True when participants may own slices: the federation allows paths between them. */
  readonly mesh: boolean;
  /** True when the federation lets the server own slices. */
  readonly serverMayOwn: boolean;
  readonly evaluates: boolean;
  /** How long newcomers are waited for before the first round of a term. */
  readonly settleMs: number;
}

export interface Member {
  readonly incarnation: number;
  readonly model: ModelRef | null;
  readonly examples: number;
  readonly paused: boolean;
  /** False once its connection is gone; it may come back. */
  readonly here: boolean;
  /** It refused a round: not invited again until it joins anew. */
  readonly refused: boolean;
}

/** One attempt at a round, from invitation to commit. */
export interface RoundState {
  readonly attempt: AttemptId;
  readonly base: ModelRef;
  plan: Plan;
  /** Revision at which owners last changed: an `uploaded` of an older one says nothing about the new owner. */
  ownersRevision: number;
  readonly dropped: Set<ParticipantId>;
  readonly trained: Set<ParticipantId>;
  readonly uploaded: Map<ParticipantId, number>;
  readonly applied: Map<ParticipantId, string>;
  /** Evaluations by those who were done before the round was concluded. */
  readonly evaluated: Map<ParticipantId, { readonly hash: string; readonly counts: EvaluationCounts }>;
  /** How often each slice was given to another owner. */
  readonly reassigned: Map<number, number>;
  readonly startedAtMs: number;
  trainedAtMs: number | undefined;
  uploadedAtMs: number | undefined;
}

export interface PendingEvaluation {
  readonly record: RoundRecord;
  readonly expected: Set<ParticipantId>;
  readonly counts: Map<ParticipantId, EvaluationCounts>;
}

export type FinishReason = 'maximum-rounds' | 'target-accuracy' | 'stopped';

export type CoordinatorStatus =
  | { readonly name: 'gathering' }
  | { readonly name: 'round'; readonly round: RoundState }
  /** The last round is done; only its evaluation is waited for. */
  | { readonly name: 'closing'; readonly reason: FinishReason }
  | { readonly name: 'finished'; readonly reason: FinishReason };

export interface CoordinatorState {
  term: number;
  members: Map<ParticipantId, Member>;
  /** The newest committed model. */
  model: ModelRef | undefined;
  /** Who is known to hold it. */
  holders: Set<NodeId>;
  /** Version of the newest model that this node fetched or started with: what the server could show after a loss. */
  stored: number;
  /** Models that no holder could deliver: never built upon again. */
  unavailable: Set<string>;
  lastAttempt: AttemptId | undefined;
  /** Survivors of the newest round: a coordinator that starts waits a while for most of them. */
  electorate: readonly ParticipantId[];
  /** Since when most of them have been waited for. */
  gatheringSinceMs: number | undefined;
  /** Abandonments in a row: each waits longer before the next try. */
  failures: number;
  evaluation: PendingEvaluation | undefined;
  /** Set when the target was reached while the next round was already under way. */
  finishAfterRound: FinishReason | undefined;
  status: CoordinatorStatus;
}

export function initialCoordinator(
  term: number,
  model: ModelRef | undefined,
  holders: readonly NodeId[],
  electorate: readonly ParticipantId[],
): CoordinatorState {
  return {
    term,
    members: new Map(),
    model,
    holders: new Set(holders),
    stored: holders.includes(SERVER) ? (model?.version ?? 0) : 0,
    unavailable: new Set(),
    lastAttempt: undefined,
    electorate,
    gatheringSinceMs: undefined,
    failures: 0,
    evaluation: undefined,
    finishAfterRound: undefined,
    status: { name: 'gathering' },
  };
}

/** A copy that a step may change while the state it was given stays as it was. */
export function draftOf(state: CoordinatorState): CoordinatorState {
  return {
    ...state,
    members: new Map(state.members),
    holders: new Set(state.holders),
    unavailable: new Set(state.unavailable),
    evaluation: state.evaluation && { ...state.evaluation, counts: new Map(state.evaluation.counts) },
    status:
      state.status.name === 'round' ? { name: 'round', round: draftRound(state.status.round) } : state.status,
  };
}

function draftRound(round: RoundState): RoundState {
  return {
    ...round,
    dropped: new Set(round.dropped),
    trained: new Set(round.trained),
    uploaded: new Map(round.uploaded),
    applied: new Map(round.applied),
    evaluated: new Map(round.evaluated),
    reassigned: new Map(round.reassigned),
  };
}

/** Those of the cohort still counted on, in the cohort's order. */
export function remaining(round: RoundState): ParticipantId[] {
  return round.plan.cohort.filter((id) => !round.dropped.has(id));
}
