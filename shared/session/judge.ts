import type { Model } from '../update/index.ts';
import type { EvaluationCounts } from './ports.ts';

/**
 * Whoever holds examples that no participant sent: the server, with those that its operator supplied. What it says of a model is
 * counts over all of them, so that two models are judged by the same examples. SPEC.
 */
export interface Judge {
  /** Rejects with a named error when the model cannot be evaluated; an aborted signal ends it. */
  evaluate(model: Model, signal: AbortSignal): Promise<EvaluationCounts>;
}
