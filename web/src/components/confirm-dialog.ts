import { css, html, LitElement, nothing } from 'lit';
import { shared } from '../styles/shared.ts';

/** Asks before something that cannot be undone; with `word`, the person has to type it; with `reasonLabel`, to say why. */
export class ConfirmDialog extends LitElement {
  static override properties = {
    heading: {},
    text: {},
    word: {},
    action: {},
    reasonLabel: {},
    typed: { state: true },
    reason: { state: true },
  };
  declare heading: string;
  declare text: string;
  declare word: string | undefined;
  declare action: string;
  declare reasonLabel: string | undefined;
  declare typed: string;
  /** As typed, without the space around it. */
  declare reason: string;

  static override styles = [
    shared,
    css`
      form { display: grid; gap: var(--space-4); }
      .row { justify-content: flex-end; }
    `,
  ];

  constructor() {
    super();
    this.typed = '';
    this.reason = '';
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector('dialog')!.showModal();
  }

  override render() {
    const { word, reasonLabel } = this;
    const ready =
      (word === undefined || this.typed.trim().toLowerCase() === word.toLowerCase()) &&
      (reasonLabel === undefined || this.reason !== '');
    return html`<dialog aria-labelledby="title" aria-describedby="text" @close=${this.#closed}>
      <form method="dialog">
        <h2 id="title">${this.heading}</h2>
        <p id="text">${this.text}</p>
        ${
          reasonLabel === undefined
            ? nothing
            : html`<div>
                <label for="reason">${reasonLabel}</label>
                <input id="reason" type="text" maxlength="200" required autocomplete="off" data-testid="confirm-reason"
                  @input=${(event: Event) => {
                    this.reason = (event.target as HTMLInputElement).value.trim();
                  }} />
              </div>`
        }
        ${
          word === undefined
            ? nothing
            : html`<div>
                <label for="word">Type <code>${word}</code> to go on</label>
                <input id="word" type="text" autocomplete="off" autocapitalize="off" spellcheck="false" data-testid="confirm-word"
                  @input=${(event: Event) => {
                    this.typed = (event.target as HTMLInputElement).value;
                  }} />
              </div>`
        }
        <div class="row">
          <button type="button" data-testid="cancel" @click=${this.#cancel}>Cancel</button>
          <button class="danger" value="confirm" ?disabled=${!ready} data-testid="confirm">${this.action}</button>
        </div>
      </form>
    </dialog>`;
  }

  /** No submit button, so that Enter in a field does not cancel. */
  #cancel = (): void => this.renderRoot.querySelector('dialog')!.close('cancel');

  #closed = (event: Event): void => {
    const confirmed = (event.target as HTMLDialogElement).returnValue === 'confirm';
    this.dispatchEvent(new Event(confirmed ? 'confirm' : 'cancel'));
  };
}

customElements.define('mm-confirm-dialog', ConfirmDialog);
