import { html, LitElement, nothing } from 'lit';
import './error-note.ts';
import './progress-line.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { autoJoin } from '../app/auto-join.ts';
import { counted } from '../app/format.ts';
import { isInSession } from '../app/lazy-session.ts';
import type { FederationQuery } from '../app/router.ts';
import type { Progress, Services } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

/** Says that the link joins by itself and with what, and does it once. */
export class AutoPanel extends LitElement {
  static override properties = {
    services: { attribute: false },
    federation: { attribute: false },
    query: { attribute: false },
    progress: { state: true },
    error: { state: true },
  };
  declare services: Services;
  declare federation: Federation;
  declare query: FederationQuery;
  declare progress: Progress | undefined;
  declare error: ErrorRecord | undefined;
  readonly #stop = new AbortController();

  static override styles = [shared];

  override firstUpdated(): void {
    void this.#join();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop.abort();
  }

  override render() {
    const { sample, examples, split, paths } = this.query;
    const what =
      sample === undefined
        ? 'with data you agreed to use, or sample data'
        : `with part ${sample} of the sample data (${counted(examples, 'example')}${split === 'label' ? ', only some labels' : ''})`;
    return html`<section class="card stack" aria-label="Joining by link" data-testid="autojoin">
      <p><strong>This link joins by itself</strong> ${what}${paths === undefined ? '' : `, over these paths only: ${paths.join(', ')}`}. You can pause or leave at any time.</p>
      ${this.progress === undefined ? nothing : html`<mm-progress-line .progress=${this.progress}></mm-progress-line>`}
      <mm-error-note .error=${this.error} retry-label="Try again" @retry=${() => this.#join()}></mm-error-note>
    </section>`;
  }

  async #join(): Promise<void> {
    const { services, federation, query } = this;
    const { signal } = this.#stop;
    this.error = undefined;
    try {
      if (await isInSession(services.session)) return;
      const onProgress = (progress: Progress) => {
        this.progress = progress;
      };
      await autoJoin(services, { federation, query, signal, onProgress });
    } catch (error) {
      if (!signal.aborted) this.error = toErrorRecord(error);
    } finally {
      this.progress = undefined;
    }
  }
}

customElements.define('mm-auto-panel', AutoPanel);
