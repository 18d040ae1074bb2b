import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './confirm-dialog.ts';
import './error-note.ts';
import './segmented-choice.ts';
import { type ErrorRecord, hasCode, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { TrainProgress } from '../../../shared/training/port.ts';
import { announce } from '../app/events.ts';
import { counted, formatDate, formatLoss } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { METHOD_WORDS, metricPairs, pullsFor, verdictWords } from '../app/personal-words.ts';
import type { DatasetInfo, OpenedModel, PersonalMethod, PersonalModel, Services } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** A held-out tenth of fewer than this has nothing in it. */
const FEWEST_EXAMPLES = 2;

/** Makes the shared model this device's own, on data of this device. Fires `opened` with it, to be asked instead. */
export class PersonalizePanel extends LitElement {
  static override properties = {
    services: { attribute: false },
    federation: { attribute: false },
    opened: { attribute: false },
    chosen: { state: true },
    method: { state: true },
    lambda: { state: true },
    progress: { state: true },
    busy: { state: true },
    confirming: { state: true },
    error: { state: true },
  };
  declare services: Services;
  declare federation: Federation;
  /** What is asked instead of the shared model. */
  declare opened: OpenedModel | undefined;
  declare chosen: string | undefined;
  declare method: PersonalMethod['type'];
  declare lambda: number;
  declare progress: TrainProgress | undefined;
  declare busy: boolean;
  declare confirming: boolean;
  declare error: ErrorRecord | undefined;
  #stop: AbortController | undefined;
  readonly #datasets = new Loader<readonly DatasetInfo[]>(this, async () =>
    (await this.services.data.compatible(this.federation)).filter(
      ({ examples }) => examples >= FEWEST_EXAMPLES,
    ),
  );
  readonly #personal = new Loader<PersonalModel | undefined>(this, async () => {
    const dataset = this.#dataset;
    return dataset === undefined ? undefined : this.services.personal.of(this.federation, dataset.id);
  });

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); align-content: start; }
      .better { color: var(--good); font-weight: 650; }
    `,
  ];

  constructor() {
    super();
    this.method = 'head';
    this.lambda = 0.1;
    this.busy = false;
    this.confirming = false;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('federation')) void this.#load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
  }

  async #load(): Promise<void> {
    this.#stop?.abort();
    await this.#datasets.reload();
    await this.#personal.reload();
  }

  get #dataset(): DatasetInfo | undefined {
    const datasets = this.#datasets.value ?? [];
    return datasets.find(({ id }) => id === this.chosen) ?? datasets[0];
  }

  override render() {
    const { state } = this.#datasets;
    return html`<section class="card" aria-labelledby="personal-title" aria-busy=${this.busy ? 'true' : 'false'} data-testid="personalize">
      <div class="stack-tight">
        <h2 id="personal-title">Make it yours</h2>
        <p class="soft">Trains the shared model further on your own data, for this device alone. What comes out is kept in this browser and never sent.</p>
      </div>
      ${
        state.status === 'loading'
          ? html`<p role="status" class="soft">Looking for data on this device…</p>`
          : state.status === 'failed'
            ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#load()}></mm-error-note>`
            : state.value.length === 0
              ? html`<p class="soft" data-testid="personal-empty">There is no data on this device that fits. <a href="/data">Add some.</a></p>`
              : this.#ready(state.value)
      }
      <mm-error-note .error=${this.error}></mm-error-note>
      ${
        this.confirming
          ? html`<mm-confirm-dialog heading="Delete your own model?" text="The shared model stays. Your own has to be trained again." action="Delete"
              @confirm=${this.#delete} @cancel=${() => {
                this.confirming = false;
              }}></mm-confirm-dialog>`
          : nothing
      }
    </section>`;
  }

  #ready(datasets: readonly DatasetInfo[]) {
    const { state } = this.#personal;
    const dataset = this.#dataset!;
    return html`
      <label>Your data<select data-testid="personal-dataset" ?disabled=${this.busy} @change=${(
        event: Event,
      ) => {
        this.chosen = (event.target as HTMLSelectElement).value;
        void this.#personal.reload();
      }}>${datasets.map(({ id, name, examples }) => html`<option value=${id} ?selected=${id === dataset.id}>${name}, ${counted(examples, 'example')}</option>`)}</select></label>
      ${this.busy ? this.#progress() : this.#choices()}
      ${
        state.status === 'failed'
          ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#personal.reload()}></mm-error-note>`
          : state.status === 'ready' && state.value !== undefined && !this.busy
            ? this.#result(state.value, dataset)
            : nothing
      }`;
  }

  #choices() {
    const pulls = pullsFor(this.federation.training.optimizer.learningRate);
    const before = this.#personal.value;
    return html`
      <mm-segmented-choice legend="How" name="personal" .value=${this.method} .choices=${[
        ['head', 'Last layer'],
        ...(pulls.length === 0 ? [] : [['ditto', 'All of it']]),
      ]} @choice=${({ detail }: CustomEvent<PersonalMethod['type']>) => {
        this.method = detail;
      }}></mm-segmented-choice>
      <p class="small soft">${METHOD_WORDS[this.method]}</p>
      ${
        this.method === 'ditto'
          ? html`<mm-segmented-choice legend="Pull towards the shared model" name="pull" .value=${String(this.lambda)}
              .choices=${pulls.map(([name, lambda]) => [String(lambda), `${name[0]!.toUpperCase()}${name.slice(1)}`])}
              @choice=${({ detail }: CustomEvent<string>) => {
                this.lambda = Number(detail);
              }}></mm-segmented-choice>`
          : nothing
      }
      <div class="row"><button class="primary" @click=${this.#train} data-testid="personalize-start">${before?.method.type === this.method ? 'Train it further' : 'Train'}</button></div>
      <p class="small soft">Nine tenths of your data are trained on; the rest tells whether it got better.</p>`;
  }

  #progress() {
    const { progress } = this;
    const words =
      progress === undefined
        ? 'Getting ready…'
        : `Batch ${progress.batch} of ${progress.batches}, loss ${formatLoss(progress.loss)}.`;
    return html`<div class="stack-tight"><p class="number" aria-live="off">${words}</p>
      <progress aria-label="Training your own model" .max=${progress?.batches ?? 1} value=${progress?.batch ?? nothing}></progress>
      <div class="row"><button @click=${() => this.#stop?.abort()} data-testid="personalize-cancel">Cancel</button></div></div>`;
  }

  #result(personal: PersonalModel, dataset: DatasetInfo) {
    const { measured, sharedVersion, atMs, method } = personal;
    return html`<div class="stack" data-testid="personal-result">
      <div class="note good stack-tight" role="status">
        <p><strong>${verdictWords(measured.shared, measured.own)}</strong></p>
        <p class="small">On ${counted(measured.own.total, 'example')} of “${dataset.name}” that it was not trained on.</p>
      </div>
      <table>
        <caption class="small soft">${method.type === 'head' ? 'Last layer' : `Ditto, λ = ${method.lambda}`}, from version ${sharedVersion}, ${formatDate(atMs)}</caption>
        <thead><tr><td></td><th scope="col" class="number">Shared</th><th scope="col" class="number">Yours</th></tr></thead>
        <tbody>${metricPairs(measured.shared, measured.own).map(
          ({ name, shared, own }) =>
            html`<tr><th scope="row">${name}</th><td class="number">${shared}</td><td class="number">${own}</td></tr>`,
        )}</tbody>
      </table>
      <div class="row">
        <button @click=${() => this.#use(personal)} data-testid="use-personal">${icon('model')} Ask yours</button>
        <button class="danger" @click=${() => {
          this.confirming = true;
        }} data-testid="delete-personal">${icon('trash')} Delete it</button>
      </div>
    </div>`;
  }

  #train = async (): Promise<void> => {
    const dataset = this.#dataset;
    if (dataset === undefined || this.busy) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.busy = true;
    this.error = undefined;
    this.progress = undefined;
    try {
      const method: PersonalMethod =
        this.method === 'head' ? { type: 'head' } : { type: 'ditto', lambda: this.lambda };
      const onProgress = (progress: TrainProgress): void => {
        this.progress = progress;
      };
      const { federation } = this;
      const made = await this.services.personal.train(
        federation,
        dataset.id,
        method,
        onProgress,
        stop.signal,
      );
      announce(this, `Your own model is ready. ${verdictWords(made.measured.shared, made.measured.own)}`);
      await this.#personal.reload();
    } catch (error) {
      if (!stop.signal.aborted && !hasCode(error, 'training.cancelled')) this.error = toErrorRecord(error);
      else announce(this, 'Training was cancelled.');
    } finally {
      this.busy = false;
      if (this.isConnected) await this.#refocus();
    }
  };

  /** The button that was used is gone; the keyboard goes on at the one in its place. */
  async #refocus(): Promise<void> {
    await this.updateComplete;
    if (this.renderRoot instanceof ShadowRoot && this.renderRoot.activeElement !== null) return;
    if (document.activeElement !== document.body) return;
    this.renderRoot.querySelector<HTMLElement>('[data-testid="personalize-start"]')?.focus();
  }

  #use({ model, measured }: PersonalModel): void {
    const detail: OpenedModel = {
      name: 'Your own model',
      format: 'own',
      notes: [verdictWords(measured.shared, measured.own)],
      model,
    };
    this.dispatchEvent(new CustomEvent<OpenedModel>('opened', { detail }));
  }

  #delete = async (): Promise<void> => {
    this.confirming = false;
    const dataset = this.#dataset;
    if (dataset === undefined) return;
    this.error = undefined;
    try {
      await this.services.personal.remove(this.federation, dataset.id);
      announce(this, 'Your own model is deleted.');
      if (this.opened?.format === 'own')
        this.dispatchEvent(new CustomEvent<null>('opened', { detail: null }));
      await this.#personal.reload();
    } catch (error) {
      this.error = toErrorRecord(error);
    }
  };
}

customElements.define('mm-personalize', PersonalizePanel);
