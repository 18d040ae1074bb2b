import { html, nothing } from 'lit';
import './secret-note.ts';
import type { AlertKind } from '../../../shared/client/index.ts';
import { Loader } from '../app/loader.ts';
import { icon } from '../components/icons.ts';
import type { Webhook } from './operator-api.ts';
import { OperatorPage } from './operator-page.ts';
import { ALERT_KINDS, ALERT_WORDS, relativeWords } from './operator-words.ts';

/** Who is told of alerts, and with which secret: shown once. */
export class WebhooksPanel extends OperatorPage {
  static override properties = {
    adding: { state: true },
    secret: { state: true },
    fault: { state: true },
  };
  declare adding: boolean;
  declare secret: string | undefined;
  declare fault: string | undefined;
  readonly #webhooks = new Loader<readonly Webhook[] | undefined>(this, async (signal) =>
    this.may('alert:write') && this.operator.reachesAll ? this.api.webhooks.list({ signal }) : undefined,
  );

  constructor() {
    super();
    this.adding = false;
  }

  protected override load(): Promise<void> {
    return this.#webhooks.reload();
  }

  override render() {
    return html`<section class="card" aria-labelledby="webhooks-title">
        <div class="row-between"><h2 id="webhooks-title" tabindex="-1">Webhooks</h2>${
          this.may('alert:write')
            ? html`<button aria-expanded=${this.adding ? 'true' : 'false'} data-testid="new-webhook" @click=${() => {
                this.adding = !this.adding;
              }}>${icon('plus')} Add</button>`
            : nothing
        }</div>
        ${this.frame()}
        ${
          this.secret === undefined
            ? nothing
            : html`<mm-secret-note label="Secret that deliveries are signed with" .secret=${this.secret} @done=${() => {
                this.secret = undefined;
              }}></mm-secret-note>`
        }
        ${this.adding ? this.#form() : nothing}
        ${this.loaded(this.#webhooks, (list) => this.#list(list), 'webhooks')}</section>`;
  }

  #form() {
    return html`<form class="form" novalidate aria-label="Add a webhook" @submit=${this.#add}>
      <div><label for="url">Address</label><input id="url" name="url" type="url" maxlength="2000" placeholder="https://" autocomplete="off" data-testid="webhook-url" aria-invalid=${this.fault === undefined ? nothing : 'true'} aria-describedby="url-hint" />
        <p class=${this.fault === undefined ? 'hint' : 'fault'} id="url-hint">${this.fault ?? 'It gets a POST with the alert as JSON, signed with a secret that is shown once.'}</p></div>
      <fieldset><legend class="label">Alerts (none chosen: all)</legend><div class="fields">${ALERT_KINDS.map(
        (kind) =>
          html`<label class="choice"><input type="checkbox" name="kinds" value=${kind} /><span>${ALERT_WORDS[kind]}</span></label>`,
      )}</div></fieldset>
      <div class="row"><button class="primary" ?disabled=${this.busy} data-testid="add-webhook">Add</button></div></form>`;
  }

  #list(webhooks: readonly Webhook[] | undefined) {
    if (webhooks === undefined) return this.lacking('alert:write', 'see or change who is told');
    if (webhooks.length === 0)
      return html`<p class="soft" data-testid="no-webhooks">Nobody is told: alerts are only listed here.</p>`;
    return html`<ul class="items" role="list" data-testid="webhooks">${webhooks.map(
      ({ id, url, kinds, createdAtMs }) => html`<li class="item"><h3>${url}</h3>
        <p class="small soft">${kinds.length === 0 ? 'Everything' : kinds.map((kind) => ALERT_WORDS[kind]).join('; ')}. Added ${relativeWords(createdAtMs, Date.now())}.</p>
        <div><button class="danger" ?disabled=${this.busy} data-testid="remove-webhook" @click=${() => this.#remove(id, url)}>Remove…<span class="visually-hidden"> ${url}</span></button></div></li>`,
    )}</ul>`;
  }

  #add = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const url = String(data.get('url') ?? '').trim();
    this.fault = URL.canParse(url) ? undefined : 'An address that begins with https://.';
    if (this.fault !== undefined) return;
    void this.act(async () => {
      const added = await this.api.webhooks.add({ url, kinds: data.getAll('kinds') as AlertKind[] });
      this.adding = false;
      this.secret = added.secret;
      await this.#webhooks.refresh();
    });
  };

  #remove(id: string, url: string): void {
    this.ask({
      heading: 'Remove this webhook?',
      text: `${url} hears of no alerts any more. Adding it again makes another secret.`,
      action: 'Remove',
      run: async () => {
        await this.api.webhooks.remove(id);
        await this.#webhooks.refresh();
        this.say('The webhook is removed.');
      },
    });
  }
}

customElements.define('mm-operator-webhooks', WebhooksPanel);
