import { html, type PropertyValues, type TemplateResult } from 'lit';
import './federation-picker.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { Loader } from '../app/loader.ts';
import { navigate } from '../app/router.ts';
import { OperatorPage } from './operator-page.ts';

const MAX_FEDERATIONS = 500;

/** A section that is about one federation: the one in the address, else the first that the credential reaches. */
export abstract class FederationPage extends OperatorPage {
  protected readonly federations: Loader<readonly Federation[]> = new Loader(this, async (signal) => {
    const { items } = await this.api.federations.list({ limit: MAX_FEDERATIONS }, { signal });
    const only = this.operator.me?.federation ?? null;
    return only === null ? items : items.filter(({ id }) => id === only);
  });
  #loadedFor: string | undefined;

  /** The name of the section in the address. */
  protected abstract readonly section: string;
  /** Loads what is shown of it. */
  protected abstract loadOf(federation: Federation): Promise<void>;
  protected abstract renderOf(federation: Federation): TemplateResult;

  protected get federation(): Federation | undefined {
    const list = this.federations.value ?? [];
    return this.about === undefined ? list[0] : list.find(({ id }) => id === this.about);
  }

  protected override async load(): Promise<void> {
    if (this.federations.value === undefined) await this.federations.reload();
    this.#loadedFor = undefined;
    await this.#follow();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('about')) void this.#follow();
  }

  async #follow(): Promise<void> {
    const { federation } = this;
    if (federation === undefined || federation.id === this.#loadedFor) return;
    this.#loadedFor = federation.id;
    await this.loadOf(federation);
  }

  override render() {
    return html`${this.frame()}${this.loaded(
      this.federations,
      (list) => {
        const { federation } = this;
        return html`<mm-federation-picker .federations=${list} .chosen=${federation?.id} @pick=${(
          event: CustomEvent<string>,
        ) => navigate(this, `/operator/${this.section}/${event.detail}`)}></mm-federation-picker>
          ${
            federation !== undefined
              ? this.renderOf(federation)
              : html`<div class="card"><h2 tabindex="-1">${list.length === 0 ? 'No federation yet' : 'This federation is not here'}</h2>
                  <p class="soft">${list.length === 0 ? 'Open a document on the first page to make one.' : 'The server does not have it, or your credential does not reach it. Choose another one.'}</p></div>`
          }`;
      },
      'federations',
    )}`;
  }
}
