import type { WeightedSlice } from '../aggregate/index.ts';
import type { ErrorCode, ErrorRecord } from '../errors/index.ts';
import type { NodeId, ParticipantId } from '../identity/index.ts';
import type {
  Confirmation,
  Inbox,
  KeyAdvert,
  RevealedShare,
  SecureParameters,
  ShareBundle,
  UnmaskJob,
} from '../secagg/index.ts';
import type { LocalUpdate, MaskedUpdate, Model, NoisedUpdate } from '../update/index.ts';
import type { AttemptId, Message, MessageOf, ModelRef, RoundRecord } from '../wire/index.ts';
import type { CoordinatorOrder } from './coordinator/orders.ts';
import type { Verdict } from './judge.ts';
import type { EvaluationCounts, TrainResult } from './ports.ts';

/**
 * What the state machines ask for and what they are told. A machine is a pure function
 * `(state, event) → { state, effects }`; `drive.ts` performs the effects through the ports.
 */
export interface Step<S> {
  readonly state: S;
  readonly effects: readonly Effect[];
}

export type Effect =
  /**
   * Delivers a message, again and again until it arrives, the peer is gone, or `tag` is cancelled.
   * With `receipt`, the outcome comes back as a `delivered` or `undelivered` event.
   */
  | {
      readonly type: 'send';
      readonly to: NodeId;
      readonly message: Message;
      readonly tag?: string;
      readonly receipt?: Receipt;
    }
  | { readonly type: 'cancel-sends'; readonly tag: string }
  /** Starts a timer, or starts the one of this name again. */
  | { readonly type: 'timer'; readonly name: TimerName; readonly delayMs: number }
  | { readonly type: 'cancel-timer'; readonly name: TimerName }
  | {
      readonly type: 'train';
      readonly attempt: AttemptId;
      readonly base: Model;
      /** Of training that no attempt asked for: what tells it from any other from the same base. */
      readonly entropy?: string;
    }
  | { readonly type: 'cancel-training' }
  /** Clip, quantize, noise; the release is in the ledger before the event comes back. */
  | {
      readonly type: 'protect';
      readonly attempt: AttemptId;
      readonly baseHash: string;
      /** Of the base, where it has one. */
      readonly clipNorm?: number;
      readonly update: LocalUpdate;
      /** Versions that the update is behind the base. */
      readonly staleness?: number;
      /** How many were invited to sum together. */
      readonly invited: number;
    }
  /** Fewer were invited than an update was noised for: adds what is missing, and comes back as `protected` does. */
  | {
      readonly type: 'add-missing-noise';
      readonly attempt: AttemptId;
      readonly baseHash: string;
      readonly update: NoisedUpdate;
      readonly invited: number;
    }
  | {
      readonly type: 'apply';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly base: Model;
      /** In a secure round each is followed by its check words, and checked first. */
      readonly slices: readonly SumSlice[];
      readonly survivors: readonly ParticipantId[];
    }
  /** In a round of several groups: checks the sums of one's own group, and comes back as `summed` or `apply-failed`. */
  | {
      readonly type: 'sum-up';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly slices: readonly SumSlice[];
      readonly survivors: readonly ParticipantId[];
    }
  /** Applies the sum of all groups; comes back as `applied` or `apply-failed`. */
  | {
      readonly type: 'apply-total';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly base: Model;
      readonly weight: number;
      readonly values: Uint8Array<ArrayBuffer>;
    }
  /**
   * What is to be published is more than the sum of its parts: noised, or what a robust rule makes of them; comes back as
   * `aggregated` or `aggregate-failed`.
   */
  | ({ readonly type: 'aggregate' } & PartsOfSum)
  /** What is made of the parts of this attempt is not wanted any more. */
  | { readonly type: 'cancel-aggregate'; readonly attempt: AttemptId }
  /** An update has come for good; comes back as an event to the owner here, which says when it is in the sum. */
  | CountIn
  | Counted
  /** The server has put together a group's sum, or found that it cannot be one; comes back as an event. */
  | CollectedSum
  /** The sums of these groups are to be combined; comes back as an event. */
  | CombineOrder
  /** One step of this participant's part in secure aggregation; comes back as `secured` or `secure-failed`. */
  | { readonly type: 'secure'; readonly attempt: AttemptId; readonly step: SecureStep }
  /** Reconstructs what masked this slice's sum and takes it off; comes back as `unmasked` or `unmask-failed`. */
  | {
      readonly type: 'unmask';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly group: number;
      readonly job: UnmaskJob;
    }
  /** The server evaluates this version on held-out examples; comes back as `judged` or `judge-failed`. */
  | { readonly type: 'judge'; readonly model: ModelRef; readonly holders: readonly NodeId[] }
  /** The best version so far: it is kept for as long as none is better. */
  | { readonly type: 'keep-best'; readonly model: ModelRef; readonly holders: readonly NodeId[] }
  /** The weights of an earlier version, under a number of their own; comes back as `rolled-back` or `rollback-failed`. */
  | { readonly type: 'roll-back'; readonly to: ModelRef; readonly version: number }
  | {
      readonly type: 'evaluate';
      readonly model: Model;
      readonly part: { readonly index: number; readonly count: number };
    }
  | { readonly type: 'save-model'; readonly model: Model }
  | { readonly type: 'save-record'; readonly record: RoundRecord }
  /** Asks one holder after the other for a model; comes back as `model-fetched` or `model-unavailable`. */
  | { readonly type: 'fetch-model'; readonly model: ModelRef; readonly holders: readonly NodeId[] }
  /** Asks this participant for the round records that this node lacks. */
  | { readonly type: 'fetch-history'; readonly from: NodeId; readonly fromRound: number }
  /** Starts the coordinator here, for this term. */
  | { readonly type: 'coordinate'; readonly term: number; readonly model: ModelRef }
  /** Someone with a later term coordinates: a coordinator running here ends. */
  | { readonly type: 'resign'; readonly term: number }
  /** Nothing comes of this attempt, and why; there may be another. */
  | { readonly type: 'attempt-abandoned'; readonly attempt: AttemptId; readonly code: ErrorCode }
  /** The coordinator's term must not be used again after a restart. */
  | { readonly type: 'save-term'; readonly term: number }
  | {
      readonly type: 'notice';
      readonly level: 'info' | 'warning' | 'error';
      readonly text: string;
      readonly error?: ErrorRecord;
    };

