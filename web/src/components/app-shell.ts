import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import './error-note.ts';
import './toaster.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Toast } from '../app/events.ts';
import { type Route, Router } from '../app/router.ts';
import type { Services } from '../app/services.ts';
import { isActive } from '../app/session-words.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { type IconName, icon, mark } from './icons.ts';
import type { Toaster } from './toaster.ts';

interface View {
  readonly load: () => Promise<unknown>;
  readonly render: (services: Services, route: never) => TemplateResult;
}

const VIEWS: { readonly [V in Route['view']]: View } = {
  federations: {
    load: () => import('../views/federations-view.ts'),
    render: (services) => html`<mm-federations-view .services=${services}></mm-federations-view>`,
  },
  federation: {
    load: () => import('../views/federation-view.ts'),
    render: (services, { id, query }: Extract<Route, { view: 'federation' }>) =>
      html`<mm-federation-view .services=${services} .federationId=${id} .query=${query}></mm-federation-view>`,
  },
  data: {
    load: () => import('../views/data-view.ts'),
    render: (services) => html`<mm-data-view .services=${services}></mm-data-view>`,
  },
  dataset: {
    load: () => import('../views/dataset-view.ts'),
    render: (services, { id }: Extract<Route, { view: 'dataset' }>) =>
      html`<mm-dataset-view .services=${services} .datasetId=${id}></mm-dataset-view>`,
  },
  calculator: {
    load: () => import('../views/calculator-view.ts'),
    render: (services, { federation, examples }: Extract<Route, { view: 'calculator' }>) =>
      html`<mm-calculator-view .services=${services} .federationId=${federation} .examples=${examples}></mm-calculator-view>`,
  },
  model: {
    load: () => import('../views/model-view.ts'),
    render: (services, { id }: Extract<Route, { view: 'model' }>) =>
      html`<mm-model-view .services=${services} .federationId=${id}></mm-model-view>`,
  },
  settings: {
    load: () => import('../views/settings-view.ts'),
    render: (services) => html`<mm-settings-view .services=${services}></mm-settings-view>`,
  },
  operator: {
    load: () => import('../operator/operator-view.ts'),
    render: (services, { section, part }: Extract<Route, { view: 'operator' }>) =>
      html`<mm-operator-view .services=${services} .section=${section} .about=${part}></mm-operator-view>`,
  },
  'not-found': {
    load: () => import('../views/not-found-view.ts'),
    render: (_services, { path }: Extract<Route, { view: 'not-found' }>) =>
      html`<mm-not-found-view .path=${path}></mm-not-found-view>`,
  },
};

const NAVIGATION: readonly {
  path: string;
  label: string;
  icon: IconName;
  views: readonly Route['view'][];
}[] = [
  { path: '/', label: 'Federations', icon: 'flock', views: ['federations', 'federation', 'model'] },
  { path: '/data', label: 'My data', icon: 'data', views: ['data', 'dataset'] },
  { path: '/privacy', label: 'Privacy', icon: 'lock', views: ['calculator'] },
  { path: '/settings', label: 'Settings', icon: 'settings', views: ['settings', 'operator'] },
];

/** The frame around every view. In the light DOM, so that the skip link and the landmarks are the document's own. */
export class AppShell extends LitElement {
  static override properties = {
    services: { attribute: false },
    route: { state: true },
    loadedView: { state: true },
    loadError: { state: true },
    reachable: { state: true },
    session: { state: true },
    reload: { state: true },
    announcement: { state: true },
  };
  declare services: Services | undefined;
  declare route: Route;
  declare loadedView: Route['view'] | undefined;
  declare loadError: ErrorRecord | undefined;
  declare reachable: boolean;
  declare session: SessionSnapshot | undefined;
  declare reload: (() => void) | undefined;
  declare announcement: string;

