import { css, html, nothing } from 'lit';
import { type AuditEntry, everything } from '../../../shared/client/index.ts';
import { saveFile } from '../app/events.ts';
import { counted, formatDate, shortHash } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import type { AuditVerdict, Page } from './operator-api.ts';
import { OperatorPage, operatorStyles } from './operator-page.ts';

const PAGE = 50;
const FILE_PAGE = 500;
/** Beyond it a browser is the wrong tool: the feed to a SIEM has no end. */
const MAX_FILE_ENTRIES = 100_000;

const OUTCOMES = {
  done: 'Done',
  refused: 'Refused',
  failed: 'Failed',
  begun: 'Begun, outcome unknown',
} as const;

interface Filter {
  readonly action?: string;
  readonly subject?: string;
  readonly actor?: string;
  readonly from?: number;
  readonly to?: number;
}

/** What was done here, by whom, and whether the record of it is whole. */
export class AuditSection extends OperatorPage {
  static override properties = { more: { state: true }, verdict: { state: true }, saved: { state: true } };
  declare more: readonly AuditEntry[];
  declare verdict: AuditVerdict | undefined;
  /** Entries written to the file that is being made. */
  declare saved: number | undefined;
  #filter: Filter = {};
  #next: string | null = null;
  readonly #entries = new Loader<Page<AuditEntry>>(this, (signal) =>
    this.api.audit.list({ ...this.#filter, limit: PAGE }, { signal }),
  );

  static override styles = [
    shared,
    operatorStyles,
    css`
      .entries { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0; padding: 0; }
      .entries li { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2px; padding: var(--space-3) 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
      .entries li:first-child { border-top: 0; }
      pre { margin: 0; padding: var(--space-3); border-radius: var(--radius-small); background: var(--sunken); overflow-x: auto; font: 0.8125rem / 1.5 var(--font-mono); white-space: pre-wrap; overflow-wrap: anywhere; }
      .fields > .row { align-self: end; }
    `,
  ];

  constructor() {
    super();
    this.more = [];
  }

  protected override load(): Promise<void> {
    return this.#reload();
  }

  async #reload(): Promise<void> {
    this.more = [];
    await this.#entries.reload();
    this.#next = this.#entries.value?.next ?? null;
    this.requestUpdate();
  }

  override render() {
    return html`${this.frame()}
      <section class="card" aria-labelledby="audit-title"><h2 id="audit-title" tabindex="-1">Audit log</h2>
        <p class="soft">Every change, and every reading of personal data: appended only, each entry chained to the one before, signed checkpoints every hour. Participants stand in it under pseudonyms of its own.</p>
        <div class="row"><button ?disabled=${this.busy} data-testid="verify-audit" @click=${this.#verify}>${icon('lock')} Verify the chain</button>
          <button ?disabled=${this.busy} data-testid="save-audit" @click=${this.#save}>${icon('download')} Save as JSON lines</button></div>
        ${this.saved === undefined ? nothing : html`<p role="status">${counted(this.saved, 'entry', 'entries')} so far…</p>`}
        ${this.#verdict()}
<details data-testid="audit-filter"><summary>Filter</summary>
        <form class="fields" novalidate @submit=${this.#narrow} aria-label="Filter">
          <div><label for="action">Action</label><input id="action" name="action" type="text" autocomplete="off" placeholder="training.start" data-testid="audit-action" /></div>
          <div><label for="subject">About</label><input id="subject" name="subject" type="text" autocomplete="off" placeholder="federation:digits" data-testid="audit-subject" /></div>
          <div><label for="actor">By</label><input id="actor" name="actor" type="text" autocomplete="off" placeholder="key:…" data-testid="audit-actor" /></div>
          <div><label for="from">From</label><input id="from" name="from" type="datetime-local" /></div>
          <div><label for="to">To</label><input id="to" name="to" type="datetime-local" /></div>
          <div class="row"><button data-testid="filter-audit">Filter</button></div>
        </form></details>
        ${this.loaded(this.#entries, ({ items }) => this.#list([...items, ...this.more]), 'entries')}</section>`;
  }

