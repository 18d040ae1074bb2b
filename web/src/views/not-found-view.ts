import { html, LitElement } from 'lit';
import '../components/flock.ts';
import { setPageTitle } from '../app/events.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

export class NotFoundView extends LitElement {
  static override properties = { path: {} };
  declare path: string;
  static override styles = [shared, viewStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    setPageTitle('Page not found');
  }

  override render() {
    return html`<div class="empty">
      <mm-flock></mm-flock>
      <h1 tabindex="-1">There is no page here</h1>
      <p class="soft">Nothing is at <code>${this.path}</code>. The link may be cut off: ask for it again.</p>
      <a class="button primary" href="/">See all federations</a>
    </div>`;
  }
}

customElements.define('mm-not-found-view', NotFoundView);
