import { css, html, nothing } from 'lit';
import './federation-picker.ts';
import type { PrivacyBudget, SubjectKind } from '../../../shared/client/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { formatEpsilon } from '../app/epsilon-words.ts';
import { showToast } from '../app/events.ts';
import { counted, formatPercent } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { shared } from '../styles/shared.ts';
import { FederationPage } from './federation-page.ts';
import { FORECAST_METHOD, forecastOf } from './forecast.ts';
import type { Page, RunPrivacy } from './operator-api.ts';
import { operatorStyles } from './operator-page.ts';
import { shortId } from './operator-words.ts';

const KINDS: readonly (readonly [SubjectKind, string])[] = [
  ['federation', 'Federations'],
  ['participant', 'Participants'],
  ['department', 'Departments'],
  ['user', 'Users'],
];
const PAGE = 50;

/** Who spent how much privacy, what may be spent, and how long it lasts. */
export class PrivacySection extends FederationPage {
  static override properties = { kind: { state: true }, editing: { state: true }, faults: { state: true } };
  declare kind: SubjectKind;
  /** `kind/id` of the budget whose limit is being typed. */
  declare editing: string | undefined;
  declare faults: Partial<Readonly<Record<'subject' | 'epsilon' | 'delta' | 'perQuery', string>>>;
  protected override readonly section = 'privacy';
  #more: readonly PrivacyBudget[] = [];
  #next: string | null = null;

