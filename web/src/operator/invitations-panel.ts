import { html, nothing, type PropertyValues } from 'lit';
import type { Federation } from '../../../shared/federation/index.ts';
import { formatDate } from '../app/format.ts';
import { invitationLink } from '../app/invitation.ts';
import { Loader } from '../app/loader.ts';
import { icon } from '../components/icons.ts';
import type { Invitation, Page } from './operator-api.ts';
import { OperatorPage } from './operator-page.ts';
import { invitationTag } from './operator-words.ts';

const DAY_MS = 86_400_000;
const EXPIRIES = [
  [1, 'A day'],
  [7, 'A week'],
  [30, '30 days'],
  [365, 'A year'],
] as const;
const LIMIT = 100;

/** Links that let somebody in: made, shown as text and as a QR code, taken back. */
export class InvitationsPanel extends OperatorPage {
  static override properties = {
    federation: { attribute: false },
    creating: { state: true },
    made: { state: true },
    fault: { state: true },
  };
  declare federation: Federation;
  declare creating: boolean;
  /** The link that was just made. */
  declare made: { readonly link: string; readonly label: string } | undefined;
  declare fault: string | undefined;
  readonly #list = new Loader<Page<Invitation> | undefined>(this, async (signal) =>
    this.may('access:read')
      ? this.api.invitations.list(this.federation.id, { limit: LIMIT }, { signal })
      : undefined,
  );

  constructor() {
    super();
    this.creating = false;
  }

  protected override load(): Promise<void> {
    return this.#list.reload();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.get('federation') === undefined) return;
    this.made = undefined;
    void this.load();
  }

  override render() {
    return html`<section class="card" aria-labelledby="invitations-title">
      <div class="row-between"><h2 id="invitations-title" tabindex="-1">Invitations</h2>
        ${
          this.may('access:write')
            ? html`<button aria-expanded=${this.creating ? 'true' : 'false'} data-testid="new-invitation" @click=${() => {
                this.creating = !this.creating;
              }}>${icon('plus')} Invite</button>`
            : nothing
        }</div>
      ${this.frame()}
      ${this.creating ? this.#form() : nothing}
      ${this.loaded(this.#list, (page) => (page === undefined ? this.lacking('access:read', 'see invitations') : this.#items(page)), 'invitations')}
      ${
        this.made === undefined
          ? nothing
          : html`<mm-share-dialog .url=${this.made.link} .name=${this.federation.name} .heading=${`Invitation: ${this.made.label}`}
              .text=${'Whoever has this link can join, until it is used up, expires or is revoked. It is shown this once.'} @close=${() => {
                this.made = undefined;
              }}></mm-share-dialog>`
      }
    </section>`;
  }

  #form() {
    return html`<form class="form" novalidate @submit=${this.#create} aria-label="Invite">
      <div class="fields">
        <div><label for="label">What for</label><input id="label" name="label" type="text" maxlength="128" autocomplete="off" data-testid="invitation-label" aria-invalid=${this.fault === undefined ? nothing : 'true'} aria-describedby="label-hint" />
          <p class=${this.fault === undefined ? 'hint' : 'fault'} id="label-hint">${this.fault ?? 'Only operators read it.'}</p></div>
        <div><label for="uses">Devices</label><input id="uses" name="uses" type="number" min="1" max="100000" step="1" value="1" data-testid="invitation-uses" aria-describedby="uses-hint" /><p class="hint" id="uses-hint">How many may come in by it.</p></div>
        <div><label for="expiry">Good for</label><select id="expiry" name="expiry" data-testid="invitation-expiry">${EXPIRIES.map(([days, text]) => html`<option value=${days} ?selected=${days === 7}>${text}</option>`)}</select></div>
        <div><label for="department">Department</label><input id="department" name="department" type="text" maxlength="128" autocomplete="off" data-testid="invitation-department" aria-describedby="department-hint" /><p class="hint" id="department-hint">Whose budget they count for. May be empty.</p></div>
      </div>
      <div class="row"><button class="primary" ?disabled=${this.busy} data-testid="create-invitation">Make the link</button></div>
    </form>`;
  }

  #items({ items, next }: Page<Invitation>) {
    if (items.length === 0)
      return html`<p class="soft" data-testid="no-invitations">None yet. An invitation is a link that lets in people without an account.</p>`;
    return html`<ul class="items" role="list" data-testid="invitations">${items.map((invitation) => {
      const { text, tone } = invitationTag(invitation, Date.now());
      const { id, label, department, uses, maxUses, expiresAtMs, revokedAtMs } = invitation;
      return html`<li class="item" data-testid="invitation"><div class="row-between"><h3>${label}</h3><span class="tag ${tone}">${text}</span></div>
        <p class="small soft">${uses} of ${maxUses} used${department === null ? '' : `, for ${department}`}, good until ${formatDate(expiresAtMs)}</p>
        ${
          revokedAtMs !== null || !this.may('access:write')
            ? nothing
            : html`<div><button class="danger" ?disabled=${this.busy} data-testid="revoke-invitation" @click=${() => this.#revoke(id, label)}>Revoke…<span class="visually-hidden"> ${label}</span></button></div>`
        }</li>`;
    })}</ul>${next === null ? nothing : html`<p class="small soft">The newest ${LIMIT} are shown.</p>`}`;
  }

  #create = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const label = String(data.get('label') ?? '').trim();
    const department = String(data.get('department') ?? '').trim();
    this.fault = label === '' ? 'Say what it is for.' : undefined;
    if (this.fault !== undefined) return;
    void this.act(async () => {
      const { token } = await this.api.federations.invite(this.federation.id, {
        label,
        maxUses: Math.max(1, Math.round(Number(data.get('uses')) || 1)),
        expiresAtMs: Date.now() + Number(data.get('expiry')) * DAY_MS,
        ...(department === '' ? {} : { department }),
      });
      await import('../components/share-dialog.ts');
      this.made = { link: invitationLink(location.origin, this.federation.id, token), label };
      this.creating = false;
      await this.#list.refresh();
    });
  };

  #revoke(id: string, label: string): void {
    this.ask({
      heading: `Revoke “${label}”?`,
      text: 'Nobody comes in by this link any more. Those who already did stay members, until they are removed.',
      action: 'Revoke',
      run: async () => {
        await this.api.invitations.revoke(this.federation.id, id);
        await this.#list.refresh();
        this.say('The invitation is revoked.');
      },
    });
  }
}

customElements.define('mm-operator-invitations', InvitationsPanel);
