import { html, nothing, type TemplateResult } from 'lit';
import type { Faults, StartFields } from './start-order.ts';

type ConfigFields = Omit<StartFields, 'federation' | 'jobName' | 'fresh'>;

/** Reads a form by the names of its fields. */
export function fieldsOf(form: HTMLFormElement): StartFields {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? '');
  return {
    federation: text('federation'),
    jobName: text('jobName'),
    maxRounds: text('maxRounds'),
    targetPercent: text('targetPercent'),
    stopOn: (text('stopOn') || 'never') as StartFields['stopOn'],
    patience: text('patience'),
    minDelta: text('minDelta'),
    clientsPerRound: text('clientsPerRound'),
    startAt: text('startAt'),
    deadlineAt: text('deadlineAt'),
    fresh: data.has('fresh'),
  };
}

interface FieldOptions {
  readonly name: keyof StartFields;
  readonly label: string;
  readonly type: 'text' | 'number' | 'datetime-local';
  readonly value?: string | undefined;
  readonly hint?: string;
  readonly step?: string;
  readonly max?: number;
}

/** One field with its hint and its fault. */
export function field(
  { name, label, type, value, hint, step, max }: FieldOptions,
  faults: Faults,
): TemplateResult {
  const fault = faults[name];
  return html`<div><label for=${name}>${label}</label>
    <input id=${name} name=${name} type=${type} value=${value ?? nothing} step=${step ?? nothing} min=${type === 'number' ? 0 : nothing} max=${max ?? nothing} autocomplete="off"
      aria-invalid=${fault === undefined ? nothing : 'true'} aria-describedby=${`${name}-hint`} data-testid=${name} />
    <p class=${fault === undefined ? 'hint' : 'fault'} id=${`${name}-hint`}>${fault ?? hint ?? ''}</p></div>`;
}

/** What a training is to reach. */
export function configFields(
  faults: Faults,
  now: Partial<ConfigFields>,
  options: {
    readonly schedule: boolean;
    readonly stopOn: StartFields['stopOn'];
    readonly onStopOn: (event: Event) => void;
  },
): TemplateResult {
  return html`
    ${field({ name: 'maxRounds', label: 'Maximum rounds', type: 'number', step: '1', value: now.maxRounds, hint: 'Empty: as the document says' }, faults)}
    ${field({ name: 'targetPercent', label: 'Target accuracy (%)', type: 'number', step: 'any', max: 100, value: now.targetPercent, hint: 'It ends when this is reached' }, faults)}
    ${field({ name: 'clientsPerRound', label: 'Participants per round', type: 'number', step: '1', value: now.clientsPerRound, hint: 'At most' }, faults)}
    <div><label for="stopOn">Early stopping</label>
      <select id="stopOn" name="stopOn" data-testid="stopOn" @change=${options.onStopOn}>
        <option value="never" ?selected=${options.stopOn === 'never'}>Never</option>
        <option value="accuracy" ?selected=${options.stopOn === 'accuracy'}>When the accuracy no longer rises</option>
        <option value="loss" ?selected=${options.stopOn === 'loss'}>When the loss no longer falls</option></select></div>
    ${
      options.stopOn === 'never'
        ? nothing
        : html`${field({ name: 'patience', label: 'Evaluations to wait', type: 'number', step: '1', value: now.patience ?? '5', hint: 'Without anything better' }, faults)}
            ${field({ name: 'minDelta', label: 'Least improvement', type: 'number', step: 'any', value: now.minDelta ?? '0', hint: 'What counts as better' }, faults)}`
    }
    ${
      options.schedule
        ? html`${field({ name: 'startAt', label: 'Begins', type: 'datetime-local', value: now.startAt, hint: 'Empty: at once' }, faults)}`
        : nothing
    }
    ${field({ name: 'deadlineAt', label: 'Ends by', type: 'datetime-local', value: now.deadlineAt, hint: 'Empty: when it is done' }, faults)}`;
}
