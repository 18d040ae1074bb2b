import { html, nothing } from 'lit';
import { isParticipantId } from '../../../shared/identity/index.ts';
import { saveFile, showToast } from '../app/events.ts';
import { formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { icon } from '../components/icons.ts';
import type { Erasure } from './operator-api.ts';
import { OperatorPage } from './operator-page.ts';
import { shortId } from './operator-words.ts';

/** What people may ask of their data, done for those who ask an operator: export, deletion, and the records of processing. */
export class RightsSection extends OperatorPage {
  static override properties = {
    participant: { state: true },
    rollBack: { state: true },
    fault: { state: true },
    receipt: { state: true },
  };
  declare participant: string;
  declare rollBack: boolean;
  declare fault: string | undefined;
  /** Of the last deletion. */
  declare receipt: Readonly<Record<string, unknown>> | undefined;
  readonly #erasures = new Loader<readonly Erasure[] | undefined>(this, async (signal) =>
    this.may('rights:write') ? this.api.rights.erasures({ signal }) : undefined,
  );

  constructor() {
    super();
    this.participant = '';
    this.rollBack = false;
  }

  protected override load(): Promise<void> {
    return this.#erasures.reload();
  }

  override render() {
    return html`${this.frame()}
      <section class="card" aria-labelledby="rights-title"><h2 id="rights-title" tabindex="-1">Requests about a participant</h2>
        ${this.may('rights:write') ? this.#request() : this.lacking('rights:write', 'export or delete participants')}</section>
      <section class="card" aria-labelledby="erasures-title"><h2 id="erasures-title" tabindex="-1">Deletions</h2>
        ${this.loaded(this.#erasures, (list) => this.#list(list), 'deletions')}</section>
      <section class="card" aria-labelledby="processing-title"><h2 id="processing-title">Records of processing</h2>
        <p class="soft">What is processed here, why, by whom and for how long (Article 30), made from the configuration as it is now.</p>
        ${
          this.may('audit:read')
            ? html`<div><button ?disabled=${this.busy} data-testid="save-processing" @click=${this.#saveProcessing}>${icon('download')} Save the records</button></div>`
            : this.lacking('audit:read', 'read them')
        }</section>`;
  }

  #request() {
    return html`<p class="soft">Participants do this themselves on their own page, in Settings. Here it is done for those who ask you; make sure that it is theirs.</p>
      <div><label for="participant">Id of the participant</label>
        <input id="participant" type="text" .value=${this.participant} autocomplete="off" spellcheck="false" data-testid="rights-participant" aria-invalid=${this.fault === undefined ? nothing : 'true'} aria-describedby="participant-hint" @input=${(
          event: Event,
        ) => {
          this.participant = (event.target as HTMLInputElement).value.trim();
          this.fault = undefined;
        }} />
        <p class=${this.fault === undefined ? 'hint' : 'fault'} id="participant-hint">${this.fault ?? 'It stands in Settings of its page, under “This device”.'}</p></div>
      <label class="choice"><input type="checkbox" .checked=${this.rollBack} data-testid="rights-roll-back" @change=${(
        event: Event,
      ) => {
        this.rollBack = (event.target as HTMLInputElement).checked;
      }} /><span>When deleting, also take models back to the last version without it<br /><span class="hint">Later versions of everybody are given up with it.</span></span></label>
      <div class="row"><button ?disabled=${this.busy} data-testid="export-participant" @click=${this.#export}>${icon('download')} Export everything</button>
        <button class="danger" ?disabled=${this.busy} data-testid="delete-participant" @click=${this.#delete}>${icon('trash')} Delete…</button></div>
      ${
        this.receipt === undefined
          ? nothing
          : html`<div class="note good stack-tight" role="status" data-testid="receipt"><p><strong>Deleted.</strong> The receipt, signed by this server, says what was deleted, what a pseudonym took the place of, and which models it had a part in.</p>
              <div><button @click=${this.#saveReceipt} data-testid="save-receipt">${icon('download')} Save the receipt</button></div></div>`
      }`;
  }

  #list(list: readonly Erasure[] | undefined) {
    if (list === undefined) return this.lacking('rights:write', 'see them');
    if (list.length === 0) return html`<p class="soft">Nobody asked to be deleted yet.</p>`;
    return html`<ul class="items" role="list">${list.map(
      ({
        id,
        requestedAtMs,
        completedAtMs,
      }) => html`<li class="item"><div class="row-between"><h3><code>${id}</code></h3><span class="tag ${completedAtMs === null ? 'warn' : 'good'}">${completedAtMs === null ? 'Under way' : 'Done'}</span></div>
        <p class="small soft">Asked for ${formatDate(requestedAtMs)}${completedAtMs === null ? '' : `, done ${formatDate(completedAtMs)}`}</p></li>`,
    )}</ul>`;
  }

  #named(): string | undefined {
    this.fault = isParticipantId(this.participant)
      ? undefined
      : 'This is no id of a participant: 22 letters, digits, - and _.';
    return this.fault === undefined ? this.participant : undefined;
  }

  #export = (): void => {
    const id = this.#named();
    if (id === undefined) return;
    void this.act(async () => {
      saveJson(`participant-${shortId(id)}.json`, await this.api.rights.export(id));
      this.say('The export is saved.');
    });
  };

  #delete = (): void => {
    const id = this.#named();
    if (id === undefined) return;
    this.ask({
      heading: `Delete participant ${shortId(id)}?`,
      text: `All that this server has about it is deleted, or a pseudonym takes its place; it is in no round any more. Its part in models that were already made stays${this.rollBack ? ' out: they go back to the last version without it' : ''}. Nothing can bring it back.`,
      word: 'delete',
      action: 'Delete',
      run: async () => {
        this.receipt = undefined;
        this.receipt = await this.api.rights.erase(id, this.rollBack);
        this.participant = '';
        await this.#erasures.refresh();
      },
    });
  };

  #saveReceipt = (): void => {
    saveJson('deletion-receipt.json', this.receipt);
    showToast(this, { text: 'The receipt is saved. Give it to whoever asked.' });
  };

  #saveProcessing = (): void => {
    void this.act(async () => saveJson('records-of-processing.json', await this.api.rights.processing()));
  };
}

function saveJson(name: string, value: unknown): void {
  saveFile(name, new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }));
}

customElements.define('mm-operator-rights', RightsSection);
