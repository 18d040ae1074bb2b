import { f1Of, type MetricTotals, TOP_K } from './metric-totals.ts';
import type { Scoring } from './metrics.ts';
import type { RankingQuality } from './ranking.ts';

export type MetricName =
  | 'accuracy'
  | 'topK'
  | 'f1'
  | 'auc'
  | 'perplexity'
  | 'meanAbsoluteError'
  | 'rootMeanSquaredError'
  | 'loss';

export interface Metric {
  readonly name: MetricName;
  /** Undefined where these examples do not decide it; `note` says why. Never NaN. */
  readonly value: number | undefined;
  /** In words: why there is no value, or what it leaves out. */
  readonly note?: string;
}

export interface MetricReport {
  /** Targets that were counted. */
  readonly total: number;
  /** Those that fit the target, the most telling first. */
  readonly metrics: readonly Metric[];
  /** By class, where they are few enough: how many targets it has, and F1 where it is defined. */
  readonly classes: readonly { readonly actual: number; readonly f1: number | undefined }[];
}

export interface ReportOptions {
  /** Where scores of all examples were at hand. */
  readonly ranking?: RankingQuality | undefined;
  /** Of the standardized target: errors are reported in its own unit. 1 when left out. */
  readonly targetScale?: number;
}

/**
 * Metrics from totals: accuracy, top-5 accuracy from 6 classes on, macro F1 and AUC for labels; perplexity for next
 * tokens; MAE and RMSE for values; and the loss.
 */
export function metricReport(
  scoring: Scoring,
  totals: MetricTotals,
  options: ReportOptions = {},
): MetricReport {
  const { total } = totals;
  const mean = (sum: number): Pick<Metric, 'value' | 'note'> =>
    total === 0 ? { value: undefined, note: 'There are no examples.' } : { value: sum / total };
  const transformed = (sum: number, transform: (mean: number) => number): Pick<Metric, 'value' | 'note'> => {
    const { value, note } = mean(sum);
    return value === undefined ? { value, note: note! } : { value: transform(value) };
  };
  const loss: Metric = { name: 'loss', ...mean(totals.lossSum) };
  const classes = totals.classes.map((counts) => ({ actual: counts.actual, f1: f1Of(counts) }));

  if (scoring.target === 'value') {
    const scale = options.targetScale ?? 1;
    const metrics: Metric[] = [
      { name: 'meanAbsoluteError', ...mean(totals.absoluteErrorSum * scale) },
      {
        name: 'rootMeanSquaredError',
        ...transformed(totals.squaredErrorSum, (square) => Math.sqrt(square) * scale),
      },
      loss,
    ];
    return { total, metrics, classes };
  }
  const isNext = scoring.targetsPerExample > 1;
  const isPerplexing = isNext && scoring.loss === 'softmaxCrossEntropy';
  const metrics: Metric[] = [
    { name: 'accuracy', ...mean(totals.correct) },
    ...(scoring.classes > TOP_K ? [{ name: 'topK', ...mean(totals.correctInTopK) } as const] : []),
    ...(isNext ? [] : [macroF1(classes), areaMetric(options.ranking)]),
    ...(isPerplexing ? [{ name: 'perplexity', ...transformed(totals.lossSum, Math.exp) } as const] : []),
    loss,
  ];
  return { total, metrics, classes };
}

/** Unweighted mean over the classes that have one (Sokolova and Lapalme 2009, table 3). */
function macroF1(classes: MetricReport['classes']): Metric {
  const defined = classes.flatMap(({ f1 }) => (f1 === undefined ? [] : [f1]));
  if (defined.length === 0) return { name: 'f1', value: undefined, note: 'There are no examples.' };
  const value = defined.reduce((sum, f1) => sum + f1, 0) / defined.length;
  const leftOut = classes.length - defined.length;
  return { name: 'f1', value, ...(leftOut > 0 && { note: leftOutWords(leftOut) }) };
}

function areaMetric(ranking: RankingQuality | undefined): Metric {
  if (ranking === undefined)
    return {
      name: 'auc',
      value: undefined,
      note: 'It needs the scores of all examples, which are not at hand.',
    };
  const { area, classesLeftOut } = ranking;
  if (area === undefined)
    return { name: 'auc', value: undefined, note: 'It needs examples of at least two labels.' };
  return { name: 'auc', value: area, ...(classesLeftOut > 0 && { note: leftOutWords(classesLeftOut) }) };
}

function leftOutWords(count: number): string {
  return count === 1
    ? 'One label that does not occur is left out.'
    : `${count} labels that do not occur are left out.`;
}
