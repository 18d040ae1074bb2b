import { css, html, nothing } from 'lit';
import { saveFile } from '../app/events.ts';
import { counted, formatDate } from '../app/format.ts';
import { Loader } from '../app/loader.ts';
import { icon } from '../components/icons.ts';
import { shared } from '../styles/shared.ts';
import { incidentText } from './incident-report.ts';
import { type DrainState, type Incident, STOP_ALL } from './operator-api.ts';
import { OperatorPage, operatorStyles } from './operator-page.ts';

/** Something is wrong: stop everything, write down why, and go on when it is over. */
export class IncidentSection extends OperatorPage {
  readonly #state = new Loader<{ readonly drain: DrainState; readonly incidents: readonly Incident[] }>(
    this,
    async (signal) => {
      const [drain, incidents] = await Promise.all([
        this.api.system.drainState({ signal }),
        this.api.incidents.list({ signal }),
      ]);
      return { drain, incidents };
    },
  );

  static override styles = [
    shared,
    operatorStyles,
    css`
      pre { margin: 0; padding: var(--space-3); border-radius: var(--radius-small); background: var(--sunken); overflow-x: auto; font: 0.8125rem / 1.5 var(--font-mono); white-space: pre-wrap; overflow-wrap: anywhere; }
    `,
  ];

  protected override load(): Promise<void> {
    return this.#state.reload();
  }

  override render() {
    return html`${this.frame()}${this.loaded(this.#state, ({ drain, incidents }) => html`${this.#orders(drain)}${this.#list(incidents)}`, 'the state of the server')}`;
  }

  #orders({ halted }: DrainState) {
    const mayStop = this.may('system:write');
    return html`<section class="card" aria-labelledby="incident-title" data-testid="incident" data-halted=${halted ? 'true' : 'false'}>
      <h2 id="incident-title" tabindex="-1">${halted ? 'Everything is stopped' : 'Stop everything'}</h2>
      ${
        halted
          ? html`<p class="note bad" role="status"><strong>No round runs on this server, and none begins.</strong> Participants are told that the operator paused.</p>
              <p>When the reason is gone, resume: trainings and federations go on where they were, from the last model that was finished.</p>
              ${mayStop ? html`<div><button class="primary" ?disabled=${this.busy} data-testid="resume-all" @click=${this.#resume}>${icon('play')} Resume…</button></div>` : nothing}`
          : html`<p>For when something is wrong and every minute counts: a leak, an attack, a model that went bad. Every round on this server is given up at once, nothing of it is kept, and none begins before you resume. What was going on is written into a report.</p>
              ${mayStop ? html`<div><button class="danger large" ?disabled=${this.busy} data-testid="stop-all" @click=${this.#stop}>${icon('warning')} Stop all rounds now…</button></div>` : nothing}`
      }
      ${mayStop ? nothing : this.lacking('system:write', 'stop or resume everything')}
    </section>`;
  }

  #list(incidents: readonly Incident[]) {
    return html`<section class="card" aria-labelledby="incidents-title"><h2 id="incidents-title">Reports</h2>
      ${
        incidents.length === 0
          ? html`<p class="soft" data-testid="no-incidents">None: nobody ever stopped everything.</p>`
          : html`<ul class="items" role="list" data-testid="incidents">${incidents.map(
              (
                incident,
              ) => html`<li class="item" data-testid="incident-item"><div class="row-between"><h3>${incident.reason}</h3><span class="tag ${incident.closedAtMs === null ? 'bad' : ''}">${incident.closedAtMs === null ? 'Open' : 'Closed'}</span></div>
                <p class="small soft">${formatDate(incident.openedAtMs)} by ${incident.openedBy}${incident.closedAtMs === null ? '' : `; resumed ${formatDate(incident.closedAtMs)}`}</p>
                <details class="small"><summary>The report</summary><pre tabindex="0" aria-label="Report of ${incident.reason}">${incidentText(incident)}</pre></details>
                <div class="row"><button data-testid="save-incident" @click=${() => saveFile(`incident-${incident.id}.md`, new Blob([incidentText(incident)], { type: 'text/markdown' }))}>${icon('download')} Save the report</button>
                  <button class="quiet" @click=${() => saveFile(`incident-${incident.id}.json`, new Blob([JSON.stringify(incident, null, 2)], { type: 'application/json' }))}>As JSON</button></div></li>`,
            )}</ul>`
      }</section>`;
  }

  #stop = (): void => {
    this.ask({
      heading: 'Stop all rounds now?',
      text: 'Every round of every federation on this server is given up. Trainings that run are paused, and go on when you resume.',
      reasonLabel: 'Reason, for the report',
      word: STOP_ALL,
      action: 'Stop everything',
      run: async (reason) => {
        const { trainings } = await this.api.incidents.stopAll(reason);
        await this.#state.refresh();
        this.say(`Everything is stopped; ${counted(trainings.length, 'training')} paused.`);
      },
    });
  };

  #resume = (): void => {
    this.ask({
      heading: 'Let rounds begin again?',
      text: 'The incident is closed. Trainings and federations go on as soon as enough participants are there.',
      action: 'Resume',
      run: async () => {
        await this.api.incidents.resume();
        await this.#state.refresh();
        this.say('Rounds may begin again.');
      },
    });
  };
}

customElements.define('mm-operator-incident', IncidentSection);
