import type { MetricReport } from '../../../shared/training/metric-report.ts';
import { formatPercent } from './format.ts';
import { metricName, metricValue } from './metric-words.ts';
import type { PersonalMethod } from './services.ts';

export const METHOD_WORDS: Readonly<Record<PersonalMethod['type'], string>> = {
  head: 'Its last layer is trained on your data; all others are the shared model’s, and stay it.',
  ditto: 'All of it is trained on your data, and pulled back towards the shared model (Ditto).',
};

const PULLS = [
  ['weak', 0.1],
  ['medium', 1],
  ['strong', 4],
] as const;

/** How strongly: λ, of which one over the learning rate is the most. */
export function pullsFor(learningRate: number): readonly (readonly [name: string, lambda: number])[] {
  return PULLS.filter(([, lambda]) => lambda * learningRate <= 1);
}

export interface MetricPair {
  readonly name: string;
  readonly shared: string;
  readonly own: string;
}

/** Both models on the same examples, metric by metric. */
export function metricPairs(shared: MetricReport, own: MetricReport): readonly MetricPair[] {
  return shared.metrics.flatMap((metric) => {
    const other = own.metrics.find(({ name }) => name === metric.name);
    if (other === undefined) return [];
    return [{ name: metricName(metric.name), shared: metricValue(metric), own: metricValue(other) }];
  });
}

/** Which of the two is better on the held-out tenth, in one sentence. */
export function verdictWords(shared: MetricReport, own: MetricReport): string {
  const accuracy = valuesOf('accuracy', shared, own);
  if (accuracy !== undefined && accuracy[0] !== accuracy[1])
    return `Yours gets ${formatPercent(accuracy[1])} right, the shared one ${formatPercent(accuracy[0])}.`;
  const loss = valuesOf('loss', shared, own);
  if (loss === undefined || loss[0] === loss[1]) return 'Both are equally good on these examples.';
  const same = accuracy === undefined ? '' : 'Both get as many right; ';
  const better = loss[1] < loss[0] ? 'yours has the smaller loss' : 'the shared one has the smaller loss';
  return same === '' ? `${better[0]!.toUpperCase()}${better.slice(1)}.` : `${same}${better}.`;
}

function valuesOf(
  name: 'accuracy' | 'loss',
  ...reports: readonly [MetricReport, MetricReport]
): [number, number] | undefined {
  const [shared, own] = reports.map(({ metrics }) => metrics.find((metric) => metric.name === name)?.value);
  return shared === undefined || own === undefined ? undefined : [shared, own];
}
