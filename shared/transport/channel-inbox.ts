import { MurmurationError } from '../errors/index.ts';
import { type Frame, malformed } from './channel-frames.ts';
import { crc32 } from './crc32.ts';
import { MAX_PAYLOAD_BYTES } from './frame-pipe.ts';

/** A claimed length earns this much memory at once; beyond it, a quarter must have arrived first. */
const TRUSTED_BYTES = 4 * 1_048_576;

export type Received =
  | { readonly kind: 'part' }
  | { readonly kind: 'message'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Everything arrived, but not what was sent: the data frames from `position` on are wanted again. */
  | { readonly kind: 'corrupt' };

/** Puts the data frames of one direction together again. */
export interface Inbox {
  /** Data frames taken so far: the number of the one expected next. */
  readonly position: number;
  /** @throws `wire.malformed`, `wire.too-large`: then nothing was taken. */
  accept(frame: Extract<Frame, { type: 'first' | 'more' | 'void' }>): Received;
}

export function createInbox(maxMessageBytes: number): Inbox {
  let position = 0;
  let message:
    | {
        readonly start: number;
        readonly length: number;
        readonly crc: number;
        actual: number;
        filled: number;
      }
    | undefined;
  let buffer = new Uint8Array(0);

  return {
    get position() {
      return position;
    },
    accept(frame) {
      if (frame.type === 'void') {
        message = undefined;
        buffer = new Uint8Array(0);
        position++;
        return { kind: 'part' };
      }
      const { payload } = frame;
      if (frame.type === 'first') {
        if (message !== undefined) throw malformed('the rest of a message', 'the beginning of another');
        if (frame.length > maxMessageBytes)
          throw new MurmurationError('wire.too-large', 'A message is too long.', {
            expected: `at most ${maxMessageBytes} bytes`,
            received: `${frame.length} bytes`,
            remedy: 'The connection is opened again without it.',
          });
      } else if (message === undefined) throw malformed('the beginning of a message', 'the rest of one');
      const length = frame.type === 'first' ? frame.length : message!.length;
      const filled = frame.type === 'first' ? 0 : message!.filled;
      const expected = Math.min(MAX_PAYLOAD_BYTES, length - filled);
      if (payload.length !== expected) throw malformed(`${expected} bytes`, `${payload.length} bytes`);

      if (frame.type === 'first') message = { start: position, length, crc: frame.crc, actual: 0, filled: 0 };
      reserve(filled + payload.length, length);
      buffer.set(payload, filled);
      message!.actual = crc32(payload, message!.actual);
      message!.filled += payload.length;
      position++;
      if (message!.filled < length) return { kind: 'part' };

      const whole = message!;
      const bytes = buffer;
      message = undefined;
      buffer = new Uint8Array(0);
      if (whole.actual === whole.crc) return { kind: 'message', bytes };
      position = whole.start;
      return { kind: 'corrupt' };
    },
  };

  function reserve(needed: number, length: number): void {
    if (needed <= buffer.length && buffer.length > 0) return;
    const capacity = Math.min(length, Math.max(TRUSTED_BYTES, 4 * needed));
    if (capacity === buffer.length) return;
    const grown = new Uint8Array(capacity);
    grown.set(buffer);
    buffer = grown;
  }
}
