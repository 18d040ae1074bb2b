/** How an attempt with a time limit ended. Late work goes on, its signal aborted. */
export type Attempt<T> =
  | { readonly timedOut: false; readonly value: T }
  | { readonly timedOut: true; readonly work: Promise<T> };

/** Waits for work until the limit or the outer signal, whichever comes first, and then aborts its signal. */
export async function withinMs<T>(
  limitMs: number,
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<Attempt<T>> {
  const controller = new AbortController();
  const work = start(controller.signal);
  return new Promise((resolve, reject) => {
    const end = (attempt: Attempt<T>) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      resolve(attempt);
    };
    const giveUp = () => {
      controller.abort();
      end({ timedOut: true, work });
    };
    const timer = setTimeout(giveUp, limitMs);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then((value) => end({ timedOut: false, value }), reject);
  });
}
