import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import type { JobId } from './api.ts';
import { type Reply, replyWith } from './reply.ts';

/** The part of a Worker that its calls depend on. */
export interface WorkerLike {
  addEventListener(type: 'error' | 'messageerror', listener: (event: Event) => void): void;
  terminate(): void;
}

/** Longer than any step, on software that pretends to be a GPU too. */
const HUNG_MS = 60_000;

/**
 * Makes every call to a worker end: with its reply, when its signal is aborted, or when the worker dies.
 * A worker that does not end what was cancelled is taken for dead. Comlink by itself leaves calls to a dead worker pending for ever.
 */
export class WorkerCalls {
  readonly #worker: WorkerLike;
  readonly #cancel: (job: JobId) => void;
  readonly #pending = new Set<(error: MurmurationError) => void>();
  #death: MurmurationError | undefined;
  #nextJob: JobId = 1;

  constructor(worker: WorkerLike, cancel: (job: JobId) => void) {
    this.#worker = worker;
    this.#cancel = cancel;
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      const { message } = event as ErrorEvent;
      this.end('The trainer crashed.', message ? String(message) : 'its script did not load');
    });
    worker.addEventListener('messageerror', () => {
      this.end('The trainer crashed.', 'a message that could not be read');
    });
  }

  /** Whether the worker is gone. */
  get dead(): boolean {
    return this.#death !== undefined;
  }

  /** @throws what the reply says; `training.cancelled`; `training.failed` when the worker is or goes dead. */
  run<T>(signal: AbortSignal | undefined, call: (job: JobId) => Promise<Reply<T>>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#death !== undefined) return reject(this.#death);
      if (signal?.aborted) return reject(cancelled(signal));
      const job = this.#nextJob++;
      const settle = () => {
        this.#pending.delete(fail);
        signal?.removeEventListener('abort', abort);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      let hung: ReturnType<typeof setTimeout> | undefined;
      const abort = () => {
        this.#cancel(job);
        fail(cancelled(signal!));
        hung = setTimeout(() => this.end('The trainer does not answer any more.'), HUNG_MS);
      };
      this.#pending.add(fail);
      signal?.addEventListener('abort', abort, { once: true });
      call(job)
        .catch((thrown: unknown) => replyWith(() => Promise.reject(thrown)))
        .then((reply) => {
          clearTimeout(hung);
          settle();
          if (reply.ok) resolve(reply.value);
          else reject(fromErrorRecord(reply.error));
        });
    });
  }

  /** Terminates the worker. Calls under way, and later ones, reject with `training.failed`. */
  end(summary: string, received?: string): void {
    if (this.#death !== undefined) return;
    this.#death = new MurmurationError('training.failed', summary, {
      ...(received === undefined ? {} : { received }),
      remedy: 'Join again to start a new trainer.',
    });
    this.#worker.terminate();
    for (const reject of [...this.#pending]) reject(this.#death);
  }
}

function cancelled(signal: AbortSignal): MurmurationError {
  return new MurmurationError('training.cancelled', 'The computation was cancelled.', {
    cause: signal.reason,
  });
}
