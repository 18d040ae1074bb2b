import type { Clock } from '../session/ports.ts';

/** Time that passes only when told to: tests and simulations run as fast as they compute. */
export interface VirtualClock extends Clock {
  /** Runs the next timer due by `untilMs`, moving time to it. @returns false when there is none. */
  step(untilMs?: number): boolean;
  readonly pending: number;
}

interface Timer {
  readonly atMs: number;
  /** Timers of one moment run in the order of their making. */
  readonly sequence: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

export function createVirtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let now = startMs;
  let sequence = 0;
  let pending = 0;
  /** A binary heap, the next timer first; what was cancelled stays in it until its turn. */
  const heap: Timer[] = [];

  const isBefore = (a: Timer, b: Timer) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);

  function insert(timer: Timer): void {
    let place = heap.push(timer) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = timer;
  }

  function removeFirst(): void {
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }

  /** Timers that are cancelled long before their time would otherwise pile up, and what their callbacks hold with them. */
  function compact(): void {
    const left = heap.filter(({ isCancelled }) => !isCancelled);
    heap.length = 0;
    for (const timer of left) insert(timer);
  }

  return {
    nowMs: () => now,
    after(delayMs, callback) {
      const timer: Timer = {
        atMs: now + Math.max(0, delayMs),
        sequence: sequence++,
        callback,
        isCancelled: false,
      };
      insert(timer);
      pending++;
      return () => {
        if (timer.isCancelled) return;
        timer.isCancelled = true;
        pending--;
        if (heap.length > 64 && heap.length > 2 * pending) compact();
      };
    },
    step(untilMs = Infinity) {
      while (heap[0]?.isCancelled) removeFirst();
      const next = heap[0];
      if (next === undefined || next.atMs > untilMs) return false;
      removeFirst();
      next.isCancelled = true;
      pending--;
      now = next.atMs;
      next.callback();
      return true;
    },
    get pending() {
      return pending;
    },
  };
}
