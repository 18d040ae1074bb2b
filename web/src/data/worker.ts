import { expose, type ProxyMethods, releaseProxy } from 'comlink';
import { toErrorRecord } from '../../../shared/errors/index.ts';
import { storageError } from '../storage/index.ts';
import type { DataWorkerApi, Outcome, ReportProgress } from './api.ts';
import { importer } from './importer.ts';
import { importSampleDigits } from './sample.ts';

const PROGRESS_INTERVAL_MS = 100;

const imports = importer();
const jobs = new Map<string, AbortController>();

const api: DataWorkerApi = {
  importFiles: (job, files, schema, options, onProgress) =>
    run(job, onProgress, (context) => imports.read(files, schema, options, context)),
  commit: (job, importId, options, onProgress) =>
    run(job, onProgress, (context) => imports.commit(importId, options, context)),
  discard: (importId) => outcomeOf(async () => imports.discard(importId)),
  importSampleDigits: (job, sample, onProgress) =>
    run(job, onProgress, (context) => importSampleDigits(sample, context)),
  cancel(job) {
    jobs.get(job)?.abort();
  },
};

async function run<T>(
  job: string,
  onProgress: ReportProgress,
  work: (context: { signal: AbortSignal; report: ReportProgress }) => Promise<T>,
): Promise<Outcome<T>> {
  const controller = new AbortController();
  jobs.set(job, controller);
  let nextReportMs = 0;
  const report: ReportProgress = (progress) => {
    const nowMs = performance.now();
    if (nowMs < nextReportMs && progress.doneBytes !== progress.totalBytes) return;
    nextReportMs = nowMs + PROGRESS_INTERVAL_MS;
    onProgress(progress);
  };
  const outcome = await outcomeOf(() => work({ signal: controller.signal, report }));
  jobs.delete(job);
  (onProgress as ReportProgress & Partial<ProxyMethods>)[releaseProxy]?.();
  return outcome;
}

async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return {
      ok: false,
      error: toErrorRecord(error instanceof DOMException ? await storageError(error) : error),
    };
  }
}

expose(api);
