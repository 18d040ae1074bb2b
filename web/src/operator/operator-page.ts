import { css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import '../components/confirm-dialog.ts';
import '../components/error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { announce } from '../app/events.ts';
import type { Loaded, Loader } from '../app/loader.ts';
import type { Services, Unsubscribe } from '../app/services.ts';
import type { ConfirmDialog } from '../components/confirm-dialog.ts';
import type { ErrorNote } from '../components/error-note.ts';
import { shared } from '../styles/shared.ts';
import type { OperatorApi } from './operator-api.ts';
import type { OperatorSession } from './operator-session.ts';

/** What is asked before something that cannot be undone. */
export interface Question {
  readonly heading: string;
  readonly text: string;
  /** To be typed. */
  readonly word?: string;
  readonly action: string;
  /** Asks for a reason under this label. */
  readonly reasonLabel?: string;
  readonly run: (reason: string) => Promise<void>;
}

export const operatorStyles = css`
  :host { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); align-content: start; }
  .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); }
  .placeholder { height: 9rem; border-radius: var(--radius); }
  input[type='password'], input[type='url'], input[type='search'], input[type='datetime-local'] {
    width: 100%; min-height: var(--touch); padding: var(--space-2) var(--space-3);
    border: 1px solid var(--line-strong); border-radius: var(--radius-small);
    background: var(--surface); color: var(--ink); font: inherit;
  }
  .fields { display: grid; gap: var(--space-3) var(--space-4); grid-template-columns: repeat(auto-fill, minmax(min(100%, 14rem), 1fr)); align-items: start; }
  .form { display: grid; gap: var(--space-4); padding: var(--space-4); border-radius: var(--radius-small); background: var(--paper); }
  textarea { display: block; }
  .hint, .fault { margin-top: var(--space-1); color: var(--ink-soft); font-size: var(--text-small); }
  .fault { color: var(--bad); }
  .openers { display: flex; flex-wrap: wrap; gap: var(--space-2); }
  .items { display: grid; gap: var(--space-3); padding: 0; }
  .item { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-2); padding: var(--space-3) var(--space-4); border: 1px solid var(--line); border-radius: var(--radius-small); }
  .item h3, .item p { overflow-wrap: anywhere; }
  .facts { display: grid; grid-template-columns: minmax(6.5rem, auto) minmax(0, 1fr); gap: var(--space-2) var(--space-4); }
  .facts dt { color: var(--ink-soft); }
  .facts dd { overflow-wrap: anywhere; }
  /* What is hidden inside stays inside, and does not widen the page. */
  .table-scroll { position: relative; }
  td .row { flex-wrap: nowrap; }
  td.wrap { min-width: 10rem; overflow-wrap: anywhere; }
  .orders td, .orders tbody th { vertical-align: middle; }
  /* On a narrow screen what can be done stays in sight, whatever is scrolled. */
  .orders th:last-child, .orders td:last-child { position: sticky; right: 0; padding-left: var(--space-3); background: var(--surface); }
  @media (max-width: 40rem) { .orders th:last-child, .orders td:last-child { box-shadow: inset 1px 0 0 var(--line-strong); } }
  .orders td:last-child > * { display: flex; justify-content: flex-end; }
  section > h2:focus { outline: none; }
  /* Only where it takes a while. */
  .working { position: fixed; inset: 0 0 auto; z-index: 20; animation: arrive 1ms 250ms backwards; }
  .working progress { height: 4px; border-radius: 0; }
  @keyframes arrive { from { visibility: hidden; } }
`;

/**
 * What every operator's section is made from: it asks before what cannot be undone, says what failed and puts the focus somewhere sensible
 * afterwards.
 */
export abstract class OperatorPage extends LitElement {
  static override properties: PropertyDeclarations = {
    services: { attribute: false },
    operator: { attribute: false },
    about: { attribute: false },
    failure: { state: true },
    question: { state: true },
    busy: { state: true },
  };
  declare services: Services;
  declare operator: OperatorSession;
  /** What of the section, from the address: a federation, a training. */
  declare about: string | undefined;
  declare failure: ErrorRecord | undefined;
  declare question: Question | undefined;
  declare busy: boolean;
  #reachable: Unsubscribe | undefined;

  static override styles = [shared, operatorStyles];

  constructor() {
    super();
    this.busy = false;
  }

  /** Loads what is shown. */
  protected abstract load(): Promise<void>;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#start();
  }

  override firstUpdated(): void {
    this.#start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#reachable?.();
  }

  #start(): void {
    let was = this.services.server.reachable;
    this.#reachable = this.services.server.subscribe((reachable) => {
      if (reachable && !was) void this.load();
      was = reachable;
    });
    void this.load();
  }

  protected get api(): OperatorApi {
    return this.operator.api;
  }

  protected may(scope: string): boolean {
    return this.operator.may(scope);
  }

  protected ask(question: Question): void {
    this.question = question;
  }

  /** What is being done, what failed, and what is asked now. To be rendered by every section. */
  protected frame(): TemplateResult {
    const { question, busy } = this;
    return html`<p class="visually-hidden" role="status">${busy ? 'The server is at it…' : ''}</p>
      ${busy ? html`<div class="working" data-testid="working"><progress aria-label="The server is at it"></progress></div>` : nothing}
      <mm-error-note .error=${this.failure}></mm-error-note>
      ${question === undefined ? nothing : keyed(question, this.#asked(question))}`;
  }

  /** A dialog says that it was closed a moment after it is: by then another question may have been asked. */
  #asked(question: Question): TemplateResult {
    const close = (): void => {
      if (this.question === question) this.question = undefined;
    };
    return html`<mm-confirm-dialog .heading=${question.heading} .text=${question.text} .word=${question.word} .action=${question.action}
      .reasonLabel=${question.reasonLabel} @confirm=${(event: Event) => {
        close();
        const { reason } = event.target as ConfirmDialog;
        void this.act(() => question.run(reason));
      }} @cancel=${close}></mm-confirm-dialog>`;
  }

  /** Does it, shows what failed, and brings back a focus that went with what was disabled or removed. @returns whether it was done. */
  protected async act(action: () => Promise<void>): Promise<boolean> {
    const focused = focusedElement();
    this.failure = undefined;
    this.busy = true;
    try {
      await action();
      return true;
    } catch (thrown) {
      this.failure = toErrorRecord(thrown);
      return false;
    } finally {
      this.busy = false;
      await this.updateComplete;
      this.#keepFocus(focused);
      if (this.failure !== undefined) await this.#showFailure();
    }
  }

  /** Says what changed to those who do not see it. */
  protected say(text: string): void {
    announce(this, text);
  }

  /** Loading and failure alike everywhere. */
  protected loaded<T>(loader: Loader<T>, ready: (value: T) => unknown, what: string): unknown {
    const state: Loaded<T> = loader.state;
    if (state.status === 'ready') return ready(state.value);
    if (state.status === 'failed')
      return html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => loader.reload()}></mm-error-note>`;
    return html`<div role="status"><span class="visually-hidden">Loading ${what}…</span><div class="skeleton placeholder" aria-hidden="true"></div></div>`;
  }

  /** Instead of what the credential does not allow. */
  protected lacking(scope: string, what: string): TemplateResult {
    return html`<p class="note" data-testid="lacking">Your credential does not let you ${what}: it takes the scope <code>${scope}</code>.</p>`;
  }

  #keepFocus(before: HTMLElement | undefined): void {
    const now = focusedElement();
    if (!this.isConnected || (now !== undefined && now !== before)) return;
    if (before?.isConnected === true && !before.matches(':disabled')) before.focus({ preventScroll: true });
    else this.renderRoot.querySelector<HTMLElement>('h2[tabindex]')?.focus();
  }

  /** What was pressed may be far below it. */
  async #showFailure(): Promise<void> {
    const note = this.renderRoot.querySelector<ErrorNote>('mm-error-note');
    await note?.updateComplete;
    note?.renderRoot.querySelector('[role="alert"]')?.scrollIntoView({ block: 'center' });
  }
}

/** Through the shadow roots; undefined when nothing has the focus. */
function focusedElement(): HTMLElement | undefined {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element instanceof HTMLElement && element !== document.body ? element : undefined;
}
