import { css, html, LitElement, nothing } from 'lit';
import './dataset-summary.ts';
import './error-note.ts';
import './issues-table.ts';
import './progress-line.ts';
import { type ErrorRecord, hasCode, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { announce } from '../app/events.ts';
import { counted } from '../app/format.ts';
import type { DataService, DatasetInfo, ImportDraft, Progress } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

const ACCEPTED = {
  image: 'image/*',
  tabular: '.csv,.tsv,.txt,.json,.jsonl,.ndjson',
  records: '.json,.jsonl,.ndjson',
  tokens: '.json,.jsonl,.ndjson,.txt',
};

/** Files → read and checked against a federation → looked at → kept. Fires `imported` with the dataset. */
export class ImportPanel extends LitElement {
  static override properties = {
    data: { attribute: false },
    federation: { attribute: false },
    progress: { state: true },
    draft: { state: true },
    error: { state: true },
    over: { state: true },
    label: { state: true },
  };
  declare data: DataService;
  declare federation: Federation;
  declare progress: Progress | undefined;
  declare draft: ImportDraft | undefined;
  declare error: ErrorRecord | undefined;
  declare over: boolean;
  /** Of all images; empty: by folder. */
  declare label: string;
  #files: readonly File[] = [];
  #stop: AbortController | undefined;

  static override styles = [
    shared,
    css`
      .drop {
        display: grid; justify-items: center; gap: var(--space-3); padding: var(--space-5) var(--space-4);
        border: 2px dashed var(--line-strong); border-radius: var(--radius); text-align: center;
      }
      .drop.over { border-color: var(--accent); background: var(--accent-soft); }
      .drop .row { justify-content: center; }
      .match { display: grid; gap: var(--space-3); grid-template-columns: repeat(auto-fill, minmax(min(100%, 12rem), 1fr)); }
    `,
  ];

  constructor() {
    super();
    this.label = '';
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
    void this.draft?.discard();
    this.draft = undefined;
    this.progress = undefined;
  }

  override render() {
    return html`<div class="stack">
      ${this.progress !== undefined ? this.#working(this.progress) : this.draft !== undefined ? this.#review(this.draft) : this.#choose()}
      <mm-error-note .error=${this.error}></mm-error-note>
    </div>`;
  }

  #choose() {
    const { data } = this.federation;
    const { kind } = data;
    return html`${kind === 'image' ? this.#labelChoice(data.labels) : nothing}
    <div class="drop ${this.over ? 'over' : ''}" @dragover=${this.#dragOver} @dragleave=${this.#dragLeave} @drop=${this.#drop}>
      <p>${
        kind === 'image'
          ? 'Choose images, or a folder with one folder per label.'
          : kind === 'tabular'
            ? 'Drop a CSV, JSON or JSONL file here.'
            : kind === 'tokens' && data.target.type === 'next' && data.vocabulary >= 256
              ? 'Drop a text file here, or a JSON or JSONL file of token ids.'
              : 'Drop a JSON or JSONL file of records here.'
      }<br /><span class="small soft">It is read on this device and never sent.</span></p>
      <div class="row">
        <button @click=${() => this.#input('#files').click()} data-testid="import">${icon('upload')} Choose ${kind === 'image' ? 'images' : 'a file'}</button>
        ${kind === 'image' ? html`<button @click=${() => this.#input('#folder').click()}>Choose a folder</button>` : nothing}
      </div>
      <input id="files" type="file" hidden ?multiple=${kind === 'image'} accept=${ACCEPTED[kind]} @change=${this.#chosen} data-testid="import-file" />
      <input id="folder" type="file" hidden webkitdirectory @change=${this.#chosen} />
    </div>`;
  }

  #labelChoice(labels: readonly string[]) {
    return html`<div><label for="label">Label of the images</label>
      <select id="label" data-testid="import-label" @change=${(event: Event) => {
        this.label = (event.target as HTMLSelectElement).value;
      }}>
        <option value="">The name of their folder</option>
        ${labels.map((label) => html`<option value=${label} ?selected=${label === this.label}>${label}</option>`)}
      </select></div>`;
  }

  #working(progress: Progress) {
    return html`<mm-progress-line .progress=${progress} ?stoppable=${this.draft === undefined} @stop=${() => this.#stop?.abort()}></mm-progress-line>`;
  }

  #review(draft: ImportDraft) {
    return html`
      ${
        draft.examples > 0
          ? html`<p class="note good" role="status" data-testid="import-ready"><strong>${counted(draft.examples, 'example')}</strong> fit this federation.</p>`
          : draft.blocked !== undefined
            ? html`<mm-error-note .error=${draft.blocked}></mm-error-note>`
            : html`<p class="note bad" role="alert">No example of this file fits this federation.</p>`
      }
      ${draft.columnsToMatch === undefined ? nothing : this.#match(draft.columnsToMatch)}
      ${draft.issueCount === 0 ? nothing : html`<mm-issues-table .issues=${draft.issues} .total=${draft.issueCount}></mm-issues-table>`}
      <mm-dataset-summary .summary=${draft.summary}></mm-dataset-summary>
      <form class="stack" @submit=${this.#commit}>
        ${
          draft.examples === 0
            ? nothing
            : html`<div><label for="name">Name on this device</label>
                <input id="name" type="text" required maxlength="120" .value=${draft.suggestedName} data-testid="import-name" /></div>`
        }
        <div class="row">
          ${draft.examples === 0 ? nothing : html`<button class="primary" data-testid="import-commit">Keep ${counted(draft.examples, 'example')}</button>`}
          <button type="button" @click=${this.#discard}>${draft.examples === 0 ? 'Choose another file' : 'Discard'}</button>
        </div>
      </form>
    `;
  }

  /** For files that call the same thing by another name. */
  #match({ wanted, available }: NonNullable<ImportDraft['columnsToMatch']>) {
    return html`<form class="stack" @submit=${this.#readAgain} data-testid="match">
      <p>Which column of the file is it?</p>
      <div class="match">${wanted.map(
        (name, index) => html`<div><label for="match-${index}">${name}</label>
          <select id="match-${index}" data-column=${name}><option value="">Not in the file</option>${available.map((column) => html`<option value=${column}>${column}</option>`)}</select></div>`,
      )}</div>
      <div><button>Read again</button></div>
    </form>`;
  }

  #readAgain = async (event: Event): Promise<void> => {
    event.preventDefault();
    const chosen = [...this.renderRoot.querySelectorAll<HTMLSelectElement>('[data-column]')]
      .filter(({ value }) => value !== '')
      .map(({ dataset, value }) => [dataset.column!, value]);
    await this.#discard();
    await this.#read(this.#files, Object.fromEntries(chosen) as Record<string, string>);
  };

  #input(selector: string): HTMLInputElement {
    return this.renderRoot.querySelector<HTMLInputElement>(selector)!;
  }

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) void this.#read(files);
  };

  #dragOver = (event: DragEvent): void => {
    event.preventDefault();
    this.over = true;
  };

  #dragLeave = (): void => {
    this.over = false;
  };

  #drop = (event: DragEvent): void => {
    event.preventDefault();
    this.over = false;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) void this.#read(files);
  };

  async #read(files: readonly File[], mapping?: Readonly<Record<string, string>>): Promise<void> {
    this.#files = files;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.error = undefined;
    this.progress = { label: 'Reading', doneBytes: 0, totalBytes: undefined, rows: 0 };
    try {
      const draft = await this.data.read(files, {
        federation: this.federation,
        signal,
        mapping,
        label: this.label === '' ? undefined : this.label,
        onProgress: (progress) => {
          this.progress = progress;
        },
      });
      if (signal.aborted) await draft.discard();
      else {
        this.draft = draft;
        announce(
          this,
          `${counted(draft.examples, 'example')} read, ${counted(draft.issueCount, 'problem')}.`,
        );
      }
    } catch (error) {
      if (!signal.aborted && !hasCode(error, 'aborted')) this.error = toErrorRecord(error);
    } finally {
      this.progress = undefined;
    }
  }

  #commit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { draft } = this;
    if (draft === undefined) return;
    const name = this.#input('#name').value.trim() || draft.suggestedName;
    this.progress = { label: 'Storing', doneBytes: 0, totalBytes: undefined, rows: 0 };
    try {
      const dataset = await draft.commit(name, (progress) => {
        this.progress = progress;
      });
      this.draft = undefined;
      this.dispatchEvent(new CustomEvent<DatasetInfo>('imported', { detail: dataset }));
    } catch (error) {
      this.error = toErrorRecord(error);
    } finally {
      this.progress = undefined;
    }
  };

  #discard = async (): Promise<void> => {
    const { draft } = this;
    this.draft = undefined;
    this.error = undefined;
    try {
      await draft?.discard();
    } catch (error) {
      this.error = toErrorRecord(error);
    }
  };
}

customElements.define('mm-import-panel', ImportPanel);
