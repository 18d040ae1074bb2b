import { html, LitElement, nothing } from 'lit';
import './confirm-dialog.ts';
import './error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { announce } from '../app/events.ts';
import type { Services } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

/** Takes back what was agreed to, here and at the server. */
export class OwnConsent extends LitElement {
  static override properties = {
    services: { attribute: false },
    federation: { attribute: false },
    asking: { state: true },
    withdrawn: { state: true },
    error: { state: true },
  };
  declare services: Services;
  declare federation: Federation;
  declare asking: boolean;
  declare withdrawn: boolean;
  declare error: ErrorRecord | undefined;

  static override styles = [shared];

  override render() {
    return html`<section class="card stack" aria-labelledby="own-title"><h2 id="own-title">Your consent</h2>
      <p class="soft">You can take it back at any time. This device then leaves, the server notes it, and nothing is sent any more. What was already added up cannot be taken out.</p>
      ${this.withdrawn ? html`<p class="note good" role="status" data-testid="consent-withdrawn">Your consent is withdrawn. Agree again above, if you want to take part again.</p>` : nothing}
      <mm-error-note .error=${this.error}></mm-error-note>
      <div class="row"><button data-testid="withdraw-consent" @click=${() => {
        this.asking = true;
      }}>Withdraw my consent…</button><a class="touch" href="/settings">What the server knows about me</a></div>
      ${
        this.asking
          ? html`<mm-confirm-dialog heading="Withdraw your consent?" text="This device leaves ${this.federation.name}, and the server is told. You can agree again later." action="Withdraw"
              @confirm=${this.#withdraw} @cancel=${() => {
                this.asking = false;
              }}></mm-confirm-dialog>`
          : nothing
      }</section>`;
  }

  #withdraw = async (): Promise<void> => {
    this.asking = false;
    this.error = undefined;
    const { session, consents, rights } = this.services;
    const { id } = this.federation;
    try {
      // What this device does comes first: it holds whether the server answers or not.
      if ((await session.snapshot())?.federationId === id) await session.leave();
      await consents.withdraw(id);
      await rights.withdraw(id);
      this.withdrawn = true;
      announce(this, 'Your consent is withdrawn.');
    } catch (error) {
      this.error = toErrorRecord(error);
    }
    this.dispatchEvent(new Event('withdrawn'));
  };
}

customElements.define('mm-own-consent', OwnConsent);
