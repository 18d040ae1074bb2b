import { css, html, LitElement } from 'lit';
import type { Federation } from '../../../shared/federation/index.ts';
import { disclosureOf } from '../app/federation-words.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** What stays on the device, what leaves it, and what nothing protects against. */
export class DisclosureNote extends LitElement {
  static override properties = { federation: { attribute: false } };
  declare federation: Federation;

  static override styles = [
    shared,
    css`
      ul { display: grid; gap: var(--space-2); list-style: none; }
      li { display: grid; grid-template-columns: 20px minmax(0, 1fr); gap: var(--space-3); }
      li svg { margin-top: 2px; }
      .stays svg { color: var(--good); }
      .leaves svg { color: var(--shared); }
    `,
  ];

  override render() {
    const { stays, leaves, caution } = disclosureOf(this.federation);
    return html`<div class="stack">
      <div class="stack-tight stays">
        <h3>Stays on this device</h3>
        <ul role="list">${stays.map((text) => html`<li>${icon('check')}<span>${text}</span></li>`)}</ul>
      </div>
      <div class="stack-tight leaves">
        <h3>Leaves this device</h3>
        <ul role="list">${leaves.map((text) => html`<li>${icon('arrow')}<span>${text}</span></li>`)}</ul>
      </div>
      <p class="note warn">${caution}</p>
    </div>`;
  }
}

customElements.define('mm-disclosure', DisclosureNote);
