import type { Clock } from '../session/index.ts';

/**
 * Real work in virtual time: each job takes a fixed virtual duration, and its outcome arrives when that is up, however
 * long computing took. So events come in the same order on every machine, and the clock never runs past work that
 * is not done: before its next step, whoever steps it waits for {@link overdue}.
 */
export interface VirtualWork {
  /** Starts computing at once. Rejects as soon as `signal` aborts. */
  start<T>(durationMs: number, signal: AbortSignal, compute: () => Promise<T>): Promise<T>;
  /** Pending while a job whose time is up is still being computed; undefined when there is none. */
  readonly overdue: Promise<void> | undefined;
}

export function createVirtualWork(clock: Clock): VirtualWork {
  const late = new Set<Promise<void>>();
  return {
    start(durationMs, signal, compute) {
      const computed = compute();
      const settled = computed.then(
        () => undefined,
        // Whoever started the job hears of it below, in its own time.
        () => undefined,
      );
      return new Promise((resolve, reject) => {
        const abort = () => {
          cancel();
          reject(signal.reason);
        };
        const cancel = clock.after(durationMs, () => {
          signal.removeEventListener('abort', abort);
          late.add(settled);
          void settled.then(() => late.delete(settled));
          computed.then(resolve, reject);
        });
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) abort();
      });
    },
    get overdue() {
      return late.size === 0 ? undefined : Promise.all(late).then(() => undefined);
    },
  };
}
