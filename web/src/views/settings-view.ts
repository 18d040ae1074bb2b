import { css, html, LitElement, nothing } from 'lit';
import '../components/confirm-dialog.ts';
import '../components/error-note.ts';
import '../components/ledger-files.ts';
import '../components/own-rights.ts';
import '../components/privacy-meter.ts';
import '../components/segmented-choice.ts';
import './settings-training.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { LedgerEntry } from '../../../shared/ledger/index.ts';
import { setPageTitle, showToast } from '../app/events.ts';
import { counted, formatBytes } from '../app/format.ts';
import { releaseWords } from '../app/ledger-words.ts';
import { Loader } from '../app/loader.ts';
import type { DatasetBudget, Services, Settings, StorageUsage, Theme, Unsubscribe } from '../app/services.ts';
import { meterOf } from '../app/spending-words.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

interface Device {
  readonly id: string;
  readonly storage: StorageUsage;
}

interface Releases {
  readonly count: number;
  readonly recent: readonly LedgerEntry[];
}

const WORD = 'delete';
const SHOWN_RELEASES = 10;
const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

/** How this device looks, works and remembers. */
export class SettingsView extends LitElement {
  static override properties = {
    services: { attribute: false },
    settings: { state: true },
    confirming: { state: true },
    error: { state: true },
  };
  declare services: Services;
  declare settings: Settings;
  declare confirming: boolean;
  declare error: ErrorRecord | undefined;
  #unsubscribe: readonly Unsubscribe[] = [];

