import { expect, test } from 'vitest';
import { participantIdFromBytes } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import { decodeFrame, encodeFrame, type Frame } from './hub-frames.ts';
import { MAX_RELAY_BYTES, MAX_SMALL_MESSAGE_BYTES } from './hub-protocol.ts';

const text = (value: string) => new TextEncoder().encode(value);
const peer = participantIdFromBytes(Uint8Array.from({ length: 16 }, (_, i) => i));

test('the layout of a message frame, byte for byte', () => {
  const frame = {
    kind: 'message',
    stream: 1,
    number: 2,
    oldest: 1,
    crc: 0xcbf43926,
    payload: text('123456789'),
  };
  const bytes = encodeFrame(frame as Frame);
  expect([...bytes.subarray(0, 17)]).toEqual([2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0xcb, 0xf4, 0x39, 0x26]);
  expect(decodeFrame(bytes)).toEqual(frame);
});

test('every kind survives the way there and back', () => {
  const frames: Frame[] = [
    { kind: 'heartbeat' },
    { kind: 'relay', peer, payload: text('') },
    { kind: 'relay', peer, payload: new Uint8Array(MAX_RELAY_BYTES).fill(7) },
    { kind: 'message', stream: 2 ** 32 - 1, number: 0, oldest: 0, crc: 0, payload: text('') },
    { kind: 'ack', stream: 1, number: 2 ** 32 - 1 },
    { kind: 'offer', stream: 1, number: 5, oldest: 5, crc: 77, byteLength: 2 ** 32 - 1 },
    { kind: 'floor', stream: 1, oldest: 9 },
  ];
  for (const frame of frames) expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
});

test('a frame is decoded where it lies in a larger buffer', () => {
  const outer = new Uint8Array(30);
  outer.set(encodeFrame({ kind: 'ack', stream: 3, number: 4 }), 11);
  expect(decodeFrame(outer.subarray(11, 20))).toEqual({ kind: 'ack', stream: 3, number: 4 });
});

test('payloads over the limit are not encoded', () => {
  const payload = new Uint8Array(MAX_RELAY_BYTES + 1);
  expect(() => encodeFrame({ kind: 'relay', peer, payload })).toThrow(/relay payload length/);
  const numbers = { stream: 0, number: 0, oldest: 0, crc: 0 };
  const large = new Uint8Array(MAX_SMALL_MESSAGE_BYTES + 1);
  expect(() => encodeFrame({ kind: 'message', ...numbers, payload: large })).toThrow(/message length/);
});

test.each([
  ['wire.malformed', []],
  ['wire.malformed', [6]],
  ['wire.malformed', [1, 0, 0]],
  ['wire.malformed', [3, 0, 0, 0, 1]],
  ['wire.too-large', [0, 0]],
  ['wire.malformed', [2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0]],
  ['wire.integrity', [2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 65]],
])('%s: %j', (code, bytes) => {
  expect(() => decodeFrame(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code }));
});

test('one flipped bit in a payload is noticed', () => {
  const bytes = encodeFrame({
    kind: 'message',
    stream: 0,
    number: 0,
    oldest: 0,
    crc: 0xcbf43926,
    payload: text('123456789'),
  });
  for (let i = 17 * 8; i < bytes.length * 8; i++) {
    const flipped = bytes.slice();
    flipped[i >> 3]! ^= 1 << (i & 7);
    expect(() => decodeFrame(flipped)).toThrow(/checksum/);
  }
});

test('random bytes give a frame or a named error', () => {
  const dice = seededRandom('hub-frames');
  for (let i = 0; i < 2000; i++) {
    const bytes = Uint8Array.from({ length: dice.below(40) }, () => dice.below(256));
    if (bytes.length > 0) bytes[0] = dice.below(8);
    try {
      expect(encodeFrame(decodeFrame(bytes))).toEqual(bytes);
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: expect.stringMatching(/^wire\./) });
    }
  }
});
