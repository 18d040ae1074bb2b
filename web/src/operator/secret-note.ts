import { css, html, LitElement } from 'lit';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';

/** What is shown once, to be copied. Fires `done`. */
export class SecretNote extends LitElement {
  static override properties = { label: {}, secret: {}, outcome: { state: true } };
  declare label: string;
  declare secret: string;
  declare outcome: 'copied' | 'refused' | undefined;

  static override styles = [
    shared,
    css`
      .note { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-3); }
      input { font-family: var(--font-mono); }
      button { border-color: currentColor; background: none; color: inherit; }
    `,
  ];

  override firstUpdated(): void {
    this.renderRoot.querySelector('input')!.focus();
  }

  override render() {
    return html`<div class="note good" data-testid="secret">
      <div><label for="secret">${this.label}</label>
        <input id="secret" type="text" readonly .value=${this.secret} aria-describedby="once" data-testid="secret-value" @focus=${(event: Event) => (event.target as HTMLInputElement).select()} /></div>
      <p id="once" class="small">It is shown this once: the server keeps only what proves it. ${
        this.outcome === 'copied'
          ? html`<strong role="status">Copied.</strong>`
          : this.outcome === 'refused'
            ? html`<strong role="status">The browser did not allow copying: select it and copy it.</strong>`
            : ''
      }</p>
      <div class="row"><button @click=${this.#copy} data-testid="copy-secret">${icon('copy')} Copy</button>
        <button @click=${() => this.dispatchEvent(new Event('done'))} data-testid="secret-done">I have it</button></div>
    </div>`;
  }

  #copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(this.secret);
      this.outcome = 'copied';
    } catch (error) {
      console.warn('Copying was refused.', error);
      this.outcome = 'refused';
    }
  };
}

customElements.define('mm-secret-note', SecretNote);
