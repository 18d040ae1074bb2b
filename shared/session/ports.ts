import type { LedgerEntry } from '../ledger/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { Transport } from '../transport/port.ts';
import type { Layout, LocalUpdate, Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';

/** Everything a session needs from its host. Browser, server and simulator differ in these five and nothing else. */
export interface Ports {
  readonly transport: Transport;
  readonly trainer: Trainer;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: CryptoRandom;
}

export interface TrainProgress {
  /** Batches done and in all, this round. */
  readonly batch: number;
  readonly batches: number;
  readonly loss: number;
  readonly examplesPerSecond: number;
}

export interface TrainJob {
  readonly base: Model;
  /** Names the order in which examples are visited. */
  readonly seed: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
}

export interface TrainResult {
  readonly update: LocalUpdate;
  /** Mean training loss of the last epoch; stays on the device. */
  readonly loss: number;
}

/** Counts, not ratios, so that those of several participants add up. */
export interface EvaluationCounts {
  readonly total: number;
  /** Right predictions; zero for a value target. */
  readonly correct: number;
  /** Sum over examples of the loss. */
  readonly lossSum: number;
}

export interface EvaluateJob {
  readonly model: Model;
  /** Which part of the evaluation set, when participants share it out: part `index` of `count`. */
  readonly part: { readonly index: number; readonly count: number };
  readonly signal: AbortSignal;
}

/**
 * Local computation. Rejects with a named error (`training.*`, `data.*`, `aborted`); a rejection costs this
 * participant the round, nobody else.
 */
export interface Trainer {
  readonly layout: Layout;
  /** The seeded version-0 model. */
  initialModel(): Promise<Model>;
  train(job: TrainJob): Promise<TrainResult>;
  evaluate(job: EvaluateJob): Promise<EvaluationCounts>;
}

/** What a node must find again after a reload or a restart. */
export interface Store {
  /** The newest model of this run, if any. */
  loadModel(run: string): Promise<Model | undefined>;
  /** Durable before it resolves. @throws `storage.full`, `storage.unavailable`. */
  saveModel(run: string, model: Model): Promise<void>;
  /** Round records from `fromRound` on, in order. */
  loadRecords(run: string, fromRound: number): Promise<RoundRecord[]>;
  /** Idempotent per round and hash. */
  saveRecord(run: string, record: RoundRecord): Promise<void>;
  appendLedger(entry: LedgerEntry): Promise<void>;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** @returns a function that cancels the timer. */
  after(delayMs: number, callback: () => void): () => void;
}
