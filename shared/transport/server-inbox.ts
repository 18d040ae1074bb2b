import { check } from '../errors/index.ts';
import { WINDOW } from './server-outbox.ts';

/**
 * Receiving half of a numbered stream: hands each message on once and in order, whatever order the small and
 * the large ones arrive in. Its other end is {@link createOutbox}.
 */
export interface Inbox {
  /** Whether this message has come before, so that it need only be acknowledged again. */
  has(stream: number, number: number): boolean;
  /**
   * @throws `wire.out-of-phase` for a number that no sender keeping to {@link WINDOW} uses, and when too much
   * is already waiting for earlier messages.
   */
  accept(message: InboxMessage): void;
  /** Nothing below `oldest` will come any more. */
  raiseFloor(stream: number, oldest: number): void;
}

export interface InboxMessage {
  readonly stream: number;
  readonly number: number;
  readonly oldest: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface InboxOptions {
  /** Most bytes that may wait for earlier messages. */
  readonly maxHeldBytes: number;
  deliver(bytes: Uint8Array<ArrayBuffer>): void;
}

export function createInbox({ maxHeldBytes, deliver }: InboxOptions): Inbox {
  let current: number | undefined;
  let next = 0;
  let held = new Map<number, Uint8Array<ArrayBuffer>>();
  let heldBytes = 0;

  /** A sender that starts anew uses another stream, and what it sent before is void. */
  const follow = (stream: number, oldest: number): void => {
    if (stream === current) return;
    current = stream;
    next = oldest;
    held = new Map();
    heldBytes = 0;
  };

  const release = (): void => {
    for (let bytes = held.get(next); bytes !== undefined; bytes = held.get(next)) {
      held.delete(next);
      heldBytes -= bytes.length;
      next++;
      deliver(bytes);
    }
  };

  const raiseFloor = (stream: number, oldest: number): void => {
    follow(stream, oldest);
    while (next < oldest) {
      release();
      if (next < oldest) next = Math.min(oldest, lowestHeld() ?? oldest);
    }
    release();
  };

  const lowestHeld = (): number | undefined => (held.size === 0 ? undefined : Math.min(...held.keys()));

  return {
    has: (stream, number) => stream === current && (number < next || held.has(number)),
    accept({ stream, number, oldest, bytes }) {
      raiseFloor(stream, oldest);
      if (number < next || held.has(number)) return;
      check(number < next + WINDOW, 'wire.out-of-phase', 'A message is too far ahead of those before it.', {
        path: 'number',
        expected: `below ${next + WINDOW}`,
        received: String(number),
      });
      check(
        number === next || heldBytes + bytes.length <= maxHeldBytes,
        'wire.out-of-phase',
        'Too much waits for an earlier message.',
        { expected: `at most ${maxHeldBytes} bytes`, received: String(heldBytes + bytes.length) },
      );
      held.set(number, bytes);
      heldBytes += bytes.length;
      release();
    },
    raiseFloor,
  };
}
