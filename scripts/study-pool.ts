import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { fromErrorRecord, MurmurationError } from '../shared/errors/index.ts';
import type { EvaluationCounts, TrainJob, TrainResult } from '../shared/session/index.ts';
import type { Compute, PopulationCompute } from '../shared/simulate/index.ts';
import { instructionSet } from '../shared/training/native/module.ts';
import type { Model } from '../shared/update/index.ts';
import type { Job, Reply, Request, WorkerSetup } from './study-worker.ts';

/** Worker threads that compute for a simulation, as many jobs at a time as there are threads. */
export interface WorkerPool extends Compute, PopulationCompute {
  train(client: number, job: TrainJob, flipsLabels?: boolean): Promise<TrainResult>;
  readonly instructionSet: string;
  /** Why no more jobs are taken, once that is so. */
  readonly failure: MurmurationError | undefined;
  /** Ends the threads; what was still to be computed is rejected. */
  close(): Promise<void>;
}

interface Ticket {
  readonly job: Job;
  readonly model: Model;
  settle(outcome: { readonly result: Result } | { readonly error: unknown }): void;
}

interface Thread {
  readonly worker: Worker;
  /** Jobs that it was given and has not answered. */
  jobs: number;
  /** Hashes of models that it holds, the oldest first. */
  readonly models: string[];
}

type Result = TrainResult | EvaluationCounts;

/** One that is being computed, and one that begins while this thread is busy with something else. */
const JOBS_AHEAD = 2;
/** As many bases and models under evaluation as there may be at a time. */
const MODELS_KEPT = 24;

/**
 * @throws `training.failed` when a thread does not start. One that ends later fails all jobs, these and those to
 * come: no result is better than one that depends on luck.
 */
export async function startWorkerPool(threads: number, setup: WorkerSetup): Promise<WorkerPool> {
  allowRelaxedSimd();
  const queue: { readonly id: number; readonly ticket: Ticket }[] = [];
  const tickets = new Map<number, Ticket>();
  const pool: Thread[] = [];
  let failure: MurmurationError | undefined;
  let sequence = 0;

  function fail(error: MurmurationError): void {
    failure ??= error;
    queue.length = 0;
    for (const ticket of [...tickets.values()]) ticket.settle({ error: failure });
  }

  function submit(job: Job, model: Model, signal: AbortSignal): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      if (signal.aborted) return reject(signal.reason);
      const id = sequence++;
      const abort = () => cancel(id, signal.reason);
      const ticket: Ticket = {
        job,
        model,
        settle(outcome) {
          // A signal may outlive many jobs: none of them stays attached to it.
          signal.removeEventListener('abort', abort);
          tickets.delete(id);
          if ('result' in outcome) resolve(outcome.result);
          else reject(outcome.error);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      tickets.set(id, ticket);
      queue.push({ id, ticket });
      dispatch();
    });
  }

  function cancel(id: number, reason: unknown): void {
    const waiting = queue.findIndex((entry) => entry.id === id);
    if (waiting >= 0) queue.splice(waiting, 1);
    // Whoever does not have it takes no notice.
    else for (const { worker } of pool) worker.postMessage({ cancel: id } satisfies Request);
    tickets.get(id)?.settle({ error: reason });
  }

  function dispatch(): void {
    while (queue.length > 0) {
      const thread = pool.reduce((least, other) => (other.jobs < least.jobs ? other : least));
      if (thread.jobs >= JOBS_AHEAD) return;
      const { id, ticket } = queue.shift()!;
      const { job, model } = ticket;
      hand(thread, model);
      thread.jobs++;
      thread.worker.postMessage({ id, job } satisfies Request);
    }
  }

  /** A model is copied once for each thread, not for each job. */
  function hand({ worker, models }: Thread, model: Model): void {
    if (models.includes(model.hash)) return;
    models.push(model.hash);
    const forget = models.length > MODELS_KEPT ? models.shift() : undefined;
    worker.postMessage({ model, forget } satisfies Request);
  }

  function take(thread: Thread, reply: Exclude<Reply, { ready: unknown }>): void {
    thread.jobs--;
    // One that was cancelled is no longer there.
    tickets.get(reply.id)?.settle('error' in reply ? { error: fromErrorRecord(reply.error) } : reply);
    dispatch();
  }

  function start(): Promise<string> {
    const worker = new Worker(workerScript(), { workerData: setup });
    const thread: Thread = { worker, jobs: 0, models: [] };
    pool.push(thread);
    return new Promise((resolve, reject) => {
      const end = (cause: unknown): void => {
        const error = new MurmurationError('training.failed', 'A training thread ended.', {
          received: cause instanceof Error ? cause.message : `exit code ${String(cause)}`,
          remedy: 'Start the study again: it goes on after the last finished round.',
          cause,
        });
        reject(error);
        fail(error);
      };
      worker.on('error', end);
      worker.on('exit', end);
      worker.on('message', (reply: Reply) => {
        if (!('ready' in reply)) return take(thread, reply);
        resolve(reply.ready.instructionSet);
      });
    });
  }

  async function close(): Promise<void> {
    fail(new MurmurationError('training.cancelled', 'The training threads were closed.'));
    await Promise.all(pool.map(({ worker }) => worker.terminate()));
  }

  try {
    const [set] = await Promise.all(Array.from({ length: threads }, start));
    return {
      instructionSet: set!,
      train: (client, { signal, onProgress: _, base, ...job }, flipsLabels = false) =>
        submit(
          { kind: 'train', client, flipsLabels, base: base.hash, ...job },
          base,
          signal,
        ) as Promise<TrainResult>,
      evaluate: ({ model, part, signal }) =>
        submit({ kind: 'evaluate', model: model.hash, part }, model, signal) as Promise<EvaluationCounts>,
      get failure() {
        return failure;
      },
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** Threads do not inherit tsx's loader, so this one registers it before it imports the TypeScript it runs. */
function workerScript(): URL {
  const loader = import.meta.resolve('tsx/esm/api');
  const thread = new URL('./study-worker.ts', import.meta.url).href;
  const source = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(thread)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

/** Node 20 knows the instructions, but not without being told; threads started from now on have them. */
function allowRelaxedSimd(): void {
  if (instructionSet() === 'simd') setFlagsFromString('--experimental-wasm-relaxed-simd');
}
