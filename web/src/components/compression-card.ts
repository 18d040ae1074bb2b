import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './error-note.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { errorWords, savingWords, stageWords } from '../app/compression-words.ts';
import { formatBytes, formatCount } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import type { CompressionForecast, CompressionService } from '../app/services.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';

/** Rows before and after the choice. */
const NEAR = 5;

/** What a round sends, what that loses, and what was measured since. */
export class CompressionCard extends LitElement {
  static override properties = {
    compression: { attribute: false },
    federation: { attribute: false },
    snapshot: { attribute: false },
    seen: { state: true },
  };
  declare compression: CompressionService;
  declare federation: Federation;
  /** Of a session in this federation. */
  declare snapshot: SessionSnapshot | undefined;
  declare seen: boolean;
  readonly #forecast = new Loader<CompressionForecast>(this, () =>
    this.compression.forecast(this.federation),
  );
  /** It takes a part of the training engine to know the shapes of a model: loaded when somebody comes to look. */
  readonly #sight = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      this.#sight.disconnect();
      this.seen = true;
    },
    { rootMargin: '200px' },
  );

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); align-content: start; }
      .skeleton { height: 10rem; }
      ol { display: grid; gap: var(--space-2); padding-left: 1.4em; }
      .chosen th { font-weight: 650; }
      td.over { color: var(--bad); }
    `,
  ];

  constructor() {
    super();
    this.seen = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.seen) this.#sight.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#sight.disconnect();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (this.seen && (changed.has('federation') || changed.has('seen'))) void this.#forecast.reload();
  }

  override render() {
    const { state } = this.#forecast;
    return html`<section class="card" aria-labelledby="compression-title" data-testid="compression">
      <h2 id="compression-title">What a round sends</h2>
      ${
        state.status === 'loading'
          ? html`<div role="status"><span class="visually-hidden">Computing what a round sends…</span><div class="skeleton" aria-hidden="true"></div></div>`
          : state.status === 'failed'
            ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#forecast.reload()}></mm-error-note>`
            : this.#ready(state.value)
      }
    </section>`;
  }

  #ready(forecast: CompressionForecast) {
    const { plain, chosen, budgetBytes } = forecast;
    const stages = this.#stages(chosen.stages);
    const { roundTraffic: traffic, rounding } = this.snapshot ?? {};
    return html`
      ${
        stages.length === 0
          ? html`<p>Updates are sent whole, as integers that add up exactly.</p>`
          : html`<div class="stack-tight"><h3>${budgetBytes === undefined ? 'As the document has it' : `Chosen for a budget of ${formatBytes(budgetBytes)}`}</h3>
            <ol data-testid="stages">${stages.map((text) => html`<li>${text}</li>`)}</ol></div>`
      }
      <table>
        <caption class="small soft">Each participant, in a round of a full group in which everyone stays</caption>
        <thead><tr><td></td><th scope="col">Before</th><th scope="col" class="number">Measured</th></tr></thead>
        <tbody>
          ${this.#row('Sent', savingWords(chosen.cost.upBytes, plain.upBytes), traffic && formatBytes(traffic.bytesSent), 'up')}
          ${this.#row('Received', savingWords(chosen.cost.downBytes, plain.downBytes), traffic && formatBytes(traffic.bytesReceived), 'down')}
          ${stages.length === 0 ? nothing : this.#row('Error of what is left out', errorWords(chosen.sketchError), undefined, 'sketch')}
          ${stages.length === 0 ? nothing : this.#row('Error of rounding', errorWords(chosen.roundingError), rounding && errorWords(rounding.relativeError), 'rounding')}
        </tbody>
      </table>
      ${this.#measured()}
      ${stages.length === 0 ? nothing : html`<p class="small soft">Errors are relative: before, of the sum of a full group whose updates agree; measured, of this device’s update alone, of which the sum averages much away. What is left out of one round is left to later ones.</p>`}
      ${this.#considered(forecast)}`;
  }

  #stages(stages: CompressionForecast['chosen']['stages']): readonly string[] {
    return stageWords(stages, this.federation.privacy.participant === undefined);
  }

  #row(name: string, before: string, measured: string | undefined, testId: string) {
    return html`<tr><th scope="row">${name}</th><td data-testid="planned-${testId}">${before}</td>
      <td class="number" data-testid="measured-${testId}">${measured ?? html`<span aria-hidden="true">–</span><span class="visually-hidden">nothing yet</span>`}</td></tr>`;
  }

  #measured() {
    const { roundTraffic, rounding } = this.snapshot ?? {};
    if (roundTraffic === undefined && rounding === undefined) return nothing;
    const notes = [
      ...(roundTraffic === undefined
        ? []
        : [
            `Round ${roundTraffic.round}, from the end of the one before: with it what else this page sent and received, such as models for newcomers.`,
          ]),
      ...(rounding === undefined || rounding.wrapped === 0
        ? []
        : [`${formatCount(rounding.wrapped)} of its numbers were too large for so few bits.`]),
      ...(rounding === undefined || rounding.shortened >= 1
        ? []
        : ['It was shortened, because it stood out against the last round’s.']),
    ];
    return html`<div class="small soft stack-tight">${notes.map((text) => html`<p>${text}</p>`)}</div>`;
  }

  #considered({ considered, budgetBytes, chosen }: CompressionForecast) {
    if (budgetBytes === undefined || considered.length === 0) return nothing;
    const place = considered.indexOf(chosen);
    const near = considered.slice(Math.max(0, place - NEAR), place + NEAR + 1);
    return html`<details><summary>What else was weighed</summary>
      <p class="small soft">${formatCount(considered.length)} in all; here are those of nearly the same error.</p>
      <div class="table-scroll" tabindex="0" role="region" aria-label="What else was weighed"><table>
        <thead><tr><th scope="col">Stages</th><th scope="col" class="number">Sent</th><th scope="col" class="number">Error</th></tr></thead>
        <tbody>${near.map((pipeline) => {
          const over = pipeline.cost.upBytes > budgetBytes;
          return html`<tr class=${pipeline === chosen ? 'chosen' : ''}><th scope="row">${shortly(pipeline.stages)}${pipeline === chosen ? ' (chosen)' : ''}</th>
            <td class="number ${over ? 'over' : ''}">${formatBytes(pipeline.cost.upBytes)}${over ? html`<br /><span class="small">over the budget</span>` : nothing}</td>
            <td class="number">${errorWords(pipeline.relativeError)}</td></tr>`;
        })}</tbody></table></div></details>`;
  }
}

/** "10 % kept, 8 bits". */
function shortly({ keep, rank, bits }: CompressionForecast['chosen']['stages']): string {
  const parts = [
    ...(keep === undefined ? [] : [`${Math.round(1000 * keep) / 10} % kept`]),
    ...(rank === undefined ? [] : [`rank ${rank}`]),
    ...(bits === undefined ? [] : [`${bits} bits`]),
  ];
  return parts.length === 0 ? 'all of it' : parts.join(', ');
}

customElements.define('mm-compression-card', CompressionCard);
