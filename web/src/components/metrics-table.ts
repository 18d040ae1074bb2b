import { css, html, LitElement, nothing } from 'lit';
import type { MetricReport } from '../../../shared/training/metric-report.ts';
import { formatCount, formatLoss } from '../app/format.ts';
import { metricName, metricValue } from '../app/metric-words.ts';
import { shared } from '../styles/shared.ts';

/** What was measured on data of this device, and for labels how well each is told from the others. */
export class MetricsTable extends LitElement {
  static override properties = { report: { attribute: false }, labels: { attribute: false } };
  declare report: MetricReport;
  declare labels: readonly string[];

  static override styles = [
    shared,
    css`
      .note { display: block; }
    `,
  ];

  override render() {
    return html`<div class="stack-tight">
      <div class="table-scroll" tabindex="0" role="group" aria-label="What was measured"><table>
        <tbody>${this.report.metrics.map(
          (metric) =>
            html`<tr><th scope="row">${metricName(metric.name)}${metric.note === undefined ? nothing : html` <span class="small soft note">${metric.note}</span>`}</th>
              <td class="number">${metricValue(metric)}</td></tr>`,
        )}</tbody>
      </table></div>
      ${this.labels.length === 0 || this.report.classes.length === 0 ? nothing : this.#byLabel()}
    </div>`;
  }

  #byLabel() {
    return html`<details><summary>Label by label</summary>
      <div class="table-scroll" tabindex="0" role="group" aria-label="F1 of each label"><table>
        <thead><tr><th scope="col">Label</th><th scope="col">Examples</th><th scope="col">F1</th></tr></thead>
        <tbody>${this.report.classes.map(
          ({ actual, f1 }, index) =>
            html`<tr><th scope="row">${this.labels[index]}</th><td class="number">${formatCount(actual)}</td><td class="number">${f1 === undefined ? '–' : formatLoss(f1)}</td></tr>`,
        )}</tbody>
      </table></div></details>`;
  }
}

customElements.define('mm-metrics-table', MetricsTable);
