import { css, html, LitElement, nothing } from 'lit';
import './error-note.ts';
import './progress-line.ts';
import { type ErrorRecord, hasCode, toErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { DataService, DatasetInfo, Progress } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

/** Public sample data for those who want to look before they bring their own. Fires `imported`. */
export class SamplePanel extends LitElement {
  static override properties = {
    data: { attribute: false },
    federation: { attribute: false },
    progress: { state: true },
    error: { state: true },
  };
  declare data: DataService;
  declare federation: Federation;
  declare progress: Progress | undefined;
  declare error: ErrorRecord | undefined;
  #stop: AbortController | undefined;

  static override styles = [
    shared,
    css`.options { display: grid; gap: var(--space-3); grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }`,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
  }

  override render() {
    if (this.progress !== undefined)
      return html`<mm-progress-line .progress=${this.progress} stoppable @stop=${() => this.#stop?.abort()}></mm-progress-line>`;
    return html`<form class="stack" @submit=${this.#import}>
      <p class="soft">Handwritten digits from a public collection. Each device takes a different part, so that there is something to learn from each other.</p>
      <details>
        <summary>Which digits</summary>
        <div class="options">
          <div><label for="part">Part</label>
            <input id="part" type="number" min="0" max="999" aria-describedby="part-hint" data-testid="sample-part" />
            <p class="small soft" id="part-hint">Empty: any that is not here yet.</p></div>
          <div><label for="examples">Examples</label>
            <select id="examples" data-testid="sample-examples">
              <option value="250">250</option><option value="500">500</option><option value="1000" selected>1,000</option><option value="1500">1,500</option>
            </select></div>
          <div><label for="split">Labels</label>
            <select id="split" data-testid="sample-split"><option value="iid">All of them</option><option value="label">Only some</option></select></div>
        </div>
      </details>
      <div><button class="primary" data-testid="sample">Use sample digits</button></div>
      ${this.error === undefined ? nothing : html`<mm-error-note .error=${this.error}></mm-error-note>`}
    </form>`;
  }

  #import = async (event: Event): Promise<void> => {
    event.preventDefault();
    const field = (id: string) =>
      this.renderRoot.querySelector<HTMLInputElement | HTMLSelectElement>(`#${id}`)!.value;
    const part = field('part');
    const examples = Number(field('examples'));
    const split = field('split') === 'label' ? 'label' : 'iid';
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.error = undefined;
    this.progress = { label: 'Getting sample digits', doneBytes: 0, totalBytes: undefined, rows: 0 };
    try {
      const dataset = await this.data.importSample({
        federation: this.federation,
        shard: part === '' ? undefined : Number(part),
        examples,
        split,
        signal,
        onProgress: (progress) => {
          this.progress = progress;
        },
      });
      this.dispatchEvent(new CustomEvent<DatasetInfo>('imported', { detail: dataset }));
    } catch (error) {
      if (!signal.aborted && !hasCode(error, 'aborted')) this.error = toErrorRecord(error);
    } finally {
      this.progress = undefined;
    }
  };
}

customElements.define('mm-sample-panel', SamplePanel);
