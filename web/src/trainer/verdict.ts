import type { BackendReport } from '../../../shared/training/index.ts';

/** A choice of backend, and what it holds for: it is asked again when any of that changes. */
export interface Verdict extends VerdictKey {
  /** Name of the federation, for the person. */
  readonly federation: string;
  readonly federationId: string;
  readonly atMs: number;
  readonly report: BackendReport;
}

export interface VerdictKey {
  /** Of the model's parameters. */
  readonly layoutHash: string;
  readonly batchSize: number;
  /** The browser, the backends and the adapters, with their versions. */
  readonly environment: string;
}

/** Models a device is likely to train; older ones are measured again. */
const MAX_VERDICTS = 20;

export function findVerdict(verdicts: readonly Verdict[], key: VerdictKey): Verdict | undefined {
  return verdicts.find((verdict) => isSameModel(verdict, key) && verdict.environment === key.environment);
}

/** Newest first; replaces the one of the same model, whatever the device was like then. */
export function withVerdict(verdicts: readonly Verdict[], verdict: Verdict): readonly Verdict[] {
  return [verdict, ...verdicts.filter((other) => !isSameModel(other, verdict))].slice(0, MAX_VERDICTS);
}

function isSameModel(a: VerdictKey, b: VerdictKey): boolean {
  return a.layoutHash === b.layoutHash && a.batchSize === b.batchSize;
}
