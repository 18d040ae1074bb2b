import { css, html, LitElement, nothing } from 'lit';
import type { ErrorRecord } from '../../../shared/errors/index.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** An error as the person can use it: what happened, what to do, the name to search for. `retry` when asked. */
export class ErrorNote extends LitElement {
  static override properties = { error: { attribute: false }, retryLabel: { attribute: 'retry-label' } };
  declare error: ErrorRecord | undefined;
  declare retryLabel: string | undefined;

  static override styles = [
    shared,
    css`
      /* Without an error there is no box, and so no gap in the layout around. */
      :host { display: contents; }
      .note { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: var(--space-1) var(--space-3); }
      svg { margin-top: 2px; }
      .text { overflow-wrap: anywhere; }
      code { opacity: 0.85; }
      button { margin-top: var(--space-2); border-color: currentColor; background: none; color: inherit; }
    `,
  ];

  override render() {
    if (this.error === undefined) return nothing;
    return html`<div class="note bad" role="alert" data-testid="error" data-code=${this.error.code}>
      ${icon('warning')}
      <div>
        <p class="text">${this.error.message}</p>
        <p class="small"><code>${this.error.code}</code></p>
        ${
          this.retryLabel === undefined
            ? nothing
            : html`<button @click=${() => this.dispatchEvent(new Event('retry'))}>${this.retryLabel}</button>`
        }
      </div>
    </div>`;
  }
}

customElements.define('mm-error-note', ErrorNote);
