/** Time, supplied by the host: the wall clock in browsers and servers, a stepped one in tests and studies. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** @returns a function that cancels the timer. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The host's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