/** Whole updates of the survivors, at the owner that sees them, or the sums of groups, at the combiner. */
export interface PartsOfSum {
  readonly attempt: AttemptId;
  /** Of updates the tally that their sum is for; groups have tallies of their own. */
  readonly tally: number;
  readonly over: 'updates' | 'groups';
  readonly parts: readonly Part[];
}

export interface Part extends WeightedSlice {
  /** Whose it is: of an update one participant, of a group's sum its survivors. */
  readonly members: readonly ParticipantId[];
}

/** What this participant uploaded is to be added up now and let go of. SPEC C-56 */
export interface CountIn {
  readonly type: 'count-in';
  readonly attempt: AttemptId;
  readonly participant: ParticipantId;
}

/** It was: no sum of this attempt can be without it any more. */
export interface Counted {
  readonly type: 'counted';
  readonly attempt: AttemptId;
  readonly participant: ParticipantId;
}

export interface CollectedSum {
  readonly type: 'collected';
  readonly attempt: AttemptId;
  readonly group: number;
  readonly tally: number;
  readonly hash: string | undefined;
  readonly error: ErrorRecord | undefined;
}

export interface CombineOrder {
  readonly type: 'combine';
  readonly attempt: AttemptId;
  readonly groups: readonly { readonly group: number; readonly tally: number }[];
}

/** What `shared/secagg/member.ts` does for a participant, step by step. Secrets stay there. */
export type SecureStep =
  | { readonly name: 'advertise'; readonly parameters: SecureParameters; readonly weight: number }
  | { readonly name: 'share'; readonly adverts: readonly KeyAdvert[] }
  | { readonly name: 'open'; readonly inbox: Inbox }
  | { readonly name: 'mask'; readonly update: NoisedUpdate }
  | { readonly name: 'confirm'; readonly survivors: readonly ParticipantId[] }
  | { readonly name: 'reveal'; readonly confirmations: readonly Confirmation[] }
  /** The attempt is over: its secrets are wiped. */
  | { readonly name: 'forget' };

export type SecureResult =
  | { readonly name: 'advertise'; readonly advert: KeyAdvert }
  | { readonly name: 'share'; readonly bundle: ShareBundle }
  | { readonly name: 'open' }
  | { readonly name: 'mask'; readonly update: MaskedUpdate; readonly digests: Uint8Array<ArrayBuffer> }
  | {
      readonly name: 'confirm';
      readonly digest: Uint8Array<ArrayBuffer>;
      readonly confirmation: Confirmation;
    }
  | {
      readonly name: 'reveal';
      readonly digest: Uint8Array<ArrayBuffer>;
      readonly shares: readonly RevealedShare[];
    };

/** A slice of a sum as its owner published it. */
export interface SumSlice extends WeightedSlice {
  readonly owner: NodeId;
  readonly proof: SumProof | null;
}

/** An owner's word for what went into a sum. */
export type SumProof = NonNullable<MessageOf<'sum'>['proof']>;

export type Receipt =
  | { readonly kind: 'slice'; readonly slice: number; readonly owner: NodeId }
  | { readonly kind: 'join' };

/** Timers that each group of a round has for itself; the first group's go by the bare name. */
export type RoundTimerName = 'keys' | 'shares' | 'confirm' | 'train' | 'exchange' | 'apply';
export type GroupTimerName = `${RoundTimerName}/${number}`;

