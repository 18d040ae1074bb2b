import { css, html, LitElement, nothing } from 'lit';
import './error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { announce } from '../app/events.ts';
import { counted } from '../app/format.ts';
import { securedWords } from '../app/secure-words.ts';
import type { TranscriptFinding, TranscriptsService } from '../app/services.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** How many rounds the device keeps transcripts of. */
const KEPT = 3;
/** A check that takes longer shows that it is under way. */
const SLOW_MS = 1000;

type Outcome =
  | { readonly status: 'checking'; readonly slow: boolean }
  | { readonly status: 'checked'; readonly findings: readonly TranscriptFinding[] }
  | { readonly status: 'failed'; readonly error: ErrorRecord };

/** The signed records of the last secure rounds: to keep, and to check that this device's update was in the sum. */
export class TranscriptsPanel extends LitElement {
  static override properties = {
    transcripts: { attribute: false },
    snapshot: { attribute: false },
    outcomes: { state: true },
  };
  declare transcripts: TranscriptsService;
  declare snapshot: Pick<SessionSnapshot, 'run' | 'self' | 'records'>;
  declare outcomes: ReadonlyMap<number, Outcome>;

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); }
      .rounds > li { display: grid; gap: var(--space-3); padding: var(--space-3) 0; border-top: 1px solid var(--line); }
      .rounds > li:first-child { border-top: 0; padding-top: 0; }
      .findings { display: grid; gap: var(--space-2); }
      .findings li { display: grid; grid-template-columns: 20px minmax(0, 1fr); gap: var(--space-3); }
      .ok svg { color: var(--good); }
      .wrong { color: var(--bad); }
    `,
  ];

  constructor() {
    super();
    this.outcomes = new Map();
  }

  override render() {
    const { records, self } = this.snapshot;
    const secure = records.filter(
      (record) => securedWords(record) !== undefined && self !== undefined && record.survivors.includes(self),
    );
    const kept = secure.slice(-KEPT).reverse();
    const gone = secure.length - kept.length;
    return html`<section class="card" aria-labelledby="transcripts-title" data-testid="transcripts">
      <div class="stack-tight">
        <h2 id="transcripts-title">Transcripts</h2>
        <p class="soft">Each secure round leaves a signed record on this device. With it anyone can check that your masked update was in the sum, and make the same model again.</p>
      </div>
      ${
        kept.length === 0
          ? html`<p class="soft" data-testid="no-transcripts">The first one is here after the first secure round with this device in it.</p>`
          : html`<ul class="rounds" role="list">${kept.map(({ round }) => this.#round(round))}</ul>`
      }
      ${gone === 0 ? nothing : html`<p class="small soft">Only the last ${KEPT} rounds are kept: transcripts of ${counted(gone, 'earlier round')} are gone.</p>`}
    </section>`;
  }

  #round(round: number) {
    const outcome = this.outcomes.get(round);
    const checking = outcome?.status === 'checking';
    return html`<li data-testid="transcript" data-round=${round}>
      <div class="row-between">
        <h3>Round ${round}</h3>
        <div class="row">
          <button @click=${() => this.#download(round)} data-testid="download-transcript">${icon('download')} Download<span class="visually-hidden"> the transcript of round ${round}</span></button>
          <button ?disabled=${checking} @click=${() => this.#check(round)} data-testid="check-transcript">${icon('check')} Check it<span class="visually-hidden">, the transcript of round ${round}</span></button>
        </div>
      </div>
      ${outcome === undefined ? nothing : this.#outcome(outcome)}
    </li>`;
  }

  #outcome(outcome: Outcome) {
    switch (outcome.status) {
      case 'checking':
        return outcome.slow
          ? html`<div role="status"><p class="small soft">Checking signatures and adding up again…</p><progress aria-label="Checking the transcript"></progress></div>`
          : nothing;
      case 'failed':
        return html`<mm-error-note .error=${outcome.error}></mm-error-note>`;
      case 'checked':
        return outcome.findings.length === 0
          ? html`<p class="note warn">Nothing could be checked in it.</p>`
          : html`<ul class="findings" role="list" data-testid="findings">${outcome.findings.map(
              ({ what, ok }) =>
                html`<li class=${ok ? 'ok' : 'wrong'} data-ok=${ok}>${icon(ok ? 'check' : 'warning')}<span>${ok ? nothing : html`<strong>Wrong: </strong>`}${what}</span></li>`,
            )}</ul>`;
    }
  }

  async #download(round: number): Promise<void> {
    const { run } = this.snapshot;
    if (run === undefined) return;
    try {
      await this.transcripts.download(run, round);
    } catch (thrown) {
      this.#note(round, { status: 'failed', error: toErrorRecord(thrown) });
    }
  }

  async #check(round: number): Promise<void> {
    const { run } = this.snapshot;
    if (run === undefined) return;
    this.#note(round, { status: 'checking', slow: false });
    const timer = setTimeout(() => this.#note(round, { status: 'checking', slow: true }), SLOW_MS);
    try {
      const findings = await this.transcripts.check(run, round);
      this.#note(round, { status: 'checked', findings });
      const wrong = findings.filter(({ ok }) => !ok).length;
      announce(
        this,
        wrong === 0
          ? `Round ${round}: everything is as it should be.`
          : `Round ${round}: ${counted(wrong, 'thing')} not as it should be.`,
      );
    } catch (thrown) {
      this.#note(round, { status: 'failed', error: toErrorRecord(thrown) });
    } finally {
      clearTimeout(timer);
    }
  }

  #note(round: number, outcome: Outcome): void {
    this.outcomes = new Map(this.outcomes).set(round, outcome);
  }
}

customElements.define('mm-transcripts', TranscriptsPanel);
