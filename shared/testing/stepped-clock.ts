import type { Clock } from '../transport/clock.ts';

/** Time that stands still until a test moves it: timers run in order of their due time, then of their making. */
export interface SteppedClock extends Clock {
  /** Runs the next timer due by `untilMs`, if any. @returns whether there was one. */
  step(untilMs?: number): boolean;
  /** Runs everything due within `durationMs`, letting promises settle between timers. */
  advance(durationMs: number): Promise<void>;
  /** Advances until `done` holds. @throws when it does not within `limitMs`. */
  until(done: () => boolean, limitMs?: number): Promise<void>;
}

export function createSteppedClock(startMs = 0): SteppedClock {
  let nowMs = startMs;
  let made = 0;
  let timers: { readonly dueMs: number; readonly order: number; readonly callback: () => void }[] = [];

  const step = (untilMs = Infinity): boolean => {
    let next: (typeof timers)[number] | undefined;
    for (const timer of timers) {
      if (
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order)
      )
        next = timer;
    }
    if (next === undefined || next.dueMs > untilMs) return false;
    timers = timers.filter((timer) => timer !== next);
    nowMs = Math.max(nowMs, next.dueMs);
    next.callback();
    return true;
  };

  /** Long enough for the promise chains between two timers; none of them waits for anything but others. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await undefined;
  };

  return {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), order: made++, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    step,
    async advance(durationMs) {
      const endMs = nowMs + durationMs;
      await settle();
      while (step(endMs)) await settle();
      nowMs = endMs;
    },
    async until(done, limitMs = 600_000) {
      const endMs = nowMs + limitMs;
      await settle();
      while (!done()) {
        if (!step(endMs)) throw new Error(`What a test waits for did not happen within ${limitMs} ms.`);
        await settle();
      }
    },
  };
}
