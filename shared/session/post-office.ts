import type { NodeId } from '../identity/index.ts';
import type { Transport } from '../transport/port.ts';
import type { Clock } from './ports.ts';

/**
 * Delivers messages over a transport that may fail: tries again with growing pauses until the message arrives, the
 * tries are used up, or it is cancelled. Receivers take a message twice in their stride, so trying again is safe.
 */
export interface PostOffice {
  /** @returns whether it was delivered; false also when cancelled. */
  post(
    to: NodeId,
    bytes: Uint8Array<ArrayBuffer>,
    tag: string | undefined,
  ): Promise<'delivered' | 'undelivered' | 'cancelled'>;
  cancel(tag: string): void;
  close(): void;
}

const PAUSES_MS = [250, 500, 1000, 2000];
/** A small message is acknowledged within this, or tried again; large ones get a second for every 100 kB on top. */
const ACKNOWLEDGE_MS = 5000;
const SLOWEST_BYTES_PER_MS = 100;

export function createPostOffice(transport: Transport, clock: Clock): PostOffice {
  const controllers = new Map<string, AbortController>();
  const all = new AbortController();

  const pause = (delayMs: number, signals: readonly AbortSignal[]): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(delayMs, done);
      for (const signal of signals) signal.addEventListener('abort', done, { once: true });
      function done(): void {
        cancel();
        for (const signal of signals) signal.removeEventListener('abort', done);
        resolve();
      }
    });

  return {
    async post(to, bytes, tag) {
      const signals = [all.signal];
      if (tag !== undefined) {
        if (!controllers.has(tag)) controllers.set(tag, new AbortController());
        signals.push(controllers.get(tag)!.signal);
      }
      const cancelled = () => signals.some((signal) => signal.aborted);
      const signal = signals[signals.length - 1]!;
      const timeoutMs = ACKNOWLEDGE_MS + bytes.byteLength / SLOWEST_BYTES_PER_MS;
      for (let tries = 0; !cancelled(); tries++) {
        const outcome = await transport.send(to, bytes, { signal, timeoutMs });
        if (outcome.kind === 'delivered') return 'delivered';
        if (tries >= PAUSES_MS.length) return cancelled() ? 'cancelled' : 'undelivered';
        if (!cancelled()) await pause(PAUSES_MS[tries]!, signals);
      }
      return 'cancelled';
    },
    cancel(tag) {
      controllers.get(tag)?.abort();
      controllers.delete(tag);
    },
    close: () => all.abort(),
  };
}
