import { type ErrorFacts, MurmurationError } from '../errors/index.ts';

/** Changes when the frames or their meaning do. */
export const CHANNEL_VERSION = 1;

/**
 * What two message channels say to each other over a pipe. Data frames of one direction are numbered from 0
 * for as long as the channel lives; the number is not sent: it follows from the grant and the pipe's order.
 */
export type Frame =
  /** Begins a message of `length` bytes with checksum `crc`. */
  | {
      readonly type: 'first';
      readonly ack?: number;
      readonly length: number;
      readonly crc: number;
      readonly payload: Uint8Array;
    }
  | { readonly type: 'more'; readonly ack?: number; readonly payload: Uint8Array }
  /** A data frame whose message was given up: drop what has arrived of it. */
  | { readonly type: 'void'; readonly ack?: number }
  /** All data frames below this number have arrived. */
  | { readonly type: 'ack'; readonly ack: number }
  /** First on every pipe, both ways. A new incarnation or epoch starts all numbers afresh. */
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly incarnation: number;
      readonly epoch: number;
    }
  /**
   * The sender wants to continue on this pipe, and has sent every data frame below `position` elsewhere;
   * `dead` when those not yet there will not come.
   */
  | { readonly type: 'move'; readonly position: number; readonly dead: boolean }
  /** Continue here, from this data frame. A later generation overrides earlier ones. */
  | { readonly type: 'grant'; readonly generation: number; readonly position: number }
  /** Data of this generation follow; those before it on this pipe are to be ignored. */
  | { readonly type: 'start'; readonly generation: number }
  /** The pipe that your data came on has died here. */
  | { readonly type: 'lost' }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | { readonly type: 'bye' };

const CODES = {
  first: 1,
  more: 2,
  void: 3,
  ack: 4,
  hello: 5,
  move: 6,
  grant: 7,
  start: 8,
  lost: 9,
  ping: 10,
  pong: 11,
  bye: 12,
} as const satisfies Record<Frame['type'], number>;
const TYPES = new Map<number, Frame['type']>(
  Object.entries(CODES).map(([type, code]) => [code, type as Frame['type']]),
);

/** On data frames: a cumulative acknowledgement precedes the rest. On `move`: dead. */
const FLAG = 0x80;

/** Layout: type and flag (1 byte), the numbers above in order as LEB128 (crc: 4 bytes, little-endian), payload. */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const numbers = numbersOf(frame);
  const hasFlag = frame.type === 'move' ? frame.dead : isData(frame) && frame.ack !== undefined;
  const payload = frame.type === 'first' || frame.type === 'more' ? frame.payload : undefined;
  let size = 1 + (frame.type === 'first' ? 4 : 0) + (payload?.length ?? 0);
  for (const value of numbers) size += varintBytes(value);
  const bytes = new Uint8Array(size);
  bytes[0] = CODES[frame.type] | (hasFlag ? FLAG : 0);
  let at = 1;
  for (const value of numbers) at = writeVarint(bytes, at, value);
  if (frame.type === 'first') {
    for (let i = 0; i < 4; i++) bytes[at++] = (frame.crc >>> (8 * i)) & 255;
  }
  if (payload !== undefined) bytes.set(payload, at);
  return bytes;
}

/**
 * @returns a frame whose payload is a view of `bytes`.
 * @throws `wire.malformed` for anything that `encodeFrame` does not produce.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const head = bytes[0];
  if (head === undefined) throw malformed('a frame of at least one byte', 'none');
  const type = TYPES.get(head & ~FLAG);
  const hasFlag = (head & FLAG) !== 0;
  const reader = { bytes, at: 1 };
  const rest = (): Uint8Array => bytes.subarray(reader.at);
  switch (type) {
    case 'first': {
      const ack = hasFlag ? { ack: readVarint(reader) } : {};
      const length = readVarint(reader);
      if (reader.at + 4 > bytes.length) throw malformed('a checksum of 4 bytes', 'fewer');
      let crc = 0;
      for (let i = 0; i < 4; i++) crc |= bytes[reader.at++]! << (8 * i);
      return { type, ...ack, length, crc: crc >>> 0, payload: rest() };
    }
    case 'more': {
      const ack = hasFlag ? { ack: readVarint(reader) } : {};
      return { type, ...ack, payload: rest() };
    }
    case 'void':
      return ended({ type, ...(hasFlag ? { ack: readVarint(reader) } : {}) });
    case 'move':
      return ended({ type, position: readVarint(reader), dead: hasFlag });
    default:
  }
  if (type === undefined || hasFlag) throw malformed('a known frame type', `type byte ${head}`);
  switch (type) {
    case 'ack':
      return ended({ type, ack: readVarint(reader) });
    case 'hello':
      return ended({
        type,
        version: readVarint(reader),
        incarnation: readVarint(reader),
        epoch: readVarint(reader),
      });
    case 'grant':
      return ended({ type, generation: readVarint(reader), position: readVarint(reader) });
    case 'start':
      return ended({ type, generation: readVarint(reader) });
    default:
      return ended({ type });
  }

  function ended<F extends Frame>(frame: F): F {
    if (reader.at !== bytes.length)
      throw malformed(`a ${frame.type} frame of ${reader.at} bytes`, `${bytes.length} bytes`);
    return frame;
  }
}

export function malformed(expected: string, received: string): MurmurationError {
  const facts: ErrorFacts = { expected, received, remedy: 'The connection is opened again.' };
  return new MurmurationError('wire.malformed', 'A frame cannot be read.', facts);
}

function isData(frame: Frame): frame is Extract<Frame, { type: 'first' | 'more' | 'void' }> {
  return frame.type === 'first' || frame.type === 'more' || frame.type === 'void';
}

function numbersOf(frame: Frame): number[] {
  switch (frame.type) {
    case 'first':
      return frame.ack === undefined ? [frame.length] : [frame.ack, frame.length];
    case 'more':
    case 'void':
      return frame.ack === undefined ? [] : [frame.ack];
    case 'ack':
      return [frame.ack];
    case 'hello':
      return [frame.version, frame.incarnation, frame.epoch];
    case 'move':
      return [frame.position];
    case 'grant':
      return [frame.generation, frame.position];
    case 'start':
      return [frame.generation];
    default:
      return [];
  }
}

function varintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
  bytes[at++] = rest;
  return at;
}

/** LEB128 of an integer below 2^53, in its shortest form. */
function readVarint(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 8; i++) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) throw malformed('a whole number', 'the end of the frame');
    value += (byte & 127) * scale;
    if (byte < 128) {
      if (!Number.isSafeInteger(value) || (i > 0 && byte === 0)) break;
      return value;
    }
    scale *= 128;
  }
  throw malformed('a number below 2^53 in its shortest form', 'another');
}
