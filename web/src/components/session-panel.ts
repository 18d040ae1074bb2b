import { css, html, LitElement, nothing } from 'lit';
import './error-note.ts';
import './round-dial.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { showToast } from '../app/events.ts';
import { formatBytes, formatCount, formatLoss, formatPercent, shortHash } from '../app/format.ts';
import { deviceRefusalWords, isAboutLedger } from '../app/refusal-words.ts';
import { REFUSED_ANYWAY, refusalWords, securedWords, secureStageWords } from '../app/secure-words.ts';
import type { SessionService } from '../app/services.ts';
import {
  connectedParticipants,
  currentRound,
  isActive,
  metricsOf,
  nodeWords,
  phaseProgress,
  phaseWords,
} from '../app/session-words.ts';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { shared } from '../styles/shared.ts';
import { backendWords } from '../trainer/backend-words.ts';
import { icon } from './icons.ts';

/** Where the session stands, its controls and its figures. */
export class SessionPanel extends LitElement {
  static override properties = {
    session: { attribute: false },
    snapshot: { attribute: false },
    datasetId: { attribute: false },
    agreeAgain: { attribute: false },
    error: { state: true },
    busy: { state: true },
  };
  declare session: SessionService;
  declare snapshot: SessionSnapshot;
  /** What it trains on, where that is known. */
  declare datasetId: string | undefined;
  /** Tells the server that the person agrees once more. */
  declare agreeAgain: (() => Promise<void>) | undefined;
  declare error: ErrorRecord | undefined;
  declare busy: boolean;

  static override styles = [
    shared,
    css`
      .card { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); }
      .now { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); align-items: center; gap: var(--space-4); }
      .words { display: grid; gap: var(--space-2); }
      .words h2 { font-size: 1.25rem; }
      .words p { min-height: 1.5em; }
      .secure { display: grid; gap: var(--space-2); }
      .secure p { display: grid; grid-template-columns: 20px minmax(0, 1fr); gap: var(--space-3); }
      .secure svg { margin-top: 2px; }
      .secured { color: var(--good); font-weight: 600; }
      progress { margin-top: var(--space-1); }
      .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.25rem, 1fr)); gap: var(--space-4) var(--space-5); }
      .figures dt { color: var(--ink-soft); font-size: var(--text-small); }
      .figures dd { font-size: 1.1875rem; font-weight: 620; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
      .figures dd.long { font-size: 1rem; line-height: 1.65; }
      .figures .key dd { color: var(--shared); font-size: 1.625rem; line-height: 1.15; }
      @media (min-width: 40rem) { .now { grid-template-columns: 11rem minmax(0, 1fr); gap: var(--space-5); } .words h2 { font-size: 1.5rem; } }
    `,
  ];

  override render() {
    const { snapshot } = this;
    const { phase } = snapshot;
    const { title, detail } = phaseWords(phase);
    const progress = phaseProgress(phase);
    return html`<section class="card" aria-labelledby="phase-title">
      <div class="now">
        <mm-round-dial .snapshot=${snapshot}></mm-round-dial>
        <div class="words">
          <h2 id="phase-title" data-testid="phase" data-phase=${phase.name}>${title}</h2>
          <p class="soft number">${detail}</p>
          ${
            isActive(phase) && phase.name !== 'paused' && phase.name !== 'waiting'
              ? html`<progress aria-label=${title} .max=${1} value=${progress ?? nothing}></progress>`
              : nothing
          }
        </div>
      </div>
      ${this.#hold()}
      ${this.#refusal()}
      ${this.#secure()}
      ${this.#controls()}
      <mm-error-note .error=${this.error}></mm-error-note>
      ${this.#figures()}
    </section>`;
  }

