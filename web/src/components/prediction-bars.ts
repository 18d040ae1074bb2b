import { css, html, LitElement, nothing } from 'lit';
import { formatPercent } from '../app/format.ts';
import type { Prediction } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

const SHOWN = 10;

/** What the model answers: the labels with their probabilities as bars, or the value. */
export class PredictionBars extends LitElement {
  static override properties = { prediction: { attribute: false }, labels: { attribute: false }, name: {} };
  declare prediction: Prediction;
  declare labels: readonly string[];
  /** What the value is, for a value target. */
  declare name: string;

  static override styles = [
    shared,
    css`
      .answer { font-size: 2.5rem; font-weight: 700; letter-spacing: -0.03em; line-height: 1.1; color: var(--shared); overflow-wrap: anywhere; }
      ol { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: var(--space-2) var(--space-3); }
      li { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center; }
      li > :last-child { text-align: right; }
      progress { height: 14px; }
      progress::-webkit-progress-value { background: var(--shared); }
      progress::-moz-progress-bar { background: var(--shared); }
    `,
  ];

  override render() {
    const { prediction } = this;
    if (prediction.kind === 'value')
      return html`<p role="status"><span class="soft">${this.name}</span><br /><span class="answer number" data-testid="prediction">${new Intl.NumberFormat(undefined, { maximumSignificantDigits: 5 }).format(prediction.value)}</span></p>`;
    const ranked = prediction.probabilities
      .map((probability, index) => ({ label: this.labels[index]!, probability, index }))
      .sort((a, b) => b.probability - a.probability);
    const best = ranked[0]!;
    // Few labels stay where they are, so that the eye can follow them; many are ranked.
    const shown =
      ranked.length <= SHOWN ? [...ranked].sort((a, b) => a.index - b.index) : ranked.slice(0, SHOWN);
    return html`<div class="stack">
      <p role="status"><span class="answer" data-testid="prediction">${best.label}</span> <span class="soft number">${formatPercent(best.probability)}</span></p>
      <ol role="list" aria-label="Probability of each label">${shown.map(
        ({ label, probability }) =>
          html`<li><span>${label}</span><progress aria-label=${label} max="1" .value=${probability}></progress><span class="number">${formatPercent(probability)}</span></li>`,
      )}</ol>
      ${ranked.length > SHOWN ? html`<p class="small soft">The ${SHOWN} most likely of ${ranked.length}.</p>` : nothing}
    </div>`;
  }
}

customElements.define('mm-prediction', PredictionBars);
