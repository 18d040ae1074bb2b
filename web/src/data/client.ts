import { proxy, releaseProxy, wrap } from 'comlink';
import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import type { DataSchema } from '../../../shared/federation/index.ts';
import { type DatasetInfo, throwIfAborted } from '../storage/index.ts';
import type {
  CommitOptions,
  DataWorkerApi,
  ImportFile,
  ImportOptions,
  ImportPreview,
  Outcome,
  ReportProgress,
  SampleImport,
} from './api.ts';

/**
 * Imports, done in a worker. Every promise rejects with a MurmurationError, also when the worker dies.
 * The flow: `importFile` reads and checks; the person looks at the preview; `commit` stores, or `discard`.
 */
export interface DataClient {
  importFile(
    files: File | readonly (File | ImportFile)[],
    schema: DataSchema | undefined,
    options: ImportOptions,
    onProgress: ReportProgress,
    signal?: AbortSignal,
  ): Promise<ImportPreview>;
  commit(
    importId: string,
    options: CommitOptions,
    onProgress: ReportProgress,
    signal?: AbortSignal,
  ): Promise<DatasetInfo>;
  discard(importId: string): Promise<void>;
  importSampleDigits(
    sample: SampleImport,
    onProgress: ReportProgress,
    signal?: AbortSignal,
  ): Promise<DatasetInfo>;
  /** Ends the worker; whatever is under way rejects with `aborted`. */
  close(): void;
}

export function createDataClient(
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'data' }),
): DataClient {
  const remote = wrap<DataWorkerApi>(worker);
  // Calls to a worker that is gone never settle by themselves.
  let deadBecause: MurmurationError | undefined;
  const waiting = new Set<(error: MurmurationError) => void>();
  function die(error: MurmurationError): void {
    deadBecause ??= error;
    for (const reject of waiting) reject(deadBecause);
    waiting.clear();
  }
  worker.addEventListener('error', (event) => {
    die(
      new MurmurationError('internal', 'The worker that imports data failed.', {
        received: event.message,
        remedy: 'Reload the page.',
      }),
    );
  });

  async function call<T>(
    signal: AbortSignal | undefined,
    invoke: (job: string) => Promise<Outcome<T>>,
  ): Promise<T> {
    if (signal !== undefined) throwIfAborted(signal);
    if (deadBecause !== undefined) throw deadBecause;
    const job = crypto.getRandomValues(new Uint32Array(4)).join('-');
    const cancel = (): void => void remote.cancel(job);
    signal?.addEventListener('abort', cancel, { once: true });
    let reject: (error: MurmurationError) => void = () => undefined;
    const death = new Promise<never>((_, rejectDeath) => {
      reject = rejectDeath;
    });
    waiting.add(reject);
    try {
      const outcome = await Promise.race([invoke(job), death]);
      if (!outcome.ok) throw fromErrorRecord(outcome.error);
      return outcome.value;
    } finally {
      waiting.delete(reject);
      signal?.removeEventListener('abort', cancel);
    }
  }

  return {
    importFile: (files, schema, options, onProgress, signal) =>
      call(signal, (job) => remote.importFiles(job, importFiles(files), schema, options, proxy(onProgress))),
    commit: (importId, options, onProgress, signal) =>
      call(signal, (job) => remote.commit(job, importId, options, proxy(onProgress))),
    discard: (importId) => call(undefined, () => remote.discard(importId)),
    importSampleDigits: (sample, onProgress, signal) =>
      call(signal, (job) => remote.importSampleDigits(job, sample, proxy(onProgress))),
    close() {
      die(new MurmurationError('aborted', 'The import was closed.'));
      remote[releaseProxy]();
      worker.terminate();
    },
  };
}

function importFiles(files: File | readonly (File | ImportFile)[]): ImportFile[] {
  const list = files instanceof File ? [files] : files;
  return list.map((entry) =>
    entry instanceof File ? { file: entry, path: entry.webkitRelativePath || entry.name } : entry,
  );
}