  #verdict() {
    const { verdict } = this;
    if (verdict === undefined) return nothing;
    return html`<div class="note ${verdict.ok ? 'good' : 'bad'}" role="status" data-testid="verdict" data-ok=${verdict.ok ? 'true' : 'false'}>${
      verdict.ok
        ? html`<strong>The chain is whole.</strong> ${counted(verdict.entries, 'entry', 'entries')} and ${counted(verdict.checkpoints, 'signed checkpoint')} were checked. ${unfinishedText(verdict.unfinished)}`
        : html`<strong>The chain is broken${verdict.broken === null ? '' : ` at entry ${verdict.broken.seq}`}.</strong> ${verdict.broken?.why ?? ''} Keep the database as it is, and compare it with a backup or with the feed.`
    }</div>`;
  }

  #list(entries: readonly AuditEntry[]) {
    if (entries.length === 0)
      return html`<p class="soft" data-testid="no-entries">Nothing fits. Take something out of the filter.</p>`;
    // Newest first: what came of something is here before the entry that it was begun with.
    const concluded = new Set(entries.map(({ after }) => after?.intent));
    const shown = entries.filter(({ seq, outcome }) => outcome !== 'begun' || !concluded.has(seq));
    return html`<ol class="entries" role="list" data-testid="entries">${shown.map(
      (entry) => html`<li data-testid="entry" data-action=${entry.action}>
        <div class="row-between"><strong>${entry.action}</strong><span class="tag ${entry.outcome === 'done' ? '' : 'bad'}">${OUTCOMES[entry.outcome]}</span></div>
        <span>${entry.subject}</span>
        <span class="small soft">${formatDate(entry.atMs)}, by ${entry.actor} from ${entry.address}</span>
        <details class="small"><summary>Entry ${entry.seq}</summary><pre tabindex="0" aria-label="Entry ${entry.seq}">${JSON.stringify(
          {
            code: entry.code ?? undefined,
            before: entry.before,
            after: entry.after,
            request: entry.requestId,
          },
          null,
          2,
        )}
hash ${shortHash(entry.hash)} after ${shortHash(entry.previousHash)}</pre></details></li>`,
    )}</ol>
    ${this.#next === null ? nothing : html`<div><button class="quiet" ?disabled=${this.busy} data-testid="more-entries" @click=${this.#showMore}>Show older</button></div>`}`;
  }

  #narrow = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(data.get(name) ?? '').trim();
    const time = (name: string) => new Date(text(name)).getTime();
    this.#filter = {
      ...(text('action') === '' ? {} : { action: text('action') }),
      ...(text('subject') === '' ? {} : { subject: text('subject') }),
      ...(text('actor') === '' ? {} : { actor: text('actor') }),
      ...(text('from') === '' ? {} : { from: time('from') }),
      ...(text('to') === '' ? {} : { to: time('to') }),
    };
    void this.#reload().then(() =>
      this.say(`${counted(this.#entries.value?.items.length ?? 0, 'entry', 'entries')}.`),
    );
  };

  #showMore = (): void => {
    void this.act(async () => {
      const { items, next } = await this.api.audit.list({
        ...this.#filter,
        limit: PAGE,
        after: this.#next ?? undefined,
      });
      this.more = [...this.more, ...items];
      this.#next = next;
    });
  };

  #verify = (): void => {
    this.verdict = undefined;
    void this.act(async () => {
      this.verdict = await this.api.verifyAudit();
    });
  };

  /** All that fit the filter, oldest last. */
  #save = (): void => {
    void this.act(async () => {
      const lines: string[] = [];
      this.saved = 0;
      try {
        const pages = everything<AuditEntry>(
          (query) => this.api.audit.list({ ...this.#filter, ...query }),
          FILE_PAGE,
        );
        for await (const entry of pages) {
          lines.push(`${JSON.stringify(entry)}\n`);
          if (lines.length % FILE_PAGE === 0) this.saved = lines.length;
          if (lines.length >= MAX_FILE_ENTRIES) break;
        }
      } finally {
        this.saved = undefined;
      }
      saveFile('audit.jsonl', new Blob(lines, { type: 'application/x-ndjson' }));
      this.say(`${counted(lines.length, 'entry', 'entries')} saved.`);
    });
  };
}

function unfinishedText(unfinished: readonly number[]): string {
  if (unfinished.length === 0) return '';
  return `Nothing says what came of what was begun in ${unfinished.length === 1 ? 'entry' : 'entries'} ${unfinished.join(', ')}: it is under way, or the server stopped over it.`;
}

customElements.define('mm-operator-audit', AuditSection);