  readonly #run = new Loader<RunPrivacy & { readonly rounds: number }>(this, async (signal) => {
    const { id, round } = await this.api.federations.run(this.federation!.id, { signal });
    return { ...(await this.api.runPrivacy(id, { signal })), rounds: round };
  });
  readonly #budgets = new Loader<Page<PrivacyBudget> | undefined>(this, async (signal) =>
    this.#seesAll ? this.api.budgets.list({ kind: this.kind, limit: PAGE }, { signal }) : undefined,
  );

  static override styles = [
    shared,
    operatorStyles,
    css`
      .meter { display: grid; gap: var(--space-1); }
      progress.low::-webkit-progress-value { background: var(--warn); }
      progress.spent::-webkit-progress-value { background: var(--bad); }
      progress.low::-moz-progress-bar { background: var(--warn); }
      progress.spent::-moz-progress-bar { background: var(--bad); }
      .kinds { display: flex; flex-wrap: wrap; gap: var(--space-2); }
      .kinds [aria-pressed='true'] { border-color: var(--accent); background: var(--accent-soft); color: var(--accent); }
    `,
  ];

  constructor() {
    super();
    this.kind = 'federation';
    this.faults = {};
  }

  get #seesAll(): boolean {
    return this.may('privacy:read') && this.operator.reachesAll;
  }

  protected override async loadOf(): Promise<void> {
    this.editing = undefined;
    await Promise.all([this.#run.reload(), this.#reloadBudgets()]);
  }

  async #reloadBudgets(): Promise<void> {
    this.#more = [];
    await this.#budgets.reload();
    this.#next = this.#budgets.value?.next ?? null;
    this.requestUpdate();
  }

  protected override renderOf(federation: Federation) {
    return html`
      <section class="card" aria-labelledby="run-title"><h2 id="run-title" tabindex="-1">What ${federation.name} spent</h2>
        ${this.loaded(this.#run, (run) => this.#ofRun(run), 'spending')}</section>
      <section class="card" aria-labelledby="budgets-title"><h2 id="budgets-title">Budgets</h2>
        ${
          this.#seesAll
            ? html`<div class="kinds" role="group" aria-label="Whose">${KINDS.map(
                ([kind, text]) =>
                  html`<button aria-pressed=${kind === this.kind ? 'true' : 'false'} data-testid="kind-${kind}" @click=${() => {
                    this.kind = kind;
                    this.editing = undefined;
                    void this.#reloadBudgets();
                  }}>${text}</button>`,
              )}</div>
              ${this.may('privacy:write') && (this.kind === 'department' || this.kind === 'user') ? this.#newLimit() : nothing}
              ${this.loaded(this.#budgets, (page) => this.#list([...(page?.items ?? []), ...this.#more]), 'budgets')}`
            : html`<p class="note">Budgets of participants, users and departments are for operators and auditors of the whole server.</p>`
        }</section>`;
  }

  #ofRun({ privacyBudget, participants, rounds }: RunPrivacy & { readonly rounds: number }) {
    const limit = privacyBudget.limit?.epsilon;
    const forecast = forecastOf({ epsilon: privacyBudget.epsilon, limit, rounds });
    return html`${this.#meter(privacyBudget)}
      <p data-testid="forecast" data-kind=${forecast.kind}>${
        forecast.kind === 'no-limit'
          ? 'There is no limit, so that it never runs out. Set one below.'
          : forecast.kind === 'spent'
            ? html`<strong>It is spent:</strong> no more rounds are allowed.`
            : forecast.kind === 'unknown'
              ? 'No round spent anything yet, so that nothing can be said about how long it lasts.'
              : html`At the present rate (epsilon ${formatEpsilon(forecast.perRound)} a round) <strong>${counted(forecast.left, 'round')}</strong> more fit.`
      }</p>
      ${forecast.kind === 'rounds' ? html`<p class="small soft">${FORECAST_METHOD}</p>` : nothing}
      ${
        participants.length === 0
          ? html`<p class="soft">No participant released anything yet.</p>`
          : html`<details><summary>By participant (${participants.length})</summary>
              <div class="table-scroll" tabindex="0" role="region" aria-label="What each participant spent"><table>
              <thead><tr><th scope="col">Participant</th><th scope="col" class="number">Releases</th><th scope="col" class="number">Epsilon</th><th scope="col" class="number">Of the limit</th></tr></thead>
              <tbody>${participants.map(
                ({ participant, releases, epsilon, spent }) =>
                  html`<tr><th scope="row"><code title=${participant}>${shortId(participant)}</code></th><td class="number">${releases}</td><td class="number">${epsilonText(epsilon)}</td><td class="number">${spent === null ? '–' : formatPercent(spent)}</td></tr>`,
              )}</tbody></table></div></details>`
      }`;
  }

  #meter({ epsilon, delta, limit, spent, unit, warning }: PrivacyBudget) {
    const tone = warning === 'privacy.budget-exceeded' ? 'spent' : warning === null ? '' : 'low';
    return html`<div class="meter">
      <p>Epsilon <strong data-testid="epsilon-spent">${epsilonText(epsilon)}</strong>${limit === null ? ', without a limit' : ` of ${formatEpsilon(limit.epsilon)}`} <span class="small soft">(delta ${delta.toExponential(0)}, protects each ${unit === 'record' ? 'record' : 'participant'})</span></p>
      ${spent === null ? nothing : html`<progress class=${tone} aria-label="Part of the limit that is spent" max="1" value=${Math.min(1, spent)}></progress>`}
      ${warning === null ? nothing : html`<p class="note ${tone === 'spent' ? 'bad' : 'warn'}">${tone === 'spent' ? 'The limit is reached: what would go beyond it is refused.' : 'More than four fifths of the limit are spent.'}</p>`}
    </div>`;
  }

  #list(budgets: readonly PrivacyBudget[]) {
    if (budgets.length === 0)
      return html`<p class="soft" data-testid="no-budgets">Nobody of this kind spent anything, or was given a limit.</p>`;
    return html`<ul class="items" role="list" data-testid="budgets">${budgets.map((budget) => {
      const { kind, id } = budget.subject;
      const name = kind === 'participant' ? shortId(id) : id;
      const key = `${kind}/${id}`;
      return html`<li class="item" data-testid="budget" data-subject=${key}><h3>${kind === 'participant' ? html`<code title=${id}>${name}</code>` : name}</h3>
        ${this.#meter(budget)}
        ${
          this.may('privacy:write')
            ? this.editing === key
              ? this.#form(budget.subject, budget.limit)
              : html`<div><button ?disabled=${this.busy} data-testid="edit-limit" @click=${() => this.#edit(key)}>${budget.limit === null ? 'Set a limit' : 'Change the limit'}<span class="visually-hidden"> of ${name}</span></button></div>`
            : nothing
        }</li>`;
    })}</ul>
    ${this.#next === null ? nothing : html`<div><button class="quiet" ?disabled=${this.busy} @click=${this.#showMore}>Show more</button></div>`}`;
  }

  #newLimit() {
    const key = `${this.kind}/`;
    return this.editing === key
      ? this.#form({ kind: this.kind, id: '' }, null)
      : html`<div><button data-testid="new-limit" @click=${() => this.#edit(key)}>Limit another ${this.kind}</button></div>`;
  }

  #form(subject: { readonly kind: SubjectKind; readonly id: string }, limit: PrivacyBudget['limit']) {
    const { subject: nameless, epsilon, delta, perQuery } = this.faults;
    return html`<form class="form" novalidate aria-label="Limit" @submit=${(event: Event) => this.#save(event, subject, limit)}>
      <div class="fields">
        ${subject.id === '' ? html`<div><label for="subject">Name of the ${subject.kind}</label><input id="subject" name="subject" type="text" maxlength="128" autocomplete="off" data-testid="limit-subject" aria-invalid=${nameless === undefined ? nothing : 'true'} aria-describedby="subject-hint" /><p class=${nameless === undefined ? 'hint' : 'fault'} id="subject-hint">${nameless ?? 'As keys and invitations name it.'}</p></div>` : nothing}
        <div><label for="epsilon">Epsilon</label><input id="epsilon" name="epsilon" type="number" min="0" step="any" value=${limit?.epsilon ?? ''} data-testid="limit-epsilon" aria-invalid=${epsilon === undefined ? nothing : 'true'} aria-describedby="epsilon-hint" /><p class=${epsilon === undefined ? 'hint' : 'fault'} id="epsilon-hint">${epsilon ?? 'The most that may be spent.'}</p></div>
        <div><label for="delta">Delta</label><input id="delta" name="delta" type="number" min="0" max="1" step="any" value=${limit?.delta ?? 1e-5} data-testid="limit-delta" aria-invalid=${delta === undefined ? nothing : 'true'} aria-describedby="delta-hint" /><p class=${delta === undefined ? 'hint' : 'fault'} id="delta-hint">${delta ?? 'Mostly below one over the number of records.'}</p></div>
        <div><label for="perQuery">Epsilon per query</label><input id="perQuery" name="perQuery" type="number" min="0" step="any" value=${limit?.epsilon_per_query ?? ''} data-testid="limit-per-query" aria-invalid=${perQuery === undefined ? nothing : 'true'} aria-describedby="per-query-hint" /><p class=${perQuery === undefined ? 'hint' : 'fault'} id="per-query-hint">${perQuery ?? 'Of one question to a model. May be empty.'}</p></div>
      </div>
      <div class="row"><button class="primary" ?disabled=${this.busy} data-testid="save-limit">Save…</button><button type="button" @click=${() => {
        this.editing = undefined;
      }}>Cancel</button></div></form>`;
  }

  #edit(key: string): void {
    this.editing = key;
    this.faults = {};
  }

  #save(
    event: Event,
    subject: { readonly kind: SubjectKind; readonly id: string },
    before: PrivacyBudget['limit'],
  ): void {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const number = (name: string) => Number(data.get(name));
    const [epsilon, delta] = [number('epsilon'), number('delta')];
    const perQueryText = String(data.get('perQuery') ?? '').trim();
    const perQuery = Number(perQueryText);
    const id = subject.id === '' ? String(data.get('subject') ?? '').trim() : subject.id;
    this.faults = {
      ...(id === '' ? { subject: `Which ${subject.kind} it is for.` } : {}),
      ...(epsilon > 0 ? {} : { epsilon: 'A number above 0.' }),
      ...(delta > 0 && delta < 1 ? {} : { delta: 'A number between 0 and 1.' }),
      ...(perQueryText === '' || perQuery > 0 ? {} : { perQuery: 'A number above 0, or nothing.' }),
    };
    if (Object.keys(this.faults).length > 0) return;
    const change =
      before === null
        ? `The limit becomes epsilon ${epsilon}.`
        : `The limit changes from epsilon ${before.epsilon} to ${epsilon}.`;
    this.ask({
      heading: `Limit ${subject.kind === 'participant' ? shortId(id) : id}?`,
      text: `${change} What was spent before counts. ${
        before !== null && epsilon > before.epsilon
          ? 'A higher limit lets more be learned about people than they were told: tell them.'
          : 'What would go beyond it is refused from now on.'
      }`,
      action: 'Set the limit',
      run: async () => {
        await this.api.budgets.setLimit(subject.kind, id, {
          epsilon,
          delta,
          ...(perQueryText === '' ? {} : { epsilon_per_query: perQuery }),
        });
        this.editing = undefined;
        await Promise.all([this.#run.refresh(), this.#reloadBudgets()]);
        showToast(this, { text: 'The limit is set.' });
      },
    });
  }

  #showMore = (): void => {
    void this.act(async () => {
      const { items, next } = await this.api.budgets.list({
        kind: this.kind,
        limit: PAGE,
        after: this.#next ?? undefined,
      });
      this.#more = [...this.#more, ...items];
      this.#next = next;
    });
  };
}

function epsilonText(epsilon: number | null): string {
  return epsilon === null ? 'without bound' : formatEpsilon(epsilon);
}

customElements.define('mm-operator-privacy', PrivacySection);
