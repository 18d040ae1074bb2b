import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** A virtual clock for tests that await promises between timers. */
export interface SteppedClock extends VirtualClock {
  /** Runs everything due within `durationMs`, letting promises settle between timers. */
  advance(durationMs: number): Promise<void>;
  /** Advances until `done` holds. @throws when it does not within `limitMs`. */
  until(done: () => boolean, limitMs?: number): Promise<void>;
}

export function createSteppedClock(startMs = 0): SteppedClock {
  const clock = createVirtualClock(startMs);

  /** Long enough for the promise chains between two timers; none of them waits for anything but others. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await undefined;
  };

  return {
    ...clock,
    get pending() {
      return clock.pending;
    },
    async advance(durationMs) {
      const endMs = clock.nowMs() + durationMs;
      let reached = false;
      clock.after(durationMs, () => {
        reached = true;
      });
      await settle();
      while (clock.step(endMs) || !reached) await settle();
    },
    async until(done, limitMs = 600_000) {
      const endMs = clock.nowMs() + limitMs;
      await settle();
      while (!done()) {
        if (!clock.step(endMs)) throw new Error(`What a test waits for did not happen within ${limitMs} ms.`);
        await settle();
      }
    },
  };
}
