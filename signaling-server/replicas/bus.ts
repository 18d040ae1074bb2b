/**
 * What passes between replicas: short-lived bytes, at most once, in the order of their sender. Whoever needs more
 * certainty compares (cluster.ts) or sends again (shared/session/post-office.ts). SPEC X-01.
 */
export interface Bus {
  /** Whether what is published reaches others at the moment. */
  readonly up: boolean;
  /** More waits to leave than should: whoever publishes much must wait. */
  readonly congested: boolean;
  /** Calls back once, when less waits again or all that waited was dropped. */
  onceDrained(callback: () => void): void;
  /**
   * Passes bytes to every subscriber of a channel, those of this process included. Never throws: while the bus is down, or
   * when far too much waits, the bytes are dropped.
   */
  publish(channel: string, bytes: Uint8Array): void;
  /** @returns what ends the subscription. */
  subscribe(channel: string, listener: (bytes: Uint8Array<ArrayBuffer>) => void): () => void;
  /** Hears of every change of `up`. */
  watch(listener: (up: boolean) => void): () => void;
  close(): Promise<void>;
}
