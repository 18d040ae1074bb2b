import { css, html, LitElement, nothing } from 'lit';
import '../components/error-note.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { decide, unknownsOf } from '../app/device-policy.ts';
import {
  BATTERY_WORDS,
  decisionWords,
  deviceWords,
  EFFORT_WORDS,
  UNKNOWN_WORDS,
} from '../app/device-policy-words.ts';
import type { Services, Settings, Unsubscribe } from '../app/services.ts';
import { shared } from '../styles/shared.ts';
import './settings-backend.ts';

/** When this device trains, how hard, and on what. */
export class SettingsTraining extends LitElement {
  static override properties = {
    services: { attribute: false },
    error: { state: true },
  };
  declare services: Services;
  declare error: ErrorRecord | undefined;
  #unsubscribe: readonly Unsubscribe[] = [];

  static override styles = [
    shared,
    css`
      :host { display: grid; gap: var(--space-5); }
      .selects { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); gap: var(--space-4); }
    `,
  ];

  override firstUpdated(): void {
    const update = () => this.requestUpdate();
    this.#unsubscribe = [this.services.settings.subscribe(update), this.services.device.subscribe(update)];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#unsubscribe) end();
  }

  override render() {
    const settings = this.services.settings.current;
    return html`
      <mm-error-note .error=${this.error}></mm-error-note>
      <div class="selects">
        ${this.#select('effort', 'Train at most', EFFORT_WORDS, settings.effort, (effort) => ({ effort }))}
        ${this.#select('battery', 'Battery', BATTERY_WORDS, settings.battery, (battery) => ({ battery }))}
      </div>
      <div>
        ${this.#check('visible-only', 'Train only while this page is visible', 'Training is paused while it is hidden, and goes on when you come back.', settings.trainWhen === 'visible', (on) => ({ trainWhen: on ? 'visible' : 'always' }))}
        ${this.#check('spare-data', 'Pause on mobile networks and when saving data', 'Each round sends and receives about the size of the model.', settings.metered === 'pause', (on) => ({ metered: on ? 'pause' : 'allow' }))}
        ${this.#check('cool-down', 'Rest more when the device is hot or slow', 'Training takes half of the time then, or less.', settings.coolDown, (coolDown) => ({ coolDown }))}
        ${this.#check('reports-speed', 'Tell coordinators how fast this device is', 'Only federations that choose quick devices first ask for it. When you join one, it is sent how many examples a second this device trains on, as measured here, and nothing else: not its battery, its network or what it is.', settings.reportsSpeed, (reportsSpeed) => ({ reportsSpeed }))}
        ${this.#check('keep-awake', 'Keep the screen on during a session', 'Phones stop training soon after their screen turns off.', settings.keepAwake, (keepAwake) => ({ keepAwake }))}
      </div>
      ${this.#device(settings)}
      <mm-settings-backend .services=${this.services}></mm-settings-backend>`;
  }

  #device(settings: Settings) {
    const { state } = this.services.device;
    const now = deviceWords(state);
    const effect = decisionWords(decide(settings, state));
    const unknown = unknownsOf(settings, state);
    if (now === undefined && effect === undefined && unknown.length === 0) return nothing;
    return html`<div class="stack-tight small soft" data-testid="device-state">
      ${now === undefined ? nothing : html`<p>${now}</p>`}
      ${effect === undefined ? nothing : html`<p>${effect}</p>`}
      ${unknown.map((what) => html`<p>${UNKNOWN_WORDS[what]}</p>`)}
    </div>`;
  }

  #select<T extends string>(
    name: string,
    label: string,
    words: Readonly<Record<T, string>>,
    value: T,
    change: (value: T) => Partial<Settings>,
  ) {
    return html`<label><span class="label">${label}</span>
      <select data-testid=${name} @change=${(event: Event) => this.#change(change((event.target as HTMLSelectElement).value as T))}>
        ${(Object.entries(words) as [T, string][]).map(([option, text]) => html`<option value=${option} ?selected=${option === value}>${text}</option>`)}
      </select></label>`;
  }

  #check(
    testId: string,
    label: string,
    hint: string,
    checked: boolean,
    change: (on: boolean) => Partial<Settings>,
  ) {
    return html`<label class="choice"><input type="checkbox" .checked=${checked} data-testid=${testId}
      @change=${(event: Event) => this.#change(change((event.target as HTMLInputElement).checked))} />
      <span>${label}<br /><span class="small soft">${hint}</span></span></label>`;
  }

  async #change(settings: Partial<Settings>): Promise<void> {
    this.error = undefined;
    try {
      await this.services.settings.change(settings);
    } catch (error) {
      this.error = toErrorRecord(error);
    }
  }
}

customElements.define('mm-settings-training', SettingsTraining);
