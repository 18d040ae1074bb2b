import { css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import '../components/confirm-dialog.ts';
import '../components/error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { announce } from '../app/events.ts';
import type { Loaded, Loader } from '../app/loader.ts';
import type { Services, Unsubscribe } from '../app/services.ts';
import type { ConfirmDialog } from '../components/confirm-dialog.ts';
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
  .hint { color: var(--ink-soft); font-size: var(--text-small); }
  .fault { color: var(--bad); font-size: var(--text-small); }
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
  section > h2:focus { outline: none; }
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

  /** What failed, and what is asked now. To be rendered by every section. */
  protected frame(): TemplateResult {
    const { question } = this;
    return html`<mm-error-note .error=${this.failure}></mm-error-note>
      ${
        question === undefined
          ? nothing
          : html`<mm-confirm-dialog .heading=${question.heading} .text=${question.text} .word=${question.word} .action=${question.action}
              .reasonLabel=${question.reasonLabel} @confirm=${(event: Event) => {
                this.question = undefined;
                const { reason } = event.target as ConfirmDialog;
                void this.act(() => question.run(reason));
              }} @cancel=${() => {
                this.question = undefined;
              }}></mm-confirm-dialog>`
      }`;
  }

  /** Does it, says what failed, and brings back a focus that went with what was removed. @returns whether it was done. */
  protected async act(action: () => Promise<void>): Promise<boolean> {
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
      this.#keepFocus();
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

  #keepFocus(): void {
    const active = document.activeElement;
    if (active !== document.body && active !== null && active.tagName !== 'MM-APP') return;
    this.renderRoot.querySelector<HTMLElement>('h2[tabindex]')?.focus();
  }
}
