import { expect, it } from 'vitest';
import type { MetricReport } from '../../../shared/training/metric-report.ts';
import { metricPairs, pullsFor, verdictWords } from './personal-words.ts';

const report = (accuracy: number | undefined, loss: number): MetricReport => ({
  total: 10,
  metrics: [
    ...(accuracy === undefined ? [] : [{ name: 'accuracy' as const, value: accuracy }]),
    { name: 'loss', value: loss },
  ],
  classes: [],
});

it('offers no pull that would leap over the shared model', () => {
  expect(pullsFor(0.1).map(([, lambda]) => lambda)).toEqual([0.1, 1, 4]);
  expect(pullsFor(0.3).map(([, lambda]) => lambda)).toEqual([0.1, 1]);
  expect(pullsFor(2).map(([, lambda]) => lambda)).toEqual([0.1]);
});

it('says which is better, by what is right and then by the loss', () => {
  expect(verdictWords(report(0.8, 0.5), report(0.9, 0.6))).toMatch(
    /^Yours gets 90\.0.?% right, the shared one 80\.0.?%\.$/,
  );
  expect(verdictWords(report(0.8, 0.5), report(0.8, 0.4))).toBe(
    'Both get as many right; yours has the smaller loss.',
  );
  expect(verdictWords(report(undefined, 0.3), report(undefined, 0.4))).toBe(
    'The shared one has the smaller loss.',
  );
  expect(verdictWords(report(0.8, 0.5), report(0.8, 0.5))).toBe('Both are equally good on these examples.');
});

it('puts the same metrics beside each other', () => {
  expect(metricPairs(report(0.8, 0.5), report(0.9, 0.25)).map(({ name, own }) => [name, own])).toEqual([
    ['Accuracy', expect.stringMatching(/^90\.0/)],
    ['Mean loss', '0.250'],
  ]);
});
