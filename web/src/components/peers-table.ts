import { css, html, LitElement, nothing } from 'lit';
import { SERVER } from '../../../shared/identity/index.ts';
import { formatBytes, formatRate } from '../app/format.ts';
import { nodeWords, PATH_WORDS } from '../app/session-words.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';

/** Who is connected, over which path, and how fast. */
export class PeersTable extends LitElement {
  static override properties = { snapshot: { attribute: false } };
  declare snapshot: SessionSnapshot;

  static override styles = [
    shared,
    css`
      .how { display: flex; flex-wrap: wrap; align-items: center; gap: 0 var(--space-3); color: var(--ink-soft); font-size: var(--text-small); font-weight: 400; }
      .path { display: inline-flex; align-items: center; gap: 6px; }
      .path::before { content: ''; flex: none; width: 10px; height: 10px; border: 2px solid var(--accent); border-radius: 50%; }
      .direct::before { background: var(--accent); }
      .server::before { border-color: var(--shared); background: var(--shared); }
      .paces { color: var(--shared); font-weight: 600; }
    `,
  ];

  override render() {
    const { peers, coordinator, self } = this.snapshot;
    if (peers.length === 0) return html`<p class="soft">Nobody yet. Share the link to bring others in.</p>`;
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Connected participants"><table data-testid="peers">
      <thead><tr>
        <th scope="col">Who, and over which path</th>
        <th scope="col" class="number">Now</th><th scope="col" class="number">Sent</th><th scope="col" class="number">Received</th>
      </tr></thead>
      <tbody>
        ${peers.map(
          (peer) => html`<tr data-testid="peer" data-peer=${peer.id} data-path=${peer.path}>
            <th scope="row">${capital(nodeWords(peer.id, self))}
              <div class="how">${peer.id === SERVER ? nothing : html`<span class="path ${peer.path}">${PATH_WORDS[peer.path]}</span>`}
                ${peer.id === coordinator ? html`<span class="paces">Paces the rounds</span>` : nothing}</div></th>
            <td class="number">${peer.bytesPerSecond < 1 ? html`<span class="soft">idle</span>` : formatRate(peer.bytesPerSecond)}</td>
            <td class="number">${formatBytes(peer.bytesSent)}</td>
            <td class="number">${formatBytes(peer.bytesReceived)}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>`;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

customElements.define('mm-peers-table', PeersTable);