export type TimerName =
  // coordinator
  | 'settle'
  | 'keys'
  | 'shares'
  | 'confirm'
  | 'train'
  | 'exchange'
  | 'apply'
  | 'evaluation'
  | 'retry'
  | 'draw'
  | 'total'
  | GroupTimerName
  // participant
  | 'join'
  | 'election'
  | 'vote'
  | 'collect'
  | 'silence';

export type SessionEvent = (
  | { readonly type: 'message'; readonly from: NodeId; readonly message: Message }
  | { readonly type: 'peer-up'; readonly peer: NodeId; readonly incarnation: number }
  | { readonly type: 'peer-down'; readonly peer: NodeId }
  | { readonly type: 'timer'; readonly name: TimerName }
  | { readonly type: 'delivered'; readonly attempt: AttemptId | undefined; readonly receipt: Receipt }
  | { readonly type: 'undelivered'; readonly attempt: AttemptId | undefined; readonly receipt: Receipt }
  | {
      readonly type: 'trained';
      readonly attempt: AttemptId;
      readonly baseHash: string;
      /** Of the base, where it has one. */
      readonly clipNorm?: number;
      readonly result: TrainResult;
    }
  | { readonly type: 'train-failed'; readonly attempt: AttemptId; readonly error: ErrorRecord }
  | {
      readonly type: 'protected';
      readonly attempt: AttemptId;
      readonly baseHash: string;
      readonly update: NoisedUpdate;
    }
  | { readonly type: 'secured'; readonly attempt: AttemptId; readonly result: SecureResult }
  | {
      readonly type: 'secure-failed';
      readonly attempt: AttemptId;
      readonly step: SecureStep['name'];
      readonly error: ErrorRecord;
    }
  | {
      readonly type: 'unmasked';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly group: number;
      readonly slice: number;
      readonly values: Uint8Array<ArrayBuffer>;
      readonly proof: SumProof;
    }
  | {
      readonly type: 'unmask-failed';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly group: number;
      readonly slice: number;
      readonly error: ErrorRecord;
      /** Who is to blame, where that is known. */
      readonly offender: ParticipantId | undefined;
    }
  | {
      readonly type: 'summed';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly hash: string;
    }
  | ({ readonly type: 'aggregated' } & Omit<PartsOfSum, 'parts'> & WeightedSlice)
  /** Nothing may be published: too few parts for the rule, none left by screening, or the work itself failed. */
  | {
      readonly type: 'aggregate-failed';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly over: 'updates' | 'groups';
      readonly error: ErrorRecord;
    }
  | CountIn
  | Counted
  | CollectedSum
  | CombineOrder
  | { readonly type: 'applied'; readonly attempt: AttemptId; readonly tally: number; readonly model: Model }
  | {
      readonly type: 'apply-failed';
      readonly attempt: AttemptId;
      readonly error: ErrorRecord;
      /** Slices whose sums did not pass the check. */
      readonly disputed: readonly number[];
    }
  | {
      readonly type: 'evaluated';
      readonly round: number;
      readonly hash: string;
      readonly counts: EvaluationCounts;
    }
  | { readonly type: 'judged'; readonly model: ModelRef; readonly counts: Verdict }
  | { readonly type: 'judge-failed'; readonly model: ModelRef; readonly error: ErrorRecord }
  | { readonly type: 'rolled-back'; readonly to: ModelRef; readonly model: ModelRef }
  | { readonly type: 'rollback-failed'; readonly to: ModelRef; readonly error: ErrorRecord }
  | { readonly type: 'model-fetched'; readonly model: Model }
  | { readonly type: 'model-unavailable'; readonly model: ModelRef }
  /** How many more rounds this participant may take part in, by what is left of its privacy budgets. */
  | { readonly type: 'allowance'; readonly participant: ParticipantId; readonly rounds: number }
  /** To the coordinator here, by whoever runs it. */
  | { readonly type: 'order'; readonly order: CoordinatorOrder }
  | { readonly type: 'command'; readonly command: 'start' | 'pause' | 'resume' | 'leave' | 'stop' }
) &
  EventContext;

/** What a pure machine may not fetch for itself. */
export interface EventContext {
  readonly atMs: number;
  /** Fresh for every event, from the cryptographic generator: seeds the draw of a cohort. */
  readonly entropy: string;
}

export type EventOf<T extends SessionEvent['type']> = Extract<SessionEvent, { type: T }>;

/** Orders attempts: a later term wins, then a later round, then a later attempt. */
export function compareAttempts(a: AttemptId, b: AttemptId): number {
  return a.term - b.term || a.round - b.round || a.attempt - b.attempt;
}

export function attemptTag({ term, round, attempt }: AttemptId): string {
  return `${term}.${round}.${attempt}`;
}
