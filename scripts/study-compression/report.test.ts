import { expect, test } from 'vitest';
import { planCompression } from '../../shared/compress/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { boundsOf, summarize, tableOf } from './report.ts';
import { federationOf, ROWS, type Row } from './rows.ts';
import type { Outcome } from './run-row.ts';

const float32: Row = { name: 'float32' };
const few: Row = { name: 'few bytes', budgetRatio: 8, bound: { ratio: 8, points: 0.3 } };

const outcome = (accuracy: number, upBytes: number): Outcome => ({
  accuracy,
  cost: { upBytes, downBytes: 2 * upBytes, overheadUpBytes: 0, overheadDownBytes: 0 },
  stages: { bits: 8, keep: 0.5 },
  predictedError: 0.5,
  sketchError: 0.3,
  measuredError: 0.4,
  wrapped: 1,
});

test('seeds are averaged, bytes and points are against float32', () => {
  const units = [float32, few].flatMap((row) => ['a', 'b'].map((seed) => ({ row, seed })));
  const outcomes = [outcome(0.97, 800), outcome(0.99, 800), outcome(0.978, 100), outcome(0.976, 100)];
  const results = summarize([float32, few], units, outcomes);
  expect(results[1]).toMatchObject({ ratio: 8, wrapped: 2, accuracies: [0.978, 0.976] });
  expect(results[1]!.pointsLost).toBeCloseTo(0.3, 9);
  // Of 0.5² there are 0.4² of rounding.
  expect(tableOf(results)).toMatch(/few bytes +\| keep 0\.5000, 8 bits .*\| +8\.0 \| +0\.300 \| +0\.40 /);
  const near = summarize([float32, few], units, [
    ...outcomes.slice(0, 2),
    outcome(0.977, 100),
    outcome(0.976, 100),
  ]);
  expect(boundsOf(near).map(({ isMet }) => isMet)).toEqual([false]);
  const fat = summarize([float32, few], units, [
    ...outcomes.slice(0, 2),
    outcome(0.98, 101),
    outcome(0.98, 101),
  ]);
  expect(boundsOf(fat).map(({ isMet }) => isMet)).toEqual([false]);
  const good = summarize([float32, few], units, [
    ...outcomes.slice(0, 2),
    outcome(0.98, 100),
    outcome(0.98, 100),
  ]);
  expect(boundsOf(good).map(({ isMet }) => isMet)).toEqual([true]);
});

test('every row is a federation, and budgets are met under secure aggregation', () => {
  for (const row of ROWS) {
    const federation = federationOf(row, 199_210, 10);
    expect(federation.privacy.secureAggregation).toBe('secagg');
    if (row.budgetRatio === undefined) continue;
    const { layout } = compileModel(federation);
    expect(layout.length).toBe(199_210);
    const { chosen } = planCompression(federation, layout);
    expect((4 * 199_210) / chosen.cost.upBytes).toBeGreaterThanOrEqual(row.bound!.ratio);
  }
});
