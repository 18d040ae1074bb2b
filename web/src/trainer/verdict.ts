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

/**
 * Whether a choice made now is likely to be right another time. Not where a backend is left out for what may have
 * been the moment's fault; and never for the last resort, which is chosen when the others did not even start: a
 * download that was cut off must not leave a device on its slowest backend for good.
 */
export function isLasting(
  { name }: Pick<BackendReport, 'name'>,
  excluded: readonly { readonly transient: boolean }[],
  candidates: readonly { readonly name: string; readonly lastResort?: boolean }[],
): boolean {
  const isLastResort = candidates.some((other) => other.name === name && other.lastResort === true);
  return !isLastResort && excluded.every(({ transient }) => !transient);
}

/** Newest first; replaces the one of the same model, whatever the device was like then. */
export function withVerdict(verdicts: readonly Verdict[], verdict: Verdict): readonly Verdict[] {
  return [verdict, ...verdicts.filter((other) => !isSameModel(other, verdict))].slice(0, MAX_VERDICTS);
}

function isSameModel(a: VerdictKey, b: VerdictKey): boolean {
  return a.layoutHash === b.layoutHash && a.batchSize === b.batchSize;
}
