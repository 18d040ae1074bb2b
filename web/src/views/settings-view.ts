import { css, html, LitElement, nothing } from 'lit';
import '../components/confirm-dialog.ts';
import '../components/error-note.ts';
import './settings-training.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { LedgerEntry } from '../../../shared/ledger/index.ts';
import { saveFile, setPageTitle, showToast } from '../app/events.ts';
import { counted, formatBytes } from '../app/format.ts';
import { releaseWords } from '../app/ledger-words.ts';
import { Loader } from '../app/loader.ts';
import type { Services, Settings, StorageUsage, Theme } from '../app/services.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

interface Device {
  readonly id: string;
  readonly storage: StorageUsage;
  readonly releases: number;
  readonly recent: readonly LedgerEntry[];
}

const WORD = 'delete';
const SHOWN_RELEASES = 10;

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
  #unsubscribe: (() => void) | undefined;

  readonly #device = new Loader<Device>(this, async () => {
    const { settings, ledger } = this.services;
    const [id, storage, releases, recent] = await Promise.all([
      settings.identityId(),
      settings.storage(),
      ledger.count(),
      ledger.recent(SHOWN_RELEASES),
    ]);
    return { id, storage, releases, recent };
  });

  static override styles = [
    shared,
    viewStyles,
    css`
      .view { max-width: 46rem; }
      .segments { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; padding: 4px; border-radius: var(--radius-full); background: var(--sunken); }
      .segments label { position: relative; display: grid; margin: 0; place-items: center; min-height: var(--touch); border-radius: var(--radius-full); cursor: pointer; }
      .segments input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
      .segments label:has(:checked) { background: var(--accent); color: var(--on-accent); }
      .segments label:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 1px; }
      .facts { display: grid; grid-template-columns: minmax(7rem, auto) minmax(0, 1fr); gap: var(--space-2) var(--space-4); }
      .facts dt { color: var(--ink-soft); }
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
    this.#unsubscribe = this.services.settings.subscribe((settings) => {
      this.settings = settings;
    });
    void this.#device.reload();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
  }

  override render() {
    return html`<div class="view">
      <header class="view-header"><h1 tabindex="-1">Settings</h1><p class="lead">They hold for this browser on this device.</p></header>
      <mm-error-note .error=${this.error}></mm-error-note>
      <section class="card section" aria-labelledby="look"><h2 id="look">Appearance</h2>
        ${this.#segments('theme', 'Theme', [
          ['system', 'System'],
          ['light', 'Light'],
          ['dark', 'Dark'],
        ])}</section>
      <section class="card section" aria-labelledby="work"><h2 id="work">Training on this device</h2>
        <mm-settings-training .services=${this.services}></mm-settings-training></section>
      <section class="card section" aria-labelledby="device"><h2 id="device">This device</h2>${this.#deviceFacts()}</section>
      <section class="card section" aria-labelledby="erase"><h2 id="erase">Delete everything</h2>
        <p class="soft">Removes your data, models, agreements, settings, this device's identity and its ledger from this browser. Updates that others already added up cannot be taken back.</p>
        <div><button class="danger" data-testid="delete-everything" @click=${() => {
          this.confirming = true;
        }}>${icon('trash')} Delete everything…</button></div></section>
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

  #segments(key: 'theme', legend: string, choices: readonly (readonly [Theme, string])[]) {
    return html`<fieldset class="stack-tight"><legend class="label">${legend}</legend>
      <div class="segments">${choices.map(
        ([
          value,
          label,
        ]) => html`<label><input type="radio" name=${key} value=${value} .checked=${this.settings[key] === value}
          @change=${() => this.#change({ [key]: value })} />${label}</label>`,
      )}</div></fieldset>`;
  }

  #deviceFacts() {
    const { state } = this.#device;
    if (state.status === 'loading')
      return html`<div class="skeleton placeholder" aria-hidden="true"></div><p class="visually-hidden" role="status">Loading…</p>`;
    if (state.status === 'failed')
      return html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#device.reload()}></mm-error-note>`;
    const { id, storage, releases, recent } = state.value;
    return html`
      <dl class="facts">
        <dt>Identity</dt><dd><code data-testid="identity">${id}</code><br /><span class="small soft">What other participants see. Its private key never leaves this device.</span></dd>
        <dt>Storage</dt><dd>${formatBytes(storage.usedBytes)}${storage.quotaBytes === undefined ? nothing : ` of ${formatBytes(storage.quotaBytes)}`}<br />
          <span class="small soft">${storage.persistent ? 'The browser keeps it until you delete it.' : 'The browser may clear it when space runs short.'}</span></dd>
        <dt>Ledger</dt><dd>${releases === 0 ? 'Nothing was released from this device.' : `${counted(releases, 'release')} recorded.`}<br />
          <span class="small soft">Every update and figure computed from your data that left this device.</span>${recent.length === 0 ? nothing : this.#releases(recent)}</dd>
      </dl>
      <div><button @click=${this.#exportLedger} data-testid="export-ledger">${icon('download')} Save the ledger</button></div>`;
  }

  #releases(recent: readonly LedgerEntry[]) {
    return html`<details class="small"><summary>The last ${counted(recent.length, 'release')}</summary>
      <ul class="stack-tight releases" role="list" data-testid="releases">${recent.map(
        ({ run, round, atMs, event }) =>
          html`<li><strong>Round ${round}</strong> of ${run}, ${new Date(atMs).toLocaleString()}<br />${releaseWords(event)}</li>`,
      )}</ul></details>`;
  }

  async #change(settings: Partial<Settings>): Promise<void> {
    await this.#attempt(() => this.services.settings.change(settings));
  }

  #exportLedger = (): Promise<void> =>
    this.#attempt(async () => saveFile('murmuration-ledger.json', await this.services.ledger.export()));

  #erase = async (): Promise<void> => {
    this.confirming = false;
    await this.#attempt(async () => {
      await this.services.session.leave();
      await this.services.settings.deleteEverything();
      showToast(this, { text: 'Everything was deleted from this device.' });
    });
    await this.#device.reload();
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
