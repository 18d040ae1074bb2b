import type { Clock } from '../session/ports.ts';

/** Time that passes only when told to: tests and simulations run as fast as they compute. */
export interface VirtualClock extends Clock {
  /** Runs the next timer due by `untilMs`, moving time to it. @returns false when there is none. */
  step(untilMs?: number): boolean;
  readonly pending: number;
}

export function createVirtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let now = startMs;
  let sequence = 0;
  const timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();

  return {
    nowMs: () => now,
    after(delayMs, callback) {
      const id = sequence++;
      timers.set(id, { atMs: now + Math.max(0, delayMs), callback });
      return () => {
        timers.delete(id);
      };
    },
    step(untilMs = Infinity) {
      let next: number | undefined;
      for (const [id, { atMs }] of timers) if (next === undefined || atMs < timers.get(next)!.atMs) next = id;
      if (next === undefined) return false;
      const { atMs, callback } = timers.get(next)!;
      if (atMs > untilMs) return false;
      timers.delete(next);
      now = atMs;
      callback();
      return true;
    },
    get pending() {
      return timers.size;
    },
  };
}
