import { css, html, LitElement, nothing } from 'lit';
import './error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { dataWords, targetWords } from '../app/data-words.ts';
import { modelWords } from '../app/model-words.ts';
import { navigate } from '../app/router.ts';
import { SECURE_CONSEQUENCES, withSecureAggregation } from '../app/secure-document.ts';
import type { Services } from '../app/services.ts';
import { nameOf } from '../app/strategy-words.ts';
import { shared } from '../styles/shared.ts';

/** A document of the most columns and labels is well below this. */
const MAX_FILE_BYTES = 4_000_000;

/** Pasted or dropped JSON → checked on this device → put on the server. */
export class OpenDocument extends LitElement {
  static override properties = {
    services: { attribute: false },
    text: { state: true },
    error: { state: true },
    checked: { state: true },
    busy: { state: true },
    over: { state: true },
  };
  declare services: Services;
  declare text: string;
  declare error: ErrorRecord | undefined;
  declare checked: Federation | undefined;
  declare busy: boolean;
  declare over: boolean;

  static override styles = [
    shared,
    css`
      .over { outline: 3px dashed var(--accent); outline-offset: -8px; }
      dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: var(--space-1) var(--space-4); }
      dt { color: var(--ink-soft); }
      .consequences { padding-left: calc(22px + var(--space-3) + 1.2em); color: var(--ink-soft); font-size: var(--text-small); }
    `,
  ];

  constructor() {
    super();
    this.text = '';
    this.busy = false;
    this.over = false;
  }

  override render() {
    const { checked } = this;
    return html`<form class="card stack ${this.over ? 'over' : ''}" @submit=${this.#submit}
      @dragover=${this.#dragOver} @dragleave=${this.#dragLeave} @drop=${this.#drop}>
      <div class="stack-tight">
        <h3>Open a federation document</h3>
        <p class="soft">Paste its JSON, drop the file here, or choose it. It is checked on this device before anything is sent.</p>
      </div>
      <div>
        <label for="document">Document</label>
        <textarea id="document" rows="8" spellcheck="false" autocomplete="off" data-testid="document"
          placeholder='{"format": "murmuration/federation", …}'
          aria-invalid=${this.error === undefined ? 'false' : 'true'} .value=${this.text} @input=${this.#typed}></textarea>
      </div>
      <mm-error-note .error=${this.error}></mm-error-note>
      ${
        checked === undefined
          ? nothing
          : html`<div class="note good" role="status">
              <p><strong>${checked.name}</strong> is valid, revision ${checked.revision}.</p>
            </div>
            <dl>
              <dt>Example</dt><dd>${dataWords(checked.data)}</dd>
              <dt>Predicts</dt><dd>${targetWords(checked.data)}</dd>
              <dt>Model</dt><dd>${modelWords(checked)}</dd>
              <dt>Combined by</dt><dd>${nameOf(checked.strategy, checked.training)}</dd>
              <dt>Participants</dt><dd>${checked.cohort.minParticipants} or more</dd>
            </dl>
            ${this.#secure(checked)}`
      }
      <div class="row">
        <button class="primary" type="submit" ?disabled=${this.busy || this.text.trim() === ''} data-testid="submit-document">
          ${this.busy ? 'One moment…' : checked === undefined ? 'Check' : 'Add to the server'}
        </button>
        <button type="button" @click=${this.#choose}>Choose a file</button>
        <input id="file" type="file" accept=".json,application/json" hidden @change=${this.#chosen} />
      </div>
    </form>`;
  }

  #secure({ privacy }: Federation) {
    return html`<div>
      <label class="choice">
        <input type="checkbox" data-testid="secure-toggle" ?disabled=${this.busy} aria-describedby="consequences"
          .checked=${privacy.secureAggregation === 'secagg'} @change=${this.#secured} />
        <span><strong>Secure aggregation</strong><br /><span class="small soft">Updates are masked on each device, and only their sum can be seen.</span></span>
      </label>
      <ul class="consequences" id="consequences">${SECURE_CONSEQUENCES.map((text) => html`<li>${text}</li>`)}</ul>
    </div>`;
  }

  /** The text follows, so that what is added to the server is what is seen. */
  #secured = async (event: Event): Promise<void> => {
    const input = event.target as HTMLInputElement;
    const text = withSecureAggregation(this.text, input.checked);
    try {
      this.checked = await this.#validate(text);
      this.text = text;
      this.error = undefined;
    } catch (error) {
      input.checked = !input.checked;
      this.error = toErrorRecord(error);
    }
  };

  /** A byte budget that nothing meets is known before anybody trains. @throws what validation throws, `compress.no-pipeline`. */
  async #validate(text: string): Promise<Federation> {
    const { federations, compression } = this.services;
    const federation = await federations.validate(text);
    if (federation.strategy.compression !== undefined) await compression.forecast(federation);
    return federation;
  }

  #typed = (event: Event): void => this.#setText((event.target as HTMLTextAreaElement).value);

  #setText(text: string): void {
    this.text = text;
    this.checked = undefined;
    this.error = undefined;
  }

  #submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    this.busy = true;
    try {
      const { checked } = this;
      if (checked === undefined) this.checked = await this.#validate(this.text);
      else navigate(this, `/f/${(await this.services.federations.create(checked)).id}`);
      this.error = undefined;
    } catch (error) {
      this.error = toErrorRecord(error);
    } finally {
      this.busy = false;
    }
  };

  #choose = (): void => this.renderRoot.querySelector<HTMLInputElement>('#file')!.click();

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    void this.#read(input.files?.[0]);
    input.value = '';
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
    void this.#read(event.dataTransfer?.files[0]);
  };

  async #read(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    if (file.size > MAX_FILE_BYTES) {
      this.error = {
        code: 'federation.invalid',
        message: `${file.name} is too large to be a federation document: ${file.size} bytes.`,
      };
      return;
    }
    this.#setText(await file.text());
    try {
      this.checked = await this.#validate(this.text);
    } catch (error) {
      this.error = toErrorRecord(error);
    }
  }
}

customElements.define('mm-open-document', OpenDocument);
