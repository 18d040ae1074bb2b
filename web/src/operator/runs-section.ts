import { html, nothing, type PropertyValues } from 'lit';
import './federation-picker.ts';
import './training-panel.ts';
import type { Training } from '../../../shared/client/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { toBase64Url } from '../../../shared/identity/index.ts';
import { showToast } from '../app/events.ts';
import { formatDate, formatPercent } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { navigate } from '../app/router.ts';
import { icon } from '../components/icons.ts';
import { configFields, field, fieldsOf } from './config-fields.ts';
import type { DrainState, Page } from './operator-api.ts';
import { OperatorPage } from './operator-page.ts';
import { isOver, progressOf, roundsWords, statusTag } from './operator-words.ts';
import { type Faults, OrderKey, type StartFields, startOrderOf } from './start-order.ts';

const PAGE = 25;
const REFRESH_MS = 5000;

/** Trainings: what runs, what ran, and the form that starts one. */
export class RunsSection extends OperatorPage {
  static override properties = {
    starting: { state: true },
    faults: { state: true },
    stopOn: { state: true },
    more: { state: true },
    only: { state: true },
  };
  declare starting: boolean;
  declare faults: Faults;
  declare stopOn: StartFields['stopOn'];
  /** Pages after the first. */
  declare more: readonly Training[];
  declare only: string | undefined;
  #next: string | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #key = new OrderKey(() => toBase64Url(crypto.getRandomValues(new Uint8Array(18))));

