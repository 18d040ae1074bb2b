import type { Clock } from './clock.ts';
import type { Path, SendOptions, SendOutcome } from './port.ts';

/**
 * Sending half of a numbered stream of messages: each is kept until its outcome is known, and sent again when
 * the path comes back. Its other end is {@link createInbox}.
 */
export interface Outbox {
  readonly stream: number;
  /** The lowest number whose outcome is not known yet. */
  readonly oldest: number;
  /** Never rejects. */
  send(bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<SendOutcome>;
  acknowledge(stream: number, number: number): void;
  /** Gives up one message, as after a refusal that repeating cannot mend. */
  abandon(number: number): void;
  /** The path is there (again): everything outstanding is sent. */
  resume(): void;
  /** The path is gone for now: nothing is sent until it is resumed. */
  pause(): void;
  /** Settles everything outstanding. `lost`: what was sent may have arrived, the rest did not. */
  end(why: 'lost' | 'aborted'): void;
}

export interface OutgoingMessage {
  readonly number: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Aborted once the outcome is known, whatever it is. */
  readonly settled: AbortSignal;
}

export interface OutboxOptions {
  readonly stream: number;
  readonly path: Path;
  readonly clock: Clock;
  /** Puts a message on its way; `again` when that was done before and the path broke since. */
  transmit(message: OutgoingMessage, again: boolean): void;
  /** Tells the other side that nothing below `oldest` will come any more. */
  announceFloor(oldest: number): void;
}

/** Most messages on their way at once; the receiver refuses numbers further ahead than this. */
export const WINDOW = 64;
const DEFAULT_TIMEOUT_MS = 30_000;

interface Entry extends OutgoingMessage {
  transmitted: boolean;
  settle(outcome: SendOutcome): void;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { stream, path, clock, transmit, announceFloor } = options;
  const entries = new Map<number, Entry>(); // in order of number, since that is the order of insertion
  let next = 0;
  let running = false;
  let abandoned: number[] = [];

  const oldest = (): number => {
    for (const number of entries.keys()) return number;
    return next;
  };

  const pump = (): void => {
    if (!running) return;
    const end = oldest() + WINDOW;
    for (const entry of entries.values()) {
      if (entry.number >= end) break;
      if (entry.transmitted) continue;
      entry.transmitted = true;
      transmit(entry, false);
    }
  };

  /** At the receiver, messages behind an abandoned one wait for it until they are told. */
  const tellFloor = (): void => {
    const floor = oldest();
    const untold = abandoned.filter((number) => number >= floor);
    if (!running || untold.length === abandoned.length) return;
    abandoned = untold;
    announceFloor(floor);
  };

  const send = (bytes: Uint8Array<ArrayBuffer>, { signal, timeoutMs }: SendOptions = {}) =>
    new Promise<SendOutcome>((resolve) => {
      if (signal?.aborted) return resolve({ kind: 'aborted' });
      const number = next++;
      const settled = new AbortController();
      const onAbort = () => settle({ kind: 'aborted' });
      const cancelTimer = clock.after(timeoutMs ?? DEFAULT_TIMEOUT_MS, () => settle({ kind: 'timed-out' }));
      const settle = (outcome: SendOutcome): void => {
        if (!entries.delete(number)) return;
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
        if (outcome.kind !== 'delivered') abandoned.push(number);
        settled.abort();
        resolve(outcome);
        tellFloor();
        pump();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      entries.set(number, { number, bytes, settled: settled.signal, transmitted: false, settle });
      pump();
    });

  return {
    stream,
    get oldest() {
      return oldest();
    },
    send,
    acknowledge(ackStream, number) {
      if (ackStream === stream) entries.get(number)?.settle({ kind: 'delivered', path });
    },
    abandon(number) {
      entries.get(number)?.settle({ kind: 'unreachable' });
    },
    resume() {
      if (running) return;
      running = true;
      for (const entry of [...entries.values()]) {
        if (entry.transmitted && !entry.settled.aborted) transmit(entry, true);
      }
      if (next > 0) announceFloor(oldest()); // the last one may have been lost with the old connection
      pump();
    },
    pause() {
      running = false;
    },
    end(why) {
      running = false;
      for (const entry of [...entries.values()]) {
        entry.settle(why === 'aborted' ? { kind: 'aborted' } : lost(entry.transmitted));
      }
    },
  };
}

function lost(transmitted: boolean): SendOutcome {
  return { kind: transmitted ? 'timed-out' : 'unreachable' };
}
