import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { fromErrorRecord, MurmurationError } from '../shared/errors/index.ts';
import type { EvaluationCounts, TrainResult } from '../shared/session/index.ts';
import type { Compute } from '../shared/simulate/index.ts';
import { instructionSet } from '../shared/training/native/module.ts';
import type { Job, Reply, Request, WorkerSetup } from './study-worker.ts';

/** Worker threads that compute for a simulation, as many jobs at a time as there are threads. */
export interface WorkerPool extends Compute {
  readonly instructionSet: string;
  /** Why no more jobs are taken, once that is so. */
  readonly failure: MurmurationError | undefined;
  /** Ends the threads; what was still to be computed is rejected. */
  close(): Promise<void>;
}

interface Ticket {
  readonly job: Job;
  settle(outcome: { readonly result: Result } | { readonly error: unknown }): void;
}

type Result = TrainResult | EvaluationCounts;

/**
 * @throws `training.failed` when a thread does not start. One that ends later fails all jobs, these and those to
 * come: no result is better than one that depends on luck.
 */
export async function startWorkerPool(threads: number, setup: WorkerSetup): Promise<WorkerPool> {
  allowRelaxedSimd();
  const queue: { readonly id: number; readonly ticket: Ticket }[] = [];
  const tickets = new Map<number, Ticket>();
  const idle: Worker[] = [];
  const workers: Worker[] = [];
  let failure: MurmurationError | undefined;
  let sequence = 0;

  function fail(error: MurmurationError): void {
    failure ??= error;
    queue.length = 0;
    for (const ticket of [...tickets.values()]) ticket.settle({ error: failure });
  }

  function submit(job: Job, signal: AbortSignal): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      if (signal.aborted) return reject(signal.reason);
      const id = sequence++;
      const abort = () => cancel(id, signal.reason);
      const ticket: Ticket = {
        job,
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
    else for (const worker of workers) worker.postMessage({ cancel: id } satisfies Request);
    tickets.get(id)?.settle({ error: reason });
  }

  function dispatch(): void {
    while (idle.length > 0 && queue.length > 0) {
      const { id, ticket } = queue.shift()!;
      idle.pop()!.postMessage({ id, job: ticket.job } satisfies Request);
    }
  }

  function take(worker: Worker, reply: Exclude<Reply, { ready: unknown }>): void {
    idle.push(worker);
    // One that was cancelled is no longer there.
    tickets.get(reply.id)?.settle('error' in reply ? { error: fromErrorRecord(reply.error) } : reply);
    dispatch();
  }

  function start(): Promise<string> {
    const worker = new Worker(workerScript(), { workerData: setup });
    workers.push(worker);
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
        if (!('ready' in reply)) return take(worker, reply);
        idle.push(worker);
        resolve(reply.ready.instructionSet);
      });
    });
  }

  async function close(): Promise<void> {
    fail(new MurmurationError('training.cancelled', 'The training threads were closed.'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  try {
    const [set] = await Promise.all(Array.from({ length: threads }, start));
    return {
      instructionSet: set!,
      train: (client, { base, seed, signal }) =>
        submit({ kind: 'train', client, base, seed }, signal) as Promise<TrainResult>,
      evaluate: ({ model, part, signal }) =>
        submit({ kind: 'evaluate', model, part }, signal) as Promise<EvaluationCounts>,
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
