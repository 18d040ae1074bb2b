import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './error-note.ts';
import './version-comparison.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { formatLoss, formatPercent, shortHash } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import type { ModelVersion, VersionComparison, VersionsService } from '../app/services.ts';
import { accuracyOf, comparedFirst, shownVersions } from '../app/version-words.ts';
import { shared } from '../styles/shared.ts';

/** The versions of the shared model, which of them is best, and how two of them differ. */
export class ModelVersions extends LitElement {
  static override properties = {
    versions: { attribute: false },
    federation: { attribute: false },
    stamp: { attribute: false },
    all: { state: true },
    from: { state: true },
    to: { state: true },
    asked: { state: true },
  };
  declare versions: VersionsService;
  declare federation: Federation;
  /** Whoever knows of a new version changes it, and the list is asked for again. */
  declare stamp: unknown;
  declare all: boolean;
  declare from: number | undefined;
  declare to: number | undefined;
  /** Whether a comparison was asked for. */
  declare asked: boolean;
  readonly #list = new Loader<readonly ModelVersion[]>(this, (signal) =>
    this.versions.list(this.federation, signal),
  );
  readonly #comparison = new Loader<VersionComparison>(this, (signal) =>
    this.versions.compare(this.federation, this.from!, this.to!, signal),
  );

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); }
      .skeleton { height: 10rem; }
      .choose { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr)); gap: var(--space-3); align-items: end; }
      td.mono { overflow-wrap: normal; white-space: nowrap; }
      .back { color: var(--warn); }
    `,
  ];

  constructor() {
    super();
    this.all = false;
    this.asked = false;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('federation') || changed.has('stamp')) void this.#load();
  }

  async #load(): Promise<void> {
    this.asked = false;
    await this.#list.reload();
    [this.from, this.to] = comparedFirst(this.#list.value ?? []);
  }

  override render() {
    const { state } = this.#list;
    return html`<section class="card" aria-labelledby="versions-title" data-testid="versions">
      <h2 id="versions-title">Versions</h2>
      ${
        state.status === 'loading'
          ? html`<div role="status"><span class="visually-hidden">Asking for the versions…</span><div class="skeleton" aria-hidden="true"></div></div>`
          : state.status === 'failed'
            ? html`${state.error.code === 'http.unavailable' ? html`<p class="soft" data-testid="versions-offline">The history is at the server, which is away. The model on this device works without it.</p>` : nothing}
              <mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#load()}></mm-error-note>`
            : state.value.length === 0
              ? html`<p class="soft" data-testid="versions-empty">There is none yet: each finished round makes one.</p>`
              : html`${this.#table(state.value)}${this.#compare(state.value)}`
      }
    </section>`;
  }

  #table(versions: readonly ModelVersion[]) {
    const shown = this.all ? versions : shownVersions(versions);
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Versions, newest first"><table>
        <caption class="small soft">Newest first${this.federation.evaluation === 'server' ? '; evaluated by the server on examples that it holds' : ''}.</caption>
        <thead><tr><th scope="col" class="number">Version</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Loss</th><th scope="col">Made of</th><th scope="col">Model</th></tr></thead>
        <tbody>${shown.map((each) => this.#row(each))}</tbody>
      </table></div>
      ${shown.length === versions.length ? nothing : html`<div><button class="quiet" @click=${this.#showAll}>Show all ${versions.length}</button></div>`}`;
  }

  #row(each: ModelVersion) {
    const { version, evaluation, survivors, rollback, best, hash } = each;
    const accuracy = accuracyOf(each);
    return html`<tr data-testid="version" data-version=${version} data-best=${best ? 'true' : 'false'}>
      <th scope="row" class="number">${version}${best ? html` <span class="tag good">Best</span>` : nothing}</th>
      <td class="number">${accuracy === undefined ? '–' : formatPercent(accuracy)}</td>
      <td class="number">${evaluation === null || evaluation.total === 0 ? '–' : formatLoss(evaluation.lossSum / evaluation.total)}</td>
      <td>${rollback === null ? html`${survivors === 1 ? '1 update' : `${survivors} updates`}` : html`<span class="back">Went back to version ${rollback}</span>`}</td>
      <td class="mono">${shortHash(hash)}</td></tr>`;
  }

  #compare(versions: readonly ModelVersion[]) {
    const kept = versions.filter(({ bytes }) => bytes !== null);
    if (kept.length < 2)
      return html`<p class="small soft">Two versions can be compared once the server keeps two.</p>`;
    const { state } = this.#comparison;
    const select = (name: 'from' | 'to', label: string) =>
      html`<label>${label}<select data-testid="compare-${name}" @change=${(event: Event) => {
        this[name] = Number((event.target as HTMLSelectElement).value);
        this.asked = false;
      }}>${kept.map(({ version, best }) => html`<option value=${version} ?selected=${version === this[name]}>Version ${version}${best ? ', the best' : ''}</option>`)}</select></label>`;
    return html`<div class="stack" role="group" aria-labelledby="compare-title">
      <h3 id="compare-title">Compare two</h3>
      <div class="choose">${select('from', 'From')}${select('to', 'To')}
        <button ?disabled=${this.from === this.to || (this.asked && state.status === 'loading')} @click=${this.#ask} data-testid="compare">Compare</button></div>
      ${
        !this.asked
          ? nothing
          : state.status === 'loading'
            ? html`<div class="stack-tight"><p role="status">The server compares them…</p><progress aria-label="The server compares them"></progress></div>`
            : state.status === 'failed'
              ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${this.#ask}></mm-error-note>`
              : html`<mm-version-comparison .comparison=${state.value}></mm-version-comparison>`
      }
    </div>`;
  }

  #showAll = (): void => {
    this.all = true;
  };

  #ask = (): void => {
    this.asked = true;
    void this.#comparison.reload();
  };
}

customElements.define('mm-model-versions', ModelVersions);
