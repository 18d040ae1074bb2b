import type { Model } from '../update/index.ts';
import type { EvaluationCounts } from './ports.ts';

/** Counts, and of which examples they are. */
export interface Verdict extends EvaluationCounts {
  /** SHA-256 of the held-out set, as hex; absent where there is only ever one. Counts of two sets are not compared. SPEC Q-26. */
  readonly heldOut?: string | undefined;
}

/**
 * Whoever holds examples that no participant sent: the server, with those that its operator supplied. What it says of a model is
 * counts over all of them, and by which examples: an operator may replace them. SPEC.
 */
export interface Judge {
  /** Rejects with a named error when the model cannot be evaluated; an aborted signal ends it. */
  evaluate(model: Model, signal: AbortSignal): Promise<Verdict>;
}
