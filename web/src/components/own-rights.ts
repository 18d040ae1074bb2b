import { html, LitElement, nothing } from 'lit';
import './confirm-dialog.ts';
import './error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { announce, saveFile } from '../app/events.ts';
import type { Services } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

const WORD = 'delete me';

/** What the server knows about this device: to be read, and to be deleted there. */
export class OwnRights extends LitElement {
  static override properties = {
    services: { attribute: false },
    asking: { state: true },
    busy: { state: true },
    receipt: { state: true },
    error: { state: true },
  };
  declare services: Services;
  declare asking: boolean;
  declare busy: boolean;
  declare receipt: Blob | undefined;
  declare error: ErrorRecord | undefined;

  static override styles = [shared];

  override render() {
    return html`<div class="stack">
      <p class="soft">The server keeps which rounds this device took part in, what it agreed to and how reliable it was, by its pseudonymous id. Your examples never were there.</p>
      <div class="row"><button ?disabled=${this.busy} data-testid="download-about-me" @click=${this.#download}>${icon('download')} Download what it knows about me</button>
        <button class="danger" ?disabled=${this.busy} data-testid="delete-me" @click=${() => {
          this.asking = true;
        }}>${icon('trash')} Delete me there…</button></div>
      ${
        this.receipt === undefined
          ? nothing
          : html`<div class="note good stack-tight" role="status" data-testid="erased"><p><strong>The server deleted what it had about this device.</strong> The receipt, which it signed, was saved; keep it.</p>
              <div><button @click=${this.#saveReceipt} data-testid="save-own-receipt">${icon('download')} Save the receipt again</button></div></div>`
      }
      <mm-error-note .error=${this.error}></mm-error-note>
      ${
        this.asking
          ? html`<mm-confirm-dialog heading="Delete this device at the server?" text="What the server has about it is deleted, or a pseudonym takes its place. It is in no round of this server any more; to take part again, delete everything on this device first. Its part in models that were already made cannot be taken out of them."
              word=${WORD} action="Delete me there" @confirm=${this.#erase} @cancel=${() => {
                this.asking = false;
              }}></mm-confirm-dialog>`
          : nothing
      }
    </div>`;
  }

  #download = (): void => {
    void this.#attempt(async () => {
      saveFile('about-this-device.json', await this.services.rights.download());
      announce(this, 'Saved.');
    });
  };

  #erase = (): void => {
    this.asking = false;
    void this.#attempt(async () => {
      const { session, rights } = this.services;
      await session.leave();
      this.receipt = await rights.erase();
      this.#saveReceipt();
    });
  };

  #saveReceipt = (): void => {
    if (this.receipt !== undefined) saveFile('deletion-receipt.json', this.receipt);
  };

  async #attempt(action: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.error = undefined;
    try {
      await action();
    } catch (error) {
      this.error = toErrorRecord(error);
    } finally {
      this.busy = false;
    }
  }
}

customElements.define('mm-own-rights', OwnRights);
