import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './line-chart.ts';
import './rounds-table.ts';
import { formatLoss, formatPercent } from '../app/format.ts';
import { metricsOf, type RoundMetrics, wentBackWords } from '../app/session-words.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';
import type { ChartPoint } from './line-chart.ts';

const PERCENT = (value: number): string => `${Math.round(value * 100)} %`;

/** Accuracy and loss over the rounds, and the same as a table. */
export class RunCharts extends LitElement {
  static override properties = { snapshot: { attribute: false }, tableShown: { state: true } };
  declare snapshot: SessionSnapshot;
  declare tableShown: boolean;
  #metrics: readonly RoundMetrics[] = [];
  #accuracy: readonly ChartPoint[] = [];
  #loss: readonly ChartPoint[] = [];

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); }
      h3 { display: flex; align-items: baseline; justify-content: space-between; gap: var(--space-3); margin-bottom: var(--space-2); }
      h3 span { color: var(--shared); font-variant-numeric: tabular-nums; }
      .empty { display: grid; place-items: center; min-height: 9rem; text-align: center; }
    `,
  ];

  /** Snapshots come several times a second, records do not: the charts are drawn for new ones only. */
  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.get('snapshot')?.records === this.snapshot.records) return;
    this.#metrics = metricsOf(this.snapshot);
    this.#accuracy = this.#metrics.map(({ round, accuracy }) => ({ x: round, y: accuracy }));
    this.#loss = this.#metrics.map(({ round, loss }) => ({ x: round, y: loss }));
  }

  override render() {
    const last = this.#metrics.at(-1);
    return html`<section class="card" aria-labelledby="charts-title">
      <h2 id="charts-title">The shared model</h2>
      ${
        last === undefined
          ? html`<p class="empty soft">Accuracy and loss appear here after the first round that is measured.</p>`
          : html`
            <div><h3>Accuracy <span>${formatPercent(last.accuracy)}</span></h3>
              <mm-line-chart .points=${this.#accuracy} .format=${PERCENT} .span=${[0, 1]} color="--shared" .words=${this.#words('Accuracy', formatPercent, 'accuracy')}></mm-line-chart></div>
            <div><h3>Loss <span>${formatLoss(last.loss)}</span></h3>
              <mm-line-chart .points=${this.#loss} .format=${shortNumber} color="--accent" .words=${this.#words('Loss', formatLoss, 'loss')}></mm-line-chart></div>`
      }
      ${this.#wentBack()}
      ${
        this.snapshot.records.length === 0
          ? nothing
          : html`<details @toggle=${this.#toggled}><summary>All rounds as a table</summary>${this.tableShown ? html`<mm-rounds-table .records=${this.snapshot.records}></mm-rounds-table>` : nothing}</details>`
      }
    </section>`;
  }

  /** The last time that the model got worse and was taken back. */
  #wentBack() {
    const last = this.snapshot.records.findLast((record) => record.rollback !== undefined);
    if (last === undefined) return nothing;
    return html`<p class="note warn" data-testid="went-back">Version ${last.round}: the model had got worse. ${wentBackWords(last)}.</p>`;
  }

  #toggled = (event: Event): void => {
    this.tableShown = (event.target as HTMLDetailsElement).open;
  };

  #words(name: string, format: (value: number) => string, key: 'accuracy' | 'loss'): string {
    const [first, last] = [this.#metrics[0]!, this.#metrics.at(-1)!];
    return `${name} from round ${first.round} (${format(first[key])}) to round ${last.round} (${format(last[key])}).`;
  }
}

function shortNumber(value: number): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(value);
}

customElements.define('mm-run-charts', RunCharts);
