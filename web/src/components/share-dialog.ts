import { css, html, LitElement, nothing, svg } from 'lit';
import encodeQr from 'qr';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

const QUIET_ZONE = 4;

/** The link to a federation: as a QR code, to copy, or handed to another app. */
export class ShareDialog extends LitElement {
  static override properties = {
    url: {},
    name: {},
    heading: {},
    text: {},
    copied: { state: true },
    failed: { state: true },
  };
  declare url: string;
  declare name: string;
  declare heading: string;
  declare text: string;
  declare copied: boolean;
  declare failed: boolean;

  static override styles = [
    shared,
    css`
      form { display: grid; gap: var(--space-4); }
      .qr { width: min(100%, 17rem); margin: 0 auto; padding: var(--space-2); border-radius: var(--radius-small); background: #fff; }
      .qr svg { display: block; width: 100%; }
      .row button { flex: 1 1 9rem; }
    `,
  ];

  constructor() {
    super();
    this.heading = 'Share this federation';
    this.text =
      'Whoever opens the link sees what it is and what leaves their device, and decides for themselves.';
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector('dialog')!.showModal();
  }

  override render() {
    return html`<dialog aria-labelledby="title" @close=${() => this.dispatchEvent(new Event('close'))}>
      <form method="dialog">
        <h2 id="title">${this.heading}</h2>
        <p class="soft">${this.text}</p>
        <div class="qr">${qrCode(this.url)}</div>
        <div>
          <label for="link">Link</label>
          <input id="link" type="text" readonly .value=${this.url} @focus=${(event: Event) => (event.target as HTMLInputElement).select()} data-testid="share-link" />
        </div>
        <p class="small" role="status">${
          this.copied
            ? 'Copied.'
            : this.failed
              ? 'The browser did not allow copying: select the link and copy it.'
              : ''
        }</p>
        <div class="row">
          <button type="button" class="primary" @click=${this.#copy}>${icon('copy')} Copy link</button>
          ${
            'share' in navigator
              ? html`<button type="button" @click=${this.#share}>${icon('share')} Send with…</button>`
              : nothing
          }
          <button>Done</button>
        </div>
      </form>
    </dialog>`;
  }

  #copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(this.url);
      this.copied = true;
    } catch (error) {
      console.warn('Copying was refused.', error);
      this.failed = true;
    }
  };

  #share = async (): Promise<void> => {
    try {
      await navigator.share({ title: this.name, url: this.url });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) this.failed = true;
    }
  };
}

/** Always dark on light, whatever the theme: scanners need it so. */
function qrCode(text: string) {
  const modules = encodeQr(text, 'raw', { ecc: 'medium', border: QUIET_ZONE });
  const dark = modules.flatMap((cells, y) => cells.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return html`<svg role="img" aria-label="QR code of the link" viewBox="0 0 ${modules.length} ${modules.length}" shape-rendering="crispEdges">
    ${svg`<path fill="#14202b" d=${dark} />`}
  </svg>`;
}

customElements.define('mm-share-dialog', ShareDialog);