  /** What the operator of the server decided, in its words. */
  #hold() {
    const { phase } = this.snapshot;
    if (phase.name !== 'waiting' || phase.onHold === undefined) return nothing;
    return html`<p class="note warn" role="status" data-testid="on-hold"><strong>Paused by the operator.</strong> ${phase.onHold}</p>`;
  }

  /** What this device would not do. */
  #refusal() {
    const { refusal } = this.snapshot;
    if (refusal === undefined) return nothing;
    const { title, why, todo } = deviceRefusalWords(refusal.error, refusal.round);
    return html`<div class="note bad stack-tight" role="alert" data-testid="refusal" data-code=${refusal.error.code}>
      <p><strong>${title}</strong> ${why}</p>
      <p>${todo}${refusal.paused ? ' This device paused for it; resume when the reason is gone.' : ''}</p>
      ${
        refusal.error.code === 'privacy.consent-withdrawn' && this.agreeAgain !== undefined
          ? html`<div><button ?disabled=${this.busy} data-testid="agree-again" @click=${() => this.#ask(this.agreeAgain!)}>I agree to the terms again</button></div>`
          : nothing
      }
      <p class="small">${refusal.error.message}<br /><code>${refusal.error.code}</code></p>
      ${
        isAboutLedger(refusal.error)
          ? html`<p class="small"><a class="touch" href=${this.datasetId === undefined ? '/data' : `/data/${this.datasetId}`}>${this.datasetId === undefined ? 'My data' : 'Privacy of this data'}</a></p>`
          : nothing
      }
    </div>`;
  }

  /** Whether rounds are secure: the last one, the one under way, and one that was refused. */
  #secure() {
    const { secure, refused, records } = this.snapshot;
    const last = records.at(-1);
    const secured = last && securedWords(last);
    if (secure === undefined && refused === undefined && secured === undefined) return nothing;
    const refusal = refused && refusalWords(refused);
    return html`<div class="secure">
      ${refusal === undefined ? nothing : html`<div class="note warn" data-testid="refused" data-code=${refused?.code ?? nothing}><strong>${refusal.title}</strong> ${refusal.why} ${REFUSED_ANYWAY}</div>`}
      ${secured === undefined ? nothing : html`<p class="secured" data-testid="secured">${icon('lock')}<span>Round ${last?.round}. ${secured}</span></p>`}
      ${secure === undefined ? nothing : html`<p class="soft number" data-testid="secure-stage" data-stage=${secure.stage}>${icon('lock')}<span>Round ${secure.round}. ${secureStageWords(secure)}</span></p>`}
    </div>`;
  }

  #controls() {
    const { phase } = this.snapshot;
    if (!isActive(phase)) return nothing;
    return html`<div class="row">
      ${
        phase.name === 'paused'
          ? html`<button class="primary" ?disabled=${this.busy} data-testid="resume" @click=${() => this.#ask(() => this.session.resume())}>${icon('play')} ${phase.because === undefined ? 'Resume' : 'Train anyway'}</button>`
          : html`<button ?disabled=${this.busy} data-testid="pause" @click=${() => this.#ask(() => this.session.pause())}>${icon('pause')} Pause</button>`
      }
      <button ?disabled=${this.busy} data-testid="leave" @click=${this.#leave}>${icon('leave')} Leave</button>
    </div>`;
  }

  #figures() {
    const { snapshot } = this;
    const metrics = metricsOf(snapshot).at(-1);
    const { model, backend, examplesPerSecond, bytesSent, bytesReceived, coordinator } = snapshot;
    return html`<dl class="figures">
      <div class="key"><dt>Accuracy</dt><dd data-testid="accuracy" data-value=${metrics?.accuracy ?? nothing}>${metrics === undefined ? '–' : formatPercent(metrics.accuracy)}</dd></div>
      <div class="key"><dt>Loss</dt><dd data-testid="loss" data-value=${metrics?.loss ?? nothing}>${metrics === undefined ? '–' : formatLoss(metrics.loss)}</dd></div>
      <div><dt>Round</dt><dd data-testid="round">${currentRound(snapshot)}</dd></div>
      <div><dt>Model</dt><dd data-testid="model-hash" data-hash=${model?.hash ?? nothing} data-version=${model?.version ?? nothing}>${model === undefined ? '–' : html`v${model.version} <span class="mono">${shortHash(model.hash)}</span>`}</dd></div>
      <div><dt>Others connected</dt><dd data-testid="peer-count">${formatCount(connectedParticipants(snapshot))}</dd></div>
      <div><dt>Rounds paced by</dt><dd class="long" data-testid="coordinator">${coordinator === undefined ? 'not known yet' : nodeWords(coordinator, snapshot.self)}</dd></div>
      <div><dt>Trains on</dt><dd class="long" data-testid="backend">${backend === undefined ? 'not chosen yet' : backendWords(backend)}</dd></div>
      <div><dt>Examples per second</dt><dd data-testid="speed">${examplesPerSecond === undefined ? '–' : formatCount(examplesPerSecond)}</dd></div>
      <div><dt>Sent</dt><dd data-testid="bytes-sent" data-value=${bytesSent}>${formatBytes(bytesSent)}</dd></div>
      <div><dt>Received</dt><dd data-testid="bytes-received" data-value=${bytesReceived}>${formatBytes(bytesReceived)}</dd></div>
    </dl>`;
  }

  #leave = (): void => {
    void this.#ask(async () => {
      await this.session.leave();
      showToast(this, { text: 'You left. Your data and the model stay on this device.' });
    });
  };

  async #ask(action: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.error = undefined;
    try {
      await action();
    } catch (error) {
      this.error = toErrorRecord(error);
    } finally {
      this.busy = false;
    }
  }
}

customElements.define('mm-session-panel', SessionPanel);
