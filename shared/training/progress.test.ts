import { describe, expect, it } from 'vitest';
import type { TrainProgress } from './port.ts';
import { progressReporter } from './progress.ts';

describe('progressReporter', () => {
  it('reports at most ten times a second, and the last step', () => {
    const reports: TrainProgress[] = [];
    let nowMs = 0;
    const reporter = progressReporter(
      25,
      (progress) => reports.push(progress),
      () => nowMs,
    );
    for (let batch = 1; batch <= 25; batch++) {
      nowMs += 10;
      reporter.step(1 / batch, 32);
    }
    expect(reports.map(({ batch }) => batch)).toEqual([1, 11, 21, 25]);
    expect(reports.at(-1)).toEqual({ batch: 25, batches: 25, loss: 1 / 25, examplesPerSecond: 3200 });
  });
});
