import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import type { OperatorApi } from './operator-api.ts';
import {
  lastRound,
  stateOf,
  type TrainingState,
  withEvent,
  withMetrics,
  withTraining,
} from './training-state.ts';

const POLL_MS = 3000;
/** How long a subscription may take before it is polled meanwhile. */
const PATIENCE_MS = 2000;

/** Follows one training: as the server tells it, or, while that connection is broken, by asking every few seconds. */
export class TrainingWatch implements ReactiveController {
  state: TrainingState | undefined;
  error: ErrorRecord | undefined;
  /** `asking`: the live connection is not there. */
  by: 'live' | 'asking' = 'live';
  readonly #host: ReactiveControllerHost;
  readonly #api: () => OperatorApi;
  readonly #onChange: (before: TrainingState | undefined, now: TrainingState) => void;
  #id: string | undefined;
  #end: (() => void) | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(
    host: ReactiveControllerHost,
    api: () => OperatorApi,
    onChange: (before: TrainingState | undefined, now: TrainingState) => void,
  ) {
    this.#host = host;
    this.#api = api;
    this.#onChange = onChange;
    host.addController(this);
  }

  hostDisconnected(): void {
    this.#stop();
  }

  /** Begins anew with this training. */
  async watch(id: string): Promise<void> {
    this.#stop();
    this.#abort = new AbortController();
    this.#id = id;
    this.state = undefined;
    await this.#ask();
    if (this.#id !== id || this.state === undefined) return;
    this.#late = setTimeout(() => this.#fallBack(), PATIENCE_MS);
    this.#end = this.#api().watchLive(
      { training: id },
      {
        onSubscribed: ({ training }) => {
          this.#settle();
          if (this.state !== undefined && training !== undefined)
            this.#set(withTraining(this.state, training));
          // What evaluations said meanwhile.
          void this.#ask();
        },
        onEvent: (event) => {
          if (this.state !== undefined) this.#set(withEvent(this.state, event));
        },
        onRefused: (error) => {
          this.error = toErrorRecord(error);
          this.#fallBack();
        },
        onBroken: () => this.#fallBack(),
      },
    );
  }

  /** What an order answered: shown at once. */
  take(training: TrainingState['training']): void {
    if (this.state !== undefined) this.#set(withTraining(this.state, training));
  }

  #stop(): void {
    this.#id = undefined;
    this.#abort.abort();
    this.#end?.();
    this.#end = undefined;
    this.#settle();
  }

  #settle(): void {
    clearTimeout(this.#late);
    clearInterval(this.#poll);
    this.#poll = undefined;
    this.by = 'live';
    this.#host.requestUpdate();
  }

  #fallBack(): void {
    clearTimeout(this.#late);
    if (this.#id === undefined) return;
    this.by = 'asking';
    this.#poll ??= setInterval(() => void this.#ask(), POLL_MS);
    this.#host.requestUpdate();
  }

  async #ask(): Promise<void> {
    const id = this.#id;
    if (id === undefined) return;
    const { signal } = this.#abort;
    try {
      const api = this.#api();
      const [training, { metrics }] = await Promise.all([
        api.trainings.get(id, { signal }),
        api.trainings.metrics(id, { from: this.state === undefined ? 0 : lastRound(this.state) }, { signal }),
      ]);
      if (signal.aborted) return;
      this.error = undefined;
      this.#set(
        this.state === undefined
          ? stateOf(training, metrics)
          : withMetrics(withTraining(this.state, training), metrics),
      );
    } catch (thrown) {
      if (signal.aborted) return;
      this.error = toErrorRecord(thrown);
      this.#host.requestUpdate();
    }
  }

  #set(state: TrainingState): void {
    const before = this.state;
    this.state = state;
    this.#onChange(before, state);
    this.#host.requestUpdate();
  }
}
