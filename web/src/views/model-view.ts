import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import '../components/error-note.ts';
import '../components/form-input.ts';
import '../components/image-input.ts';
import '../components/model-files.ts';
import '../components/prediction-bars.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { targetWords } from '../app/data-words.ts';
import { saveFile, setPageTitle } from '../app/events.ts';
import { formatCount, shortHash } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { modelWords } from '../app/model-words.ts';
import type { ModelInfo, ModelInput, OpenedModel, Prediction, Services } from '../app/services.ts';
import { answerLabels } from '../app/token-input.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import { viewStyles } from './view-styles.ts';

interface Loaded {
  readonly federation: Federation;
  readonly model: ModelInfo | undefined;
}

/** Try the shared model on one example, and take it away. */
export class ModelView extends LitElement {
  static override properties = {
    services: { attribute: false },
    federationId: { attribute: false },
    prediction: { state: true },
    opened: { state: true },
    busy: { state: true },
    error: { state: true },
    moreLoaded: { state: true },
  };
  declare services: Services;
  declare federationId: string;
  declare prediction: Prediction | undefined;
  /** A model from files, asked instead of the shared one. */
  declare opened: OpenedModel | undefined;
  declare busy: 'predicting' | 'downloading' | undefined;
  declare error: ErrorRecord | undefined;
  declare moreLoaded: boolean;

