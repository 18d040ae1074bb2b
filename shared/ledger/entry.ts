import type { RecordNoise } from '../update/index.ts';

/**
 * One release of something computed from a dataset, written before it leaves the device. Frozen: an accountant
 * may read it years later. An event that no accountant knows costs an infinite epsilon.
 */
export interface LedgerEntry {
  readonly dataset: string;
  readonly run: string;
  readonly round: number;
  readonly atMs: number;
  readonly event: ReleaseEvent;
}

export type ReleaseEvent =
  /** An update without noise: no finite epsilon covers it. */
  | {
      readonly mechanism: 'none';
      readonly released: 'update';
      readonly clipNorm: number;
      readonly weight: number;
    }
  /** An update that DP-SGD trained: a composition of subsampled Gaussian mechanisms over the records. */
  | ({
      readonly mechanism: 'sampled-gaussian';
      readonly released: 'update';
      /** Local examples it was weighted by: public. */
      readonly weight: number;
    } & RecordNoise)
  /** Counts of right predictions on held-out local examples, without noise. */
  | { readonly mechanism: 'none'; readonly released: 'local-metrics' };
