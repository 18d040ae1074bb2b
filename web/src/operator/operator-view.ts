import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import '../components/error-note.ts';
import './sign-in.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { announce, setPageTitle } from '../app/events.ts';
import { formatDate } from '../app/format.ts';
import type { Services, Unsubscribe } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from '../views/view-styles.ts';
import type { Me } from './operator-api.ts';
import { type OperatorSession, operatorSession } from './operator-session.ts';
import { SECTIONS, type Section } from './sections.ts';

/** The operator's pages: who is signed in, the way between them, and the one that is open. */
export class OperatorView extends LitElement {
  static override properties = {
    services: { attribute: false },
    section: {},
    about: {},
    ready: { state: true },
    failure: { state: true },
  };
  declare services: Services;
  declare section: string;
  declare about: string | undefined;
  /** The section whose code is here. */
  declare ready: string | undefined;
  declare failure: ErrorRecord | undefined;
  #operator: OperatorSession | undefined;
  #unsubscribe: Unsubscribe | undefined;
  #wasIn = false;

  static override styles = [
    shared,
    viewStyles,
    css`
      .account { display: flex; flex-wrap: wrap; align-items: center; gap: var(--space-2) var(--space-3); }
      .account p { flex: 1 1 14rem; overflow-wrap: anywhere; }
      nav { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: var(--space-2); }
      nav a {
        display: flex; align-items: center; justify-content: center; min-height: var(--touch); padding: 0 var(--space-2);
        border: 1px solid var(--line); border-radius: var(--radius-small); background: var(--surface);
        color: var(--ink); font-size: 0.9375rem; font-weight: 550; text-decoration: none;
      }
      nav a:hover { background: var(--sunken); color: var(--ink); }
      nav a[aria-current='page'] { border-color: var(--accent); background: var(--accent-soft); color: var(--accent); font-weight: 650; }
      .body { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); align-items: start; }
      .placeholder { height: 14rem; border-radius: var(--radius); }
      @media (min-width: 60rem) {
        .body { grid-template-columns: 11rem minmax(0, 1fr); }
        nav { position: sticky; top: var(--space-4); grid-template-columns: minmax(0, 1fr); gap: var(--space-1); }
        nav a { justify-content: flex-start; padding: 0 var(--space-4); border-color: transparent; background: none; }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    setPageTitle('Operate this server');
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (this.#unsubscribe === undefined) {
      this.#operator = operatorSession(this.services);
      this.#wasIn = this.#operator.state.status === 'in';
      this.#unsubscribe = this.#operator.subscribe(() => this.#signedInOrOut());
      void this.#operator.restore();
    }
    if (changed.has('section')) void this.#enter();
  }

  get #current(): Section | undefined {
    return SECTIONS.find(({ id }) => id === this.section);
  }

  async #enter(): Promise<void> {
    const section = this.#current;
    this.failure = undefined;
    if (section === undefined) return;
    try {
      await section.load();
      if (section === this.#current) this.ready = section.id;
    } catch (thrown) {
      if (section === this.#current) this.failure = toErrorRecord(thrown);
    }
  }

  #signedInOrOut(): void {
    const state = this.#operator!.state;
    this.requestUpdate();
    if (state.status === 'checking') return;
    const isIn = state.status === 'in';
    if (isIn !== this.#wasIn) {
      announce(this, isIn ? 'Signed in.' : 'Signed out.');
      void this.updateComplete.then(() => this.#focusTitle());
    }
    this.#wasIn = isIn;
  }

  /** The form that had the focus is gone, or has come. */
  #focusTitle(): void {
    this.renderRoot.querySelector('h1')?.focus();
  }

  override render() {
    const operator = this.#operator!;
    const { me } = operator;
    return html`<div class="view">
      <header class="view-header"><a class="crumb" href="/settings">← Settings</a><h1 tabindex="-1">Operate this server</h1></header>
      ${
        me === undefined
          ? html`<mm-operator-sign-in .operator=${operator} .stamp=${operator.state}></mm-operator-sign-in>`
          : html`${this.#account(me)}
            <div class="body">
              <nav aria-label="Operator">${SECTIONS.map(
                ({ id, label }) =>
                  html`<a href="/operator/${id}" aria-current=${id === this.section ? 'page' : nothing}>${label}</a>`,
              )}</nav>
              <div>${this.#section(operator)}</div>
            </div>`
      }
    </div>`;
  }

  #account(me: Me) {
    return html`<div class="account"><p class="small soft" data-testid="me" data-role=${me.role ?? ''}>Signed in as <strong>${me.name}</strong>, ${me.role ?? 'without a role'}${
      me.federation === null ? '' : ` of ${me.federation}`
    }${me.expiresAtMs === null ? '' : `, until ${formatDate(me.expiresAtMs)}`}.</p>
      <button data-testid="sign-out" @click=${() => this.#operator!.signOut()}>Sign out</button></div>`;
  }

  #section(operator: OperatorSession) {
    const section = this.#current;
    if (section === undefined)
      return html`<p class="note">There is no such page. Choose one of those beside this.</p>`;
    if (!operator.may(section.scope) || (section.isServerWide && !operator.reachesAll))
      return html`<div class="note stack-tight" data-testid="not-allowed"><p><strong>Your credential does not let you see this.</strong></p>
        <p>It takes the scope <code>${section.scope}</code>${section.isServerWide ? ' for the server as a whole' : ''}. Ask whoever runs this server for a key that has it, or sign in with another one.</p></div>`;
    if (this.failure !== undefined)
      return html`<mm-error-note .error=${this.failure} retry-label="Try again" @retry=${() => this.#enter()}></mm-error-note>`;
    if (this.ready !== section.id)
      return html`<div role="status"><span class="visually-hidden">Loading…</span><div class="skeleton placeholder" aria-hidden="true"></div></div>`;
    return section.render({ services: this.services, operator, about: this.about });
  }
}

customElements.define('mm-operator-view', OperatorView);
