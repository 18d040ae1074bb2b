/** Bounds how many things run at once; the others wait their turn in order. */
export interface Places {
  /** Calls `start` now or when a place is free. @returns what gives the place back, or leaves the queue. */
  take(start: () => void): () => void;
}

export function createPlaces(count: number): Places {
  const waiting: (() => void)[] = [];
  let taken = 0;

  return {
    take(start) {
      let state: 'waiting' | 'running' | 'over' = 'waiting';
      const run = (): void => {
        state = 'running';
        taken++;
        start();
      };
      if (taken < count) run();
      else waiting.push(run);
      return () => {
        if (state === 'over') return;
        const wasRunning = state === 'running';
        state = 'over';
        if (!wasRunning) {
          waiting.splice(waiting.indexOf(run), 1);
          return;
        }
        taken--;
        waiting.shift()?.();
      };
    },
  };
}
