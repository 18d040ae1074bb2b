import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import '../components/auto-panel.ts';
import '../components/disclosure.ts';
import '../components/error-note.ts';
import '../components/join-panel.ts';
import '../components/notices-list.ts';
import '../components/peers-table.ts';
import '../components/round-forecast.ts';
import '../components/run-charts.ts';
import '../components/session-panel.ts';
import '../components/transcripts-panel.ts';
import '../components/who-learns.ts';
import type { ErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { dataWords } from '../app/data-words.ts';
import { formatEpsilon } from '../app/epsilon-words.ts';
import { announce, saveFile, setPageTitle } from '../app/events.ts';
import { trainingFacts } from '../app/federation-words.ts';
import { Loader } from '../app/loader.ts';
import { admissionWords } from '../app/refusal-words.ts';
import type { FederationQuery } from '../app/router.ts';
import type { Cached, Services } from '../app/services.ts';
import { changeWords, isActive } from '../app/session-words.ts';
import { SnapshotController } from '../app/snapshot-controller.ts';
import { TRUST_TAGS, trustModelsOf } from '../app/trust-models.ts';
import { ScreenWakeLock } from '../app/wake-lock.ts';
import { icon } from '../components/icons.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

/** One federation: what it is, what leaves the device, taking part, and the run as it goes. */
export class FederationView extends LitElement {
  static override properties = {
    services: { attribute: false },
    federationId: { attribute: false },
    query: { attribute: false },
    sharing: { state: true },
    kioskLoaded: { state: true },
    cardsLoaded: { state: true },
  };
  declare services: Services;
  declare federationId: string;
  declare query: FederationQuery;
  declare sharing: boolean;
  declare kioskLoaded: boolean;
  declare cardsLoaded: boolean;

  readonly #federation = new Loader(this, (signal) =>
    this.services.federations.get(this.federationId, signal),
  );
  readonly #snapshot = new SnapshotController(
    this,
    () => this.services.session,
    (before, now) => this.#changed(before, now),
  );
  readonly #wakeLock = new ScreenWakeLock();

  static override styles = [
    shared,
    viewStyles,
    css`
      .title { display: flex; flex-wrap: wrap; align-items: flex-start; justify-content: space-between; gap: var(--space-3); }
      .title h1 { flex: 1 1 18rem; }
      .columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); align-items: start; }
      .facts { display: grid; grid-template-columns: minmax(7rem, auto) minmax(0, 1fr); gap: var(--space-2) var(--space-4); }
      .facts dt { color: var(--ink-soft); }
      .lock svg { width: 14px; height: 14px; }
      .placeholder { height: 16rem; border-radius: var(--radius); }
      @media (min-width: 60rem) {
        .columns { grid-template-columns: minmax(0, 1fr) minmax(0, 25rem); gap: var(--space-5); }
        .columns.running { grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr); }
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('federationId')) void this.#load();
    if (changed.has('query') && this.query.kiosk && !this.kioskLoaded)
      void import('../components/kiosk-panel.ts').then(() => {
        this.kioskLoaded = true;
      });
  }

  /** What is further down comes after what is seen first. */
  override firstUpdated(): void {
    void Promise.all([
      import('../components/aggregation-card.ts'),
      import('../components/compression-card.ts'),
      import('../components/own-consent.ts'),
    ]).then(() => {
      this.cardsLoaded = true;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#wakeLock.want(false);
  }

  async #load(): Promise<void> {
    setPageTitle('Federation');
    await this.#federation.reload();
    const name = this.#federation.value?.value.name;
    if (name !== undefined) setPageTitle(name);
  }

  #changed(before: SessionSnapshot | undefined, now: SessionSnapshot | undefined): void {
    if (now?.federationId !== this.federationId) return;
    const words = changeWords(before, now);
    if (words !== undefined) announce(this, words);
    this.#wakeLock.want(
      isActive(now.phase) && now.phase.name !== 'paused' && this.services.settings.current.keepAwake,
    );
  }

  override render() {
    const { state } = this.#federation;
    if (state.status === 'ready') {
      if (this.query.kiosk) return this.#kiosk(state.value.value);
      return this.#page(state.value);
    }
    return html`<div class="view">
      <header class="view-header"><a class="crumb" href="/">← Federations</a><h1 tabindex="-1">Federation</h1></header>
      ${
        state.status === 'loading'
          ? html`<div role="status"><span class="visually-hidden">Loading the federation…</span><div class="skeleton placeholder" aria-hidden="true"></div></div>`
          : this.#failed(state.error)
      }
    </div>`;
  }

  #failed(error: ErrorRecord) {
    const words = admissionWords(error);
    return html`${words === undefined ? nothing : html`<div class="note warn stack-tight" data-testid="not-admitted"><p><strong>${words.title}</strong> ${words.why}</p><p>${words.todo}</p></div>`}
      <mm-error-note .error=${error} retry-label="Try again" @retry=${() => this.#load()}></mm-error-note>`;
  }

  #kiosk(federation: Federation) {
    if (!this.kioskLoaded) return html`<p class="visually-hidden" role="status">Loading…</p>`;
    return html`<mm-kiosk-panel .services=${this.services} .federation=${federation} .query=${this.query}></mm-kiosk-panel>`;
  }

  #page({ value: federation, from }: Cached<Federation>) {
    const current = this.#snapshot.current;
    const own =
      current?.federationId === federation.id && current.phase.name !== 'idle' ? current : undefined;
    const active = own !== undefined && isActive(own.phase);
    return html`<div class="view">
      <header class="view-header">
        <a class="crumb" href="/">← Federations</a>
        <div class="title">
          <h1 tabindex="-1">${federation.name}</h1>
          <div class="row">
            <a class="button" href="/model/${federation.id}" data-testid="try-model">${icon('model')} Try the model</a>
            <button @click=${this.#openShare} data-testid="share">${icon('share')} Share</button>
          </div>
        </div>
        <p class="row"><span class="tag">${dataWords(federation.data)}</span>${trustModelsOf(federation).map(
          (model) =>
            html`<span class="tag ${model === 'none' ? 'warn' : ''}" data-testid="trust" data-trust=${model}>${TRUST_TAGS[model]}</span>`,
        )}${
          federation.privacy.budget === undefined
            ? nothing
            : html`<span class="tag">Epsilon at most ${formatEpsilon(federation.privacy.budget.epsilon)}</span>`
        }${
          federation.privacy.secureAggregation === 'secagg'
            ? html`<span class="tag good lock">${icon('lock')} Secure aggregation</span>`
            : nothing
        }</p>
        ${federation.description === '' ? nothing : html`<p class="lead">${federation.description}</p>`}
        ${from === 'device' ? html`<p class="note warn" role="status">This is the federation as this device remembers it: the server did not answer, or tells it only to those who are connected.</p>` : nothing}
      </header>
      ${own === undefined ? this.#before(federation, current) : this.#running(federation, own, active)}
      <mm-who-learns .federation=${federation}></mm-who-learns>
      ${this.#cards(federation, own)}
      ${
        this.sharing
          ? html`<mm-share-dialog .url=${new URL(`/f/${federation.id}`, location.href).href} .name=${federation.name}
              @close=${() => {
                this.sharing = false;
              }}></mm-share-dialog>`
          : nothing
      }
    </div>`;
  }

  #cards(federation: Federation, own: SessionSnapshot | undefined) {
    if (!this.cardsLoaded) return nothing;
    return html`<mm-aggregation-card .federation=${federation}></mm-aggregation-card>
      <mm-compression-card .compression=${this.services.compression} .federation=${federation} .snapshot=${own}></mm-compression-card>
      <mm-own-consent .services=${this.services} .federation=${federation} @withdrawn=${this.#withdrawn}></mm-own-consent>`;
  }

  #before(federation: Federation, current: SessionSnapshot | undefined) {
    const elsewhere = current !== undefined && isActive(current.phase);
    return html`<div class="columns">
      <div class="stack">
        ${this.query.autojoin && !elsewhere ? this.#auto(federation) : nothing}
        ${
          elsewhere
            ? html`<div class="card stack"><h2>You are in another session</h2>
                <p class="soft">This device takes part in one federation at a time. Leave that one to join this one.</p>
                <div><a class="button primary" href="/f/${current.federationId}">Go to that session</a></div></div>`
            : html`<mm-join-panel .services=${this.services} .federation=${federation} .paths=${this.query.paths}></mm-join-panel>`
        }
      </div>
      ${this.#facts(federation)}
    </div>`;
  }

  #auto(federation: Federation) {
    return html`<mm-auto-panel .services=${this.services} .federation=${federation} .query=${this.query}></mm-auto-panel>`;
  }

  #running(federation: Federation, snapshot: SessionSnapshot, active: boolean) {
    return html`
      <div class="columns running">
        <div class="stack">
          ${this.query.autojoin ? html`<p class="note" data-testid="autojoin">This device joined by itself, because the link asked for it.</p>` : nothing}
          ${
            snapshot.serverConnected || !active
              ? nothing
              : html`<p class="note warn" role="status" data-testid="server-away">The server is away. The participants go on among themselves, and the history catches up later.</p>`
          }
          <mm-session-panel .session=${this.services.session} .snapshot=${snapshot} .datasetId=${this.services.session.datasetId}
            .agreeAgain=${() => this.services.rights.agreeAgain(federation)}></mm-session-panel>
          ${this.#spending(federation, snapshot, active)}
          <section class="card section" aria-labelledby="peers-title">
            <h2 id="peers-title">Connected</h2>
            <mm-peers-table .snapshot=${snapshot}></mm-peers-table>
          </section>
          ${
            federation.privacy.secureAggregation === 'secagg'
              ? html`<mm-transcripts .transcripts=${this.services.transcripts} .snapshot=${snapshot}></mm-transcripts>`
              : nothing
          }
        </div>
        <div class="stack">
          <mm-run-charts .snapshot=${snapshot}></mm-run-charts>
          <mm-notices .notices=${snapshot.notices}></mm-notices>
        </div>
      </div>
      <div class="columns">
        ${
          active
            ? html`<section class="card section" aria-labelledby="leaves-title"><h2 id="leaves-title">What leaves this device</h2>
                <mm-disclosure .federation=${federation}></mm-disclosure></section>`
            : html`<mm-join-panel .services=${this.services} .federation=${federation} .paths=${this.query.paths}></mm-join-panel>`
        }
        ${this.#facts(federation)}
      </div>`;
  }

  /** Follows the ledger, round by round. */
  #spending(federation: Federation, snapshot: SessionSnapshot, active: boolean) {
    const { datasetId } = this.services.session;
    if (!active || datasetId === undefined) return nothing;
    return html`<section class="card section" aria-labelledby="spending-title">
      <h2 id="spending-title">Privacy spent</h2>
      <mm-round-forecast .ledger=${this.services.ledger} .federation=${federation} .datasetId=${datasetId} ?refused=${snapshot.refusal !== undefined}></mm-round-forecast>
    </section>`;
  }

  #facts(federation: Federation) {
    return html`<section class="card section" aria-labelledby="facts-title">
      <h2 id="facts-title">How it is trained</h2>
      <dl class="facts">${trainingFacts(federation).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
      <div class="row"><button @click=${() => saveDocument(federation)}>${icon('download')} Save the document</button>
        <a class="button" href="/privacy?federation=${federation.id}" data-testid="open-calculator">${icon('lock')} What its privacy means</a></div>
    </section>`;
  }

  /** The panel that asks for it reads whether it was given. */
  #withdrawn = (): void => this.renderRoot.querySelector<LitElement>('mm-join-panel')?.requestUpdate();

  #openShare = async (): Promise<void> => {
    await import('../components/share-dialog.ts');
    this.sharing = true;
  };
}

function saveDocument(federation: Federation): void {
  const text = JSON.stringify(federation, null, 2);
  saveFile(`${federation.id}.json`, new Blob([text], { type: 'application/json' }));
}

customElements.define('mm-federation-view', FederationView);
