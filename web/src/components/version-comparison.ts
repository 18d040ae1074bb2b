import { css, html, LitElement, nothing } from 'lit';
import { counted, formatLoss, formatPercent } from '../app/format.ts';
import type { VersionComparison } from '../app/services.ts';
import { angleWords, predictionWords } from '../app/version-words.ts';
import { shared } from '../styles/shared.ts';

/** How two versions of a model differ: what they get right, what changed, and where. */
export class VersionComparisonView extends LitElement {
  static override properties = { comparison: { attribute: false } };
  declare comparison: VersionComparison;

  static override styles = [
    shared,
    css`
      .name { overflow-wrap: anywhere; }
    `,
  ];

  override render() {
    const { from, to, distance, predictions } = this.comparison;
    return html`<div class="stack" data-testid="comparison" role="status">
      <table>
        <thead><tr><td></td><th scope="col" class="number">Version ${from.version}</th><th scope="col" class="number">Version ${to.version}</th></tr></thead>
        <tbody>
          <tr><th scope="row">Accuracy</th><td class="number">${from.accuracy === null ? '–' : formatPercent(from.accuracy)}</td><td class="number">${to.accuracy === null ? '–' : formatPercent(to.accuracy)}</td></tr>
          <tr><th scope="row">Loss</th><td class="number">${from.loss === null ? '–' : formatLoss(from.loss)}</td><td class="number">${to.loss === null ? '–' : formatLoss(to.loss)}</td></tr>
        </tbody>
      </table>
      ${
        from.examples === null
          ? html`<p class="small soft">The server holds no examples of this federation to try them on.</p>`
          : html`<p class="small soft">On ${counted(from.examples, 'held-out example')} of the server.</p>`
      }
      ${predictions === null ? nothing : html`<div data-testid="changed-predictions">${predictionWords(predictions).map((text) => html`<p>${text}</p>`)}</div>`}
      <p>Their weights are ${distance.relative === null ? formatLoss(distance.l2) : formatPercent(distance.relative)} apart${distance.relative === null ? '' : ', relative to the length of the first'}.</p>
      <details><summary>Layer by layer</summary>
        <div class="table-scroll" tabindex="0" role="region" aria-label="Distances layer by layer"><table>
          <thead><tr><th scope="col">Parameter</th><th scope="col" class="number">Apart</th><th scope="col" class="number">Relative</th><th scope="col" class="number">Cosine</th></tr></thead>
          <tbody>${distance.layers.map(
            ({ name, l2, relative, cosine }) =>
              html`<tr><th scope="row" class="mono name">${name}</th><td class="number">${formatLoss(l2)}</td>
                <td class="number">${relative === null ? '–' : formatPercent(relative)}</td><td class="number">${angleWords(cosine)}</td></tr>`,
          )}</tbody></table></div></details>
    </div>`;
  }
}

customElements.define('mm-version-comparison', VersionComparisonView);
