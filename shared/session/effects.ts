import type { WeightedSlice } from '../aggregate/index.ts';
import type { ErrorRecord } from '../errors/index.ts';
import type { NodeId } from '../identity/index.ts';
import type { LocalUpdate, MaskedUpdate, Model } from '../update/index.ts';
import type { AttemptId, Message, ModelRef, RoundRecord } from '../wire/index.ts';
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
  | { readonly type: 'train'; readonly attempt: AttemptId; readonly base: Model }
  | { readonly type: 'cancel-training' }
  /** Clip, quantize, noise, mask; the release is in the ledger before the event comes back. */
  | {
      readonly type: 'protect';
      readonly attempt: AttemptId;
      readonly baseHash: string;
      readonly update: LocalUpdate;
    }
  | {
      readonly type: 'apply';
      readonly attempt: AttemptId;
      readonly tally: number;
      readonly base: Model;
      readonly slices: readonly WeightedSlice[];
    }
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
  /** The coordinator's term must not be used again after a restart. */
  | { readonly type: 'save-term'; readonly term: number }
  | {
      readonly type: 'notice';
      readonly level: 'info' | 'warning' | 'error';
      readonly text: string;
      readonly error?: ErrorRecord;
    };

export type Receipt =
  | { readonly kind: 'slice'; readonly slice: number; readonly owner: NodeId }
  | { readonly kind: 'join' };

export type TimerName =
  // coordinator
  | 'settle'
  | 'train'
  | 'exchange'
  | 'apply'
  | 'evaluation'
  | 'retry'
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
      readonly result: TrainResult;
    }
  | { readonly type: 'train-failed'; readonly attempt: AttemptId; readonly error: ErrorRecord }
  | {
      readonly type: 'protected';
      readonly attempt: AttemptId;
      readonly baseHash: string;
      readonly update: MaskedUpdate;
    }
  | { readonly type: 'applied'; readonly attempt: AttemptId; readonly tally: number; readonly model: Model }
  | { readonly type: 'apply-failed'; readonly attempt: AttemptId; readonly error: ErrorRecord }
  | {
      readonly type: 'evaluated';
      readonly round: number;
      readonly hash: string;
      readonly counts: EvaluationCounts;
    }
  | { readonly type: 'model-fetched'; readonly model: Model }
  | { readonly type: 'model-unavailable'; readonly model: ModelRef }
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
