import { css, html, LitElement, nothing } from 'lit';
import './dataset-summary.ts';
import './error-note.ts';
import { counted, formatBytes, formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import type { DataService, DatasetInfo } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** One dataset: what it is, a look inside when opened, a way to remove it (event `remove`). */
export class DatasetCard extends LitElement {
  static override properties = { data: { attribute: false }, info: { attribute: false } };
  declare data: DataService;
  declare info: DatasetInfo;
  readonly #summary = new Loader(this, () => this.data.summary(this.info.id));
  #opened = false;

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-2); }
      .head { display: flex; align-items: flex-start; justify-content: space-between; gap: var(--space-3); }
      .head h3 { overflow-wrap: anywhere; }
      .skeleton { height: 5rem; }
    `,
  ];

  override render() {
    const { name, examples, bytes, createdAtMs, shape, sample } = this.info;
    return html`<article class="card" data-testid="dataset-card">
      <div class="head">
        <div class="stack-tight">
          <h3>${name}</h3>
          <p class="soft">${counted(examples, 'example')} · ${shape} · ${formatBytes(bytes)}</p>
          <p class="small soft">Added ${formatDate(createdAtMs)}${sample ? html` <span class="tag accent">Sample data</span>` : nothing}</p>
        </div>
        <button class="quiet danger" aria-label="Delete ${name}" data-testid="delete-dataset" @click=${() => this.dispatchEvent(new Event('remove'))}>${icon('trash')}</button>
      </div>
      <details @toggle=${this.#toggled}><summary>Look inside</summary>${this.#inside()}</details>
    </article>`;
  }

  #inside() {
    const { state } = this.#summary;
    if (state.status === 'ready')
      return html`<mm-dataset-summary .summary=${state.value}></mm-dataset-summary>`;
    if (state.status === 'failed')
      return html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#summary.reload()}></mm-error-note>`;
    return html`<div class="skeleton" aria-hidden="true"></div>`;
  }

  #toggled = (): void => {
    if (this.#opened) return;
    this.#opened = true;
    void this.#summary.reload();
  };
}

customElements.define('mm-dataset-card', DatasetCard);
