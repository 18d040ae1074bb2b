import { proxy, transfer, wrap } from 'comlink';
import { MurmurationError } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { PaceLimits } from '../../../shared/training/pace.ts';
import type {
  BackendRequest,
  BrowserTrainer,
  ExcludedBackend,
  TrainerData,
  TrainerNotice,
  TrainerReady,
  TrainerSetup,
} from './api.ts';
import { backendWords } from './backend-words.ts';
import { Supervisor, type TrainerHandle } from './supervisor.ts';
import type { Verdict } from './verdict.ts';
import type { TrainerWorkerApi } from './worker.ts';
import { WorkerCalls } from './worker-calls.ts';

export interface TrainerOptions {
  readonly federation: Federation;
  /** Reads the data, for every worker that is started anew: it is moved into it, and unusable here afterwards. */
  readonly load: (signal: AbortSignal) => Promise<TrainerData>;
  /** Aborts the start. Later calls bring their own signals. */
  readonly signal: AbortSignal;
  readonly backend?: BackendRequest;
  /** All the time when left out. */
  readonly pace?: PaceLimits;
  /** Earlier choices of backends; without it, backends are measured every time. */
  readonly memory?: {
    load(): Promise<readonly Verdict[]>;
    add(verdict: Verdict): Promise<void>;
  };
  readonly onNotice?: (notice: TrainerNotice) => void;
  /** The trainer's worker when left out. */
  readonly startWorker?: () => Worker;
}

const FULL_PACE: PaceLimits = { maxDuty: 1, coolDown: false };

/**
 * Starts a worker that trains, from a page or from another worker, and resolves once it has chosen a backend.
 * A backend that fails later is replaced by the next, see {@link Supervisor}.
 * @throws `model.invalid`, `training.backend-unavailable`, `training.cancelled`, `training.failed`, and what `load`
 * throws.
 */
export async function createTrainer(options: TrainerOptions): Promise<BrowserTrainer> {
  const notify = options.onNotice ?? (() => undefined);
  const supervisor = new Supervisor(
    (excluded, pace, signal) => startTrainer(options, excluded, pace, notify, signal),
    options.pace ?? FULL_PACE,
    notify,
  );
  let ready: TrainerReady;
  try {
    ready = await supervisor.call(options.signal, async (handle) => handle.ready);
  } catch (error) {
    supervisor.dispose();
    throw error;
  }
  return {
    layout: ready.layout,
    get backend() {
      return (supervisor.ready ?? ready).backend;
    },
    examples: ready.examples,
    setPace: (pace) => supervisor.setPace(pace),
    initialModel: () => supervisor.call(undefined, (handle) => handle.initialModel()),
    train: (job) => supervisor.call(job.signal, (handle) => handle.train(job)),
    evaluate: (job) => supervisor.call(job.signal, (handle) => handle.evaluate(job)),
    measure: (model, signal) => supervisor.call(signal, (handle) => handle.measure(model, signal)),
    predict: (model, inputs) => supervisor.call(undefined, (handle) => handle.predict(model, inputs)),
    personalize: (job) => supervisor.call(job.signal, (handle) => handle.personalize(job)),
    dispose: () => supervisor.dispose(),
  };
}

async function startTrainer(
  { federation, load, backend = 'auto', memory, startWorker = newWorker }: TrainerOptions,
  excluded: readonly ExcludedBackend[],
  pace: PaceLimits,
  notify: (notice: TrainerNotice) => void,
  signal: AbortSignal,
): Promise<TrainerHandle> {
  const [data, verdicts] = await Promise.all([load(signal), recallVerdicts(memory)]);
  if (signal.aborted) throw new MurmurationError('training.cancelled', 'The computation was cancelled.');
  const worker = startWorker();
  const remote = wrap<TrainerWorkerApi>(worker);
  const calls = new WorkerCalls(worker, (job) => void remote.cancel(job));
  let ready: TrainerReady;
  try {
    const setup: TrainerSetup = { ...data, federation, backend, pace, excluded, verdicts };
    ready = await calls.run(signal, (job) =>
      remote.setUp(job, transfer(setup, buffersOf(data)), proxy(notify)),
    );
  } catch (error) {
    calls.end('The trainer did not start.');
    throw error;
  }
  tellOfFaults(ready, excluded, notify);
  if (ready.verdict !== undefined && memory !== undefined) {
    memory.add(ready.verdict).catch((error: unknown) => {
      console.warn(
        'Which backend was chosen could not be remembered; it is measured again next time.',
        error,
      );
    });
  }
  return {
    ready,
    get dead() {
      return calls.dead;
    },
    setPace: (limits) => void remote.setPace(limits),
    initialModel: () => calls.run(undefined, () => remote.initialModel()),
    train: ({ signal, onProgress, ...job }) =>
      calls.run(signal, (id) => remote.train(id, job, onProgress && proxy(onProgress))),
    evaluate: ({ signal, ...job }) => calls.run(signal, (id) => remote.evaluate(id, job)),
    measure: (model, signal) => calls.run(signal, (id) => remote.measure(id, model)),
    predict: (model, inputs) => calls.run(undefined, (id) => remote.predict(id, model.weights, inputs)),
    personalize: ({ signal, onProgress, ...job }) =>
      calls.run(signal, (id) => remote.personalize(id, job, onProgress && proxy(onProgress))),
    end: (summary) => calls.end(summary),
  };
}

function newWorker(): Worker {
  return new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'trainer' });
}

/** What was chosen before only saves time. */
async function recallVerdicts(memory: TrainerOptions['memory']): Promise<readonly Verdict[]> {
  try {
    return (await memory?.load()) ?? [];
  } catch (error) {
    console.warn('Which backend was chosen before could not be read; they are measured again.', error);
    return [];
  }
}

/** Those that failed now; what failed before was told then. */
function tellOfFaults(
  { backend }: TrainerReady,
  excluded: readonly ExcludedBackend[],
  notify: (notice: TrainerNotice) => void,
): void {
  for (const { name, why, reason } of backend.passedOver) {
    if (why !== 'faulty' || excluded.some((known) => known.name === name)) continue;
    notify({ level: 'warning', text: `${backendWords(name)} is not used for training: ${reason}` });
  }
}

/** Each buffer once: several arrays may share one. Stored examples are small, and copied. */
function buffersOf({ examples, evaluation }: TrainerData): ArrayBuffer[] {
  const sets = [
    ...('inputs' in examples ? [examples] : []),
    ...(evaluation === undefined ? [] : [evaluation]),
  ];
  return [...new Set(sets.flatMap(({ inputs, targets }) => [inputs.buffer, targets.buffer]))];
}
