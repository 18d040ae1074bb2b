import { html, nothing } from 'lit';
import '../components/model-versions.ts';
import type { Version } from '../../../shared/client/index.ts';
import { hasCode } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { formatDate, formatPercent, shortHash } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import type { ModelVersion, VersionsService } from '../app/services.ts';
import { FederationPage } from './federation-page.ts';

const PAGE = 1000;

interface Shown {
  readonly run: string;
  /** Newest first. */
  readonly versions: readonly Version[];
  readonly promoted: { readonly version: number; readonly atMs: number } | undefined;
}

/** The versions of a model: which is best, which is offered, how two differ, and going back. */
export class VersionsSection extends FederationPage {
  static override properties = { chosen: { state: true } };
  declare chosen: number | undefined;
  protected override readonly section = 'versions';
  readonly #shown = new Loader<Shown>(this, async (signal) => {
    const { id } = this.federation!;
    const run = await this.api.federations.run(id, { signal });
    const from = Math.max(0, (run.model?.version ?? 0) - PAGE + 1);
    const [{ items }, promoted] = await Promise.all([
      this.api.versions.list(run.id, { from, limit: PAGE }, { signal }),
      this.api.promoted(id, { signal }).catch((thrown: unknown) => {
        if (hasCode(thrown, 'http.not-found') || hasCode(thrown, 'model.unavailable')) return undefined;
        throw thrown;
      }),
    ]);
    return { run: run.id, versions: items.toReversed(), promoted };
  });

  /** The list and the comparison that the model's page shows, asked for with the operator's credential. */
  readonly #service: VersionsService = {
    list: async () => (this.#shown.value?.versions ?? []) as readonly ModelVersion[],
    compare: (_federation, from, to, signal) =>
      this.api.compare(this.#shown.value!.run, from, to, { signal }),
  };

  protected override async loadOf(): Promise<void> {
    this.chosen = undefined;
    await this.#shown.reload();
  }

  protected override renderOf(federation: Federation) {
    return this.loaded(this.#shown, (shown) => this.#page(federation, shown), 'versions') as ReturnType<
      typeof html
    >;
  }

  #page(federation: Federation, { versions, promoted }: Shown) {
    const kept = versions.filter(({ bytes }) => bytes !== null);
    const chosen = kept.find(({ version }) => version === this.chosen) ?? kept[0];
    return html`
      <section class="card" aria-labelledby="orders-title"><h2 id="orders-title" tabindex="-1">Offer or go back</h2>
        <p>${
          promoted === undefined
            ? 'No version is promoted: whoever asks gets the newest.'
            : html`Version <strong data-testid="promoted">${promoted.version}</strong> is promoted since ${formatDate(promoted.atMs)}.`
        }</p>
        ${
          chosen === undefined
            ? html`<p class="soft">The server keeps no version of this federation yet.</p>`
            : this.may('model:write')
              ? html`<div class="fields">
                  <div><label for="version">Version</label><select id="version" data-testid="choose-version" @change=${(
                    event: Event,
                  ) => {
                    this.chosen = Number((event.target as HTMLSelectElement).value);
                  }}>${kept.map((each) => html`<option value=${each.version} .selected=${each.version === chosen.version}>${versionWords(each)}</option>`)}</select></div></div>
                <div class="row"><button ?disabled=${this.busy} data-testid="promote" @click=${() => this.#promote(chosen)}>Promote version ${chosen.version}…</button>
                  <button class="danger" ?disabled=${this.busy || chosen.version === versions[0]?.version} data-testid="roll-back" @click=${() => this.#rollBack(chosen)}>Roll back to version ${chosen.version}…</button></div>
                ${chosen.version === versions[0]?.version ? html`<p class="small soft">This is the newest: there is nothing to go back to.</p>` : nothing}`
              : this.lacking('model:write', 'promote a version, or go back to one')
        }</section>
      <mm-model-versions .versions=${this.#service} .federation=${federation} .stamp=${versions[0]?.version}></mm-model-versions>`;
  }

  #promote({ version, hash }: Version): void {
    this.ask({
      heading: `Promote version ${version}?`,
      text: 'Whoever asks this server for the promoted model gets this version from now on. Training goes on from the newest.',
      action: 'Promote',
      run: async () => {
        await this.api.versions.promote(this.#shown.value!.run, version, hash);
        await this.#shown.refresh();
        this.say(`Version ${version} is promoted.`);
      },
    });
  }

  #rollBack({ version, hash }: Version): void {
    this.ask({
      heading: `Roll back to version ${version}?`,
      text: `Model ${shortHash(hash)} becomes the newest again, under a number of its own, on every device. A round under way is given up. Privacy that was spent since stays spent.`,
      word: `version ${version}`,
      action: 'Roll back',
      run: async () => {
        await this.api.versions.rollBack(this.#shown.value!.run, version, hash);
        await this.#shown.refresh();
        this.say(`Going back to version ${version}.`);
      },
    });
  }
}

function versionWords({ version, evaluation, best }: Version): string {
  const accuracy =
    evaluation === null || evaluation.total === 0
      ? ''
      : `, ${formatPercent(evaluation.correct / evaluation.total)}`;
  return `${version}${accuracy}${best ? ', the best' : ''}`;
}

customElements.define('mm-operator-versions', VersionsSection);
