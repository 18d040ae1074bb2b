import type { Encoding } from '../../compress/index.ts';
import type { ParticipantPrivacy } from '../../federation/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { RevealedShare, Ring, SecureParameters } from '../../secagg/index.ts';
import type { MaskedUpdate, Model, NoisedUpdate } from '../../update/index.ts';
import type { AttemptId, DeviceReport, MessageOf, ModelRef, Plan } from '../../wire/index.ts';
import type { SumSlice } from '../effects.ts';
import type { DrawProof, GroupSizes } from '../groups.ts';
import { initialPace, type PaceState } from './async-part.ts';
import type { DrawsState } from './draw-part.ts';

/** Where everyone trains at its own pace, and rounds are for those who are ready. */
export interface PaceLimits {
  /** Versions that an update may be behind. */
  readonly maxStaleness: number;
  /** Noise hides records or participants: each time that an update is protected is a release that costs. */
  readonly isNoised: boolean;
  /** Of this participant's update. */
  weightAt(staleness: number): number;
}

export interface ParticipantContext {
  readonly self: ParticipantId;
  readonly incarnation: number;
  readonly run: string;
  readonly federationRevision: number;
  readonly examples: number;
  /** Its share of the weighted mean. */
  readonly weight: number;
  readonly vectorLength: number;
  /** How updates become integers, and in what bytes those travel where they are not masked. */
  readonly encoding: Encoding;
  /** Set where the federation asks for secure aggregation: the integers that masked updates are made of. */
  readonly ring: Ring | undefined;
  /** Most that sum together: what the ring has room for. */
  readonly groupSize: number;
  /** Fewest and most that the federation allows in a round, of all groups together. */
  readonly minParticipants: number;
  readonly maxParticipants: number;
  /** Set where noise on whole updates hides participants. */
  readonly noise: ParticipantPrivacy | undefined;
  readonly evaluates: boolean;
  /** Set where a round may have several groups. */
  readonly groups: (GroupSizes & { readonly maxParticipants: number }) | undefined;
  /** Set in a federation of asynchronous rounds. */
  readonly pace?: PaceLimits | undefined;
  /** What the person agreed to report of the device. */
  readonly device?: DeviceReport | undefined;
  /** How long a participant does without a coordinator before it stands for election; ranks add to it. */
  readonly electionMs: number;
}

/** What this participant is doing for the attempt it was invited to. */
export type AttemptPhase =
  | { readonly name: 'fetching' }
  | { readonly name: 'training' }
  | { readonly name: 'protecting' }
  /** Its update is ready; it waits for the shares of the others, or for the masks that follow from them. */
  | { readonly name: 'masking'; readonly update: NoisedUpdate; readonly asked: boolean }
  | { readonly name: 'exchanging'; readonly update: MaskedUpdate }
  | { readonly name: 'applying' }
  | { readonly name: 'applied'; readonly hash: string }
  /** It could not train; it waits for the others' sum. */
  | { readonly name: 'watching' };

/** Its part in a secure round: public facts only, secrets are with `shared/secagg/member.ts`. */
export interface SecureState {
  readonly parameters: SecureParameters;
  /** Whether the shares of the others came and were found good: only then can it mask, and check sums. */
  opened: boolean;
  /** Digests of its own masked slices. */
  digests: Uint8Array<ArrayBuffer> | undefined;
  /** The survivors it confirmed: it never confirms others in this attempt. */
  survivors: readonly ParticipantId[] | undefined;
  confirmations: number;
  reveal: { readonly digest: Uint8Array<ArrayBuffer>; readonly shares: readonly RevealedShare[] } | undefined;
  readonly revealedTo: Set<NodeId>;
  /** `slice@owner` whose sum did not pass the check. */
  readonly disputed: Set<string>;
  deputySent: boolean;
}

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
  readonly sums: Map<string, SumSlice>;
  /** Who owned a slice before it was given to another: their sums of the same tally are as good. */
  readonly formerOwners: Map<number, readonly NodeId[]>;
  readonly secure: SecureState | undefined;
  /** In a round of several groups, how they came about. */
  readonly draw: DrawProof | undefined;
  /** The hash of its own group's sum, found good, and the tally that it belongs to. */
  summed: { readonly tally: number; readonly hash: string } | undefined;
  /** The sum of all groups. */
  total: MessageOf<'total'> | undefined;
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
  /** Who coordinated that term; undefined where it is known from an election only. */
  termOf: NodeId | undefined;
  coordinator: NodeId | undefined;
  /** Up now, with their incarnations. */
  peers: Map<NodeId, number>;
  /** The newest model that a coordinator committed, or version 0. */
  model: Model | undefined;
  /** What the coordinator says is the newest model, while this participant does not hold it. */
  target: ModelRef | undefined;
  /** Computed, not yet committed: the next invitation or commit says whether it stands. */
  candidate: Model | undefined;
  /** The last local update: used again when the round is tried again from the same model, unless masks came off. */
  cached:
    | {
        readonly baseHash: string;
        readonly update: NoisedUpdate;
        /** Whether a slice of it was sent. */
        readonly hasLeft: boolean;
      }
    | undefined;
  /** What the last update was computed for and from: written into the ledger, whether or not it got anywhere. */
  released: { readonly term: number; readonly round: number; readonly baseHash: string } | undefined;
  attempt: AttemptState | undefined;
  pace: PaceState;
  draws: DrawsState;
  /** A plan that overtook its invitation. */
  earlyPlan: MessageOf<'plan'> | undefined;
  /** The cohort of the latest round: whose majority may elect a coordinator. */
  electorate: readonly ParticipantId[];
  election: { readonly term: number; readonly votes: ReadonlySet<ParticipantId> } | undefined;
  votedFor: { readonly term: number; readonly candidate: ParticipantId } | undefined;
  /** The server's word, that no round is to begin; kept while it is away. */
  isOnHold: boolean;
}

export function initialParticipant(model: Model | undefined): ParticipantState {
  return {
    status: { name: 'idle' },
    term: 0,
    termOf: undefined,
    coordinator: undefined,
    peers: new Map(),
    model,
    target: undefined,
    candidate: undefined,
    cached: undefined,
    released: undefined,
    attempt: undefined,
    pace: initialPace,
    draws: { own: undefined, spent: undefined, shown: undefined },
    earlyPlan: undefined,
    electorate: [],
    election: undefined,
    votedFor: undefined,
    isOnHold: false,
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
      secure: state.attempt.secure && {
        ...state.attempt.secure,
        revealedTo: new Set(state.attempt.secure.revealedTo),
        disputed: new Set(state.attempt.secure.disputed),
      },
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

export function sumKey(slice: number, tally: number, from: NodeId): string {
  return `${slice}@${tally}@${from}`;
}

export function disputeKey(slice: number, owner: NodeId): string {
  return `${slice}@${owner}`;
}

/** A third of the time the round allows for applying: leaves room to ask another owner, twice. */
export function collectDelayMs({ applyMs }: AttemptState): number {
  return applyMs / 3;
}
