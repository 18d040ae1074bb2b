import type { Examples } from '../../../shared/dataset/examples.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type {
  BackendReport,
  MetricReport,
  PaceLimits,
  Personal,
  Trainer,
  TrainProgress,
} from '../../../shared/training/index.ts';
import type { Layout, Model } from '../../../shared/update/index.ts';
import type { Verdict } from './verdict.ts';

export const BACKEND_NAMES = ['wasm', 'webgpu', 'webgl', 'cpu'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** Which backend to use: `auto` measures those that look real; a name comes first, the others only if it fails. */
export type BackendRequest = 'auto' | BackendName;

/** A backend that is not to be used, and why. */
export interface ExcludedBackend {
  readonly name: string;
  readonly reason: string;
  /** It may work another time: a driver that was reset, a device that slept. */
  readonly transient: boolean;
}

/** Examples that stay in this browser's storage and are read a batch at a time. */
export interface StoredExamples {
  readonly dataset: string;
  readonly count: number;
  /** Which examples of the data set; all of them when left out. */
  readonly rows?: Uint32Array<ArrayBuffer>;
}

/** How a model of the device's own is made of the shared one. */
export type PersonalMethod =
  /** Its last layer is trained on these data, all others stay the shared model's. */
  | { readonly type: 'head' }
  /** All of it is trained, and pulled back towards the shared model by `lambda` (Ditto). */
  | { readonly type: 'ditto'; readonly lambda: number };

/** Never sent: it carries no noise. */
export interface PersonalJob {
  readonly shared: Model;
  /** What was made of it before, to go on from. */
  readonly personal: Float32Array<ArrayBuffer> | undefined;
  readonly method: PersonalMethod;
  readonly epochs: number;
  readonly seed: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
}

/** What a trainer trains and evaluates on. */
export interface TrainerData {
  readonly examples: Examples | StoredExamples;
  /** Without it, evaluations count nothing. */
  readonly evaluation: Examples | undefined;
}

/** What the worker is given once, before anything else. */
export interface TrainerSetup extends TrainerData {
  readonly federation: Federation;
  readonly backend: BackendRequest;
  readonly pace: PaceLimits;
  readonly excluded: readonly ExcludedBackend[];
  /** Choices of before. */
  readonly verdicts: readonly Verdict[];
}

/** What it answers. */
export interface TrainerReady {
  readonly layout: Layout;
  readonly backend: BackendReport;
  /** Examples to train on. */
  readonly examples: number;
  /** A choice made now, to be remembered; undefined when a remembered one was used, or none should be. */
  readonly verdict: Verdict | undefined;
}

/** Names a call, so that it can be cancelled: an AbortSignal cannot cross to a worker. */
export type JobId = number;

/** Something about the trainer that a person should know. */
export interface TrainerNotice {
  readonly level: 'info' | 'warning';
  readonly text: string;
}

/** The trainer of a browser: the port of the session, and what the page asks of it. */
export interface BrowserTrainer extends Trainer {
  /** Of the backend in use now: another one after a failure. */
  readonly backend: BackendReport;
  /** Examples to train on. */
  readonly examples: number;
  /** Holds from the next step on. */
  setPace(pace: PaceLimits): void;
  /** All metrics that fit the target, over the whole evaluation data. They stay on this device. */
  measure(model: Model, signal: AbortSignal): Promise<MetricReport>;
  /**
   * @param inputs whole encoded examples, one after the other.
   * @returns examples × targets × outputs: class probabilities, or standardized values.
   */
  predict(
    model: Model,
    inputs: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  ): Promise<Float32Array<ArrayBuffer>>;
  /** Trains a model of this device's own on the examples. @throws as training; `argument.invalid` for a λ out of range. */
  personalize(job: PersonalJob): Promise<Personal>;
  /** Ends the worker. Calls under way, and any made later, reject with `training.failed`. */
  dispose(): void;
}
