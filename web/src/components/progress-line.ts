import { css, html, LitElement, nothing } from 'lit';
import { counted, formatBytes } from '../app/format.ts';
import type { Progress } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

/** What is being done and how far it is; with a way to stop it where there is one. */
export class ProgressLine extends LitElement {
  static override properties = { progress: { attribute: false }, stoppable: { type: Boolean } };
  declare progress: Progress;
  declare stoppable: boolean;

  static override styles = [shared, css`.line { display: grid; gap: var(--space-2); }`];

  override render() {
    const { label, doneBytes, totalBytes, rows } = this.progress;
    const amount = rows > 0 ? counted(rows, 'row') : doneBytes > 0 ? formatBytes(doneBytes) : '';
    return html`<div class="line">
      <div class="row-between">
        <span>${label}</span>
        <span class="small soft number">${amount}</span>
      </div>
      <progress aria-label=${label} .max=${totalBytes || 1} value=${totalBytes ? doneBytes : nothing}></progress>
      ${this.stoppable ? html`<div><button @click=${() => this.dispatchEvent(new Event('stop'))}>Cancel</button></div>` : nothing}
    </div>`;
  }
}

customElements.define('mm-progress-line', ProgressLine);
