import type { ErrorRecord } from '../../errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { AttemptId, DeviceReport, MessageOf, ModelRef, Plan, RoundRecord } from '../../wire/index.ts';
import type { CollectedSum } from '../effects.ts';
import type { DrawProof } from '../groups.ts';
import type { EvaluationCounts } from '../ports.ts';
import type { Ready } from './async-round.ts';
import type { Seen, Selection } from './cohort.ts';
import type { DrawState } from './draw.ts';
import { NO_LIMITS, type RunLimits } from './orders.ts';
import type { SecureRound } from './secure-stage.ts';
import { type Standing, UNJUDGED } from './standing.ts';

/** What a coordinator needs to know of its federation and its host. */
export interface CoordinatorContext {
  readonly self: NodeId;
  readonly run: string;
  readonly federationRevision: number;
  readonly minParticipants: number;
  readonly groupSize: number;
  /** More than groupSize take part in several groups. */
  readonly maxParticipants: number;
  readonly maximumRounds: number;
  readonly targetAccuracy: number | undefined;
  readonly checkpointEvery: number;
  readonly trainMs: number;
  readonly exchangeMs: number;
  readonly applyMs: number;
  /** The federation asks for secure aggregation: owners add up what they cannot see. */
  readonly secure: boolean;
  /** Shares of noise hide participants: as many survivors are needed as make them suffice. */
  readonly sharesNoise: boolean;
  /** The server adds noise to sums, and so adds up once. */
  readonly addsNoise: boolean;
  /** How long participants of a secure round may take for their keys, and again for their shares. */
  readonly setupMs: number;
  /** True when participants may own slices: the federation allows paths between them. */
  readonly mesh: boolean;
  /** True when the federation lets the server own slices. */
  readonly serverMayOwn: boolean;
  readonly evaluates: boolean;
  /** True where nobody is invited before it is known how many more rounds its privacy budgets leave it. */
  readonly rations?: boolean;
  /** How long newcomers are waited for before the first round of a term. */
  readonly settleMs: number;
  /** Set in a federation of asynchronous rounds: versions that an update may be behind. */
  readonly maxStaleness?: number | undefined;
  /** Left out, cohorts are drawn uniformly and nobody is cut off. */
  readonly selection?: Selection | undefined;
  /** Server only: what is published of a round is made by a robust rule or noised, which may take its time. */
  readonly aggregates?: boolean;
  /** Server only: every version is evaluated here, on held-out examples. */
  readonly judges?: boolean;
  /** No round begins before a judge has shown that it can judge: it screens what is put together. */
  readonly screens?: boolean;
  /** Groups a round cannot do without: what they come to is made by a rule over groups, which one group does not have. */
  readonly fewestGroups?: number;
  /** Server only: bad versions are taken back. */
  readonly rollback?: RollbackPolicy | undefined;
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
  /** To the nonce that it will reveal in the next draw of groups. */
  readonly commitment: Uint8Array<ArrayBuffer> | undefined;
  /** In a federation of asynchronous rounds: its update waits for one. */
  readonly ready?: Ready | undefined;
  readonly device?: DeviceReport;
}

/** One attempt at a round, from invitation to commit; of several groups, each has its own. */
export interface RoundState {
  /** 0 where one group is all there is. */
  readonly group: number;
  readonly attempt: AttemptId;
  readonly base: ModelRef;
  plan: Plan;
  /** Revision at which owners last changed: an `uploaded` of an older one says nothing about the new owner. */
  ownersRevision: number;
  readonly dropped: Set<ParticipantId>;
  readonly trained: Set<ParticipantId>;
  readonly uploaded: Map<ParticipantId, number>;
  /** In the server's running sum, and so survivors of this attempt, be they dropped or not. */
  readonly counted: Set<ParticipantId>;
  /** Hashes of the model; of several groups, of the group's sum. */
  readonly applied: Map<ParticipantId, string>;
  /** Evaluations by those who were done before the round was concluded. */
  readonly evaluated: Map<ParticipantId, { readonly hash: string; readonly counts: EvaluationCounts }>;
  /** How often each slice was given to another owner. */
  readonly reassigned: Map<number, number>;
  readonly startedAtMs: number;
  trainedAtMs: number | undefined;
  uploadedAtMs: number | undefined;
  /** Undefined in a plain round. */
  secure: SecureRound | undefined;
  /** What the server put together of a group's sum in the present tally. */
  collected: CollectedSum | undefined;
  /** A group that has done its part: its sum is to be combined with those of the others. */
  isFinished: boolean;
}

/** What the groups of a round have in common. */
export interface SplitState {
  readonly draw: DrawProof;
  /** Members of groups that were abandoned, and those who sat out. */
  readonly lost: readonly ParticipantId[];
  /** Models that came of the sum of all groups, by hash; undefined until it is sent. */
  readonly applied: Map<ParticipantId, string> | undefined;
}

