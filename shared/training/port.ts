import type { Layout, LocalUpdate, Model } from '../update/index.ts';

/**
 * What a session asks of the device's trainer. In a file of its own, free of tfjs, so that the session engine
 * can name these types without loading a tensor library.
 */

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
  /** Added to every step's mean gradient, one number per parameter: SCAFFOLD's variates (Karimireddy et al. 2020). */
  readonly control?: Float32Array;
  /** Coordinates that may change, ascending; all others stay as they are in the base. Left out, all may. SPEC Z-03. */
  readonly kept?: Uint32Array<ArrayBuffer>;
  /** Also measure the base's mean loss on the local examples before training (q-FedAvg). */
  readonly measuresBase?: boolean;
  readonly onProgress?: (progress: TrainProgress) => void;
}

export interface TrainResult {
  readonly update: LocalUpdate;
  /** Mean training loss of the last epoch; stays on the device. */
  readonly loss: number;
  /** Optimizer steps taken. */
  readonly steps?: number;
  /** Mean loss of the base on the local examples, where the job asked for it. */
  readonly baseLoss?: number;
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
 * Local computation. Rejects with a named error (`training.*`, `data.*`, `model.*`); an aborted
 * signal rejects with `training.cancelled`; a rejection costs this
 * participant the round, nobody else.
 */
export interface Trainer {
  readonly layout: Layout;
  /** The seeded version-0 model. */
  initialModel(): Promise<Model>;
  train(job: TrainJob): Promise<TrainResult>;
  evaluate(job: EvaluateJob): Promise<EvaluationCounts>;
}
