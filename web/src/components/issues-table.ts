import { html, LitElement } from 'lit';
import { counted } from '../app/format.ts';
import type { ImportIssue } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

/** Where a file does not fit the federation: row, column, and what was wrong there. */
export class IssuesTable extends LitElement {
  static override properties = { issues: { attribute: false }, total: { type: Number } };
  declare issues: readonly ImportIssue[];
  declare total: number;
  static override styles = [shared];

  override render() {
    const { issues, total } = this;
    return html`<div class="stack-tight" data-testid="issues">
      <p class="note warn" role="alert"><strong>${counted(total, 'problem')}.</strong> Rows with a problem are left out.</p>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Problems in the file"><table>
        <caption class="small soft">${total > issues.length ? `The first ${issues.length} of ${total}.` : 'All of them.'}</caption>
        <thead><tr><th scope="col" class="number">Row</th><th scope="col">Column</th><th scope="col">Problem</th></tr></thead>
        <tbody>${issues.map(
          ({ row, column, message }) =>
            html`<tr><td class="number">${row ?? '–'}</td><td>${column ?? '–'}</td><td>${message}</td></tr>`,
        )}</tbody>
      </table></div>
    </div>`;
  }
}

customElements.define('mm-issues-table', IssuesTable);
