import { html, nothing } from 'lit';
import './secret-note.ts';
import type { AccessKey, NewKey, Role } from '../../../shared/client/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { showToast } from '../app/events.ts';
import { formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { icon } from '../components/icons.ts';
import { fingerprintOf } from './certificate-fingerprint.ts';
import type { Page } from './operator-api.ts';
import { OperatorPage } from './operator-page.ts';
import { ROLE_WORDS, relativeWords, validityTag } from './operator-words.ts';

const PAGE = 100;
const DAY_MS = 86_400_000;
const EXPIRIES = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'A year'],
  ['', 'Until it is revoked'],
] as const;

/** Keys and client certificates: who holds what, for how long. */
export class AccessSection extends OperatorPage {
  static override properties = {
    making: { state: true },
    role: { state: true },
    narrow: { state: true },
    secret: { state: true },
    faults: { state: true },
    more: { state: true },
  };
  /** What the form that is open makes. */
  declare making: AccessKey['kind'] | undefined;
  /** Chosen in the form. */
  declare role: Role;
  declare narrow: boolean;
  declare secret: string | undefined;
  declare faults: { readonly name?: string; readonly certificate?: string };
  declare more: readonly AccessKey[];
  #next: string | null = null;
  readonly #keys = new Loader<Page<AccessKey>>(this, (signal) =>
    this.api.keys.list({ limit: PAGE }, { signal }),
  );
  readonly #federations = new Loader<readonly Federation[]>(this, async (signal) => {
    const bound = this.operator.me?.federation ?? null;
    const { items } = await this.api.federations.list({ limit: 500 }, { signal });
    return bound === null ? items : items.filter(({ id }) => id === bound);
  });

  constructor() {
    super();
    this.faults = {};
    this.role = 'participant';
    this.narrow = false;
    this.more = [];
  }

  protected override async load(): Promise<void> {
    this.more = [];
    await Promise.all([this.#keys.reload(), this.#federations.reload()]);
    this.#next = this.#keys.value?.next ?? null;
    this.requestUpdate();
  }

  override render() {
    return html`${this.frame()}
      <section class="card" aria-labelledby="keys-title">
        <div class="row-between"><h2 id="keys-title" tabindex="-1">Accounts and keys</h2>${
          this.may('access:write')
            ? html`<span class="openers">${this.#opener('key', 'Make a key')}${this.#opener('certificate', 'Add a certificate')}</span>`
            : nothing
        }</div>
        ${this.may('access:write') ? nothing : this.lacking('access:write', 'make or revoke keys')}
        ${
          this.secret === undefined
            ? nothing
            : html`<mm-secret-note label="The key" .secret=${this.secret} @done=${() => {
                this.secret = undefined;
              }}></mm-secret-note>`
        }
        ${this.making === undefined ? nothing : this.#form(this.making)}
        ${this.loaded(this.#keys, ({ items }) => this.#list([...items, ...this.more]), 'keys')}</section>`;
  }

  #opener(kind: AccessKey['kind'], text: string) {
    return html`<button aria-expanded=${this.making === kind ? 'true' : 'false'} data-testid="new-${kind}" @click=${() => {
      this.making = this.making === kind ? undefined : kind;
      this.faults = {};
    }}>${icon('plus')} ${text}</button>`;
  }

  #form(making: AccessKey['kind']) {
    const { me } = this.operator;
    const bound = me?.federation ?? null;
    const { name, certificate } = this.faults;
    return html`<form class="form" novalidate @submit=${(event: Event) => this.#submit(event, making)} aria-label=${making === 'key' ? 'Make a key' : 'Add a certificate'}>
      ${
        making === 'key'
          ? nothing
          : html`<div><label for="certificate">Certificate</label><textarea id="certificate" name="certificate" rows="4" maxlength="20000" autocomplete="off" spellcheck="false" data-testid="certificate" aria-invalid=${certificate === undefined ? nothing : 'true'} aria-describedby="certificate-hint"></textarea>
            <p class=${certificate === undefined ? 'hint' : 'fault'} id="certificate-hint">${certificate ?? 'Its PEM file, or its SHA-256 fingerprint: only the fingerprint is sent. It counts where a proxy verifies certificates and passes them on (CLIENT_CERT_HEADER).'}</p></div>`
      }
      <div class="fields">
        <div><label for="name">Who or what for</label><input id="name" name="name" type="text" maxlength="128" autocomplete="off" data-testid="key-name" aria-invalid=${name === undefined ? nothing : 'true'} aria-describedby="name-hint" /><p class=${name === undefined ? 'hint' : 'fault'} id="name-hint">${name ?? 'So that somebody knows what it is revoked for.'}</p></div>
        <div><label for="role">Role</label><select id="role" name="role" aria-describedby="role-hint" data-testid="key-role" @change=${(
          event: Event,
        ) => {
          this.role = (event.target as HTMLSelectElement).value as Role;
        }}>${(Object.keys(ROLE_WORDS) as Role[]).map((role) => html`<option value=${role} ?selected=${role === this.role}>${ROLE_WORDS[role].name}</option>`)}</select><p class="hint" id="role-hint">${ROLE_WORDS[this.role].may}</p></div>
        <div><label for="key-federation">Federation</label><select id="key-federation" name="federation" data-testid="key-federation">${bound === null ? html`<option value="">All that the role reaches</option>` : nothing}${(this.#federations.value ?? []).map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select></div>
        <div><label for="expiry">Good for</label><select id="expiry" name="expiry" data-testid="key-expiry">${EXPIRIES.map(([days, text]) => html`<option value=${days}>${text}</option>`)}</select></div>
        <div><label for="user">User</label><input id="user" name="user" type="text" maxlength="128" autocomplete="off" /></div>
        <div><label for="key-department">Department</label><input id="key-department" name="department" type="text" maxlength="128" autocomplete="off" /></div>
      </div>
      <label class="choice"><input type="checkbox" .checked=${this.narrow} data-testid="key-narrow" @change=${(
        event: Event,
      ) => {
        this.narrow = (event.target as HTMLInputElement).checked;
      }} /><span>Less than the role allows<br /><span class="hint">Choose which scopes it has.</span></span></label>
      ${
        this.narrow
          ? html`<fieldset><legend class="label">Scopes</legend><div class="fields">${(me?.scopes ?? []).map(
              (scope) =>
                html`<label class="choice"><input type="checkbox" name="scopes" value=${scope} data-testid="scope-${scope}" /><span><code>${scope}</code></span></label>`,
            )}</div></fieldset>`
          : nothing
      }
      <div class="row"><button class="primary" ?disabled=${this.busy} data-testid="create-${making}">${making === 'key' ? 'Make it' : 'Add it'}</button></div>
    </form>`;
  }

  #list(keys: readonly AccessKey[]) {
    if (keys.length === 0)
      return html`<p class="soft" data-testid="no-keys">No key yet. Make one for each person and each machine, with no more than it needs.</p>`;
    return html`<ul class="items" role="list" data-testid="keys">${keys.map((key) => this.#item(key))}</ul>
      ${this.#next === null ? nothing : html`<div><button class="quiet" ?disabled=${this.busy} @click=${this.#showMore}>Show more</button></div>`}`;
  }

  #item(key: AccessKey) {
    const { id, name, kind, role, scopes, federation, user, department, createdBy, createdAtMs } = key;
    const { text, tone } = validityTag(key, Date.now());
    const isOwn = this.operator.me?.name === `key:${id}`;
    return html`<li class="item" data-testid="key" data-key=${id} data-state=${text}>
      <div class="row-between"><h3>${name}${isOwn ? ' (this one)' : ''}</h3><span class="tag ${tone}">${text}</span></div>
      <p class="small soft">${kind === 'certificate' ? 'Certificate' : 'Key'} <code>${id}</code>, ${role}${federation === null ? '' : ` of ${federation}`}${user === null ? '' : `, user ${user}`}${department === null ? '' : `, department ${department}`}</p>
      <p class="small soft">Made ${formatDate(createdAtMs)} by ${createdBy}; ${key.lastUsedAtMs === null ? 'never used' : `last used ${relativeWords(key.lastUsedAtMs, Date.now())}`}</p>
      <details class="small"><summary>${scopes.length} scopes</summary><p>${scopes.map((scope) => html`<code>${scope}</code> `)}</p></details>
      ${
        key.revokedAtMs !== null || !this.may('access:write')
          ? nothing
          : html`<div><button class="danger" ?disabled=${this.busy} data-testid="revoke-key" @click=${() => this.#revoke(key, isOwn)}>Revoke…<span class="visually-hidden"> ${name}</span></button></div>`
      }</li>`;
  }

  #submit(event: Event, making: AccessKey['kind']): void {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    void this.act(async () => {
      const key = this.#keyIn(data);
      const fingerprint =
        making === 'key' ? undefined : await fingerprintOf(String(data.get('certificate') ?? ''));
      this.faults = {
        ...(key.name === '' ? { name: 'Say who or what it is for.' } : {}),
        ...(making === 'certificate' && fingerprint === undefined
          ? { certificate: 'This is neither a certificate in PEM nor 64 hexadecimal digits.' }
          : {}),
      };
      if (Object.keys(this.faults).length > 0) return;
      if (fingerprint === undefined) this.secret = (await this.api.keys.create(key)).secret;
      else {
        await this.api.certificates.register({ ...key, fingerprint });
        showToast(this, { text: `The certificate of ${key.name} is added.` });
      }
      this.making = undefined;
      this.narrow = false;
      await this.#keys.refresh();
    });
  }

  #keyIn(data: FormData): NewKey {
    const text = (name: string) => String(data.get(name) ?? '').trim();
    const given = Object.fromEntries(
      ['federation', 'user', 'department']
        .map((name) => [name, text(name)])
        .filter(([, value]) => value !== ''),
    );
    return {
      name: text('name'),
      role: text('role') as Role,
      ...(this.narrow ? { scopes: data.getAll('scopes').map(String) } : {}),
      ...given,
      ...(text('expiry') === '' ? {} : { expiresAtMs: Date.now() + Number(text('expiry')) * DAY_MS }),
    };
  }

  #revoke({ id, name }: AccessKey, isOwn: boolean): void {
    this.ask({
      heading: `Revoke “${name}”?`,
      text: `Whoever shows it is refused from now on, everywhere. It cannot be undone: make another key instead.${isOwn ? ' You are signed in with this one, and will be signed out.' : ''}`,
      action: 'Revoke',
      run: async () => {
        await this.api.keys.revoke(id);
        await this.#keys.refresh();
        this.say(`${name} is revoked.`);
      },
    });
  }

  #showMore = (): void => {
    void this.act(async () => {
      const { items, next } = await this.api.keys.list({ limit: PAGE, after: this.#next ?? undefined });
      this.more = [...this.more, ...items];
      this.#next = next;
    });
  };
}

customElements.define('mm-operator-access', AccessSection);
