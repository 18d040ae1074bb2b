import type { StartTraining, TrainingConfig } from '../../../shared/client/index.ts';

/** The form of a training, as typed. Left empty: as the document of the federation says. */
export interface StartFields {
  readonly federation: string;
  readonly jobName: string;
  readonly maxRounds: string;
  /** In percent. */
  readonly targetPercent: string;
  readonly stopOn: 'never' | 'accuracy' | 'loss';
  readonly patience: string;
  readonly minDelta: string;
  readonly clientsPerRound: string;
  /** As a datetime-local input has it, in the time zone of the device. */
  readonly startAt: string;
  readonly deadlineAt: string;
  readonly fresh: boolean;
}

export type Faults = Partial<Record<keyof StartFields, string>>;

/** @returns the configuration, or what is wrong with each field. */
export function configOf(
  fields: Omit<StartFields, 'federation' | 'jobName' | 'fresh'>,
  nowMs: number,
): { readonly config: TrainingConfig; readonly faults: Faults } {
  const faults: Faults = {};
  const whole = (key: 'maxRounds' | 'patience' | 'clientsPerRound', max: number): number | undefined => {
    const text = fields[key].trim();
    if (text === '') return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
    faults[key] = `A whole number from 1 to ${max}.`;
    return undefined;
  };
  const time = (key: 'startAt' | 'deadlineAt'): number | undefined => {
    if (fields[key] === '') return undefined;
    const atMs = new Date(fields[key]).getTime();
    if (atMs > nowMs) return atMs;
    faults[key] = 'A time that is still to come.';
    return undefined;
  };
  const maxRounds = whole('maxRounds', 100_000);
  const clientsPerRound = whole('clientsPerRound', 4096);
  const startAtMs = time('startAt');
  const deadlineAtMs = time('deadlineAt');
  if (startAtMs !== undefined && deadlineAtMs !== undefined && deadlineAtMs <= startAtMs)
    faults.deadlineAt = 'A time after it begins.';
  const targetAccuracy = targetOf(fields.targetPercent, faults);
  const earlyStopping = stoppingOf(fields, whole, faults);
  const config = {
    ...(maxRounds === undefined ? {} : { maxRounds }),
    ...(targetAccuracy === undefined ? {} : { targetAccuracy }),
    ...(earlyStopping === undefined ? {} : { earlyStopping }),
    ...(clientsPerRound === undefined ? {} : { clientsPerRound }),
    ...(startAtMs === undefined ? {} : { startAtMs }),
    ...(deadlineAtMs === undefined ? {} : { deadlineAtMs }),
  };
  return { config, faults };
}

export function startOrderOf(
  fields: StartFields,
  nowMs: number,
): { readonly order: StartTraining; readonly faults: Faults } {
  const { config, faults } = configOf(fields, nowMs);
  const jobName = fields.jobName.trim();
  return {
    order: {
      federation: fields.federation,
      config,
      ...(jobName === '' ? {} : { jobName }),
      ...(fields.fresh ? { fresh: true } : {}),
    },
    faults: fields.federation === '' ? { ...faults, federation: 'Choose a federation.' } : faults,
  };
}

function targetOf(text: string, faults: Faults): number | undefined {
  if (text.trim() === '') return undefined;
  const percent = Number(text);
  if (percent > 0 && percent <= 100) return percent / 100;
  faults.targetPercent = 'A number above 0, at most 100.';
  return undefined;
}

function stoppingOf(
  { stopOn, minDelta }: Pick<StartFields, 'stopOn' | 'minDelta'>,
  whole: (key: 'patience', max: number) => number | undefined,
  faults: Faults,
): TrainingConfig['earlyStopping'] {
  if (stopOn === 'never') return undefined;
  const patience = whole('patience', 1000);
  if (patience === undefined) faults.patience ??= 'A whole number from 1 to 1000.';
  const delta = minDelta.trim() === '' ? 0 : Number(minDelta);
  if (!(delta >= 0 && delta <= 1e6)) faults.minDelta = 'A number from 0.';
  return { metric: stopOn, patience: patience ?? 1, minDelta: delta };
}

/** The same order keeps its key, so that a retry after a lost answer starts nothing twice; another order gets another. */
export class OrderKey {
  readonly #fresh: () => string;
  #text = '';
  #key = '';

  constructor(fresh: () => string) {
    this.#fresh = fresh;
  }

  for(order: unknown): string {
    const text = JSON.stringify(order);
    if (text !== this.#text || this.#key === '') {
      this.#text = text;
      this.#key = this.#fresh();
    }
    return this.#key;
  }

  /** The order was carried out: the same again is a new one. */
  done(): void {
    this.#key = '';
  }
}
