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
  let closed = false;
  /** Every post has a signal of its own, so that none gathers listeners for as long as the session lives. */
  const pending = new Map<AbortController, string | undefined>();

  const pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(delayMs, done);
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
    });

  async function deliver(
    to: NodeId,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<'delivered' | 'undelivered' | 'cancelled'> {
    const timeoutMs = ACKNOWLEDGE_MS + bytes.byteLength / SLOWEST_BYTES_PER_MS;
    for (let tries = 0; !signal.aborted; tries++) {
      const outcome = await transport.send(to, bytes, { signal, timeoutMs });
      if (outcome.kind === 'delivered') return 'delivered';
      if (signal.aborted) break;
      if (tries >= PAUSES_MS.length) return 'undelivered';
      await pause(PAUSES_MS[tries]!, signal);
    }
    return 'cancelled';
  }

  function abort(matches: (tag: string | undefined) => boolean): void {
    for (const [controller, tag] of [...pending]) if (matches(tag)) controller.abort();
  }

  return {
    async post(to, bytes, tag) {
      const controller = new AbortController();
      if (closed) controller.abort();
      pending.set(controller, tag);
      const outcome = await deliver(to, bytes, controller.signal);
      pending.delete(controller);
      return outcome;
    },
    cancel: (cancelled) => abort((tag) => tag === cancelled),
    close() {
      closed = true;
      abort(() => true);
    },
  };
}
