import { Worker } from 'node:worker_threads';
import { fromErrorRecord, MurmurationError } from '../../shared/errors/index.ts';
import type { JobReply, JobRequest } from './protocol.ts';
import type { Slots } from './slots.ts';

/** A thread that does one job at a time; serve-jobs.ts is its other side. */
export interface JobThread<Job, Result> {
  /** @throws what the job throws; `training.cancelled`; `training.failed` when it dies or takes too long. */
  run(job: Job, signal: AbortSignal): Promise<Result>;
  /** What it was prepared with has changed: it is started anew for the next job. */
  restart(): void;
  close(): Promise<void>;
}

export interface JobThreadOptions<Ready> {
  /** For errors: "The evaluation". */
  readonly name: string;
  /** What the thread runs. */
  readonly script: URL;
  /** Asked for its data whenever a thread starts. */
  readonly prepare: () => Promise<unknown>;
  readonly onReady: (ready: Ready) => void;
  /** Hears of every job that failed. */
  readonly onFault: (error: MurmurationError) => void;
  /** Where several threads share the machine. */
  readonly slots?: Slots;
  /** Longest that one job may take, and longest that a thread may take to start. */
  readonly timeLimitMs: number;
  /** A thread without work for so long ends, and gives its memory back. */
  readonly idleMs: number;
}

interface Thread<Result> {
  readonly worker: Worker;
  readonly pending: Map<number, Pending<Result>>;
}

interface Pending<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** The thread is started by the first job, and again by the next after it ended, whatever it ended of. */
export function createJobThread<Job, Ready, Result>(
  options: JobThreadOptions<Ready>,
): JobThread<Job, Result> {
  const { name, script, prepare, onReady, onFault, slots, timeLimitMs, idleMs } = options;
  const lifetime = new AbortController();
  let thread: Promise<Thread<Result>> | undefined;
  let stale = false;
  let nextId = 0;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function ensureThread(): Promise<Thread<Result>> {
    if (stale) await endThread();
    const opening = thread ?? open();
    thread = opening;
    try {
      return await opening;
    } catch (thrown) {
      if (thread === opening) thread = undefined;
      throw thrown;
    }
  }

  async function open(): Promise<Thread<Result>> {
    stale = false;
    const data = await prepare();
    lifetime.signal.throwIfAborted();
    const { worker, pending, ready } = await startThread<Ready, Result>(name, script, data, timeLimitMs);
    const opened = { worker, pending };
    worker.once('exit', () => {
      void thread?.then((current) => {
        if (current === opened) thread = undefined;
      }, ignoreStart);
    });
    onReady(ready);
    return opened;
  }

  async function endThread(): Promise<void> {
    const ending = thread;
    thread = undefined;
    clearTimeout(idle);
    const opened = await ending?.catch(ignoreStart);
    await opened?.worker.terminate();
  }

  async function perform(job: Job, signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted();
    clearTimeout(idle);
    try {
      const { worker, pending } = await ensureThread();
      signal.throwIfAborted();
      return await new Promise<Result>((resolve, reject) => {
        const id = nextId++;
        const cancel = (): void => worker.postMessage({ cancel: id } satisfies JobRequest<Job>);
        const settle = (): void => {
          clearTimeout(limit);
          signal.removeEventListener('abort', cancel);
          pending.delete(id);
        };
        const limit = setTimeout(() => {
          settle();
          reject(tooLong(name, timeLimitMs));
          // What does not come to an end, or does not hear that it was cancelled, is cut.
          void worker.terminate();
        }, timeLimitMs);
        pending.set(id, {
          resolve: (result) => {
            settle();
            resolve(result);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
        });
        signal.addEventListener('abort', cancel, { once: true });
        worker.postMessage({ id, job } satisfies JobRequest<Job>);
      });
    } finally {
      idle = setTimeout(() => void endThread(), idleMs);
      idle.unref();
    }
  }

  return {
    run(job, signal) {
      const either = AbortSignal.any([signal, lifetime.signal]);
      const work = () => perform(job, either);
      const turn = last.then(() => (slots === undefined ? work() : slots.run(work, either)));
      const named = turn.catch((thrown: unknown) => {
        if (thrown instanceof MurmurationError) throw thrown;
        if (either.aborted) throw cancelled(name);
        throw new MurmurationError('internal', `${name} failed.`, { cause: thrown });
      });
      last = named.catch((error: MurmurationError) => {
        if (!either.aborted) onFault(error);
      });
      return named;
    },
    restart() {
      stale = true;
    },
    async close() {
      lifetime.abort();
      await endThread();
      await last;
      await endThread();
    },
  };
}

/**
 * Starts a thread and waits until it is ready.
 * @throws why it is not fit; `training.failed` when it ends or takes too long.
 */
export function startThread<Ready, Result>(
  name: string,
  script: URL,
  workerData: unknown,
  timeLimitMs: number,
): Promise<Thread<Result> & { readonly ready: Ready }> {
  const worker = new Worker(script, { workerData });
  worker.unref();
  const pending = new Map<number, Pending<Result>>();
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => fail(tooLong(name, timeLimitMs)), timeLimitMs);
    const fail = (error: Error): void => {
      clearTimeout(limit);
      reject(error);
      for (const job of [...pending.values()]) job.reject(error);
      void worker.terminate();
    };
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.once('exit', () => fail(ended(name, cause)));
    worker.on('message', (reply: JobReply<Ready, Result>) => {
      if ('ready' in reply) {
        clearTimeout(limit);
        resolve({ worker, pending, ready: reply.ready });
      } else if ('unfit' in reply) fail(fromErrorRecord(reply.unfit));
      else if ('result' in reply) pending.get(reply.id)?.resolve(reply.result);
      else pending.get(reply.id)?.reject(fromErrorRecord(reply.error));
    });
  });
}

/** Whoever asked for a thread that did not start was told. */
function ignoreStart(): undefined {
  return undefined;
}

function cancelled(name: string): MurmurationError {
  return new MurmurationError('training.cancelled', `${name} was cancelled.`);
}

function tooLong(name: string, limitMs: number): MurmurationError {
  return new MurmurationError('training.failed', `${name} took too long and was cut.`, {
    expected: `at most ${limitMs / 1000} s`,
    remedy: 'Give it less to do, such as fewer examples, or more of the machine.',
  });
}

function ended(name: string, cause: unknown): MurmurationError {
  return new MurmurationError('training.failed', `${name} failed: its thread ended.`, {
    remedy: 'It is started again by the next job.',
    cause,
  });
}