  readonly #device = new Loader<Device>(this, async () => {
    const { settings } = this.services;
    const [id, storage] = await Promise.all([settings.identityId(), settings.storage()]);
    return { id, storage };
  });
  readonly #budgets = new Loader<readonly DatasetBudget[]>(this, () => this.services.ledger.budgets());
  /** One broken ledger is enough that they cannot be listed. */
  readonly #releases = new Loader<Releases>(this, async () => {
    const { ledger } = this.services;
    const [count, recent] = await Promise.all([ledger.count(), ledger.recent(SHOWN_RELEASES)]);
    return { count, recent };
  });

  static override styles = [
    shared,
    viewStyles,
    css`
      .view { max-width: 46rem; }
      .facts { display: grid; grid-template-columns: minmax(7rem, auto) minmax(0, 1fr); gap: var(--space-2) var(--space-4); }
      .facts dt { color: var(--ink-soft); }
      .meters { padding: 0; }
      .releases { padding: var(--space-2) 0 0; list-style: none; }
      .releases li { overflow-wrap: anywhere; }
      .placeholder { height: 5rem; }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    setPageTitle('Settings');
  }

  override willUpdate(): void {
    this.settings ??= this.services.settings.current;
  }

  override firstUpdated(): void {
    const { settings, ledger } = this.services;
    this.#unsubscribe = [
      settings.subscribe((current) => {
        this.settings = current;
      }),
      ledger.subscribe(() => {
        void this.#budgets.refresh();
        void this.#releases.refresh();
      }),
    ];
    void this.#load();
  }

  async #load(): Promise<void> {
    await Promise.all([this.#device.reload(), this.#budgets.reload(), this.#releases.reload()]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#unsubscribe) end();
  }

  override render() {
    return html`<div class="view">
      <header class="view-header"><h1 tabindex="-1">Settings</h1><p class="lead">They hold for this browser on this device.</p></header>
      <mm-error-note .error=${this.error}></mm-error-note>
      <section class="card section" aria-labelledby="look"><h2 id="look">Appearance</h2>
        <mm-segmented-choice name="theme" legend="Theme" .value=${this.settings.theme} .choices=${THEMES}
          @choice=${(event: CustomEvent<string>) => this.#change({ theme: event.detail as Theme })}></mm-segmented-choice></section>
      <section class="card section" aria-labelledby="work"><h2 id="work">Training on this device</h2>
        <mm-settings-training .services=${this.services}></mm-settings-training></section>
      <section class="card section" aria-labelledby="device"><h2 id="device">This device</h2>${this.#deviceFacts()}</section>
      <section class="card section" aria-labelledby="privacy"><h2 id="privacy">Privacy ledger</h2>${this.#privacy()}</section>
      <section class="card section" aria-labelledby="rights"><h2 id="rights">What the server knows</h2>
        <mm-own-rights .services=${this.services}></mm-own-rights></section>
      <section class="card section" aria-labelledby="erase"><h2 id="erase">Delete everything</h2>
        <p class="soft">Removes your data, models, agreements, settings, this device's identity and its ledger from this browser. Updates that others already added up cannot be taken back.</p>
        <div><button class="danger" data-testid="delete-everything" @click=${() => {
          this.confirming = true;
        }}>${icon('trash')} Delete everything…</button></div></section>
      <p class="small"><a class="touch" href="/operator" data-testid="operate">Operate this server</a></p>
      ${
        this.confirming
          ? html`<mm-confirm-dialog heading="Delete everything on this device?" text="Nothing can bring it back: neither the data nor the identity nor the ledger. Save the ledger first if you may need it."
              word=${WORD} action="Delete everything" @confirm=${this.#erase} @cancel=${() => {
                this.confirming = false;
              }}></mm-confirm-dialog>`
          : nothing
      }
    </div>`;
  }

  #deviceFacts() {
    const { state } = this.#device;
    if (state.status === 'loading')
      return html`<div class="skeleton placeholder" aria-hidden="true"></div><p class="visually-hidden" role="status">Loading…</p>`;
    if (state.status === 'failed')
      return html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#device.reload()}></mm-error-note>`;
    const { id, storage } = state.value;
    return html`
      <dl class="facts">
        <dt>Identity</dt><dd><code data-testid="identity">${id}</code><br /><span class="small soft">What other participants see. Its private key never leaves this device.</span></dd>
        <dt>Storage</dt><dd>${formatBytes(storage.usedBytes)}${storage.quotaBytes === undefined ? nothing : ` of ${formatBytes(storage.quotaBytes)}`}<br />
          <span class="small soft">${storage.persistent ? 'The browser keeps it until you delete it.' : 'The browser may clear it when space runs short.'}</span></dd>
      </dl>`;
  }

  #privacy() {
    const { ledger } = this.services;
    const { state } = this.#budgets;
    return html`<p class="soft">Every update and figure computed from your data that left this device is in a ledger, one per dataset, and counts in every federation. The page adds them up, and refuses rounds beyond your limits and those of federations.</p>
      ${
        state.status === 'loading'
          ? html`<div class="skeleton placeholder" aria-hidden="true"></div><p class="visually-hidden" role="status">Adding up…</p>`
          : state.status === 'failed'
            ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#budgets.reload()}></mm-error-note>`
            : this.#meters(state.value)
      }
      ${this.#recent()}
      <mm-ledger-files .ledger=${ledger}></mm-ledger-files>`;
  }

  #meters(budgets: readonly DatasetBudget[]) {
    if (budgets.length === 0) return html`<p>Nothing was released from this device.</p>`;
    return html`<ul class="stack meters" role="list">${budgets.map(
      (budget) => html`<li class="stack-tight">
        ${
          budget.locked === undefined
            ? html`<mm-privacy-meter short .meter=${{ ...meterOf(budget), label: budget.name }}></mm-privacy-meter>`
            : html`<p class="note bad"><strong>${budget.name}</strong>: its ledger is locked until you decide.</p>`
        }
        <a class="small touch" href="/data/${budget.datasetIds[0] ?? budget.ledger}">${counted(budget.releases, 'release')}, limit and history<span class="visually-hidden"> of ${budget.name}</span></a>
      </li>`,
    )}</ul>`;
  }

  #recent() {
    const { state } = this.#releases;
    if (state.status === 'loading') return nothing;
    if (state.status === 'failed') return html`<mm-error-note .error=${state.error}></mm-error-note>`;
    const { count, recent } = state.value;
    if (count === 0) return nothing;
    return html`<p>${counted(count, 'release')} recorded.</p>${this.#releaseList(recent)}`;
  }

  #releaseList(recent: readonly LedgerEntry[]) {
    return html`<details class="small"><summary>The last ${counted(recent.length, 'release')}</summary>
      <ul class="stack-tight releases" role="list" data-testid="releases">${recent.map(
        ({ run, round, atMs, event }) =>
          html`<li><strong>Round ${round}</strong> of ${run}, ${new Date(atMs).toLocaleString()}<br />${releaseWords(event)}</li>`,
      )}</ul></details>`;
  }

  async #change(settings: Partial<Settings>): Promise<void> {
    await this.#attempt(() => this.services.settings.change(settings));
  }

  #erase = async (): Promise<void> => {
    this.confirming = false;
    await this.#attempt(async () => {
      await this.services.session.leave();
      await this.services.settings.deleteEverything();
      showToast(this, { text: 'Everything was deleted from this device.' });
    });
    await this.#load();
  };

  async #attempt(action: () => Promise<void>): Promise<void> {
    this.error = undefined;
    try {
      await action();
    } catch (error) {
      this.error = toErrorRecord(error);
    }
  }
}

customElements.define('mm-settings-view', SettingsView);