export interface PendingEvaluation {
  readonly record: RoundRecord;
  readonly expected: Set<ParticipantId>;
  readonly counts: Map<ParticipantId, EvaluationCounts>;
}

/** How often one slice may change hands before the round is given up. */
export const MAX_REASSIGNMENTS = 4;

/** How the federation takes bad versions back. */
export interface RollbackPolicy {
  readonly afterRounds: number;
  readonly threshold: number;
}

/** Participants hear `stopped` of those that {@link MessageOf} has no word for. */
export type FinishReason = MessageOf<'finish'>['reason'] | 'early-stopping' | 'failed';

export type CoordinatorStatus =
  | { readonly name: 'gathering' }
  /** Nonces are awaited from those who are to be split into groups. */
  | { readonly name: 'drawing'; readonly draw: DrawState }
  | {
      readonly name: 'round';
      /** One for each group that is not abandoned. */
      readonly rounds: readonly RoundState[];
      /** Undefined where one group is all there is. */
      readonly split: SplitState | undefined;
    }
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
  /** Rounds that the privacy budgets of each participant leave it. */
  allowances: Map<ParticipantId, number>;
  /** Where the federation selects by it. */
  seen: ReadonlyMap<ParticipantId, Seen>;
  /** How many were waiting with their budget spent when that was last said. */
  spentSaid: number;
  /** Survivors of the newest round: a coordinator that starts waits a while for most of them. */
  electorate: readonly ParticipantId[];
  /** Since when most of them have been waited for. */
  gatheringSinceMs: number | undefined;
  /** Abandonments in a row: each waits longer before the next try. */
  failures: number;
  /** Attempts in a row from this base of which screening kept nothing. */
  fruitless: { readonly base: string; readonly times: number } | undefined;
  evaluation: PendingEvaluation | undefined;
  /** What the server itself evaluates, by version. */
  judging: Map<number, RoundRecord>;
  /** Whether what screens can screen. */
  judge: 'unknown' | 'asked' | 'ready';
  /** Why no round begins, as participants were told. */
  standby: ErrorRecord | undefined;
  /** By order: no round begins, and why. */
  hold: ErrorRecord | undefined;
  /** By order: less than the document allows. */
  limits: RunLimits;
  /** By order: not invited. */
  barred: ReadonlySet<ParticipantId>;
  standing: Standing;
  /** The model goes back to this version; no round begins meanwhile. */
  rollingBack: { readonly to: ModelRef; readonly from: ModelRef } | undefined;
  /** Set when the run is to end, by order or with the target reached, while a round is under way. */
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
    allowances: new Map(),
    seen: new Map(),
    spentSaid: 0,
    electorate,
    gatheringSinceMs: undefined,
    failures: 0,
    fruitless: undefined,
    evaluation: undefined,
    judging: new Map(),
    judge: 'unknown',
    standby: undefined,
    hold: undefined,
    limits: NO_LIMITS,
    barred: new Set(),
    standing: UNJUDGED,
    rollingBack: undefined,
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
    allowances: new Map(state.allowances),
    evaluation: state.evaluation && { ...state.evaluation, counts: new Map(state.evaluation.counts) },
    judging: new Map(state.judging),
    status: draftStatus(state.status),
  };
}

function draftStatus(status: CoordinatorStatus): CoordinatorStatus {
  if (status.name !== 'round') return status;
  const { split } = status;
  return {
    name: 'round',
    rounds: status.rounds.map(draftRound),
    split: split && { ...split, applied: split.applied && new Map(split.applied) },
  };
}

function draftRound(round: RoundState): RoundState {
  return {
    ...round,
    dropped: new Set(round.dropped),
    trained: new Set(round.trained),
    uploaded: new Map(round.uploaded),
    counted: new Set(round.counted),
    applied: new Map(round.applied),
    evaluated: new Map(round.evaluated),
    reassigned: new Map(round.reassigned),
  };
}

/** Those of the cohort whose updates are or can still be in the sum, in the cohort's order. */
export function remaining({ plan, dropped, counted }: RoundState): ParticipantId[] {
  return plan.cohort.filter((id) => !dropped.has(id) || counted.has(id));
}

/** Those still counted on to apply it, in the cohort's order. */
export function present({ plan, dropped }: RoundState): ParticipantId[] {
  return plan.cohort.filter((id) => !dropped.has(id));
}

/**
 * Everyone who must know the plan: the cohort, and the server where it owns a slice, may come to in a secure round, or is to
 * combine the sums of several groups.
 */
export function audience({ plan, secure }: RoundState): NodeId[] {
  const withServer = plan.owners.includes(SERVER) || secure?.serverMayOwn || plan.group !== undefined;
  return withServer ? [...plan.cohort, SERVER] : plan.cohort;
}
