import { css, html, LitElement, nothing } from 'lit';
import '../components/error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { announce } from '../app/events.ts';
import { formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import type { Services } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import type { BackendRequest } from '../trainer/api.ts';
import { backendWords } from '../trainer/backend-words.ts';
import type { Verdict } from '../trainer/verdict.ts';

const REQUESTS: readonly BackendRequest[] = ['auto', 'webgpu', 'webgl', 'wasm', 'cpu'];

/** Which part of the device trains: the fastest, or one chosen by hand; and what was measured. */
export class SettingsBackend extends LitElement {
  static override properties = {
    services: { attribute: false },
    measuring: { state: true },
    error: { state: true },
  };
  declare services: Services;
  /** The federation whose model is being measured. */
  declare measuring: string | undefined;
  declare error: ErrorRecord | undefined;
  readonly #left = new AbortController();
  readonly #verdicts = new Loader(this, () => this.services.backends.list());

  static override styles = [
    shared,
    css`
      :host { display: grid; gap: var(--space-4); }
      select { max-width: 100%; }
      .measured { display: grid; gap: var(--space-2); }
      .measured header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: var(--space-2) var(--space-4); }
      h3 { font-size: 1rem; }
      th, td { vertical-align: top; }
      th[scope='row'] { font-weight: 400; overflow-wrap: anywhere; }
      .chosen td, .chosen th[scope='row'] { font-weight: 650; }
      .chosen .small { font-weight: 400; }
    `,
  ];

  override firstUpdated(): void {
    void this.#verdicts.reload();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#left.abort();
  }

  override render() {
    const { backend } = this.services.settings.current;
    return html`
      <label><span class="label">Train with</span>
        <select data-testid="backend-choice" aria-describedby="backend-hint" @change=${this.#choose}>
          ${REQUESTS.map((request) => html`<option value=${request} ?selected=${request === backend}>${request === 'auto' ? 'Whatever is fastest' : backendWords(request)}</option>`)}
        </select></label>
      <p class="small soft" id="backend-hint">It holds from the next time you join. What fails its self-test, or fails later, is replaced by the next best.</p>
      <mm-error-note .error=${this.error}></mm-error-note>
      ${this.#measured()}`;
  }

  #measured() {
    const { state } = this.#verdicts;
    if (state.status === 'loading') return nothing;
    if (state.status === 'failed')
      return html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#verdicts.reload()}></mm-error-note>`;
    if (state.value.length === 0)
      return html`<p class="small soft">Nothing was measured yet: that happens when you first join a federation.</p>`;
    return state.value.map((verdict) => this.#table(verdict));
  }

  #table({ federation, federationId, atMs, report }: Verdict) {
    const busy = this.measuring === federationId;
    const rows = [
      { name: report.name, why: 'chosen', msPerStep: report.msPerStep, reason: 'The fastest: it is used.' },
      ...report.passedOver,
    ];
    return html`<div class="measured" data-testid="measured">
      <header><h3>${federation}, measured ${formatDate(atMs)}</h3>
        <button ?disabled=${this.measuring !== undefined} data-testid="measure" @click=${() => this.#measure(federationId)}>${busy ? 'Measuring…' : 'Measure again'}<span class="visually-hidden">: ${federation}</span></button></header>
      <div class="table-scroll" tabindex="0" role="group" aria-label="What was measured for ${federation}"><table>
        <thead><tr><th scope="col">Backend</th><th scope="col" class="number">Per batch of ${report.batchSize}</th></tr></thead>
        <tbody>${rows.map(
          ({ name, why, msPerStep, reason }) => html`<tr class=${why}>
            <th scope="row">${backendWords(name)}<br /><span class="small soft">${why === 'slower' ? 'It works, and is slower.' : reason}</span></th>
            <td class="number">${msPerStep === undefined ? '–' : `${msPerStep.toFixed(1)} ms`}</td></tr>`,
        )}</tbody></table></div>
    </div>`;
  }

  #choose = (event: Event): void => {
    const backend = (event.target as HTMLSelectElement).value as BackendRequest;
    void this.#attempt(() => this.services.settings.change({ backend }));
  };

  async #measure(federationId: string): Promise<void> {
    this.measuring = federationId;
    await this.#attempt(async () => {
      await this.services.backends.measure(federationId, this.#left.signal);
      await this.#verdicts.refresh();
      announce(this, 'Measured.');
    });
    this.measuring = undefined;
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    this.error = undefined;
    try {
      await action();
    } catch (error) {
      if (!this.#left.signal.aborted) this.error = toErrorRecord(error);
    }
  }
}

customElements.define('mm-settings-backend', SettingsBackend);
