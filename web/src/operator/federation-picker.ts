import { css, html, LitElement } from 'lit';
import type { Federation } from '../../../shared/federation/index.ts';
import { shared } from '../styles/shared.ts';

/** Which federation a section is about. Fires `pick` with its id. */
export class FederationPicker extends LitElement {
  static override properties = { federations: { attribute: false }, chosen: {}, all: { type: Boolean } };
  declare federations: readonly Pick<Federation, 'id' | 'name'>[];
  declare chosen: string | undefined;
  /** Offers all of them together. */
  declare all: boolean;

  static override styles = [
    shared,
    css`
      :host { max-width: 24rem; }
    `,
  ];

  override render() {
    return html`<label for="federation">Federation</label>
      <select id="federation" data-testid="pick-federation" @change=${(event: Event) =>
        this.dispatchEvent(
          new CustomEvent<string>('pick', { detail: (event.target as HTMLSelectElement).value }),
        )}>
        ${
          this.all
            ? html`<option value="" ?selected=${this.chosen === undefined}>All federations</option>`
            : this.chosen === undefined && this.federations.length > 0
              ? html`<option value="" disabled selected>Choose one</option>`
              : ''
        }
        ${this.federations.map(({ id, name }) => html`<option value=${id} ?selected=${id === this.chosen}>${name}</option>`)}
      </select>`;
  }
}

customElements.define('mm-federation-picker', FederationPicker);
