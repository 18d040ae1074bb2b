import { css, html, LitElement, nothing } from 'lit';
import { formatTime } from '../app/format.ts';
import { noticeLabel, noticeText } from '../app/secure-words.ts';
import type { SessionNotice } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';

const SHOWN = 20;

/** What happened, newest first. */
export class NoticesList extends LitElement {
  static override properties = { notices: { attribute: false } };
  declare notices: readonly SessionNotice[];

  static override styles = [
    shared,
    css`
      .card { display: grid; gap: var(--space-3); }
      ul { display: grid; list-style: none; max-height: 20rem; overflow: auto; }
      li { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: var(--space-1) var(--space-3); padding: var(--space-2) 0; border-bottom: 1px solid var(--line); }
      li:last-child { border-bottom: 0; }
      .level { font-weight: 650; }
      .warning .level { color: var(--warn); }
      .error .level { color: var(--bad); }
    `,
  ];

  override render() {
    if (this.notices.length === 0) return nothing;
    const newest = this.notices.slice(-SHOWN).reverse();
    return html`<section class="card" aria-labelledby="notices-title">
      <h2 id="notices-title">What happened</h2>
      <ul role="list" tabindex="0" aria-labelledby="notices-title" data-testid="notices">${newest.map(
        (notice) => {
          const { atMs, level } = notice;
          const label = noticeLabel(notice);
          return html`<li class=${label === 'Refused' ? 'warning' : level}>
            <time class="small soft number" datetime=${new Date(atMs).toISOString()}>${formatTime(atMs)}</time>
            <span>${label === undefined ? nothing : html`<span class="level">${label}: </span>`}${noticeText(notice)}</span>
          </li>`;
        },
      )}</ul>
    </section>`;
  }
}

customElements.define('mm-notices', NoticesList);
