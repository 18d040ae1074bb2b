import type { Caller } from '../access/principal.ts';
import type { BudgetLimit } from './budget-entry.ts';
import type { Subject } from './subject.ts';
import type { TrainingGuarantee } from './training-guarantee.ts';

/**
 * `predictions`: what the model says, as it is. `labels`: the likeliest class of each row by randomized response. `counts`: how many rows fall into
 * each class, with noise.
 */
export const QUERY_MODES = ['predictions', 'labels', 'counts'] as const;
export type QueryMode = (typeof QUERY_MODES)[number];

export interface ModelQuery {
  /** Chosen by the asker. The same again, with all the rest the same, gets the same answer and costs nothing more. */
  readonly id: string;
  /** Of a run, or of a federation: then its current run. */
  readonly model: string;
  readonly version?: number | 'latest';
  readonly mode: QueryMode;
  /** As the federation's data, without the target: see evaluation/query-rows.ts. */
  readonly rows: readonly unknown[];
  /** What the answer may tell of one row; without it, as much as one query may cost. */
  readonly epsilon?: number;
}

export interface QueryAnswer {
  readonly id: string;
  readonly federation: string;
  readonly run: string;
  readonly version: number;
  readonly hash: string;
  readonly mode: QueryMode;
  readonly rows: number;
  /** Null for a model of values. */
  readonly classes: readonly string[] | null;
  /** Of each row; for `predictions`. A value is in the unit of the data. */
  readonly predictions?: readonly {
    readonly label?: string;
    readonly probability?: number;
    readonly value?: number;
  }[];
  /** Of each row; for `labels`. */
  readonly labels?: readonly string[];
  /** Of each class, in the order of `classes`, some perhaps below 0; for `counts`. */
  readonly counts?: readonly number[];
  readonly privacy: QueryPrivacy;
}

export interface QueryPrivacy {
  readonly mechanism: 'post-processing' | 'randomized-response' | 'discrete-laplace';
  /** Who the mechanism protects, and whom it does not. */
  readonly protects: string;
  /** What was charged, at delta 0. For `predictions` a ration that the operator set, not a loss. */
  readonly epsilon: number;
  /** Of the records that the model was trained on; null where there is none. */
  readonly training: TrainingGuarantee | null;
  readonly charged: readonly {
    readonly subject: Subject;
    readonly epsilon: number | null;
    readonly delta: number;
    readonly remaining: number | null;
    readonly limit: BudgetLimit['epsilon'] | null;
  }[];
}

export interface QueryService {
  /**
   * @throws `http.unauthorized` for somebody without a name; `privacy.budget-exceeded`; `privacy.policy-unmet` where no guarantee can be given;
   * `model.unavailable`, `federation.unknown`, `http.not-found`, `data.*`, `argument.invalid`, `http.unavailable` when too many wait.
   */
  query(caller: Caller, query: ModelQuery, signal: AbortSignal): Promise<QueryAnswer>;
}
