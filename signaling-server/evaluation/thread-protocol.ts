import type { Federation } from '../../shared/federation/index.ts';
import type { Verdict } from '../../shared/session/judge.ts';
import type { EvaluationCounts } from '../../shared/training/port.ts';
import type { Model } from '../../shared/update/index.ts';
import type { EngineReport } from '../engines/choose-engine.ts';
import type { ChangedPredictions } from './changed-predictions.ts';
import type { WeightComparison } from './compare-weights.ts';
import type { HeldOutFormat } from './held-out-reader.ts';

/** Where held-out examples come from: a file, the public test digits, or nowhere. */
export type HeldOutSource =
  | { readonly kind: 'file'; readonly path: string; readonly format: HeldOutFormat }
  | { readonly kind: 'digits' }
  | { readonly kind: 'none' };

export interface ThreadSetup {
  readonly federation: Pick<Federation, 'data' | 'model'>;
  readonly source: HeldOutSource;
  /** Only reads the examples, and ends. */
  readonly readOnly?: boolean;
}

/** A model without what only training needs. */
export type JudgedModel = Pick<Model, 'version' | 'layoutHash' | 'weights' | 'hash'>;

export type ThreadJob =
  | { readonly kind: 'evaluate'; readonly model: JudgedModel }
  | { readonly kind: 'compare'; readonly from: JudgedModel; readonly to: JudgedModel }
  | { readonly kind: 'predict'; readonly model: JudgedModel; readonly rows: readonly unknown[] };

export interface ThreadReady {
  readonly examples: number;
  readonly classes: Readonly<Record<string, number>> | undefined;
  /** Undefined where nothing is to be computed. */
  readonly engine: EngineReport | undefined;
}

export interface ModelComparison {
  readonly weights: WeightComparison;
  /** Both on the same held-out examples; null without any. */
  readonly evaluations: { readonly from: EvaluationCounts; readonly to: EvaluationCounts } | null;
  /** Null without held-out examples, and for a value target, which has no right and wrong. */
  readonly predictions: ChangedPredictions | null;
}

/** What a model makes of rows. */
export interface Predicted {
  /** Rows × width, row-major: probabilities of the classes, or one standardized value each. */
  readonly outputs: Float32Array;
  readonly width: number;
}

export type ThreadResult = Verdict | ModelComparison | Predicted;
