import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';

export type Loaded<T> =
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly value: T }
  | { readonly status: 'failed'; readonly error: ErrorRecord };

/** Loads a value for a view: loading, ready or failed, never stale, and given up when the view goes. */
export class Loader<T> implements ReactiveController {
  state: Loaded<T> = { status: 'loading' };
  readonly #host: ReactiveControllerHost;
  readonly #load: (signal: AbortSignal) => Promise<T>;
  #current = new AbortController();

  constructor(host: ReactiveControllerHost, load: (signal: AbortSignal) => Promise<T>) {
    this.#host = host;
    this.#load = load;
    host.addController(this);
  }

  get value(): T | undefined {
    return this.state.status === 'ready' ? this.state.value : undefined;
  }

  hostDisconnected(): void {
    this.#current.abort();
  }

  /** Starts over, showing that it loads. */
  async reload(): Promise<void> {
    this.#set({ status: 'loading' });
    await this.refresh();
  }

  /**
   * Loads again behind what is shown.
   * @param keeps whether what is shown stays when that fails, as where it is done every few seconds.
   */
  async refresh(keeps = false): Promise<void> {
    this.#current.abort();
    this.#current = new AbortController();
    const { signal } = this.#current;
    try {
      const value = await this.#load(signal);
      if (!signal.aborted) this.#set({ status: 'ready', value });
    } catch (error) {
      if (signal.aborted || (keeps && this.state.status === 'ready')) return;
      this.#set({ status: 'failed', error: toErrorRecord(error) });
    }
  }

  #set(state: Loaded<T>): void {
    this.state = state;
    this.#host.requestUpdate();
  }
}
