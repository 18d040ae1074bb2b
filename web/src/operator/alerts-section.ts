import { css, html, nothing } from 'lit';
import type { Alert, AlertKind } from '../../../shared/client/index.ts';
import { showToast } from '../app/events.ts';
import { formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import './webhooks-panel.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import type { Page, Silence } from './operator-api.ts';
import { OperatorPage, operatorStyles } from './operator-page.ts';
import { ALERT_WORDS, SEVERITY_TAG } from './operator-words.ts';

const PAGE = 50;
const REFRESH_MS = 10_000;
const HOUR_MS = 3_600_000;
const DURATIONS = [
  [1, 'An hour'],
  [8, '8 hours'],
  [24, 'A day'],
  [168, 'A week'],
] as const;

/** What somebody should know of, who was told, and for how long nobody is. */
export class AlertsSection extends OperatorPage {
  static override properties = {
    show: { state: true },
    more: { state: true },
    silencing: { state: true },
    fault: { state: true },
  };
  declare show: 'firing' | 'resolved';
  declare more: readonly Alert[];
  /** The alert whose kind is to be silenced. */
  declare silencing: string | undefined;
  declare fault: string | undefined;
  #next: string | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  readonly #alerts = new Loader<Page<Alert>>(this, (signal) => this.#page(undefined, signal));
  readonly #silences = new Loader<readonly Silence[]>(this, async (signal) =>
    this.operator.reachesAll ? this.api.silences.list({ signal }) : [],
  );
  static override styles = [
    shared,
    operatorStyles,
    css`
      .tabs { display: flex; flex-wrap: wrap; gap: var(--space-2); }
      .tabs [aria-pressed='true'] { border-color: var(--accent); background: var(--accent-soft); color: var(--accent); }
      .critical { border-color: var(--bad); }
    `,
  ];

  constructor() {
    super();
    this.show = 'firing';
    this.more = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      if (!document.hidden && this.#alerts.value !== undefined) void this.#refresh();
    }, REFRESH_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override async load(): Promise<void> {
    await Promise.all([this.#reload(), this.#silences.reload()]);
  }

  async #reload(): Promise<void> {
    this.more = [];
    await this.#alerts.reload();
    this.#next = this.#alerts.value?.next ?? null;
    this.requestUpdate();
  }

  async #refresh(): Promise<void> {
    const count = this.#alerts.value?.items.length ?? 0;
    await this.#alerts.refresh(true);
    const now = this.#alerts.value?.items.length ?? 0;
    if (this.show === 'firing' && now > count) this.say('There is another alert.');
  }

  #page(after: string | undefined, signal?: AbortSignal): Promise<Page<Alert>> {
    const federation = this.operator.me?.federation ?? undefined;
    return this.api.alerts.list(
      {
        state: this.show,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
        ...(federation === undefined ? {} : { federation }),
      },
      { signal },
    );
  }

  override render() {
    return html`${this.frame()}
      <section class="card" aria-labelledby="alerts-title"><h2 id="alerts-title" tabindex="-1">Alerts</h2>
        <div class="tabs" role="group" aria-label="Which">${(['firing', 'resolved'] as const).map(
          (state) =>
            html`<button aria-pressed=${state === this.show ? 'true' : 'false'} data-testid="show-${state}" @click=${() => {
              this.show = state;
              void this.#reload();
            }}>${state === 'firing' ? 'Firing' : 'Resolved'}</button>`,
        )}</div>
        ${this.loaded(this.#alerts, ({ items }) => this.#list([...items, ...this.more]), 'alerts')}</section>
      ${this.operator.reachesAll ? this.#silenceCard() : nothing}
      <mm-operator-webhooks .services=${this.services} .operator=${this.operator}></mm-operator-webhooks>`;
  }

  #list(alerts: readonly Alert[]) {
    if (alerts.length === 0)
      return html`<p class="soft" data-testid="no-alerts">${this.show === 'firing' ? 'Nothing is firing.' : 'Nothing was resolved yet.'}</p>`;
    return html`<ul class="items" role="list" data-testid="alerts">${alerts.map((alert) => this.#alert(alert))}</ul>
      ${this.#next === null ? nothing : html`<div><button class="quiet" ?disabled=${this.busy} @click=${this.#showMore}>Show more</button></div>`}`;
  }

  #alert(alert: Alert) {
    const { id, kind, severity, summary, federation, training, startedAtMs, resolvedAtMs, acknowledgedAtMs } =
      alert;
    const isSilent = alert.silencedUntilMs !== null && alert.silencedUntilMs > Date.now();
    return html`<li class="item ${severity}" data-testid="alert" data-kind=${kind}>
      <div class="row-between"><h3>${ALERT_WORDS[kind]}</h3><span class="row"><span class="tag ${SEVERITY_TAG[severity].tone}">${SEVERITY_TAG[severity].text}</span>${
        acknowledgedAtMs === null ? nothing : html`<span class="tag good">Acknowledged</span>`
      }${isSilent ? html`<span class="tag">Silenced</span>` : nothing}</span></div>
      <p>${summary}</p>
      <p class="small soft">${resolvedAtMs === null ? `Since ${formatDate(startedAtMs)}` : `${formatDate(startedAtMs)} to ${formatDate(resolvedAtMs)}`}${
        federation === null ? nothing : html`, <a href="/f/${federation}">${federation}</a>`
      }${training === null ? nothing : html`, <a href="/operator/runs/${training}">its training</a>`}${
        alert.acknowledgedBy === null ? nothing : `, acknowledged by ${alert.acknowledgedBy}`
      }</p>
      ${
        resolvedAtMs !== null || !this.may('alert:write')
          ? nothing
          : html`<div class="row">${
              acknowledgedAtMs === null
                ? html`<button ?disabled=${this.busy} data-testid="acknowledge" @click=${() => this.#acknowledge(id)}>${icon('check')} Acknowledge<span class="visually-hidden"> ${ALERT_WORDS[kind]}</span></button>`
                : nothing
            }<button ?disabled=${this.busy} aria-expanded=${this.silencing === id ? 'true' : 'false'} data-testid="silence" @click=${() => {
              this.silencing = this.silencing === id ? undefined : id;
              this.fault = undefined;
            }}>Silence<span class="visually-hidden"> ${ALERT_WORDS[kind]}</span></button></div>`
      }
      ${this.silencing === id ? this.#silenceForm(kind, federation) : nothing}</li>`;
  }

  #silenceForm(kind: AlertKind, federation: string | null) {
    return html`<form class="form" novalidate aria-label="Silence" @submit=${(event: Event) => this.#silence(event, kind, federation)}>
      <div class="fields"><div><label for="duration">For</label><select id="duration" name="duration" data-testid="silence-duration">${DURATIONS.map(([hours, text]) => html`<option value=${hours}>${text}</option>`)}</select></div>
        <div><label for="why">Why</label><input id="why" name="why" type="text" maxlength="200" autocomplete="off" data-testid="silence-reason" aria-invalid=${this.fault === undefined ? nothing : 'true'} aria-describedby="why-hint" /><p class="fault" id="why-hint">${this.fault ?? ''}</p></div></div>
      <p class="hint">Nobody is told of “${ALERT_WORDS[kind]}”${federation === null ? '' : ` of ${federation}`} meanwhile; it is still listed here.</p>
      <div class="row"><button class="primary" ?disabled=${this.busy} data-testid="save-silence">Silence</button></div></form>`;
  }

  #silenceCard() {
    return html`<section class="card" aria-labelledby="silences-title"><h2 id="silences-title" tabindex="-1">Silences</h2>
      ${this.loaded(
        this.#silences,
        (silences) =>
          silences.length === 0
            ? html`<p class="soft">None: whoever has a webhook is told of everything.</p>`
            : html`<ul class="items" role="list" data-testid="silences">${silences.map(
                (
                  silence,
                ) => html`<li class="item"><h3>${silence.kind === null ? 'Everything' : ALERT_WORDS[silence.kind]}${silence.federation === null ? '' : ` of ${silence.federation}`}</h3>
                  <p class="small soft">Until ${formatDate(silence.untilMs)}: ${silence.reason} (${silence.createdBy})</p>
                  ${this.may('alert:write') ? html`<div><button ?disabled=${this.busy} data-testid="end-silence" @click=${() => this.#end(silence)}>End it<span class="visually-hidden"> for ${silence.kind ?? 'everything'}</span></button></div>` : nothing}</li>`,
              )}</ul>`,
        'silences',
      )}</section>`;
  }

  #acknowledge(id: string): void {
    void this.act(async () => {
      await this.api.alerts.acknowledge(id);
      await this.#alerts.refresh();
      this.say('Acknowledged.');
    });
  }

  #silence(event: Event, kind: AlertKind, federation: string | null): void {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const reason = String(data.get('why') ?? '').trim();
    this.fault = reason === '' ? 'Say why, for whoever looks later.' : undefined;
    if (this.fault !== undefined) return;
    void this.act(async () => {
      const untilMs = Date.now() + Number(data.get('duration')) * HOUR_MS;
      const silence = await this.api.silences.add({ kind, federation, untilMs, reason });
      this.silencing = undefined;
      await this.#refreshBoth();
      showToast(this, {
        text: 'Silenced.',
        action: { label: 'Undo', run: () => this.#end(silence) },
      });
    });
  }

  #end(silence: Silence): void {
    const { id, kind, federation, untilMs, reason } = silence;
    void this.act(async () => {
      await this.api.silences.end(id);
      await this.#refreshBoth();
      showToast(this, {
        text: 'The silence has ended.',
        action: {
          label: 'Undo',
          run: () =>
            void this.act(async () => {
              await this.api.silences.add({ kind, federation, untilMs, reason });
              await this.#refreshBoth();
            }),
        },
      });
    });
  }

  async #refreshBoth(): Promise<void> {
    await Promise.all([this.#alerts.refresh(), this.#silences.refresh()]);
  }

  #showMore = (): void => {
    void this.act(async () => {
      const { items, next } = await this.#page(this.#next ?? undefined);
      this.more = [...this.more, ...items];
      this.#next = next;
    });
  };
}

customElements.define('mm-operator-alerts', AlertsSection);
