import type { Federation } from '../../shared/federation/index.ts';
import type { EvaluateJob, PaceLimits, TrainJob } from '../../shared/training/index.ts';
import type { Layout } from '../../shared/update/index.ts';
import type { EngineReport } from '../../signaling-server/engines/choose-engine.ts';
import type { DataFile } from './read-data.ts';

export interface TrainerSetup {
  readonly federation: Federation;
  readonly data: DataFile;
  /** The public test digits, where the federation evaluates on them. */
  readonly testDigits: Uint8Array<ArrayBuffer> | undefined;
  readonly pace: PaceLimits;
  /** The data that this session began with: others spend from another ledger. Undefined at the first start. */
  readonly dataset: string | undefined;
}

export interface TrainerReady {
  readonly layout: Layout;
  /** Examples to train on. */
  readonly examples: number;
  /** Names the data, as the page names them. */
  readonly dataset: string;
  readonly engine: EngineReport;
}

export type TrainerJob =
  | { readonly kind: 'initial' }
  | { readonly kind: 'train'; readonly task: Omit<TrainJob, 'signal' | 'onProgress'> }
  | { readonly kind: 'evaluate'; readonly task: Omit<EvaluateJob, 'signal'> };
