import { html, LitElement, nothing } from 'lit';
import '../components/error-note.ts';
import { shared } from '../styles/shared.ts';
import { operatorStyles } from './operator-page.ts';
import type { OperatorSession } from './operator-session.ts';

const WHY: Readonly<Record<string, string>> = {
  'access.expired': 'Your sign-in has expired.',
  'access.revoked': 'Your key was revoked.',
  'http.unauthorized': 'The server does not know this credential.',
  'http.unavailable': 'The server did not answer.',
};

/** A key, a token or OPERATOR_KEY, pasted. */
export class OperatorSignIn extends LitElement {
  static override properties = {
    operator: { attribute: false },
    stamp: { attribute: false },
    fault: { state: true },
  };
  declare operator: OperatorSession;
  /** Changes with the state of the session, so that it is shown anew. */
  declare stamp: unknown;
  declare fault: string | undefined;

  static override styles = [shared, operatorStyles];

  override render() {
    const { state } = this.operator;
    const isChecking = state.status === 'checking';
    const because = state.status === 'out' ? state.because : undefined;
    return html`<section class="card" aria-labelledby="sign-in-title" data-testid="sign-in" data-because=${because?.code ?? nothing}>
      <h2 id="sign-in-title" tabindex="-1">Sign in</h2>
      <p class="soft">These pages are for whoever runs this server or a federation on it. Taking part needs no account.</p>
      ${because === undefined ? nothing : html`<div class="stack-tight"><p><strong>${WHY[because.code] ?? 'It did not work.'}</strong></p><mm-error-note .error=${because}></mm-error-note></div>`}
      <form class="stack" novalidate @submit=${this.#submit}>
        <div><label for="credential">Key or token</label>
          <input id="credential" name="credential" type="password" autocomplete="off" spellcheck="false" data-testid="credential" aria-invalid=${this.fault === undefined ? nothing : 'true'} aria-describedby="credential-hint" />
          <p class=${this.fault === undefined ? 'hint' : 'fault'} id="credential-hint">${this.fault ?? 'An API key (mk_…), the token of your sign-in, or OPERATOR_KEY. The first start of a server prints one.'}</p></div>
        <label class="choice"><input type="checkbox" name="remember" data-testid="remember" /><span>Keep me signed in until this tab is closed<br /><span class="hint">Otherwise a reload signs out: nothing is stored.</span></span></label>
        <div><button class="primary" ?disabled=${isChecking} data-testid="sign-in-button">${isChecking ? 'Signing in…' : 'Sign in'}</button></div>
      </form>
      <p class="visually-hidden" role="status">${isChecking ? 'Signing in…' : ''}</p>
    </section>`;
  }

  #submit = (event: Event): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    const credential = String(data.get('credential') ?? '').trim();
    // A header holds no more than these.
    this.fault = /^[\x21-\x7e]{1,8000}$/.test(credential)
      ? undefined
      : 'Paste the whole of it, without spaces or line breaks.';
    if (this.fault !== undefined) return;
    form.reset();
    void this.operator.signIn(credential, data.has('remember'));
  };
}

customElements.define('mm-operator-sign-in', OperatorSignIn);
