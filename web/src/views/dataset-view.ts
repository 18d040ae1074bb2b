import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import '../components/error-note.ts';
import '../components/ledger-files.ts';
import '../components/ledger-lock.ts';
import '../components/limit-form.ts';
import '../components/privacy-history.ts';
import '../components/privacy-meter.ts';
import { type ErrorRecord, MurmurationError, toErrorRecord } from '../../../shared/errors/index.ts';
import type { LedgerEntry } from '../../../shared/ledger/index.ts';
import { formatDelta, formatEpsilon } from '../app/epsilon-words.ts';
import { setPageTitle, showToast } from '../app/events.ts';
import { counted, formatBytes, formatCount, formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { navigate } from '../app/router.ts';
import type { DatasetBudget, DatasetInfo, Services, Unsubscribe } from '../app/services.ts';
import { meterOf, shownUnit } from '../app/spending-words.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

const MAX_RECENT = 1000;
const SHOWN_RELEASES = 20;

interface Loaded {
  /** Undefined: deleted, while its ledger is still there. */
  readonly info: DatasetInfo | undefined;
  readonly budget: DatasetBudget;
  /** The newest first. */
  readonly recent: readonly LedgerEntry[];
}

/** One dataset and what was spent of it: meter, limit, history, and what to do when its ledger is broken. */
export class DatasetView extends LitElement {
  static override properties = {
    services: { attribute: false },
    datasetId: { attribute: false },
    error: { state: true },
  };
  declare services: Services;
  /** Of a dataset; of a ledger, where the data was deleted. */
  declare datasetId: string;
  declare error: ErrorRecord | undefined;
  readonly #loaded = new Loader<Loaded>(this, () => this.#find());
  #unsubscribe: Unsubscribe | undefined;

  static override styles = [
    shared,
    viewStyles,
    css`
      .columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); align-items: start; }
      .placeholder { height: 16rem; border-radius: var(--radius); }
      @media (min-width: 60rem) { .columns { grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr); } }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    setPageTitle('Privacy of this data');
  }

  override firstUpdated(): void {
    this.#unsubscribe = this.services.ledger.subscribe(() => void this.#loaded.refresh());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('datasetId')) void this.#loaded.reload();
  }

  async #find(): Promise<Loaded> {
    const { data, ledger } = this.services;
    const info = (await data.list()).find(({ id }) => id === this.datasetId);
    const budget =
      info === undefined
        ? (await ledger.budgets()).find((each) => each.ledger === this.datasetId)
        : await ledger.budgetOf(info.id);
    if (budget === undefined)
      throw new MurmurationError('data.unreadable', 'There is no such data on this device.', {
        remedy: 'It may have been deleted. Look under My data.',
      });
    // Nothing can be read of a broken ledger but that it is broken.
    const all = budget.releases === 0 || budget.locked !== undefined ? [] : await ledger.recent(MAX_RECENT);
    const recent = all.filter(({ dataset }) => dataset === budget.ledger).slice(0, SHOWN_RELEASES);
    return { info, budget, recent };
  }

  override render() {
    const { state } = this.#loaded;
    const title =
      state.status === 'ready' ? (state.value.info?.name ?? state.value.budget.name) : 'Privacy of this data';
    return html`<div class="view">
      <header class="view-header">
        <a class="crumb" href="/data">← My data</a>
        <h1 tabindex="-1">${title}</h1>
        ${state.status === 'ready' ? this.#about(state.value) : nothing}
      </header>
      <mm-error-note .error=${this.error}></mm-error-note>
      ${
        state.status === 'loading'
          ? html`<div role="status"><span class="visually-hidden">Adding up what was spent…</span><div class="skeleton placeholder" aria-hidden="true"></div></div>`
          : state.status === 'failed'
            ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#loaded.reload()}></mm-error-note>`
            : this.#body(state.value)
      }
    </div>`;
  }

  #about({ info, budget }: Loaded) {
    if (info === undefined)
      return html`<p class="note warn">This data was deleted from this browser. What was spent of it stays spent: imported again, it continues this ledger.</p>`;
    const copies = budget.datasetIds.length - 1;
    return html`<p class="soft">${counted(info.examples, 'example')} · ${info.shape} · ${formatBytes(info.bytes)} · added ${formatDate(info.createdAtMs)}</p>
      ${copies > 0 ? html`<p class="note">The same data is here ${copies === 1 ? 'twice' : `${copies + 1} times`}: all of it shares one ledger.</p>` : nothing}`;
  }

  #body({ budget, recent, info }: Loaded) {
    const { ledger } = this.services;
    if (budget.locked !== undefined)
      return html`<section class="card section" aria-labelledby="lock-title"><h2 id="lock-title">Privacy</h2>
        <mm-ledger-lock .ledger=${ledger} .budget=${budget} @decided=${() => this.#loaded.refresh()} @delete=${() => this.#remove(info)}></mm-ledger-lock>
        <mm-ledger-files .ledger=${ledger}></mm-ledger-files></section>`;
    const unit = shownUnit(budget);
    return html`<div class="columns">
      <div class="stack">
        <section class="card section" aria-labelledby="spent-title"><h2 id="spent-title">Privacy spent</h2>
          <p class="soft">In all federations together. Each round that uses this data adds to it, and nothing takes it back.</p>
          <mm-privacy-meter .meter=${meterOf(budget)}></mm-privacy-meter>
          ${this.#federations(budget)}
        </section>
        <section class="card section" aria-labelledby="history-title"><h2 id="history-title">History</h2>
          <mm-privacy-history .history=${budget.history} .unit=${unit} .limit=${budget.limit?.epsilon} .recent=${recent} .setBacks=${budget.setBacks}></mm-privacy-history>
        </section>
      </div>
      <div class="stack">
        <section class="card section" aria-labelledby="limit-title"><h2 id="limit-title">Your limit</h2>
          <mm-limit-form .ledger=${ledger} .budget=${budget} @changed=${() => this.#loaded.refresh()}></mm-limit-form></section>
        <section class="card section" aria-labelledby="file-title"><h2 id="file-title">The ledger as a file</h2>
          <p class="soft">All ledgers of this device: every release, chained so that no change goes unnoticed, and what they add up to.</p>
          <mm-ledger-files .ledger=${ledger}></mm-ledger-files></section>
      </div>
    </div>`;
  }

  #federations({ federations }: DatasetBudget) {
    if (federations.length === 0) return nothing;
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Spent per federation"><table>
      <caption class="small soft" data-testid="spent-deltas">${deltaWords(federations)}</caption>
      <thead><tr><th scope="col">Federation</th><th scope="col" class="number">Releases</th><th scope="col" class="number">For examples</th><th scope="col" class="number">For you</th></tr></thead>
      <tbody>${federations.map(
        ({ federation, releases, spent }) =>
          html`<tr><th scope="row">${federation === undefined ? 'Not recorded' : html`<a href="/f/${federation}">${federation}</a>`}</th>
            <td class="number">${formatCount(releases)}</td><td class="number">${formatEpsilon(spent.record.epsilon)}</td><td class="number">${formatEpsilon(spent.participant.epsilon)}</td></tr>`,
      )}</tbody></table></div>`;
  }

  async #remove(info: DatasetInfo | undefined): Promise<void> {
    if (info === undefined) return;
    this.error = undefined;
    try {
      await this.services.data.remove(info.id);
      showToast(this, { text: `“${info.name}” was deleted. Its ledger stays, locked.` });
      navigate(this, '/data');
    } catch (error) {
      this.error = toErrorRecord(error);
    }
  }
}

/** An epsilon says nothing without its delta, and a federation with a budget names another than this page may. */
function deltaWords(federations: DatasetBudget['federations']): string {
  const deltas = [
    ...new Set(federations.flatMap(({ spent }) => [spent.record.delta, spent.participant.delta])),
  ];
  return `Epsilon, at delta ${deltas.map(formatDelta).join(' or ')}. A federation whose budget names another delta shows another epsilon for the same rounds: the larger delta, the smaller epsilon.`;
}

customElements.define('mm-dataset-view', DatasetView);
