import { type Frame, malformed } from './channel-frames.ts';
import { crc32 } from './crc32.ts';
import { MAX_PAYLOAD_BYTES } from './frame-pipe.ts';

/** One message on its way out. */
export interface Outgoing {
  /** Undefined once given up: its frames are then void, and the caller may change the buffer. */
  bytes: Uint8Array | undefined;
  readonly onAcknowledged: () => void;
  crc: number;
  /** Number of its first data frame, once sending began. */
  first: number | undefined;
  /** Data frames it takes. */
  frames: number;
}

/** The data frames of one direction: which were sent, which arrived, what comes next. Pure bookkeeping. */
export interface Outbox {
  /** Number of the next data frame to send. */
  readonly position: number;
  readonly inFlightBytes: number;
  readonly inFlightFrames: number;
  readonly hasNext: boolean;
  enqueue(bytes: Uint8Array, onAcknowledged: () => void): Outgoing;
  /** The frame at `position`, which moves on. */
  next(): Extract<Frame, { type: 'first' | 'more' | 'void' }>;
  /** Everything below `count` has arrived. @throws `wire.malformed` when that was never sent. */
  acknowledge(count: number): void;
  /** The other side has everything below `count` and wants the rest again. @throws `wire.malformed`. */
  rewind(count: number): void;
  /** Sends no more of it and lets go of its buffer. Frames that were numbered stay, void. */
  cancel(message: Outgoing): void;
}

export function createOutbox(): Outbox {
  /** Messages with unacknowledged frames, oldest first; those from `current` on are not wholly sent. */
  const messages: Outgoing[] = [];
  let current = 0;
  let position = 0;
  /** One more than the highest frame ever sent. */
  let high = 0;
  let acknowledged = 0;
  let inFlightBytes = 0;
  /** Payload sizes of frames acknowledged..position. */
  let inFlight: number[] = [];

  return {
    get position() {
      return position;
    },
    get inFlightBytes() {
      return inFlightBytes;
    },
    get inFlightFrames() {
      return inFlight.length;
    },
    get hasNext() {
      return current < messages.length;
    },
    enqueue(bytes, onAcknowledged) {
      const frames = Math.max(1, Math.ceil(bytes.length / MAX_PAYLOAD_BYTES));
      const message: Outgoing = { bytes, onAcknowledged, crc: 0, first: undefined, frames };
      messages.push(message);
      return message;
    },
    next() {
      const message = messages[current]!;
      if (message.first === undefined) {
        message.first = position;
        message.crc = crc32(message.bytes!);
      }
      const index = position - message.first;
      const start = index * MAX_PAYLOAD_BYTES;
      const payload = message.bytes?.subarray(start, start + MAX_PAYLOAD_BYTES);
      position++;
      high = Math.max(high, position);
      inFlight.push(payload?.length ?? 0);
      inFlightBytes += payload?.length ?? 0;
      if (index + 1 === message.frames) current++;
      if (payload === undefined) return { type: 'void' };
      if (index > 0) return { type: 'more', payload };
      return { type: 'first', length: message.bytes!.length, crc: message.crc, payload };
    },
    acknowledge,
    rewind(count) {
      const lowest = messages[0]?.first ?? acknowledged;
      if (count < lowest || count > high)
        throw malformed(`a position from ${lowest} to ${high}`, String(count));
      acknowledge(count);
      position = count;
      acknowledged = count;
      inFlight = [];
      inFlightBytes = 0;
      seek();
    },
    cancel(message) {
      const index = messages.indexOf(message);
      if (index < 0) return;
      message.bytes = undefined;
      if (message.first === undefined) {
        messages.splice(index, 1);
        return;
      }
      // What was numbered keeps its number; one void frame more ends a message that was cut short.
      const sent = high - message.first;
      message.frames = Math.min(message.frames, sent + 1);
      seek();
    },
  };

  function acknowledge(count: number): void {
    if (count > high) throw malformed(`an acknowledgement of at most ${high} frames`, String(count));
    if (count <= acknowledged) return;
    for (const size of inFlight.splice(0, count - acknowledged)) inFlightBytes -= size;
    acknowledged = count;
    position = Math.max(position, count);
    let done = 0;
    for (const { first, frames } of messages) {
      if (first === undefined || first + frames > count) break;
      done++;
    }
    const whole = messages.splice(0, done);
    seek();
    for (const message of whole) message.onAcknowledged();
  }

  /** Finds the message that the next frame belongs to. */
  function seek(): void {
    current = messages.findIndex(({ first, frames }) => first === undefined || first + frames > position);
    if (current < 0) current = messages.length;
  }
}
