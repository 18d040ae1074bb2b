import { decode, encode } from '@msgpack/msgpack';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeTranscript, encodeTranscript, isCommittedRound, type RoundTranscript } from './index.ts';
import { recordNode, scriptRound } from './testing.ts';
import { bulkOf } from './transcript.ts';

let transcript: RoundTranscript;
let file: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  const round = await scriptRound({ size: 3 });
  transcript = (await recordNode(round, round.nodes[0]!))[0]!;
  file = encodeTranscript(transcript);
});

const refusal = (bytes: Uint8Array) => {
  try {
    decodeTranscript(bytes);
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'secagg.transcript-invalid' });
    return (thrown as { facts: { path: string } }).facts.path;
  }
  throw new Error('It was accepted.');
};
/** The file with some of its members changed. */
const changed = (change: (members: Record<string, unknown>) => object): Uint8Array => {
  const members = decode(file) as Record<string, unknown>;
  return encode({ ...members, ...change(members) });
};

test('a transcript comes back as it was, from any kind of bytes', () => {
  expect(decodeTranscript(file)).toEqual(transcript);
  expect(isCommittedRound(transcript)).toBe(true);
  // A Buffer's slices share its memory, which must not leak into the weights.
  const { base } = bulkOf(decodeTranscript(Buffer.concat([Buffer.alloc(3), file]).subarray(3)))!;
  expect(base).toEqual(bulkOf(transcript)!.base);
});

describe('what is no transcript is refused with the path of what is wrong', () => {
  test.each<[string, () => Uint8Array, string]>([
    ['nothing', () => new Uint8Array(0), 'file'],
    ['a picture', () => Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), 'file'],
    ['text', () => new TextEncoder().encode('{"format":"murmuration/transcript"}'), 'file'],
    ['a file that is cut short', () => file.subarray(0, file.length - 100), 'file'],
    ['a file with more behind it', () => Uint8Array.from([...file, 0]), 'file'],
    ['another format', () => changed(() => ({ format: 'murmuration/ledger' })), 'format'],
    ['another version', () => changed(() => ({ version: 2 })), 'version'],
    ['a member too many', () => changed(() => ({ extra: 1 })), 'file'],
    ['a node that is none', () => changed(() => ({ node: 'somebody' })), 'node'],
    ['a short key', () => changed(() => ({ identityKey: new Uint8Array(31) })), 'identityKey'],
    ['no events', () => changed(() => ({ events: [] })), 'events'],
    [
      'a federation that is none',
      () => changed(() => ({ federation: '{"id":"Bad Id"}' })),
      'federation.format',
    ],
    ['a layout that is none', () => changed(() => ({ layout: [] })), 'layout'],
    ['other numbers', () => changed(() => ({ bulk: encode({ base: null, total: null }) })), 'sums'],
  ])('%s', (_, bytes, path) => {
    expect(refusal(bytes())).toBe(path);
  });

  const withBody = (kind: string, body: Uint8Array) =>
    changed(({ events }) => ({
      events: (events as unknown[][]).map((event) =>
        event[3] === kind ? [...event.slice(0, 4), body, event[5]] : event,
      ),
    }));
  test.each<[string, () => Uint8Array, string]>([
    [
      'an event of unknown kind',
      () => changed(() => ({ events: [[0, 0, 0, 'gossip', file, new Uint8Array(32)]] })),
      'events[0][3]',
    ],
    ['an event that is no MessagePack', () => withBody('dealers', Uint8Array.of(0xc1)), 'events[3]'],
    ['an event without a field', () => withBody('dealers', encode({})), 'events[3].dealers'],
    [
      'a field of the wrong kind',
      () => withBody('dealers', encode({ dealers: ['x'] })),
      'events[3].dealers[0]',
    ],
    // The array of no elements in 3 bytes instead of 1.
    [
      'an event that is not in its shortest form',
      () => withBody('dealers', Uint8Array.from([0x81, ...encode('dealers'), 0xdc, 0, 0])),
      'events[3]',
    ],
  ])('%s', (_, bytes, path) => {
    expect(transcript.events.findIndex(({ kind }) => kind === 'dealers')).toBe(3);
    expect(refusal(bytes())).toBe(path);
  });
});
