import type { LedgerEntry } from '../ledger/index.ts';
import type { Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';

export type {
  EvaluateJob,
  EvaluationCounts,
  Trainer,
  TrainJob,
  TrainProgress,
  TrainResult,
} from '../training/port.ts';
export type { Clock } from '../transport/clock.ts';

/** `variate`: SCAFFOLD's own control variate. `residual`: what compression did not send. */
export type MemoryKind = 'variate' | 'residual';

/** A memory is of one run, and of the data that it was computed from. */
export interface MemoryKey {
  readonly run: string;
  readonly dataset: string;
  readonly kind: MemoryKind;
}

/** What a node must find again after a reload or a restart. */
export interface Store {
  /** The newest model of this run, if any. */
  loadModel(run: string): Promise<Model | undefined>;
  /** Durable before it resolves. @throws `storage.full`, `storage.unavailable`. */
  saveModel(run: string, model: Model): Promise<void>;
  /** Round records from `fromRound` on, by round, term and attempt. */
  loadRecords(run: string, fromRound: number): Promise<RoundRecord[]>;
  /**
   * Keeps one record per round and hash. Saving it again changes nothing, but for an evaluation that was not there
   * before. A round that was committed twice, by coordinators that could not see each other, keeps both, in the
   * order of their (term, attempt): the last one counts.
   */
  saveRecord(run: string, record: RoundRecord): Promise<void>;
  /**
   * Whether this release could be made now, by everything its dataset has spent in any federation and by all limits that
   * bind it. Asked before training; nothing is written.
   * @throws `privacy.budget-exceeded`, `privacy.ledger-locked`, `ledger.broken-chain`.
   */
  permitRelease(entry: LedgerEntry): Promise<void>;
  /**
   * Checks the same again and writes, as one act, durable before it resolves: nothing may leave the device before.
   * @throws as {@link permitRelease}, and `storage.full`, `storage.unavailable`.
   */
  appendLedger(entry: LedgerEntry): Promise<void>;
  /**
   * Keeps the transcript of a secure round, as a file; a later one of the same round replaces it. Old rounds are dropped:
   * a transcript is about as large as its model. @throws `storage.full`, `storage.unavailable`.
   */
  saveTranscript(run: string, round: number, file: Uint8Array<ArrayBuffer>): Promise<void>;
  /** What this device keeps for itself from round to round, as it was saved last. It never leaves the device. SPEC Y-03. */
  loadMemory(key: MemoryKey): Promise<Float32Array<ArrayBuffer> | undefined>;
  /** Replaces it. Deleted with its dataset. @throws `storage.full`, `storage.unavailable`. */
  saveMemory(key: MemoryKey, vector: Float32Array<ArrayBuffer>): Promise<void>;
}
