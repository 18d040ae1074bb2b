import type { Metric, MetricName } from '../../../shared/training/metric-report.ts';
import { formatLoss, formatPercent } from './format.ts';

const NAMES: Readonly<Record<MetricName, string>> = {
  accuracy: 'Accuracy',
  topK: 'Right among the 5 likeliest',
  f1: 'F1, mean over labels',
  auc: 'Area under the ROC curve',
  perplexity: 'Perplexity',
  meanAbsoluteError: 'Mean absolute error',
  rootMeanSquaredError: 'Root mean square error',
  loss: 'Mean loss',
};
const SHARES: ReadonlySet<MetricName> = new Set(['accuracy', 'topK']);
const ERRORS: ReadonlySet<MetricName> = new Set(['meanAbsoluteError', 'rootMeanSquaredError']);

export function metricName(name: MetricName): string {
  return NAMES[name];
}

/** A dash where there is no value. Errors have the unit of what is predicted, so that they may be of any size. */
export function metricValue({ name, value }: Metric, locale?: string): string {
  if (value === undefined) return '–';
  if (SHARES.has(name)) return formatPercent(value, locale);
  if (ERRORS.has(name)) return new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 }).format(value);
  return formatLoss(value, locale);
}
