import { html, type TemplateResult } from 'lit';
import '../components/line-chart.ts';
import { formatLoss, formatPercent } from '../app/format.ts';
import { pointsOf, type TrainingState } from './training-state.ts';

const UNIT: readonly [number, number] = [0, 1];
const AXIS = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const axisNumber = (value: number): string => AXIS.format(value);
const axisPercent = (value: number): string => `${Math.round(value * 100)} %`;

/** Accuracy and loss over the rounds, and as a table. */
export function trainingCharts({ training, accuracy, loss }: TrainingState): TemplateResult {
  const [accuracies, losses] = [pointsOf(accuracy), pointsOf(loss)];
  if (accuracies.length === 0 && losses.length === 0)
    return html`<p class="soft" data-testid="no-metrics">Nothing was evaluated yet. A curve appears here with the first round that is.</p>`;
  const { targetAccuracy } = training.config;
  return html`<div class="charts">
      <figure><figcaption class="label">Accuracy</figcaption>
        <mm-line-chart data-testid="accuracy-chart" data-points=${accuracies.length} .points=${accuracies} .words=${words('Accuracy', accuracies, formatPercent)} color="--shared"
          .format=${axisPercent} .span=${UNIT} .level=${targetAccuracy}></mm-line-chart></figure>
      <figure><figcaption class="label">Loss</figcaption>
        <mm-line-chart .points=${losses} .words=${words('Loss', losses, formatLoss)} color="--accent" .format=${axisNumber}></mm-line-chart></figure>
    </div>
    <details><summary>Every value</summary>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Accuracy and loss of every round"><table>
        <thead><tr><th scope="col" class="number">Round</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Loss</th></tr></thead>
        <tbody>${[...new Set([...accuracy.keys(), ...loss.keys()])]
          .sort((a, b) => b - a)
          .map(
            (round) => html`<tr><th scope="row" class="number">${round}</th>
              <td class="number">${accuracy.has(round) ? formatPercent(accuracy.get(round)!) : '–'}</td>
              <td class="number">${loss.has(round) ? formatLoss(loss.get(round)!) : '–'}</td></tr>`,
          )}</tbody></table></div></details>`;
}

function words(
  name: string,
  points: readonly { readonly x: number; readonly y: number }[],
  format: (value: number) => string,
): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return `${name}: nothing yet.`;
  return `${name} from round ${first.x} (${format(first.y)}) to round ${last.x} (${format(last.y)}).`;
}
