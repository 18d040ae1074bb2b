import type { TrainProgress } from './port.ts';

/** Often enough to watch, seldom enough not to slow a step of a few milliseconds. */
const MIN_INTERVAL_MS = 100;

/** Passes on progress at most ten times a second, and always the last step. */
export function progressReporter(
  batches: number,
  onProgress: ((progress: TrainProgress) => void) | undefined,
  nowMs: () => number = () => performance.now(),
): { step(loss: number, examples: number): void } {
  const startMs = nowMs();
  let reportedMs = startMs - MIN_INTERVAL_MS;
  let batch = 0;
  let examples = 0;
  return {
    step(loss, count) {
      batch++;
      examples += count;
      const now = nowMs();
      if (batch < batches && now - reportedMs < MIN_INTERVAL_MS) return;
      reportedMs = now;
      const seconds = Math.max(now - startMs, 1e-3) / 1000;
      onProgress?.({ batch, batches, loss, examplesPerSecond: examples / seconds });
    },
  };
}