  #router: Router | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor() {
    super();
    this.reachable = true;
    this.announcement = '';
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#router = new Router((route) => this.#enter(route, true));
    this.#enter(this.#router.route, false);
    this.addEventListener('mm-navigate', (event) => this.#router?.go((event as CustomEvent<string>).detail));
    this.addEventListener('mm-announce', (event) => {
      this.announcement = (event as CustomEvent<string>).detail;
    });
    this.addEventListener('mm-toast', (event) =>
      this.querySelector<Toaster>('mm-toaster')!.show((event as CustomEvent<Toast>).detail),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#router?.stop();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#unsubscribe = [];
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('services') || this.services === undefined) return;
    const { server, session } = this.services;
    this.reachable = server.reachable;
    this.#unsubscribe = [
      server.subscribe((reachable) => {
        this.reachable = reachable;
      }),
      session.subscribe((snapshot) => {
        this.session = snapshot;
      }),
    ];
  }

  /** A new version waits; the person decides when to change to it. */
  offerUpdate(reload: () => void): void {
    this.reload = reload;
  }

  async #enter(route: Route, byNavigation: boolean): Promise<void> {
    this.route = route;
    this.loadError = undefined;
    document.body.classList.toggle('is-kiosk', route.view === 'federation' && route.query.kiosk);
    try {
      await VIEWS[route.view].load();
    } catch (error) {
      if (this.route === route) this.loadError = toErrorRecord(error);
      return;
    }
    if (this.route !== route) return;
    this.loadedView = route.view;
    await this.updateComplete;
    if (byNavigation) await this.#focusHeading();
  }

  /** What a page load would do: a screen reader starts at the top of the new view. */
  async #focusHeading(): Promise<void> {
    const main = this.querySelector('main')!;
    const view = main.firstElementChild;
    if (view instanceof LitElement) await view.updateComplete;
    (view?.shadowRoot?.querySelector('h1') ?? main).focus();
  }

  override render() {
    if (this.services === undefined) return nothing;
    return html`
      <a class="skip-link" href="#main" @click=${this.#skip}>Skip to content</a>
      ${this.#updateBanner()}
      <header class="app-header">
        <a class="app-brand" href="/">${mark()}<span>Murmuration</span></a>
        <nav class="app-nav" aria-label="Main">
          ${NAVIGATION.map(
            ({ path, label, icon: name, views }) =>
              html`<a href=${path} aria-current=${views.includes(this.route.view) ? 'page' : nothing}>${icon(name)}<span>${label}</span></a>`,
          )}
        </nav>
        ${this.#sessionChip()}
      </header>
      ${
        this.reachable
          ? nothing
          : html`<div class="app-banner" role="status" data-testid="offline">
              <p><strong>The server did not answer.</strong> What is on this device still works, and peers that are already connected go on.</p>
            </div>`
      }
      <main class="app-main" id="main" tabindex="-1">${this.#view()}</main>
      <mm-toaster></mm-toaster>
      <p class="visually-hidden" aria-live="polite" data-testid="announcement">${this.announcement}</p>
    `;
  }

  #view() {
    const { services, route, loadError } = this;
    if (loadError !== undefined)
      return html`<mm-error-note .error=${loadError} retry-label="Try again"
        @retry=${() => this.#enter(this.route, false)}></mm-error-note>`;
    if (this.loadedView !== route.view) return html`<p class="visually-hidden" role="status">Loading…</p>`;
    return VIEWS[route.view].render(services!, route as never);
  }

  #updateBanner() {
    const { reload } = this;
    if (reload === undefined) return nothing;
    const busy = this.session !== undefined && isActive(this.session.phase);
    return html`<div class="app-banner is-update" role="status" data-testid="update">
      <p><strong>A new version is ready.</strong> ${
        busy
          ? 'Reloading interrupts this session for a moment; it resumes by itself afterwards.'
          : 'Reload to use it.'
      }</p>
      <button @click=${reload}>Reload</button>
      <button @click=${() => {
        this.reload = undefined;
      }}>Later</button>
    </div>`;
  }

  #sessionChip() {
    const { session, route } = this;
    if (session === undefined || !isActive(session.phase)) return nothing;
    if (route.view === 'federation' && route.id === session.federationId) return nothing;
    return html`<a class="app-session" href="/f/${session.federationId}"><span>In a session</span></a>`;
  }

  #skip(event: Event): void {
    event.preventDefault();
    this.querySelector('main')!.focus();
  }
}

customElements.define('mm-app', AppShell);
