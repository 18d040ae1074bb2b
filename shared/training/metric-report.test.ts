import { describe, expect, it } from 'vitest';
import { type MetricReport, metricReport } from './metric-report.ts';
import { emptyTotals, type MetricTotals } from './metric-totals.ts';
import type { Scoring } from './metrics.ts';

const two: Scoring = {
  loss: 'softmaxCrossEntropy',
  huberDelta: 1,
  target: 'class',
  classes: 2,
  outputSize: 2,
  targetsPerExample: 1,
};
const totals = (more: Partial<MetricTotals>): MetricTotals => ({
  ...emptyTotals({ classes: 0 }),
  total: 4,
  lossSum: 2,
  correct: 3,
  correctInTopK: 4,
  ...more,
});
const names = ({ metrics }: MetricReport) => metrics.map(({ name }) => name);
const metric = ({ metrics }: MetricReport, wanted: string) => metrics.find(({ name }) => name === wanted);

describe('metricReport', () => {
  it('tells of two labels accuracy, F1, AUC and loss', () => {
    const classes = [
      { actual: 2, predicted: 1, right: 1 },
      { actual: 2, predicted: 3, right: 2 },
    ];
    const report = metricReport(two, totals({ classes }), { ranking: { area: 0.75, classesLeftOut: 0 } });
    expect(report.total).toBe(4);
    expect(report.metrics).toEqual([
      { name: 'accuracy', value: 0.75 },
      // 2/3 and 4/5.
      { name: 'f1', value: expect.closeTo((2 / 3 + 4 / 5) / 2, 12) },
      { name: 'auc', value: 0.75 },
      { name: 'loss', value: 0.5 },
    ]);
    expect(report.classes).toEqual([
      { actual: 2, f1: expect.closeTo(2 / 3, 12) },
      { actual: 2, f1: expect.closeTo(4 / 5, 12) },
    ]);
  });

  it('says what examples of one label leave open, and what it leaves out', () => {
    const classes = [
      { actual: 4, predicted: 4, right: 4 },
      { actual: 0, predicted: 0, right: 0 },
    ];
    const report = metricReport(two, totals({ classes }), {
      ranking: { area: undefined, classesLeftOut: 1 },
    });
    expect(metric(report, 'auc')).toEqual({
      name: 'auc',
      value: undefined,
      note: 'It needs examples of at least two labels.',
    });
    expect(metric(report, 'f1')).toEqual({
      name: 'f1',
      value: 1,
      note: 'One label that does not occur is left out.',
    });
  });

  it('adds top-5 accuracy from six labels on', () => {
    expect(names(metricReport({ ...two, classes: 5 }, totals({})))).not.toContain('topK');
    const report = metricReport({ ...two, classes: 6 }, totals({}));
    expect(metric(report, 'topK')).toEqual({ name: 'topK', value: 1 });
  });

  it('tells of next tokens the perplexity: e to the mean loss', () => {
    const report = metricReport({ ...two, classes: 256, targetsPerExample: 32 }, totals({}));
    expect(names(report)).toEqual(['accuracy', 'topK', 'perplexity', 'loss']);
    expect(metric(report, 'perplexity')!.value).toBeCloseTo(Math.sqrt(Math.E), 12);
  });

  it('tells the errors of values in their own unit', () => {
    const values: Scoring = { ...two, loss: 'meanSquaredError', target: 'value', classes: 0, outputSize: 1 };
    const errors = totals({ absoluteErrorSum: 8, squaredErrorSum: 36 });
    expect(metricReport(values, errors, { targetScale: 10 }).metrics).toEqual([
      { name: 'meanAbsoluteError', value: 20 },
      { name: 'rootMeanSquaredError', value: 30 },
      { name: 'loss', value: 0.5 },
    ]);
  });

  it('has no value for anything without examples, and no NaN', () => {
    for (const scoring of [two, { ...two, target: 'value', classes: 0 } as const]) {
      const { metrics } = metricReport(scoring, emptyTotals(scoring));
      for (const { value, note } of metrics) {
        expect(value).toBeUndefined();
        expect(note).toMatch(/examples/);
      }
    }
  });
});
