import { css, html, LitElement, nothing } from 'lit';
import type { Toast } from '../app/events.ts';
import { shared } from '../styles/shared.ts';

/** Long enough to read and to reach by keyboard; the clock stops while it has focus or the pointer. */
const SHOWN_MS = 10_000;

/** One message at a time at the edge of the page, read out politely. */
export class Toaster extends LitElement {
  static override properties = { toast: { state: true } };
  declare toast: Toast | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    shared,
    css`
      :host {
        position: fixed; inset: auto 0 calc(58px + env(safe-area-inset-bottom) + var(--space-3)); z-index: 15;
        display: grid; justify-items: center; padding: 0 var(--space-4); pointer-events: none;
      }
      .toast {
        display: flex; align-items: center; gap: var(--space-3); max-width: 34rem; padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
        border-radius: var(--radius); background: var(--ink); color: var(--paper); box-shadow: var(--shadow); pointer-events: auto;
      }
      button { border-color: transparent; background: none; color: inherit; text-decoration: underline; text-underline-offset: 0.2em; }
      button:hover { background: none; color: inherit; }
      button:focus-visible { outline-color: var(--paper); outline-offset: -4px; }
      @media (min-width: 52rem) { :host { inset-block-end: var(--space-5); } }
    `,
  ];

  show(toast: Toast): void {
    this.toast = toast;
    this.#resume();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override render() {
    return html`<div role="status" aria-live="polite" @pointerenter=${this.#hold} @pointerleave=${this.#resume}
      @focusin=${this.#hold} @focusout=${this.#resume}>
      ${this.toast === undefined ? nothing : this.#body(this.toast)}
    </div>`;
  }

  #body({ text, action }: Toast) {
    return html`<div class="toast" data-testid="toast">
      <span>${text}</span>
      ${
        action === undefined
          ? nothing
          : html`<button data-testid="toast-action" @click=${() => {
              this.#dismiss();
              action.run();
            }}>${action.label}</button>`
      }
      <button @click=${() => this.#dismiss()}>Close</button>
    </div>`;
  }

  #hold = (): void => clearTimeout(this.#timer);

  #resume = (): void => {
    clearTimeout(this.#timer);
    if (this.toast !== undefined) this.#timer = setTimeout(() => this.#dismiss(), SHOWN_MS);
  };

  #dismiss(): void {
    clearTimeout(this.#timer);
    this.toast = undefined;
  }
}

customElements.define('mm-toaster', Toaster);
