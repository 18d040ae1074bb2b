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

const PROBE_INTERVAL_MS = 10_000;

/**
 * While the server is away, asks now and then whether it is back, so that nobody has to reload to find out.
 * @param probe resolves to whether the server answered; never rejects.
 */
export function probeWhileAway(reachability: Reachability, probe: () => Promise<boolean>): void {
  const again = (): void => {
    setTimeout(async () => {
      if (!reachability.reachable) reachability.report(await probe());
      if (!reachability.reachable) again();
    }, PROBE_INTERVAL_MS);
  };
  reachability.subscribe((reachable) => {
    if (!reachable) again();
  });
}
