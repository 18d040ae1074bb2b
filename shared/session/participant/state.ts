import type { WeightedSlice } from '../../aggregate/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { MaskedUpdate, Model } from '../../update/index.ts';
import type { AttemptId, MessageOf, ModelRef, Plan } from '../../wire/index.ts';

export interface ParticipantContext {
  readonly self: ParticipantId;
  readonly incarnation: number;
  readonly run: string;
  readonly federationRevision: number;
  readonly examples: number;
  readonly vectorLength: number;
  readonly evaluates: boolean;
  /** How long a participant does without a coordinator before it stands for election; ranks add to it. */
  readonly electionMs: number;
}

/** What this participant is doing for the attempt it was invited to. */
export type AttemptPhase =
  | { readonly name: 'fetching' }
  | { readonly name: 'training' }
  | { readonly name: 'protecting' }
  | { readonly name: 'exchanging'; readonly update: MaskedUpdate }
  | { readonly name: 'applying' }
  | { readonly name: 'applied'; readonly hash: string }
  /** It could not train; it waits for the others' sum. */
  | { readonly name: 'watching' };

export interface AttemptState {
  readonly attempt: AttemptId;
  readonly base: ModelRef;
  readonly holders: readonly NodeId[];
  readonly deadlineMs: number;
  readonly applyMs: number;
  plan: Plan;
  phase: AttemptPhase;
  /** Kept through every later phase: a new owner may ask for a slice again. */
  update: MaskedUpdate | undefined;
  /** Who acknowledged each slice, or that it cannot get there. */
  readonly slices: Map<
    number,
    { readonly owner: NodeId; readonly outcome: 'sending' | 'delivered' | 'undeliverable' }
  >;
  /** Highest revision reported as uploaded. */
  reported: number;
  /** Sums by slice, tally and sender. */
  readonly sums: Map<string, WeightedSlice>;
  /** Who owned a slice before it was given to another: their sums of the same tally are as good. */
  readonly formerOwners: Map<number, readonly NodeId[]>;
}

export type ParticipantStatus =
  | { readonly name: 'idle' }
  /** Looking for a coordinator. */
  | { readonly name: 'connecting' }
  | { readonly name: 'joined' }
  | { readonly name: 'paused' }
  | { readonly name: 'finished'; readonly reason: MessageOf<'finish'>['reason'] }
  | { readonly name: 'left' };

export interface ParticipantState {
  status: ParticipantStatus;
  term: number;
  coordinator: NodeId | undefined;
  /** Up now, with their incarnations. */
  peers: Map<NodeId, number>;
  /** The newest model that a coordinator committed, or version 0. */
  model: Model | undefined;
  /** What the coordinator says is the newest model, while this participant does not hold it. */
  target: ModelRef | undefined;
  /** Computed, not yet committed: the next invitation or commit says whether it stands. */
  candidate: Model | undefined;
  /** The last local update: used again when the round is tried again from the same model. */
  cached: { readonly baseHash: string; readonly update: MaskedUpdate } | undefined;
  attempt: AttemptState | undefined;
  /** A plan that overtook its invitation. */
  earlyPlan: MessageOf<'plan'> | undefined;
  /** The cohort of the latest round: whose majority may elect a coordinator. */
  electorate: readonly ParticipantId[];
  election: { readonly term: number; readonly votes: ReadonlySet<ParticipantId> } | undefined;
  votedFor: { readonly term: number; readonly candidate: ParticipantId } | undefined;
}

export function initialParticipant(model: Model | undefined): ParticipantState {
  return {
    status: { name: 'idle' },
    term: 0,
    coordinator: undefined,
    peers: new Map(),
    model,
    target: undefined,
    candidate: undefined,
    cached: undefined,
    attempt: undefined,
    earlyPlan: undefined,
    electorate: [],
    election: undefined,
    votedFor: undefined,
  };
}

export function draftOf(state: ParticipantState): ParticipantState {
  return {
    ...state,
    peers: new Map(state.peers),
    attempt: state.attempt && {
      ...state.attempt,
      slices: new Map(state.attempt.slices),
      sums: new Map(state.attempt.sums),
      formerOwners: new Map(state.attempt.formerOwners),
    },
  };
}

/**
 * Whether this participant takes orders from `from`: its coordinator; the server whenever it is there; or, while the
 * server is away, a peer with a later term. SPEC P-05.
 */
export function obeys(state: ParticipantState, from: NodeId, term: number): boolean {
  if (term < state.term) return false;
  if (from === SERVER) return true;
  if (state.peers.has(SERVER)) return false;
  return (
    from === state.coordinator ||
    term > state.term ||
    (state.votedFor?.term === term && state.votedFor.candidate === from)
  );
}

export function refOf(model: Model): ModelRef {
  return { version: model.version, hash: model.hash };
}
