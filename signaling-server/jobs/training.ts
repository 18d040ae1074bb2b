import type { Federation } from '../../shared/federation/index.ts';
import type { Caller } from '../access/principal.ts';

export const TRAINING_STATUSES = [
  'CREATED',
  'SCHEDULED',
  'RUNNING',
  'PAUSED',
  'STOPPING',
  'STOPPED',
  'SUCCEEDED',
  'FAILED',
] as const;
export type TrainingStatus = (typeof TRAINING_STATUSES)[number];

/** Improvement by less than `minDelta` for `patience` evaluations in a row ends a training. */
export interface EarlyStopping {
  readonly metric: 'accuracy' | 'loss';
  readonly patience: number;
  readonly minDelta: number;
}

/** All optional: what is left out is as the federation's document says. */
export interface TrainingConfig {
  readonly maxRounds?: number;
  readonly targetAccuracy?: number;
  readonly earlyStopping?: EarlyStopping;
  /** Cohorts of so many, at most as many as the document allows. */
  readonly clientsPerRound?: number;
  /** Milliseconds since the epoch: not before. */
  readonly startAtMs?: number;
  /** Given up, as FAILED, when it is not done by then. */
  readonly deadlineAtMs?: number;
  /** Rounds that came to nothing in a row until it is FAILED. Default 20. */
  readonly maxAbandoned?: number;
}

/** One durable intention about one run of a federation. */
export interface Training {
  /** 128 random bits as base64url. */
  readonly id: string;
  readonly jobName: string;
  readonly federation: string;
  readonly run: string;
  readonly status: TrainingStatus;
  readonly config: TrainingConfig;
  /** Ids of the participants that may take part; empty: all that the federation admits. */
  readonly clients: readonly string[];
  /** Last committed round. */
  readonly round: number;
  /** Of the newest evaluation. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Why it is in this status: `target-accuracy`, `maximum-rounds`, `early-stopping`, `operator`, `drain`, or the code of a failure. */
  readonly reason: string | null;
  /** Up by one at every change: an order about an older one is refused. */
  readonly revision: number;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
}

export interface StartTraining {
  readonly federation: string;
  readonly jobName?: string;
  readonly config?: TrainingConfig;
  readonly clients?: readonly string[];
  /** In a run of its own, from the first model. Default: from the newest model of the newest run. */
  readonly fresh?: boolean;
}

/** Of an order that was made of another description, such as a configuration of its own. */
export interface MadeOf {
  /** That description, as JSON: what an idempotency key stands for. */
  readonly request: unknown;
  /** The federation that the order is about, as it is to be. */
  readonly document: Federation;
  /** Keeps that document, where it is not known; called once nothing stands in the way of the start. */
  readonly prepare: () => Promise<void>;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** To be passed as `after`; null at the end. */
  readonly next: string | null;
}

export interface TrainingService {
  /**
   * Starts a training, or answers with the one that this key started before.
   * @throws `http.conflict` for a key that came with another body, or a federation with an unfinished training; `federation.unknown`; `http.unavailable`
   * while draining; `argument.invalid`.
   */
  start(caller: Caller, order: StartTraining, idempotencyKey?: string, madeOf?: MadeOf): Promise<Training>;
  /** @throws `http.not-found`. */
  get(caller: Caller, id: string): Promise<Training>;
  list(
    caller: Caller,
    query: {
      readonly federation?: string;
      readonly status?: TrainingStatus;
      readonly after?: string;
      readonly limit?: number;
    },
  ): Promise<Page<Training>>;
  /** No new rounds; the one under way finishes. @throws `http.conflict` where the status does not allow it; `http.not-found`. */
  pause(caller: Caller, id: string): Promise<Training>;
  resume(caller: Caller, id: string): Promise<Training>;
  /** The round under way finishes first. */
  stop(caller: Caller, id: string, reason?: string): Promise<Training>;
  /** While it is not over. @throws `http.conflict`. */
  configure(caller: Caller, id: string, config: TrainingConfig): Promise<Training>;
  /** Every run, managed or not: rounds under way are abandoned now, and none begins before {@link resumeAll}. */
  stopAll(
    caller: Caller,
    reason: string,
  ): Promise<{ readonly trainings: readonly Training[]; readonly federations: readonly string[] }>;
  resumeAll(caller: Caller): Promise<void>;
  /** No new rounds anywhere; those under way finish. */
  drain(caller: Caller): Promise<DrainState>;
  undrain(caller: Caller): Promise<DrainState>;
  drainState(): DrainState;
}

export interface DrainState {
  readonly draining: boolean;
  /** All rounds have come to an end that the replica coordinates which is asked: of several, each is asked. */
  readonly empty: boolean;
  readonly roundsUnderWay: number;
  /** By {@link TrainingService.stopAll}. */
  readonly halted: boolean;
}
