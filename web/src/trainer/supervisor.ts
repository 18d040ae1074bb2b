import { hasCode, MurmurationError } from '../../../shared/errors/index.ts';
import type { PaceLimits, Trainer } from '../../../shared/training/index.ts';
import type { BrowserTrainer, ExcludedBackend, TrainerNotice, TrainerReady } from './api.ts';
import { backendWords } from './backend-words.ts';

/** A trainer in one worker, on one backend. */
export interface TrainerHandle
  extends Omit<Trainer, 'layout'>,
    Pick<BrowserTrainer, 'measure' | 'personalize' | 'predict' | 'setPace'> {
  readonly ready: TrainerReady;
  /** Whether its worker is gone. */
  readonly dead: boolean;
  end(summary: string): void;
}

/** Starts a worker that uses none of the excluded backends. @throws `training.backend-unavailable` without any. */
export type StartTrainer = (
  excluded: readonly ExcludedBackend[],
  pace: PaceLimits,
  signal: AbortSignal,
) => Promise<TrainerHandle>;

interface Failure extends ExcludedBackend {
  readonly kind: 'backend' | 'diverged' | 'crash';
}

/** These round less well than they should where drivers are broken; what diverges elsewhere diverges. */
const GPU_BACKENDS: ReadonlySet<string> = new Set(['webgl', 'webgpu']);
/** A worker may crash for reasons that are not its backend's, once. */
const MAX_CRASHES = 1;

/**
 * Keeps a trainer going. A call that fails because of the backend (lost, out of memory, a trap, NaN on a GPU) is
 * made again on a new worker with the next backend, each backend failing once at most; one that fails because the
 * worker crashed, on a new worker. A call carries all that it needs, so that what is made again starts from where
 * the failed one started: the weights of the round's base.
 */
export class Supervisor {
  readonly #start: StartTrainer;
  readonly #notify: (notice: TrainerNotice) => void;
  readonly #lifetime = new AbortController();
  readonly #excluded = new Map<string, ExcludedBackend>();
  readonly #crashes = new Map<string, number>();
  #pace: PaceLimits;
  #current: Promise<TrainerHandle> | undefined;
  #handle: TrainerHandle | undefined;

  constructor(start: StartTrainer, pace: PaceLimits, notify: (notice: TrainerNotice) => void) {
    this.#start = start;
    this.#pace = pace;
    this.#notify = notify;
  }

  /** Of the newest worker; undefined until the first has started. */
  get ready(): TrainerReady | undefined {
    return this.#handle?.ready;
  }

  /** @throws what the work throws, `training.cancelled`, and `training.backend-unavailable` when no backend is left. */
  async call<T>(signal: AbortSignal | undefined, work: (handle: TrainerHandle) => Promise<T>): Promise<T> {
    const diverged: string[] = [];
    for (;;) {
      const current = this.#running();
      const handle = await unlessAborted(current, signal);
      try {
        return await work(handle);
      } catch (thrown) {
        if (signal?.aborted || this.#lifetime.signal.aborted) throw thrown;
        const failure = this.#failureOf(thrown, handle);
        if (failure === undefined) {
          // Not the GPU's fault, then.
          if (hasCode(thrown, 'training.diverged')) for (const name of diverged) this.#excluded.delete(name);
          throw thrown;
        }
        if (failure.kind === 'diverged') diverged.push(failure.name);
        // Another call may have met the same failure first.
        if (this.#current === current) this.#replace(handle, failure);
      }
    }
  }

  setPace(pace: PaceLimits): void {
    this.#pace = pace;
    this.#handle?.setPace(pace);
  }

  dispose(): void {
    this.#lifetime.abort();
    this.#handle?.end('The trainer was closed.');
  }

  #running(): Promise<TrainerHandle> {
    const { signal } = this.#lifetime;
    if (signal.aborted)
      return Promise.reject(new MurmurationError('training.failed', 'The trainer was closed.'));
    if (this.#current !== undefined) return this.#current;
    const starting = this.#start([...this.#excluded.values()], this.#pace, signal).then(
      (handle) => {
        this.#handle = handle;
        handle.setPace(this.#pace);
        if (signal.aborted) handle.end('The trainer was closed.');
        return handle;
      },
      (error: unknown) => {
        // The next call may have better luck, with the storage for example.
        if (this.#current === starting) this.#current = undefined;
        throw error;
      },
    );
    this.#current = starting;
    return starting;
  }

  #failureOf(thrown: unknown, handle: TrainerHandle): Failure | undefined {
    const { name } = handle.ready.backend;
    if (handle.dead) return { name, kind: 'crash', reason: 'Its worker crashed again.', transient: true };
    const lost = hasCode(thrown, 'training.backend-lost');
    if (lost || hasCode(thrown, 'training.backend-failed')) {
      const { facts, message } = thrown as MurmurationError;
      return { name, kind: 'backend', reason: facts.received ?? message, transient: lost };
    }
    if (hasCode(thrown, 'training.diverged') && GPU_BACKENDS.has(name)) {
      const reason = 'It computed numbers that are not finite.';
      // Whether that is its fault shows only when another backend is done: it may be the learning rate's.
      return { name, kind: 'diverged', reason, transient: true };
    }
    return undefined;
  }

  #replace(handle: TrainerHandle, failure: Failure): void {
    const { name, kind, reason, transient } = failure;
    handle.end('The trainer is started again.');
    this.#current = undefined;
    const words = backendWords(name);
    if (kind === 'crash') {
      const crashes = this.#crashes.get(name) ?? 0;
      this.#crashes.set(name, crashes + 1);
      if (crashes < MAX_CRASHES) {
        this.#notify({ level: 'warning', text: 'The trainer crashed and was started again.' });
        return;
      }
    }
    this.#excluded.set(name, { name, reason, transient });
    this.#notify({
      level: 'warning',
      text: `Training on ${words} failed: ${reason} It is done again another way, from the weights it started with.`,
    });
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(
        new MurmurationError('training.cancelled', 'The computation was cancelled.', {
          cause: signal.reason,
        }),
      );
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
