import { css, html, nothing, type PropertyValues } from 'lit';
import type { Training, TrainingConfig } from '../../../shared/client/index.ts';
import { showToast } from '../app/events.ts';
import { formatDate, formatLoss, formatPercent } from '../app/format.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import { configFields, fieldsOf } from './config-fields.ts';
import { OperatorPage, operatorStyles } from './operator-page.ts';
import { configFacts, isOver, progressOf, statusTag } from './operator-words.ts';
import { trainingCharts } from './run-charts.ts';
import { configOf, type Faults, type StartFields } from './start-order.ts';
import type { TrainingState } from './training-state.ts';
import { TrainingWatch } from './training-watch.ts';

/** One training: where it is, its curves as they grow, and the orders to it. */
export class TrainingPanel extends OperatorPage {
  static override properties = {
    configuring: { state: true },
    faults: { state: true },
    stopOn: { state: true },
  };
  declare configuring: boolean;
  declare faults: Faults;
  declare stopOn: StartFields['stopOn'];
  readonly #watch = new TrainingWatch(
    this,
    () => this.api,
    (before, now) => this.#changed(before, now),
  );

  static override styles = [
    shared,
    operatorStyles,
    css`
      .charts { display: grid; gap: var(--space-4); grid-template-columns: minmax(0, 1fr); }
      .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(6rem, 1fr)); gap: var(--space-4); }
      .figures dt { color: var(--ink-soft); font-size: var(--text-small); }
      .figures dd { font-size: 1.25rem; font-weight: 620; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
      figure { display: grid; grid-template-columns: minmax(0, 1fr); }
      @media (min-width: 40rem) { .charts { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
    `,
  ];

  constructor() {
    super();
    this.configuring = false;
    this.faults = {};
    this.stopOn = 'never';
  }

  protected override async load(): Promise<void> {
    if (this.about !== undefined) await this.#watch.watch(this.about);
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.get('about') !== undefined) void this.load();
  }

  #changed(before: TrainingState | undefined, { training }: TrainingState): void {
    const was = before?.training;
    if (was === undefined) return;
    if (was.status !== training.status) this.say(`${training.jobName}: ${statusTag(training.status).text}.`);
    else if (was.round !== training.round) this.say(`Round ${training.round} finished.`);
  }

  override render() {
    const { state, error, by } = this.#watch;
    return html`<a class="touch" href="/operator/runs">← All runs</a>
      ${this.frame()}
      ${
        state === undefined
          ? error === undefined
            ? html`<div role="status"><span class="visually-hidden">Loading the training…</span><div class="skeleton placeholder" aria-hidden="true"></div></div>`
            : html`<mm-error-note .error=${error} retry-label="Try again" @retry=${() => this.load()}></mm-error-note>`
          : html`${by === 'asking' && !isOver(state.training) ? html`<p class="note warn" role="status" data-testid="polling">The live connection is away: this page asks every few seconds meanwhile.</p>` : nothing}
              ${this.#training(state)}`
      }`;
  }

  #training(state: TrainingState) {
    const { training, underWay, abandoned } = state;
    const { text, tone } = statusTag(training.status);
    const progress = progressOf(training);
    return html`<section class="card" aria-labelledby="training-title" data-testid="training" data-status=${training.status} data-round=${training.round} data-live=${this.#watch.by}>
        <div class="row-between"><h2 id="training-title" tabindex="-1">${training.jobName}</h2><span class="tag ${tone}" data-testid="status">${text}</span></div>
        ${progress === undefined ? nothing : html`<progress aria-label="Rounds done" max="1" value=${progress}></progress>`}
        <dl class="figures">
          <div><dt>Rounds</dt><dd data-testid="rounds">${training.round}${training.config.maxRounds === undefined ? '' : ` of ${training.config.maxRounds}`}</dd></div>
          <div><dt>Accuracy</dt><dd>${training.accuracy === null ? '–' : formatPercent(training.accuracy)}</dd></div>
          <div><dt>Loss</dt><dd>${training.loss === null ? '–' : formatLoss(training.loss)}</dd></div>
        </dl>
        <p class="soft">${
          underWay !== undefined
            ? `Round ${underWay.round} is under way${underWay.invited === undefined ? '' : `, with ${underWay.invited} invited`}.`
            : training.status === 'RUNNING'
              ? 'Waiting for the next round to begin.'
              : (training.reason ?? '')
        }</p>
        ${abandoned === undefined ? nothing : html`<p class="note warn">Round ${abandoned.round} was given up: <code>${abandoned.code}</code>. It is tried again.</p>`}
        ${training.status === 'FAILED' && training.reason !== null ? html`<p class="note bad">${training.reason}</p>` : nothing}
        ${this.#controls(training)}
        ${this.configuring ? this.#form(training) : nothing}
      </section>
      <section class="card" aria-labelledby="curves-title"><h2 id="curves-title">Curves</h2>${trainingCharts(state)}</section>
      <section class="card" aria-labelledby="about-title"><h2 id="about-title">About it</h2>
        <dl class="facts">
          <dt>Federation</dt><dd><a href="/f/${training.federation}">${training.federation}</a></dd>
          <dt>Run</dt><dd><code>${training.run}</code></dd>
          ${configFacts(training.config).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
          <dt>Ordered by</dt><dd>${training.createdBy}, ${formatDate(training.createdAtMs)}</dd>
          ${training.startedAtMs === null ? nothing : html`<dt>Began</dt><dd>${formatDate(training.startedAtMs)}</dd>`}
          ${training.endedAtMs === null ? nothing : html`<dt>Ended</dt><dd>${formatDate(training.endedAtMs)}</dd>`}
        </dl></section>`;
  }

  #controls(training: Training) {
    if (isOver(training)) return nothing;
    if (!this.may('training:write')) return this.lacking('training:write', 'pause, stop or change it');
    const { status } = training;
    return html`<div class="row">
      ${
        status === 'PAUSED'
          ? html`<button class="primary" ?disabled=${this.busy} data-testid="resume-training" @click=${this.#resume}>${icon('play')} Resume</button>`
          : html`<button ?disabled=${this.busy || status !== 'RUNNING'} data-testid="pause-training" @click=${this.#pause}>${icon('pause')} Pause</button>`
      }
      <button ?disabled=${this.busy || status === 'STOPPING'} aria-expanded=${this.configuring ? 'true' : 'false'} data-testid="configure-training" @click=${this.#configure}>${icon('settings')} Change</button>
      <button class="danger" ?disabled=${this.busy || status === 'STOPPING'} data-testid="stop-training" @click=${this.#stop}>${icon('close')} Stop…</button>
    </div>`;
  }

  #form({ config }: Training) {
    const { targetAccuracy, earlyStopping } = config;
    const shown = (value: number | undefined) => (value === undefined ? undefined : String(value));
    return html`<form class="form" novalidate @submit=${this.#save} aria-label="Change what it is to reach">
      <div class="fields">${configFields(
        this.faults,
        {
          maxRounds: shown(config.maxRounds) ?? '',
          clientsPerRound: shown(config.clientsPerRound) ?? '',
          targetPercent:
            shown(targetAccuracy === undefined ? undefined : Math.round(targetAccuracy * 1e4) / 100) ?? '',
          ...(earlyStopping === undefined
            ? {}
            : { patience: String(earlyStopping.patience), minDelta: String(earlyStopping.minDelta) }),
          deadlineAt: config.deadlineAtMs === undefined ? '' : localTime(config.deadlineAtMs),
        },
        { schedule: false, stopOn: this.stopOn, onStopOn: this.#choose },
      )}</div>
      <p class="hint">It counts from the next round on. What is left empty stays as it is.</p>
      <div class="row"><button class="primary" ?disabled=${this.busy} data-testid="save-config">Save</button>
        <button type="button" @click=${() => {
          this.configuring = false;
        }}>Cancel</button></div></form>`;
  }

  #choose = (event: Event): void => {
    this.stopOn = (event.target as HTMLSelectElement).value as StartFields['stopOn'];
  };

  #configure = (): void => {
    this.configuring = !this.configuring;
    this.faults = {};
    this.stopOn = this.#watch.state?.training.config.earlyStopping?.metric ?? 'never';
  };

  #save = (event: Event): void => {
    event.preventDefault();
    const { config, faults } = configOf(fieldsOf(event.target as HTMLFormElement), Date.now());
    this.faults = faults;
    if (Object.keys(faults).length > 0) return;
    void this.#order((id) => this.api.trainings.configure(id, config as TrainingConfig)).then((isDone) => {
      if (!isDone) return;
      this.configuring = false;
      showToast(this, { text: 'Saved. It counts from the next round on.' });
    });
  };

  #pause = (): void => {
    void this.#order((id) => this.api.trainings.pause(id)).then((isDone) => {
      if (isDone)
        showToast(this, {
          text: 'Paused: no new rounds.',
          action: { label: 'Undo', run: this.#resume },
        });
    });
  };

  #resume = (): void => {
    void this.#order((id) => this.api.trainings.resume(id));
  };

  #stop = (): void => {
    this.ask({
      heading: 'Stop this training?',
      text: 'The round under way finishes first. A training that was stopped does not go on again; the model that it made stays.',
      action: 'Stop it',
      reasonLabel: 'Why? Participants are told.',
      run: async (reason) => {
        this.#watch.take(await this.api.trainings.stop(this.about!, reason));
      },
    });
  };

  #order(order: (id: string) => Promise<Training>): Promise<boolean> {
    return this.act(async () => this.#watch.take(await order(this.about!)));
  }
}

/** As a datetime-local input wants it. */
function localTime(atMs: number): string {
  const date = new Date(atMs);
  return new Date(atMs - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

customElements.define('mm-operator-training', TrainingPanel);
