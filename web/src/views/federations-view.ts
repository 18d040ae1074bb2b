import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import '../components/error-note.ts';
import '../components/flock.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { dataWords, targetWords } from '../app/data-words.ts';
import { setPageTitle } from '../app/events.ts';
import { Loader } from '../app/loader.ts';
import type { Services } from '../app/services.ts';
import { TRUST_TAGS, trustModelsOf } from '../app/trust-models.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

export class FederationsView extends LitElement {
  static override properties = { services: { attribute: false }, opening: { state: true } };
  declare services: Services;
  declare opening: boolean;
  readonly #federations = new Loader(this, (signal) => this.services.federations.list(signal));

  static override styles = [
    shared,
    viewStyles,
    css`
      .hero { position: relative; isolation: isolate; display: grid; gap: var(--space-3); padding: var(--space-4) 0 var(--space-5); overflow: hidden; }
      .hero h1 { max-width: 15ch; font-size: clamp(2.125rem, 1.4rem + 3.4vw, 3.5rem); line-height: 1.06; letter-spacing: -0.038em; }
      .hero .lead { max-width: 33rem; }
      .hero mm-flock { height: 130px; margin: 0 -8px; }
      .list { display: grid; gap: var(--space-4); padding: 0; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
      .item { position: relative; display: flex; flex-direction: column; gap: var(--space-3); height: 100%; transition: border-color var(--quick); }
      .item:hover { border-color: var(--accent); }
      .item:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
      .item a { color: inherit; text-decoration: none; outline: none; }
      .item a::after { content: ''; position: absolute; inset: 0; border-radius: var(--radius); }
      .item .about { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; color: var(--ink-soft); }
      .item .foot { display: flex; flex-wrap: wrap; gap: var(--space-2); margin-top: auto; }
      .lock svg { width: 14px; height: 14px; }
      .placeholder { height: 11rem; border-radius: var(--radius); }
      @media (min-width: 52rem) {
        .hero { padding: var(--space-6) 0 var(--space-6); }
        .hero mm-flock { position: absolute; right: -2%; top: 4%; z-index: -1; width: 56%; height: 92%; }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    setPageTitle('Federations');
  }

  override firstUpdated(_changed: PropertyValues): void {
    void this.#federations.reload();
  }

  override render() {
    return html`<div class="view">
      <header class="hero">
        <mm-flock></mm-flock>
        <h1 tabindex="-1">Learn together. Keep your data.</h1>
        <p class="lead">
          A federation is a group that trains one shared model, each from their own browser. Your examples stay on
          this device; only what the model learned from them is combined with the others.
        </p>
      </header>
      <section class="section" aria-labelledby="list-title">
        <div class="row-between">
          <h2 id="list-title">Federations</h2>
          <button @click=${this.#toggle} aria-expanded=${this.opening ? 'true' : 'false'} data-testid="open-document">
            ${icon('plus')} Open a document
          </button>
        </div>
        ${this.opening ? html`<mm-open-document .services=${this.services}></mm-open-document>` : nothing}
        ${this.#list()}
      </section>
    </div>`;
  }

  #toggle = async (): Promise<void> => {
    if (!this.opening) await import('../components/open-document.ts');
    this.opening = !this.opening;
  };

  #list() {
    const { state } = this.#federations;
    switch (state.status) {
      case 'loading':
        return html`<div role="status">
          <span class="visually-hidden">Loading federations…</span>
          <div class="list" aria-hidden="true"><div class="skeleton placeholder"></div><div class="skeleton placeholder"></div></div>
        </div>`;
      case 'failed':
        return html`<mm-error-note .error=${state.error} retry-label="Try again"
          @retry=${() => this.#federations.reload()}></mm-error-note>`;
      case 'ready': {
        const { value, from } = state.value;
        return html`
          ${
            from === 'device'
              ? html`<div class="note warn row-between" role="status">
                  <p>The server did not answer. These are the federations this device remembers.</p>
                  <button @click=${() => this.#federations.reload()}>Try again</button>
                </div>`
              : nothing
          }
          ${
            value.length === 0
              ? html`<div class="card empty"><h3>No federation yet</h3>
                  <p class="soft">Somebody starts one by opening its document. If you have one, open it here.</p></div>`
              : html`<ul class="list" role="list">${value.map((federation) => this.#item(federation))}</ul>`
          }
        `;
      }
    }
  }

  #item(federation: Federation) {
    return html`<li><article class="card item">
      <h3><a href="/f/${federation.id}" data-testid="federation">${federation.name}</a></h3>
      ${federation.description === '' ? nothing : html`<p class="about">${federation.description}</p>`}
      <p class="small soft">${dataWords(federation.data)} → ${targetWords(federation.data)}</p>
      <div class="foot">
        ${federation.data.kind === 'image' && federation.data.sample !== undefined ? html`<span class="tag accent">Sample data included</span>` : nothing}
        ${federation.privacy.secureAggregation === 'secagg' ? html`<span class="tag good lock">${icon('lock')} Secure aggregation</span>` : nothing}
        ${trustModelsOf(federation).map((model) => html`<span class="tag ${model === 'none' ? 'warn' : ''}" data-testid="trust" data-trust=${model}>${TRUST_TAGS[model]}</span>`)}
        ${this.services.consents.covers(federation) ? html`<span class="tag shared">You agreed to take part</span>` : nothing}
      </div>
    </article></li>`;
  }
}

customElements.define('mm-federations-view', FederationsView);
