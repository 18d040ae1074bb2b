import { html, nothing } from 'lit';
import './invitations-panel.ts';
import type { FederationSettings } from '../../../shared/client/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { showToast } from '../app/events.ts';
import { formatDate, formatPercent } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { FederationPage } from './federation-page.ts';
import type { Member, Page, Reliability } from './operator-api.ts';
import { relativeWords, shortId } from './operator-words.ts';

const ADMISSION: readonly (readonly [FederationSettings['admission'], string])[] = [
  ['open', 'Everybody'],
  ['invitation', 'Those who were invited'],
  ['members', 'Those who hold an account'],
];
const CONTROL: readonly (readonly [FederationSettings['control'], string])[] = [
  ['open', 'Whenever enough are here'],
  ['managed', 'Only while a training runs'],
];
const SCORE = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const MEMBERS = 100;

/** Who takes part in a federation: let in how, relied on how far, kept out. */
export class ParticipantsSection extends FederationPage {
  protected override readonly section = 'participants';
  readonly #settings = new Loader<FederationSettings>(this, (signal) =>
    this.api.federations.settings(this.federation!.id, { signal }),
  );
  readonly #board = new Loader<readonly Reliability[]>(this, async (signal) => {
    const { id } = await this.api.federations.run(this.federation!.id, { signal });
    return this.api.participants.board(id, { signal });
  });
  readonly #members = new Loader<Page<Member> | undefined>(this, async (signal) =>
    this.may('participant:read')
      ? this.api.members.list(this.federation!.id, { limit: MEMBERS }, { signal })
      : undefined,
  );

  protected override async loadOf(): Promise<void> {
    await Promise.all([this.#settings.reload(), this.#board.reload(), this.#members.reload()]);
  }

  protected override renderOf(federation: Federation) {
    return html`
      <section class="card" aria-labelledby="reliability-title"><h2 id="reliability-title" tabindex="-1">Participants</h2>
        ${this.loaded(this.#board, (rows) => this.#table(rows), 'participants')}</section>
      <section class="card" aria-labelledby="admission-title"><h2 id="admission-title">Who is let in</h2>
        ${this.loaded(this.#settings, (settings) => this.#admission(federation, settings), 'settings')}</section>
      <mm-operator-invitations .services=${this.services} .operator=${this.operator} .federation=${federation}></mm-operator-invitations>
      <section class="card" aria-labelledby="members-title"><h2 id="members-title" tabindex="-1">Members</h2>
        ${this.loaded(this.#members, (page) => this.#memberList(page), 'members')}</section>`;
  }

  #table(rows: readonly Reliability[]) {
    if (rows.length === 0)
      return html`<p class="soft" data-testid="no-participants">Nobody took part yet. Whoever is invited to a round appears here.</p>`;
    // It is a matter of the whole server.
    const mayBlock = this.may('participant:write') && this.operator.reachesAll;
    const isScored = rows.some(({ contribution }) => contribution !== null);
    return html`<p class="small soft">Who contributed most comes first, then who is relied on most. Participants are known by pseudonyms; names are nowhere.</p>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Participants, best first"><table class=${mayBlock ? 'orders' : ''} data-testid="board">
      <thead><tr><th scope="col" class="number">#</th><th scope="col">Participant</th><th scope="col">Standing</th><th scope="col" class="number">Reliability</th>${isScored ? html`<th scope="col" class="number">Contribution</th>` : nothing}<th scope="col" class="number">In rounds</th><th scope="col" class="number">Missed</th>${mayBlock ? html`<th scope="col"><span class="visually-hidden">Orders</span></th>` : nothing}</tr></thead>
      <tbody>${rows.map(
        (
          row,
          index,
        ) => html`<tr data-testid="participant" data-participant=${row.participant} data-standing=${row.standing?.state ?? 'clear'}>
          <td class="number">${index + 1}</td><th scope="row"><code title=${row.participant}>${shortId(row.participant)}</code></th>
          <td>${this.#standing(row)}</td>
          <td class="number">${formatPercent(row.reputation)}</td>
          ${isScored ? html`<td class="number">${row.contribution === null ? '–' : SCORE.format(row.contribution)}</td>` : nothing}
          <td class="number">${row.survived} of ${row.invitations}</td>
          <td class="number">${row.missedDeadlines + row.dropOuts}</td>
          ${mayBlock ? html`<td><div class="row">${this.#orders(row)}</div></td>` : nothing}</tr>`,
      )}</tbody></table></div>
      ${isScored ? nothing : html`<p class="small soft">Contribution is reckoned only for federations that combine the sums of groups; of others, a score of one update would tell something about its data.</p>`}
      ${mayBlock ? nothing : html`<p class="note">Blocking keeps somebody out of every federation, and is for operators of the whole server.</p>`}`;
  }

  #standing({ standing }: Reliability) {
    if (standing === null) return html`<span class="tag good">Clear</span>`;
    if (standing.state === 'blocked') return html`<span class="tag bad">Blocked</span>`;
    return html`<span class="tag warn">Left out${standing.untilMs === null ? '' : ` until ${formatDate(standing.untilMs)}`}</span>`;
  }

  #orders({ participant, standing }: Reliability) {
    const who = html`<span class="visually-hidden"> ${shortId(participant)}</span>`;
    if (standing?.state === 'blocked')
      return html`<button ?disabled=${this.busy} data-testid="unblock" @click=${() => this.#clear('unblock', participant)}>Unblock${who}</button>`;
    return html`${
      standing === null
        ? nothing
        : html`<button ?disabled=${this.busy} data-testid="release" @click=${() => this.#clear('release', participant)}>Release${who}</button>`
    }<button class="danger" ?disabled=${this.busy} data-testid="block" @click=${() => this.#block(participant)}>Block…${who}</button>`;
  }

  #block(participant: string): void {
    this.ask({
      heading: `Block participant ${shortId(participant)}?`,
      text: 'It takes part in no federation of this server any more, until it is unblocked. Its page tells it so, with your reason. Updates that were already added up stay in the model.',
      action: 'Block',
      reasonLabel: 'Reason, which the participant reads',
      run: async (reason) => {
        await this.api.participants.block(participant, reason);
        await this.#board.refresh();
        showToast(this, {
          text: `Participant ${shortId(participant)} is blocked.`,
          action: { label: 'Undo', run: () => this.#clear('unblock', participant) },
        });
      },
    });
  }

  #clear(verb: 'unblock' | 'release', participant: string): void {
    void this.act(async () => {
      await this.api.participants[verb](participant);
      await this.#board.refresh();
      this.say(`Participant ${shortId(participant)} may take part again.`);
    });
  }

  #admission(federation: Federation, settings: FederationSettings) {
    const mayChange = this.may('federation:write');
    const select = (
      key: 'admission' | 'control',
      label: string,
      options: readonly (readonly [string, string])[],
    ) =>
      html`<div><label for=${key}>${label}</label><select id=${key} ?disabled=${!mayChange || this.busy} data-testid=${key} @change=${(
        event: Event,
      ) => this.#configure(federation, settings, { [key]: (event.target as HTMLSelectElement).value })}>
        ${options.map(([value, text]) => html`<option value=${value} .selected=${value === settings[key]}>${text}</option>`)}</select></div>`;
    return html`<div class="fields">${select('admission', 'Who may join', ADMISSION)}${select('control', 'When rounds run', CONTROL)}</div>
      ${mayChange ? nothing : this.lacking('federation:write', 'change this')}`;
  }

  #configure(
    { id }: Federation,
    before: FederationSettings,
    change: Partial<Pick<FederationSettings, 'admission' | 'control'>>,
  ): void {
    const { admission, control } = before;
    void this.act(async () => {
      try {
        await this.api.federations.configure(id, change);
      } finally {
        await this.#settings.refresh();
      }
      showToast(this, {
        text: 'Changed. It counts for whoever connects from now on.',
        action: {
          label: 'Undo',
          run: () =>
            void this.act(async () => {
              await this.api.federations.configure(id, { admission, control });
              await this.#settings.refresh();
            }),
        },
      });
    });
  }

  #memberList(page: Page<Member> | undefined) {
    if (page === undefined) return this.lacking('participant:read', 'see members');
    if (page.items.length === 0)
      return html`<p class="soft">No member yet: whoever takes part becomes one.</p>`;
    const mayRemove = this.may('participant:write');
    const areNamed = page.items.some(({ department, user }) => department !== null || user !== null);
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="All members"><table class=${mayRemove ? 'orders' : ''} data-testid="members">
      <thead><tr><th scope="col">Participant</th><th scope="col">Let in by</th>${areNamed ? html`<th scope="col">Department</th><th scope="col">User</th>` : nothing}<th scope="col">Last seen</th>${mayRemove ? html`<th scope="col"><span class="visually-hidden">Orders</span></th>` : nothing}</tr></thead>
      <tbody>${page.items.map(
        (
          member,
        ) => html`<tr data-testid="member"><th scope="row"><code title=${member.participant}>${shortId(member.participant)}</code></th>
          <td>${viaWords(member.via)}</td>${areNamed ? html`<td>${member.department ?? '–'}</td><td class="wrap">${member.user ?? '–'}</td>` : nothing}<td>${relativeWords(member.lastSeenAtMs, Date.now())}</td>
          ${mayRemove ? html`<td><div class="row"><button ?disabled=${this.busy} data-testid="remove-member" @click=${() => this.#remove(member)}>Remove…<span class="visually-hidden"> ${shortId(member.participant)}</span></button></div></td>` : nothing}</tr>`,
      )}</tbody></table></div>
      ${page.next === null ? nothing : html`<p class="small soft">The first ${MEMBERS} are shown.</p>`}`;
  }

  #remove({ federation, participant }: Member): void {
    this.ask({
      heading: `Remove participant ${shortId(participant)}?`,
      text: 'It needs another invitation to take part again, where the federation asks for one.',
      action: 'Remove',
      run: async () => {
        await this.api.members.remove(federation, participant);
        await this.#members.refresh();
        this.say(`Participant ${shortId(participant)} is no member any more.`);
      },
    });
  }
}

function viaWords(via: string): string {
  if (via === 'open') return 'Open to everybody';
  if (via === 'token') return 'A sign-in';
  if (via.startsWith('invitation:')) return 'An invitation';
  return via.startsWith('key:') ? 'A key' : via;
}

customElements.define('mm-operator-participants', ParticipantsSection);