  readonly #federations = new Loader<readonly Federation[]>(this, async (signal) => {
    const { items } = await this.api.federations.list({ limit: 500 }, { signal });
    const bound = this.operator.me?.federation ?? null;
    return bound === null ? items : items.filter(({ id }) => id === bound);
  });
  readonly #trainings = new Loader<Page<Training>>(this, (signal) => this.#page(undefined, signal));
  readonly #drain = new Loader<DrainState | undefined>(this, (signal) =>
    this.may('system:read') ? this.api.system.drainState({ signal }) : Promise.resolve(undefined),
  );

  constructor() {
    super();
    this.starting = false;
    this.faults = {};
    this.stopOn = 'never';
    this.more = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      if (this.about === undefined && !document.hidden && this.#trainings.value !== undefined)
        void this.#refresh();
    }, REFRESH_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override async load(): Promise<void> {
    if (this.about !== undefined) return;
    await this.#federations.reload();
    this.more = [];
    await Promise.all([this.#trainings.reload(), this.#drain.reload()]);
    this.#next = this.#trainings.value?.next ?? null;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('about') && changed.get('about') !== undefined && this.about === undefined)
      void this.load();
  }

  async #refresh(): Promise<void> {
    await Promise.all([this.#trainings.refresh(true), this.#drain.refresh(true)]);
  }

  async #page(after: string | undefined, signal?: AbortSignal): Promise<Page<Training>> {
    const federation = this.only ?? this.#only();
    return this.api.trainings.list(
      {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
        ...(federation === undefined ? {} : { federation }),
      },
      { signal },
    );
  }

  /** Whoever does not reach all federations has to name one. */
  #only(): string | undefined {
    if (this.operator.reachesAll) return undefined;
    return this.operator.me?.federation ?? this.#federations.value?.[0]?.id;
  }

  override render() {
    if (this.about !== undefined)
      return html`<mm-operator-training .services=${this.services} .operator=${this.operator} .about=${this.about}></mm-operator-training>`;
    return html`${this.frame()}${this.#drainState()}
      <section class="card" aria-labelledby="runs-title">
        <div class="row-between"><h2 id="runs-title" tabindex="-1">Runs</h2>
          ${
            this.may('training:write')
              ? html`<button class=${this.starting ? '' : 'primary'} aria-expanded=${this.starting ? 'true' : 'false'} data-testid="new-training" @click=${() => {
                  this.starting = !this.starting;
                }}>${icon('plus')} Start a training</button>`
              : nothing
          }</div>
        ${this.starting ? this.#form() : nothing}
        ${this.#filter()}
        ${this.loaded(this.#trainings, ({ items }) => this.#list([...items, ...this.more]), 'trainings')}
      </section>
      ${this.#drainCard()}`;
  }

  #filter() {
    const list = this.#federations.value ?? [];
    if (list.length < 2) return nothing;
    return html`<mm-federation-picker all .federations=${list} .chosen=${this.only} @pick=${(
      event: CustomEvent<string>,
    ) => {
      this.only = event.detail === '' ? undefined : event.detail;
      this.more = [];
      void this.#trainings.reload().then(() => {
        this.#next = this.#trainings.value?.next ?? null;
        this.requestUpdate();
      });
    }}></mm-federation-picker>`;
  }

  #list(trainings: readonly Training[]) {
    if (trainings.length === 0)
      return html`<div class="note stack-tight" data-testid="no-trainings"><p><strong>No training yet.</strong></p>
        <p>A training is an order to this server: run rounds of a federation until something is reached. ${
          this.may('training:write')
            ? 'Press “Start a training” and choose a federation. Rounds begin as soon as enough participants have its page open.'
            : 'Starting one takes a key with the scope training:write.'
        }</p><p>Federations that are open and not managed also run without one, while enough participants are there.</p></div>`;
    return html`<ul class="items" role="list" data-testid="trainings">${trainings.map((training) => this.#item(training))}</ul>
      ${this.#next === null ? nothing : html`<div><button class="quiet" ?disabled=${this.busy} @click=${this.#showMore}>Show more</button></div>`}`;
  }

  #item(training: Training) {
    const { text, tone } = statusTag(training.status);
    const progress = progressOf(training);
    return html`<li class="item" data-testid="training-item" data-status=${training.status}>
      <div class="row-between"><h3><a href="/operator/runs/${training.id}">${training.jobName}</a></h3><span class="tag ${tone}">${text}</span></div>
      <p class="small soft">${training.federation}, ${roundsWords(training)}${training.accuracy === null ? '' : `, accuracy ${formatPercent(training.accuracy)}`}, ordered ${formatDate(training.createdAtMs)}</p>
      ${progress === undefined || isOver(training) ? nothing : html`<progress aria-label="Rounds done of ${training.jobName}" max="1" value=${progress}></progress>`}
    </li>`;
  }

  #drainState() {
    const state = this.#drain.value;
    if (state === undefined || (!state.draining && !state.halted)) return nothing;
    return html`<div class="note warn row-between" role="status" data-testid="draining">
      <p>${
        state.halted
          ? html`<strong>All rounds are stopped.</strong> Nothing begins before it is resumed on the page of incidents.`
          : state.empty
            ? html`<strong>Drained.</strong> No round is under way: the server can be stopped.`
            : html`<strong>Draining.</strong> ${state.roundsUnderWay} rounds are still under way; none begins anew.`
      }</p>
      ${
        state.halted
          ? html`<a class="button" href="/operator/incident">Go there</a>`
          : this.may('system:write')
            ? html`<button ?disabled=${this.busy} data-testid="undrain" @click=${this.#undrain}>Begin rounds again</button>`
            : nothing
      }</div>`;
  }

  #drainCard() {
    const state = this.#drain.value;
    if (!this.may('system:write') || state === undefined || state.draining || state.halted) return nothing;
    return html`<section class="card" aria-labelledby="drain-title"><h2 id="drain-title">Before an update of the server</h2>
      <p class="soft">Draining begins no new rounds; those under way finish. When it is empty the server can be stopped, and nothing is lost.</p>
      <div><button ?disabled=${this.busy} data-testid="drain" @click=${this.#startDrain}>Drain this server</button></div></section>`;
  }

  #form() {
    const list = this.#federations.value ?? [];
    return html`<form class="form" novalidate @submit=${this.#start} aria-label="Start a training" data-testid="start-form">
      <div class="fields">
        <div><label for="start-federation">Federation</label>
          <select id="start-federation" name="federation" data-testid="start-federation">${list.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select></div>
        ${field({ name: 'jobName', label: 'Name', type: 'text', hint: 'Empty: that of the federation' }, this.faults)}
        ${configFields(
          this.faults,
          {},
          {
            schedule: true,
            stopOn: this.stopOn,
            onStopOn: (event) => {
              this.stopOn = (event.target as HTMLSelectElement).value as StartFields['stopOn'];
            },
          },
        )}
      </div>
      <label class="choice"><input type="checkbox" name="fresh" /><span>From the first model, in a run of its own<br /><span class="hint">Otherwise it goes on with the model that is there.</span></span></label>
      <div class="row"><button class="primary" ?disabled=${this.busy || list.length === 0} data-testid="start-training">${icon('play')} ${this.busy ? 'Starting…' : 'Start'}</button></div>
    </form>`;
  }

  #start = (event: Event): void => {
    event.preventDefault();
    const { order, faults } = startOrderOf(fieldsOf(event.target as HTMLFormElement), Date.now());
    this.faults = faults;
    if (Object.keys(faults).length > 0) return;
    void this.act(async () => {
      const started = await this.api.trainings.start(order, { idempotencyKey: this.#key.for(order) });
      this.#key.done();
      this.starting = false;
      navigate(this, `/operator/runs/${started.id}`);
    });
  };

  #showMore = (): void => {
    void this.act(async () => {
      const { items, next } = await this.#page(this.#next ?? undefined);
      this.more = [...this.more, ...items];
      this.#next = next;
    });
  };

  #startDrain = (): void => {
    void this.act(async () => {
      await this.api.system.drain();
      await this.#drain.refresh();
      showToast(this, {
        text: 'No new rounds begin on this server.',
        action: { label: 'Undo', run: this.#undrain },
      });
    });
  };

  #undrain = (): void => {
    void this.act(async () => {
      await this.api.system.undrain();
      await this.#drain.refresh();
    });
  };
}

customElements.define('mm-operator-runs', RunsSection);
