import type { Examples } from '../../../shared/dataset/examples.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { BackendReport, Trainer } from '../../../shared/training/index.ts';
import type { Layout, Model } from '../../../shared/update/index.ts';

export const BACKEND_NAMES = ['wasm', 'webgpu', 'webgl', 'cpu'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** Which backend to use: `auto` measures those that look real; a name takes that one and no other. */
export type BackendRequest = 'auto' | BackendName;

/** What the worker is given once, before anything else. */
export interface TrainerSetup {
  readonly federation: Federation;
  readonly examples: Examples;
  readonly evaluation: Examples | undefined;
  readonly backend: BackendRequest;
}

/** What it answers. */
export interface TrainerReady {
  readonly layout: Layout;
  readonly backend: BackendReport;
}

/** Names a call, so that it can be cancelled: an AbortSignal cannot cross to a worker. */
export type JobId = number;

/** The trainer of a browser: the port of the session, and what the page asks of it. */
export interface BrowserTrainer extends Trainer {
  readonly backend: BackendReport;
  /**
   * @param inputs whole encoded examples, one after the other.
   * @returns examples × outputs: class probabilities, or standardized values.
   */
  predict(
    model: Model,
    inputs: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  ): Promise<Float32Array<ArrayBuffer>>;
  /** Ends the worker. Calls under way, and any made later, reject with `training.failed`. */
  dispose(): void;
}
