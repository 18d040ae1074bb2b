import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './error-note.ts';
import './metrics-table.ts';
import { targetLabels } from '../../../shared/dataset/examples.ts';
import { type ErrorRecord, hasCode, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { MetricReport } from '../../../shared/training/metric-report.ts';
import { announce, saveFile } from '../app/events.ts';
import { counted, formatCount } from '../app/format.ts';
import { metricValue } from '../app/metric-words.ts';
import type { DatasetInfo, OpenedModel, Services } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

type Busy = 'saving' | 'opening' | 'measuring';
const BUSY_WORDS: Readonly<Record<Busy, string>> = {
  saving: 'Preparing the files…',
  opening: 'Reading the model…',
  measuring: 'Measuring the model on your data…',
};

/**
 * Saves the model in formats that others read, opens such files, measures a model. Fires `opened`, null when closed.
 * Slots: `about`, and further ways to save.
 */
export class ModelFiles extends LitElement {
  static override properties = {
    services: { attribute: false },
    federation: { attribute: false },
    opened: { attribute: false },
    datasets: { state: true },
    measured: { state: true },
    busy: { state: true },
    error: { state: true },
    over: { state: true },
  };
  declare services: Services;
  declare federation: Federation;
  declare opened: OpenedModel | undefined;
  declare datasets: readonly DatasetInfo[] | undefined;
  declare measured: MetricReport | undefined;
  declare busy: Busy | undefined;
  declare error: ErrorRecord | undefined;
  declare over: boolean;
  #stop: AbortController | undefined;

  static override styles = [
    shared,
    css`
      .drop { display: grid; gap: var(--space-3); padding: var(--space-4); border: 2px dashed var(--line-strong); border-radius: var(--radius); justify-items: start; }
      .drop.over { border-color: var(--accent); background: var(--accent-soft); }
      .name { overflow-wrap: anywhere; }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
  }

  /** The control that was used is gone; the keyboard goes on at the one in its place. */
  override updated(changed: PropertyValues<this>): void {
    if (!changed.has('opened')) return;
    // One that was made here is put to use elsewhere on the page.
    if (this.opened?.format === 'own' || changed.get('opened')?.format === 'own') return;
    const next = this.opened === undefined ? 'open-model' : 'close-model';
    this.renderRoot.querySelector<HTMLElement>(`[data-testid="${next}"]`)!.focus();
  }

  override render() {
    const isBusy = this.busy !== undefined;
    return html`<section class="card stack" aria-labelledby="files-title" aria-busy=${isBusy ? 'true' : 'false'}>
      <h2 id="files-title">Take it away</h2>
      <slot name="about"></slot>
      <div class="stack-tight">
        <h3>Save the model</h3>
        <p class="soft small">safetensors holds any model; tfjs/Keras is two files, for TensorFlow.js. Both can be opened here again.</p>
        <div class="row">
          <button ?disabled=${isBusy} @click=${() => this.#save('safetensors')} data-testid="save-safetensors">${icon('download')} safetensors</button>
          <button ?disabled=${isBusy} @click=${() => this.#save('keras')} data-testid="save-keras">${icon('download')} tfjs/Keras</button>
          <slot></slot>
        </div>
      </div>
      <div class="stack-tight">
        <h3>Open a model file</h3>
        ${this.opened === undefined ? this.#chooser(isBusy) : this.#inUse(this.opened, isBusy)}
      </div>
      ${this.busy === undefined ? nothing : this.#progress(this.busy)}
      <mm-error-note .error=${this.error}></mm-error-note>
    </section>`;
  }

  #chooser(isBusy: boolean) {
    return html`<div class="drop ${this.over ? 'over' : ''}" @dragover=${this.#dragOver} @dragleave=${this.#dragLeave} @drop=${this.#drop}>
      <p class="soft">A .safetensors file, or a tfjs model.json together with its .bin files. It is read on this device and not sent.</p>
      <button ?disabled=${isBusy} @click=${() => this.renderRoot.querySelector<HTMLInputElement>('#file')!.click()} data-testid="open-model">${icon('upload')} Choose files</button>
      <input id="file" type="file" multiple hidden @change=${this.#chosen} data-testid="model-file" />
    </div>`;
  }

  #inUse({ name, notes }: OpenedModel, isBusy: boolean) {
    return html`<div class="note good stack-tight" role="status" data-testid="opened-model">
        <p class="name"><strong>${name}</strong> is open. It answers here instead of the shared model.</p>
        ${notes.length === 0 ? nothing : html`<ul class="small">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
      </div>
      ${this.#measure(isBusy)}
      <div class="row"><button ?disabled=${isBusy} @click=${() => this.#use(undefined)} data-testid="close-model">${icon('close')} Back to the shared model</button></div>`;
  }

  #measure(isBusy: boolean) {
    const { datasets, measured } = this;
    if (datasets === undefined) return nothing;
    if (datasets.length === 0)
      return html`<p class="soft">There is no data on this device to measure it on. <a href="/data">Add some.</a></p>`;
    return html`<div class="stack-tight">
      <label for="dataset">Measure it on your data</label>
      <select id="dataset" data-testid="measure-dataset" @change=${() => {
        this.measured = undefined;
      }}>${datasets.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select>
      <div class="row">
        <button ?disabled=${isBusy} @click=${this.#evaluate} data-testid="measure-model">Measure</button>
        ${measured === undefined ? nothing : html`<p role="status" class="number" data-testid="measured">${this.#words(measured)}</p>`}
      </div>
      ${measured === undefined ? nothing : html`<mm-metrics-table .report=${measured} .labels=${targetLabels(this.federation.data) ?? []}></mm-metrics-table>`}
    </div>`;
  }

  #words({ total, metrics }: MetricReport): string {
    const accuracy = metrics.find(({ name }) => name === 'accuracy');
    return accuracy === undefined
      ? counted(total, 'example')
      : `${metricValue(accuracy)} of ${formatCount(total)} right`;
  }

  #progress(busy: Busy) {
    return html`<div class="stack-tight"><p role="status">${BUSY_WORDS[busy]}</p>
      <progress aria-label=${BUSY_WORDS[busy]}></progress>
      <div class="row"><button @click=${() => this.#stop?.abort()}>Cancel</button></div></div>`;
  }

  #save(format: 'safetensors' | 'keras'): Promise<void> {
    return this.#run('saving', async (signal) => {
      const files = await this.services.model.files.save(this.federation, format, signal);
      if (signal.aborted) return;
      for (const { name, blob } of files) saveFile(name, blob);
      announce(this, `Saved ${files.map(({ name }) => name).join(' and ')}`);
    });
  }

  #open(files: readonly File[]): Promise<void> {
    if (files.length === 0) return Promise.resolve();
    return this.#run('opening', async (signal) => {
      const { model, data } = this.services;
      const opened = await model.files.open(this.federation, files, signal);
      const datasets = await data.compatible(this.federation);
      if (signal.aborted) return;
      this.datasets = datasets;
      this.measured = undefined;
      this.#use(opened);
    });
  }

  #evaluate = (): Promise<void> =>
    this.#run('measuring', async (signal) => {
      const id = this.renderRoot.querySelector<HTMLSelectElement>('#dataset')!.value;
      this.measured = undefined;
      const report = await this.services.model.files.evaluate(this.federation, id, this.opened, signal);
      if (!signal.aborted) this.measured = report;
    });

  #use(opened: OpenedModel | undefined): void {
    this.dispatchEvent(new CustomEvent<OpenedModel | null>('opened', { detail: opened ?? null }));
  }

  /** One thing at a time; what was cancelled says nothing. */
  async #run(busy: Busy, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.busy = busy;
    this.error = undefined;
    stop.signal.addEventListener('abort', () => {
      if (this.#stop === stop) this.busy = undefined;
    });
    try {
      await work(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted && !hasCode(error, 'aborted')) this.error = toErrorRecord(error);
    } finally {
      if (this.#stop === stop) this.busy = undefined;
    }
  }

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    void this.#open([...(input.files ?? [])]);
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
    void this.#open([...(event.dataTransfer?.files ?? [])]);
  };
}

customElements.define('mm-model-files', ModelFiles);
