import { check } from '../../shared/errors/index.ts';

/** So many at a time; the others wait, in order, as long as not too many do. */
export interface Slots {
  /**
   * Runs the work once a slot is free. A signal that aborts while it waits takes it out of the line.
   * @throws `http.unavailable` when too many wait; the signal's reason; what the work throws.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createSlots(count: number, maxWaiting: number): Slots {
  const waiting: (() => void)[] = [];
  let taken = 0;

  function enter(signal: AbortSignal | undefined): Promise<void> {
    if (taken < count) {
      taken++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(signal!.reason);
      };
      const start = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      waiting.push(start);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    async run(work, signal) {
      signal?.throwIfAborted();
      check(
        taken < count || waiting.length < maxWaiting,
        'http.unavailable',
        'The server has too much to compute.',
        {
          expected: `at most ${maxWaiting} waiting`,
          remedy: 'Try again in a minute.',
        },
      );
      await enter(signal);
      try {
        return await work();
      } finally {
        // Whoever is next takes over this one's place.
        const next = waiting.shift();
        if (next === undefined) taken--;
        else next();
      }
    },
  };
}
