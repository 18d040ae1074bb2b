import { proxy, transfer, wrap } from 'comlink';
import type { Examples } from '../../../shared/dataset/examples.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { BackendRequest, BrowserTrainer, TrainerReady, TrainerSetup } from './api.ts';
import type { TrainerWorkerApi } from './worker.ts';
import { WorkerCalls } from './worker-calls.ts';

export interface TrainerOptions {
  readonly federation: Federation;
  /** Moved into the worker: unusable here afterwards. */
  readonly examples: Examples;
  /** Moved too. Without it, evaluations count nothing. */
  readonly evaluation?: Examples | undefined;
  /** Aborts the start. Later calls bring their own signals. */
  readonly signal: AbortSignal;
  readonly backend?: BackendRequest;
}

/**
 * Starts a worker that trains, from a page or from another worker, and resolves once it has chosen a backend.
 * @throws `model.invalid`, `training.backend-unavailable`, `training.cancelled`, `training.failed`.
 */
export async function createTrainer(options: TrainerOptions): Promise<BrowserTrainer> {
  const { federation, examples, evaluation, signal, backend = 'auto' } = options;
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'trainer' });
  const remote = wrap<TrainerWorkerApi>(worker);
  const calls = new WorkerCalls(worker, (job) => void remote.cancel(job));

  let ready: TrainerReady;
  try {
    const setup: TrainerSetup = { federation, examples, evaluation, backend };
    ready = await calls.run(signal, (job) =>
      remote.setUp(job, transfer(setup, buffersOf(examples, evaluation))),
    );
  } catch (error) {
    calls.end('The trainer did not start.');
    throw error;
  }

  return {
    layout: ready.layout,
    backend: ready.backend,
    initialModel: () => calls.run(undefined, () => remote.initialModel()),
    train: ({ base, seed, signal, onProgress }) =>
      calls.run(signal, (job) => remote.train(job, { base, seed }, onProgress && proxy(onProgress))),
    evaluate: ({ model, part, signal }) => calls.run(signal, (job) => remote.evaluate(job, { model, part })),
    predict: (model, inputs) => calls.run(undefined, (job) => remote.predict(job, model.weights, inputs)),
    dispose: () => calls.end('The trainer was closed.'),
  };
}

/** Each buffer once: several arrays may share one. */
function buffersOf(...sets: readonly (Examples | undefined)[]): ArrayBuffer[] {
  return [...new Set(sets.flatMap((set) => (set ? [set.inputs.buffer, set.targets.buffer] : [])))];
}
