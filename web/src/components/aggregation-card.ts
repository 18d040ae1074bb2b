import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import './error-note.ts';
import './segmented-choice.ts';
import { mostParticipants } from '../../../shared/federation/group-limits.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { combinesGroups } from '../../../shared/federation/robust-rules.ts';
import { askTolerance } from '../aggregation/client.ts';
import { type Tolerance, toleranceQuestion } from '../aggregation/tolerance.ts';
import { counted, formatCount, formatPercent } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { inspectedBy, inspectedSentence, type RobustWords, robustWords } from '../app/robust-words.ts';
import { nameOf, strategySentences } from '../app/strategy-words.ts';
import { chanceWords, groupsWords } from '../app/tolerance-words.ts';
import { shared } from '../styles/shared.ts';

/** How updates become one, what of that the server sees, and how many liars it stands. */
export class AggregationCard extends LitElement {
  static override properties = {
    federation: { attribute: false },
    participants: { state: true },
  };
  declare federation: Federation;
  /** Of the round that the table is about. */
  declare participants: number;
  readonly #tolerance = new Loader<Tolerance>(this, (signal) =>
    askTolerance(toleranceQuestion(this.federation, this.participants), signal),
  );

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); }
      .name { font-weight: 650; }
      ul { display: grid; gap: var(--space-2); padding-left: 1.2em; }
      .skeleton { height: 12rem; }
      .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr)); gap: var(--space-3) var(--space-5); }
      .figures dt { color: var(--ink-soft); font-size: var(--text-small); }
      .figures dd { font-size: 1.1875rem; font-weight: 620; font-variant-numeric: tabular-nums; }
      thead th.number, td.number { white-space: normal; vertical-align: bottom; }
      tbody th { white-space: nowrap; }
      td.bad { color: var(--bad); font-weight: 650; }
      @media (min-width: 60rem) {
        .card { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: var(--space-5) var(--space-6); }
        .whole { grid-column: 1 / -1; }
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('federation')) return;
    this.participants = this.federation.cohort.minParticipants;
    if (this.#isGrouped) void this.#tolerance.reload();
  }

  get #isGrouped(): boolean {
    return robustWords(this.federation) !== undefined && combinesGroups(this.federation);
  }

  override render() {
    const { federation } = this;
    const robust = robustWords(federation);
    return html`<section class="card" aria-labelledby="aggregation-title" data-testid="aggregation">
      <h2 id="aggregation-title" class="whole">How updates are put together</h2>
      <div class="stack-tight">
        <h3 data-testid="strategy">${nameOf(federation.strategy, federation.training)}</h3>
        <ul>${strategySentences(federation).map((text) => html`<li>${text}</li>`)}</ul>
      </div>
      ${
        robust === undefined
          ? html`<div class="stack-tight"><h3>Against lies</h3>
              <p>Nothing. One participant that lies can move the model as far as an update may be long, which is ${federation.strategy.clipNorm}.</p></div>`
          : this.#robust(robust)
      }
    </section>`;
  }

  #robust({ name, sentences, arithmetic }: RobustWords) {
    const inspected = inspectedSentence(inspectedBy(this.federation));
    return html`<div class="stack-tight">
        <h3 data-testid="robust-rule">Against lies: ${name}</h3>
        <ul>${sentences.map((text) => html`<li>${text}</li>`)}</ul>
        ${inspected === undefined ? nothing : html`<p class="note warn" data-testid="inspected">${inspected}</p>`}
      </div>
      <div class="stack whole">
        <h3>What it stands</h3>
        ${this.#isGrouped ? this.#groups(arithmetic) : this.#updates(arithmetic)}
      </div>`;
  }

  /** Each liar is one update: there is nothing to be drawn. */
  #updates(arithmetic: string) {
    const { strategy, cohort } = this.federation;
    const f = strategy.robust!.byzantine;
    const most = mostParticipants(cohort);
    return html`<p data-testid="tolerance-words">Of at least ${counted(cohort.minParticipants, 'update')} in a round it stands ${f} that ${f === 1 ? 'lies' : 'lie'}, whatever ${f === 1 ? 'it says' : 'they say'}: ${formatPercent(f / cohort.minParticipants)} of the smallest round, ${formatPercent(f / most)} of one of ${formatCount(most)}. It needs ${arithmetic}.</p>`;
  }

  #groups(arithmetic: string) {
    const { cohort, strategy } = this.federation;
    const [fewest, most] = [cohort.minParticipants, mostParticipants(cohort)];
    const { state } = this.#tolerance;
    return html`
      <p>Updates are added up in groups drawn anew by lot in each round, and the rule sees the sums. One liar spoils the sum of its whole group, so that lies multiply. The rule stands ${counted(strategy.robust!.byzantine, 'spoiled group')}, and needs ${arithmetic} groups.</p>
      ${
        fewest === most
          ? nothing
          : html`<mm-segmented-choice legend="Of a round of" name="participants" .value=${String(this.participants)}
              .choices=${[
                [String(fewest), `${formatCount(fewest)}, the smallest`],
                [String(most), `${formatCount(most)}, the largest`],
              ]} @choice=${({ detail }: CustomEvent<string>) => this.#ask(Number(detail))}></mm-segmented-choice>`
      }
      ${
        state.status === 'loading'
          ? html`<div role="status"><span class="visually-hidden">Computing the chances…</span><div class="skeleton" aria-hidden="true"></div></div>`
          : state.status === 'failed'
            ? html`<mm-error-note .error=${state.error} retry-label="Try again" @retry=${() => this.#tolerance.reload()}></mm-error-note>`
            : this.#table(state.value)
      }`;
  }

  #table(tolerance: Tolerance) {
    const { certainLiars, likelyLiars, rows } = tolerance;
    return html`
      <div role="status"><dl class="figures">
        <div><dt>Groups</dt><dd data-testid="groups">${groupsWords(tolerance)}</dd></div>
        <div><dt>Liars that it stands for certain</dt><dd data-testid="certain-liars">${formatCount(certainLiars)}</dd></div>
        <div><dt>And in 99 rounds of 100</dt><dd data-testid="likely-liars">${formatCount(likelyLiars)}</dd></div>
      </dl></div>
      <table data-testid="tolerance">
        <caption class="small soft">How often a round goes wrong, by who draws which group</caption>
        <thead><tr><th scope="col">Liars</th><th scope="col" class="number">More groups spoiled than the rule stands</th><th scope="col" class="number">Half of them or more</th></tr></thead>
        <tbody>${rows.map(
          ({ share, liars, chanceBeyondRule, chanceOfMajority }) =>
            html`<tr><th scope="row">${Math.round(100 * share)} %: ${formatCount(liars)}</th>
              <td class="number ${chanceBeyondRule > 0.5 ? 'bad' : ''}">${chanceWords(chanceBeyondRule)}</td>
              <td class="number ${chanceOfMajority > 0.5 ? 'bad' : ''}">${chanceWords(chanceOfMajority)}</td></tr>`,
        )}</tbody>
      </table>
      <p class="soft">${
        this.federation.strategy.robust!.screening === 'held-out'
          ? 'Where half of the groups are spoiled, no rule can tell from the sums alone which half. Here the server tries each sum on held-out examples first, which tells spoiled groups even then, as far as those examples go.'
          : 'Where half of the groups are spoiled, no rule can tell from the sums alone which half. Smaller groups are spoiled less often, and hide less.'
      }</p>`;
  }

  #ask(participants: number): void {
    this.participants = participants;
    void this.#tolerance.reload();
  }
}

customElements.define('mm-aggregation-card', AggregationCard);
