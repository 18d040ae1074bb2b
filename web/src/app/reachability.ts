import type { ServerReachability, Unsubscribe } from './services.ts';

/** Remembers whether the server answered last time, and tells when that changes. */
export class Reachability implements ServerReachability {
  #reachable = true;
  readonly #listeners = new Set<(reachable: boolean) => void>();

  get reachable(): boolean {
    return this.#reachable;
  }

  report(reachable: boolean): void {
    if (reachable === this.#reachable) return;
    this.#reachable = reachable;
    for (const listener of this.#listeners) listener(reachable);
  }

  subscribe(listener: (reachable: boolean) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