  readonly #loader = new Loader<Loaded>(this, async (signal) => {
    const { value: federation } = await this.services.federations.get(this.federationId, signal);
    return { federation, model: await this.services.model.latest(federation, signal) };
  });
  #asked = new AbortController();
  #input: ModelInput | undefined;

  static override styles = [
    shared,
    viewStyles,
    css`
      .columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); align-items: start; }
      .waiting { min-height: 12rem; display: grid; place-items: center; text-align: center; }
      .placeholder { height: 18rem; border-radius: var(--radius); }
      @media (min-width: 52rem) { .columns { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('federationId')) return;
    this.opened = undefined;
    void this.#load();
  }

  /** What is further down comes after what is seen first. */
  override firstUpdated(): void {
    void Promise.all([
      import('../components/personalize-panel.ts'),
      import('../components/model-versions.ts'),
    ]).then(() => {
      this.moreLoaded = true;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#asked.abort();
  }

  async #load(): Promise<void> {
    setPageTitle('Try the model');
    await this.#loader.reload();
    const name = this.#loader.value?.federation.name;
    if (name !== undefined) setPageTitle(`Try ${name}`);
  }

  override render() {
    const { state } = this.#loader;
    const name = this.#loader.value?.federation.name;
    return html`<div class="view">
      <header class="view-header">
        <a class="crumb" href="/f/${this.federationId}">← ${name ?? 'Federation'}</a>
        <h1 tabindex="-1">Try the model</h1>
      </header>
      ${
        state.status === 'loading'
          ? html`<div role="status"><span class="visually-hidden">Loading the model…</span><div class="skeleton placeholder" aria-hidden="true"></div></div>`
          : state.status === 'failed'
            ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#load()}></mm-error-note>`
            : state.value.model === undefined
              ? html`<div class="card empty"><h2>No model yet</h2>
                  <p class="soft">This federation has not finished a round, or its model is not on this device and the server did not answer.</p>
                  <a class="button primary" href="/f/${this.federationId}">Take part</a></div>`
              : this.#ready(state.value.federation, state.value.model)
      }
    </div>`;
  }

  #ready(federation: Federation, model: ModelInfo) {
    const schema = federation.data;
    return html`
      <p class="row"><span class="tag shared">Version ${model.version}</span><span class="tag mono" data-testid="model-hash" data-hash=${model.hash}>${shortHash(model.hash)}</span>
        <span class="tag">${formatCount(model.parameters)} parameters</span><span class="tag">${model.from === 'device' ? 'From this device' : 'From the server'}</span></p>
      <div class="columns">
        <section class="card section" aria-labelledby="input-title">
          <h2 id="input-title">${schema.kind !== 'image' ? 'Fill in one example' : schema.sample === 'digits' ? 'Draw a digit' : 'Give it an image'}</h2>
          ${
            schema.kind === 'image'
              ? html`<mm-image-input .schema=${schema} @input-ready=${({
                  detail,
                }: CustomEvent<Uint8Array<ArrayBuffer> | null>) =>
                  this.#predict(
                    federation,
                    detail === null ? undefined : { kind: 'image', pixels: detail },
                  )}></mm-image-input>`
              : html`<mm-form-input .schema=${schema} @input-ready=${({ detail }: CustomEvent<ModelInput>) => this.#predict(federation, detail)}></mm-form-input>`
          }
          <p class="small soft">Computed on this device. What you enter is not sent.</p>
        </section>
        <div class="stack">
          <section class="card section" aria-labelledby="answer-title" aria-busy=${this.busy === 'predicting' ? 'true' : 'false'}>
            <h2 id="answer-title">${this.opened === undefined ? 'The model says' : this.opened.format === 'own' ? 'Your own model says' : 'The opened model says'}</h2>
            ${this.#answer(federation)}
            <mm-error-note .error=${this.error}></mm-error-note>
          </section>
          <mm-model-files .services=${this.services} .federation=${federation} .opened=${this.opened}
            @opened=${({ detail }: CustomEvent<OpenedModel | null>) => this.#useOpened(federation, detail ?? undefined)}>
            <p slot="about" class="soft">${modelWords(federation)}. Predicts ${targetWords(federation.data)}.</p>
            <button ?disabled=${this.busy !== undefined} @click=${() => this.#download(federation, model, 'weights')} data-testid="download-weights">${icon('download')} Weights (float32)</button>
            <button ?disabled=${this.busy !== undefined} @click=${() => this.#download(federation, model, 'json')} data-testid="download-json">${icon('download')} Everything (JSON)</button>
          </mm-model-files>
        </div>
        ${this.#more(federation)}
      </div>`;
  }

  #more(federation: Federation) {
    if (!this.moreLoaded) return nothing;
    const { services, opened } = this;
    return html`<mm-personalize .services=${services} .federation=${federation} .opened=${opened}
        @opened=${({ detail }: CustomEvent<OpenedModel | null>) => this.#useOpened(federation, detail ?? undefined)}></mm-personalize>
      <mm-model-versions .versions=${services.versions} .federation=${federation}></mm-model-versions>`;
  }

  /** What was asked of one model is asked of the other. */
  #useOpened(federation: Federation, opened: OpenedModel | undefined): void {
    this.opened = opened;
    void this.#predict(federation, this.#input);
  }

  #answer({ data }: Federation) {
    if (this.prediction !== undefined)
      return html`<mm-prediction .prediction=${this.prediction} .labels=${answerLabels(data)} .name=${data.kind !== 'image' && 'name' in data.target ? data.target.name : ''}></mm-prediction>`;
    if (this.busy === 'predicting')
      return html`<div class="stack-tight"><p role="status">Asking the model…</p><progress aria-label="Asking the model"></progress></div>`;
    return html`<p class="waiting soft">Its answer appears here.</p>`;
  }

  async #predict(federation: Federation, input: ModelInput | undefined): Promise<void> {
    this.#asked.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    this.#input = input;
    this.error = undefined;
    if (input === undefined) {
      this.prediction = undefined;
      this.busy = undefined;
      return;
    }
    this.busy = 'predicting';
    try {
      const prediction = await this.services.model.predict(federation, input, signal, this.opened);
      if (!signal.aborted) this.prediction = prediction;
    } catch (error) {
      if (signal.aborted) return;
      this.prediction = undefined;
      this.error = toErrorRecord(error);
    } finally {
      if (!signal.aborted) this.busy = undefined;
    }
  }

  async #download(federation: Federation, model: ModelInfo, format: 'weights' | 'json'): Promise<void> {
    this.busy = 'downloading';
    this.error = undefined;
    try {
      const blob = await this.services.model.download(federation, format);
      saveFile(`${federation.id}-v${model.version}.${format === 'json' ? 'json' : 'f32'}`, blob);
    } catch (error) {
      this.error = toErrorRecord(error);
    } finally {
      this.busy = undefined;
    }
  }
}

customElements.define('mm-model-view', ModelView);
