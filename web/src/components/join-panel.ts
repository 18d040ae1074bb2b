import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './disclosure.ts';
import './error-note.ts';
import './import-panel.ts';
import './round-forecast.ts';
import './sample-panel.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { termsOf } from '../app/consent-terms.ts';
import { changedTerms } from '../app/consent-words.ts';
import { announce, showToast } from '../app/events.ts';
import { counted, formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import type { FederationQuery } from '../app/router.ts';
import type { Consent, DatasetInfo, Services } from '../app/services.ts';
import { spentBefore } from '../app/spent-before.ts';
import { secureObstacle } from '../session/secure-context.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** The steps to taking part: data, what leaves the device, what it spends, Join. */
export class JoinPanel extends LitElement {
  static override properties = {
    services: { attribute: false },
    federation: { attribute: false },
    paths: { attribute: false },
    chosen: { state: true },
    adding: { state: true },
    agreed: { state: true },
    busy: { state: true },
    error: { state: true },
  };
  declare services: Services;
  declare federation: Federation;
  /** From the link: restricts the ways between participants. */
  declare paths: FederationQuery['paths'];
  declare chosen: string | undefined;
  declare adding: boolean;
  declare agreed: boolean;
  declare busy: boolean;
  declare error: ErrorRecord | undefined;

  readonly #datasets = new Loader(this, () => this.services.data.compatible(this.federation));
  #unsubscribe: (() => void) | undefined;

  static override styles = [
    shared,
    css`
      ol { display: grid; gap: var(--space-5); list-style: none; counter-reset: step; }
      .step { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-3); padding-top: var(--space-5); border-top: 1px solid var(--line); }
      .step:first-child { padding-top: 0; border-top: 0; }
      .step h2 { display: flex; align-items: center; gap: var(--space-3); font-size: 1.125rem; counter-increment: step; }
      .step h2::before {
        content: counter(step) / ''; display: grid; place-items: center; flex: none; width: 28px; height: 28px;
        border-radius: 50%; background: var(--accent-soft); color: var(--accent); font-size: 0.875rem;
      }
      .dataset { display: grid; grid-template-columns: auto minmax(0, 1fr); padding: var(--space-3); border: 1px solid var(--line); border-radius: var(--radius-small); }
      .dataset:has(:checked) { border-color: var(--accent); background: var(--accent-soft); }
      .dataset:has(:checked) .soft { color: var(--ink); }
      .add { display: grid; gap: var(--space-4); padding: var(--space-4); border-radius: var(--radius-small); background: var(--paper); }
      .changes { display: grid; gap: var(--space-2); }
      .changes dt { font-weight: 650; }
      hr { width: 100%; margin: 0; border: 0; border-top: 1px solid var(--line); }
    `,
  ];

  constructor() {
    super();
    this.adding = false;
    this.agreed = false;
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#listen();
  }

  override firstUpdated(_changed: PropertyValues): void {
    this.#listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
  }

  #listen(): void {
    this.#unsubscribe = this.services.data.subscribe(() => void this.#datasets.refresh());
    void this.#datasets.reload();
  }

  get #selected(): DatasetInfo | undefined {
    const datasets = this.#datasets.value ?? [];
    const remembered = this.services.consents.of(this.federation.id)?.datasetId;
    return (
      datasets.find(({ id }) => id === this.chosen) ??
      datasets.find(({ id }) => id === remembered) ??
      datasets[0]
    );
  }

  get #consented(): boolean {
    return this.services.consents.covers(this.federation);
  }

  override render() {
    return html`<section class="card" aria-label="Take part">
      <ol role="list">
        <li class="step"><h2>Choose your data</h2>${this.#data()}</li>
        <li class="step"><h2>Check what leaves</h2><mm-disclosure .federation=${this.federation}></mm-disclosure>${this.#speed()}</li>
        <li class="step"><h2>See what it spends</h2>${this.#spending()}</li>
        <li class="step"><h2>Agree and join</h2>${this.#consent()}${this.#join()}</li>
      </ol>
    </section>`;
  }

  #data() {
    const { state } = this.#datasets;
    if (state.status === 'loading')
      return html`<div class="skeleton" aria-hidden="true"><br /><br /></div><p class="visually-hidden" role="status">Looking for data on this device…</p>`;
    if (state.status === 'failed')
      return html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#datasets.reload()}></mm-error-note>`;
    const datasets = state.value;
    if (datasets.length === 0)
      return html`<p class="soft">Nothing on this device fits this federation yet.</p>${this.#add()}`;
    return html`
      <fieldset class="stack-tight">
        <legend class="visually-hidden">Data on this device that fits</legend>
        ${datasets.map(
          (dataset) => html`<label class="choice dataset">
            <input type="radio" name="dataset" .checked=${dataset.id === this.#selected?.id} value=${dataset.id} data-testid="dataset"
              @change=${() => {
                this.chosen = dataset.id;
              }} />
            <span><strong>${dataset.name}</strong><br /><span class="small soft">${counted(dataset.examples, 'example')}, ${dataset.shape}</span></span>
          </label>`,
        )}
      </fieldset>
      ${
        this.adding
          ? this.#add()
          : html`<div><button class="quiet" @click=${() => {
              this.adding = true;
            }} data-testid="add-data">${icon('plus')} Add other data</button></div>`
      }`;
  }

  #add() {
    const { data: schema } = this.federation;
    const sample = schema.kind === 'image' && schema.sample !== undefined;
    return html`<div class="add">
      ${
        sample
          ? html`<mm-sample-panel .data=${this.services.data} .federation=${this.federation} @imported=${this.#imported}></mm-sample-panel><hr />`
          : nothing
      }
      <mm-import-panel .data=${this.services.data} .federation=${this.federation} @imported=${this.#imported}></mm-import-panel>
    </div>`;
  }

  /** A federation that goes by it asks here; everything else is decided in the settings. */
  #speed() {
    if (this.federation.strategy.selection?.by !== 'resources') return nothing;
    const { settings } = this.services;
    return html`<label class="choice"><input type="checkbox" .checked=${settings.current.reportsSpeed} data-testid="reports-speed"
        @change=${(event: Event) => this.#attempt(() => settings.change({ reportsSpeed: (event.target as HTMLInputElement).checked }))} />
      <span>Tell coordinators how fast this device is<br /><span class="small soft">This federation invites quick devices first. Sent is how many examples a second this device trains on, and nothing else; if you do not tell, it goes by how long your rounds took. Holds for all federations that ask, and can be changed in the settings.</span></span></label>`;
  }

  #spending() {
    const selected = this.#selected;
    if (selected === undefined)
      return html`<p class="soft">What a round spends of your privacy stands here once data is chosen.</p>`;
    return html`<mm-round-forecast .ledger=${this.services.ledger} .federation=${this.federation} .datasetId=${selected.id}></mm-round-forecast>`;
  }

  #consent() {
    const { federation } = this;
    const given = this.services.consents.of(federation.id);
    if (this.#consented)
      return html`<div class="note good row-between">
        <p>You agreed to this on ${formatDate(given!.atMs)}.</p>
        <button @click=${this.#withdraw} data-testid="withdraw">Withdraw</button>
      </div>`;
    return html`
      ${given === undefined ? nothing : this.#changes(given)}
      <label class="choice">
        <input type="checkbox" .checked=${this.agreed} data-testid="consent" @change=${(event: Event) => {
          this.agreed = (event.target as HTMLInputElement).checked;
        }} />
        <span>I have read what leaves this device, and I agree to it for revision ${federation.revision} of this federation.</span>
      </label>`;
  }

  /** What is otherwise than it was agreed to. */
  #changes({ revision, terms }: Consent) {
    const { federation } = this;
    const changes = terms === undefined ? undefined : changedTerms(terms, termsOf(federation));
    const which =
      revision === federation.revision
        ? 'under the same revision'
        : `revision ${revision}, now ${federation.revision}`;
    return html`<div class="note warn stack-tight" role="status" data-testid="changed">
      <p><strong>This federation changed since you agreed</strong> (${which}). Please read it again.</p>
      ${
        changes === undefined
          ? nothing
          : changes.length === 0
            ? html`<p>What leaves this device, and who can see it, stayed as it was; the model, the training or a description did not. How batches are made also decides what a round spends of your privacy, which is shown above.</p>`
            : html`<dl class="changes">${changes.map(
                ({ what, before, now }) =>
                  html`<div><dt>${what}</dt><dd>was ${before}<br />now <strong>${now}</strong></dd></div>`,
              )}</dl>`
      }
    </div>`;
  }

  #join() {
    const obstacle = secureObstacle(this.federation, window);
    if (obstacle !== undefined) return html`<mm-error-note .error=${obstacle}></mm-error-note>`;
    const selected = this.#selected;
    const agreed = this.agreed || this.#consented;
    const missing =
      selected === undefined
        ? 'Choose data first.'
        : agreed
          ? undefined
          : 'Agree to what leaves this device first.';
    return html`
      <p id="join-hint" class="soft">${missing ?? `Trains on “${selected!.name}” while this page is open. Pause or leave at any time.`}</p>
      <button class="primary large wide" ?disabled=${this.busy || missing !== undefined} aria-describedby="join-hint" @click=${this.#start} data-testid="join">
        ${this.busy ? 'Joining…' : 'Join'}
      </button>
      <mm-error-note .error=${this.error}></mm-error-note>`;
  }

  #imported = (event: CustomEvent<DatasetInfo>): void => {
    this.chosen = event.detail.id;
    this.adding = false;
    announce(this, `${event.detail.name} is ready: ${counted(event.detail.examples, 'example')}.`);
    void this.#datasets.refresh();
    void this.#attempt(async () => {
      const text = await spentBefore(this.services.ledger, event.detail.id);
      if (text !== undefined) showToast(this, { text });
    });
  };

  #withdraw = async (): Promise<void> => {
    const { consents } = this.services;
    const given = consents.of(this.federation.id)!;
    this.agreed = false;
    const { federation } = this;
    const { rights } = this.services;
    await this.#attempt(async () => {
      await consents.withdraw(federation.id);
      await rights.withdraw(federation.id);
    });
    showToast(this, {
      text: 'Your agreement is withdrawn. Updates that were already sent cannot be taken back.',
      action: {
        label: 'Undo',
        run: () =>
          void this.#attempt(async () => {
            await consents.give(given);
            await rights.agreeAgain(federation);
          }),
      },
    });
  };

  #start = async (): Promise<void> => {
    const dataset = this.#selected;
    if (dataset === undefined) return;
    const { consents, session } = this.services;
    const { federation } = this;
    this.busy = true;
    await this.#attempt(async () => {
      await consents.agree(federation, dataset.id);
      await this.services.rights.agreeIfWithdrawn(federation);
      await session.join({
        federationId: federation.id,
        datasetId: dataset.id,
        ...(this.paths === undefined ? {} : { paths: this.paths }),
      });
    });
    this.busy = false;
  };

  async #attempt(action: () => Promise<void>): Promise<void> {
    this.error = undefined;
    try {
      await action();
    } catch (error) {
      this.error = toErrorRecord(error);
    }
    this.requestUpdate();
  }
}

customElements.define('mm-join-panel', JoinPanel);
