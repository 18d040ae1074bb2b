import { expect, it } from 'vitest';
import { failuresOf, scaleOf } from './bounds.ts';
import type { Timing } from './measure.ts';
import { report } from './report.ts';
import type { Contender, Operation } from './tasks.ts';

const timing = (contender: Contender, operation: Operation, medianMs: number): Timing => ({
  ...{ contender, operation, medianMs },
  ...{ bestMs: medianMs, runs: 1 },
});

/** All at their bounds. 200 MB in 20 ms are 10 GB/s. */
const timings = [
  timing('memcpy', 'memcpy', 20),
  timing('placed', 'weighted sum', 20),
  timing('tfjs', 'weighted sum', 80),
  timing('ours', 'median', 100),
  timing('tfjs', 'median', 400),
  timing('ours', 'trimmed mean', 100),
  timing('tfjs', 'trimmed mean', 400),
  timing('ours', 'distances', 160),
  timing('tfjs', 'distances', 640),
];

it('passes what is at its bounds', () => {
  expect(failuresOf(timings)).toEqual([]);
});

it.each(timings.filter(({ contender }) => contender === 'ours' || contender === 'placed'))(
  'fails $contender, $operation, one percent slower',
  (slow) => {
    const changed = timings.map((one) => (one === slow ? { ...one, medianMs: 1.01 * one.medianMs } : one));
    expect(failuresOf(changed)).not.toEqual([]);
  },
);

it('fails what was not measured', () => {
  expect(failuresOf(timings.slice(1))).not.toEqual([]);
  expect(failuresOf(timings.slice(0, -1))).toHaveLength(1);
});

it('gives a machine that copies half as fast twice the time', () => {
  const slow = timings.map((one) => (one.contender === 'memcpy' ? { ...one, medianMs: 200 / 4.8 } : one));
  expect(scaleOf(slow)).toBeCloseTo(2);
  expect(scaleOf(timings)).toBe(1);
});

it('reports ratios', () => {
  const row = report(timings)
    .split('\n')
    .find((line) => line.includes('distances') && line.includes('ordinary'));
  expect(row).toContain('8.00');
  expect(row).toContain('4.0');
});
