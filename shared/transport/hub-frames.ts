import { check, checkInteger, MurmurationError } from '../errors/index.ts';
import {
  PARTICIPANT_ID_BYTES,
  type ParticipantId,
  participantIdFromBytes,
  participantIdToBytes,
} from '../identity/index.ts';
import { crc32 } from './crc32.ts';
import { MAX_RELAY_BYTES, MAX_SMALL_MESSAGE_BYTES } from './hub-protocol.ts';

/**
 * The binary frames between a participant and the hub. Integers are big-endian and unsigned.
 *
 *     0 heartbeat                                                                both ways
 *     1 relay    id[16] payload            id is the receiver's, and on arrival the sender's
 *     2 message  stream:4 number:4 oldest:4 crc:4 payload                        both ways
 *     3 ack      stream:4 number:4                                               both ways
 *     4 offer    stream:4 number:4 oldest:4 crc:4 length:4                       server → participant
 *     5 floor    stream:4 oldest:4                                               both ways
 *
 * A stream numbers the messages one node sends another, from 0. `oldest` is the lowest number whose outcome
 * the sender still waits for: what lies below it will not come any more. An offer announces a message to be
 * fetched over HTTP; a floor says that `oldest` moved although nothing is sent.
 */
export type Frame =
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'relay'; readonly peer: ParticipantId; readonly payload: Uint8Array<ArrayBuffer> }
  | ({ readonly kind: 'message'; readonly payload: Uint8Array<ArrayBuffer> } & Numbered)
  | ({ readonly kind: 'offer'; readonly byteLength: number } & Numbered)
  | { readonly kind: 'ack'; readonly stream: number; readonly number: number }
  | { readonly kind: 'floor'; readonly stream: number; readonly oldest: number };

interface Numbered {
  readonly stream: number;
  readonly number: number;
  readonly oldest: number;
  /** CRC-32 of the whole message. */
  readonly crc: number;
}

export const FRAME_KIND = { heartbeat: 0, relay: 1, message: 2, ack: 3, offer: 4, floor: 5 } as const;
export const RELAY_HEADER_BYTES = 1 + PARTICIPANT_ID_BYTES;
const MESSAGE_HEADER_BYTES = 17;
/** The largest of all frames. */
export const MAX_FRAME_BYTES = RELAY_HEADER_BYTES + MAX_RELAY_BYTES;

export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  switch (frame.kind) {
    case 'heartbeat':
      return Uint8Array.of(FRAME_KIND.heartbeat);
    case 'relay': {
      checkInteger('relay payload length', frame.payload.length, 0, MAX_RELAY_BYTES);
      const bytes = new Uint8Array(RELAY_HEADER_BYTES + frame.payload.length);
      bytes[0] = FRAME_KIND.relay;
      bytes.set(participantIdToBytes(frame.peer), 1);
      bytes.set(frame.payload, RELAY_HEADER_BYTES);
      return bytes;
    }
    case 'message': {
      checkInteger('message length', frame.payload.length, 0, MAX_SMALL_MESSAGE_BYTES);
      const fields = [frame.stream, frame.number, frame.oldest, frame.crc];
      const bytes = header(FRAME_KIND.message, fields, frame.payload.length);
      bytes.set(frame.payload, MESSAGE_HEADER_BYTES);
      return bytes;
    }
    case 'offer':
      return header(FRAME_KIND.offer, [
        frame.stream,
        frame.number,
        frame.oldest,
        frame.crc,
        frame.byteLength,
      ]);
    case 'ack':
      return header(FRAME_KIND.ack, [frame.stream, frame.number]);
    case 'floor':
      return header(FRAME_KIND.floor, [frame.stream, frame.oldest]);
  }
}

/**
 * @returns the frame; its payload is a view into `bytes`.
 * @throws `wire.malformed`, `wire.too-large`, or `wire.integrity` when a message does not match its CRC.
 */
export function decodeFrame(bytes: Uint8Array<ArrayBuffer>): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = bytes[0];
  switch (kind) {
    case FRAME_KIND.heartbeat:
      checkLength('heartbeat', bytes, 1, 1);
      return { kind: 'heartbeat' };
    case FRAME_KIND.relay:
      checkLength('relay', bytes, RELAY_HEADER_BYTES, MAX_FRAME_BYTES);
      return {
        kind: 'relay',
        peer: participantIdFromBytes(bytes.subarray(1, RELAY_HEADER_BYTES)),
        payload: bytes.subarray(RELAY_HEADER_BYTES),
      };
    case FRAME_KIND.message: {
      checkLength('message', bytes, MESSAGE_HEADER_BYTES, MESSAGE_HEADER_BYTES + MAX_SMALL_MESSAGE_BYTES);
      const payload = bytes.subarray(MESSAGE_HEADER_BYTES);
      const numbered = readNumbered(view);
      checkCrc(payload, numbered.crc);
      return { kind: 'message', ...numbered, payload };
    }
    case FRAME_KIND.offer:
      checkLength('offer', bytes, 21, 21);
      return { kind: 'offer', ...readNumbered(view), byteLength: view.getUint32(17) };
    case FRAME_KIND.ack:
      checkLength('ack', bytes, 9, 9);
      return { kind: 'ack', stream: view.getUint32(1), number: view.getUint32(5) };
    case FRAME_KIND.floor:
      checkLength('floor', bytes, 9, 9);
      return { kind: 'floor', stream: view.getUint32(1), oldest: view.getUint32(5) };
    default:
      throw new MurmurationError('wire.malformed', 'A binary frame is of no known kind.', {
        path: 'kind',
        expected: 'a byte from 0 to 5',
        received: kind === undefined ? 'an empty frame' : String(kind),
      });
  }
}

/** @throws `wire.integrity` */
export function checkCrc(message: Uint8Array, expected: number): void {
  const received = crc32(message);
  check(received === expected, 'wire.integrity', 'A message does not match its checksum.', {
    expected: `CRC-32 ${expected.toString(16)}`,
    received: received.toString(16),
    remedy: 'It will be sent again.',
  });
}

function readNumbered(view: DataView): Numbered {
  const [number, oldest] = [view.getUint32(5), view.getUint32(9)];
  check(oldest <= number, 'wire.malformed', 'A message counts itself among those that will not come.', {
    path: 'oldest',
    expected: `at most its own number, ${number}`,
    received: String(oldest),
  });
  return { stream: view.getUint32(1), number, oldest, crc: view.getUint32(13) };
}

function header(kind: number, fields: readonly number[], payloadLength = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 + 4 * fields.length + payloadLength);
  const view = new DataView(bytes.buffer);
  bytes[0] = kind;
  fields.forEach((field, i) => {
    view.setUint32(1 + 4 * i, field);
  });
  return bytes;
}

function checkLength(kind: string, bytes: Uint8Array, min: number, max: number): void {
  check(
    bytes.length >= min && bytes.length <= max,
    bytes.length > max ? 'wire.too-large' : 'wire.malformed',
    `A ${kind} frame has the wrong length.`,
    {
      path: 'length',
      expected: min === max ? `${min} bytes` : `${min} to ${max} bytes`,
      received: `${bytes.length}`,
    },
  );
}
