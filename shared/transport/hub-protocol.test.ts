import { expect, test } from 'vitest';
import { participantIdFromBytes } from '../identity/index.ts';
import {
  HUB_PROTOCOL,
  helloStatement,
  MAX_CREDENTIAL_LENGTH,
  MAX_ENVELOPE_LENGTH,
  MAX_TEXT_BYTES,
  parseClientText,
  parseServerText,
} from './hub-protocol.ts';

const peer = participantIdFromBytes(new Uint8Array(16));
const parseClient = (message: unknown) => parseClientText(JSON.stringify(message));
const parseServer = (message: unknown) => parseServerText(JSON.stringify(message));

const hello = {
  type: 'hello',
  protocol: HUB_PROTOCOL,
  participant: peer,
  publicKey: 'A'.repeat(43),
  incarnation: 3,
  federation: 'digits',
  signature: 'A'.repeat(86),
};
const welcome = {
  type: 'welcome',
  peers: [{ peer, incarnation: 1 }],
  iceServers: [{ urls: ['stun:a'], username: 'u', credential: 'c' }, { urls: 'turn:b' }],
  token: 't',
  serverIncarnation: 5,
  serverNode: true,
  heartbeatMs: 4000,
};

test('messages of both sides pass as they are', () => {
  const admitted = { ...hello, credential: 'x'.repeat(MAX_CREDENTIAL_LENGTH), policy: 'a'.repeat(64) };
  for (const message of [hello, admitted, { type: 'signal', to: peer, envelope: 'x' }, { type: 'bye' }]) {
    expect(parseClient(message)).toEqual(message);
  }
  for (const message of [
    welcome,
    { type: 'challenge', protocol: HUB_PROTOCOL, nonce: 'A'.repeat(43) },
    { type: 'refused', error: { code: 'wire.stale', message: 'Stale.' } },
    { type: 'refused', error: { code: 'wire.stale', message: 'Stale.' }, peer },
    { type: 'signal', from: peer, envelope: '' },
    { type: 'arrived', presence: { peer, incarnation: 0 } },
    { type: 'departed', peer },
    { type: 'node', present: false },
    { type: 'bye', reason: 'shutdown' },
  ]) {
    expect(parseServer(message)).toEqual(message);
  }
});

test.each([
  [{ ...hello, incarnation: 1.5 }, 'incarnation'],
  [{ ...hello, federation: 'Digits' }, 'federation'],
  [{ ...hello, publicKey: 'A' }, 'publicKey'],
  [{ ...hello, credential: 'x'.repeat(MAX_CREDENTIAL_LENGTH + 1) }, 'credential'],
  [{ ...hello, credential: '' }, 'credential'],
  [{ ...hello, credential: 'two words' }, 'credential'],
  [{ ...hello, policy: 'A'.repeat(64) }, 'policy'],
  [{ type: 'signal', to: 'server', envelope: 'x' }, 'to'],
  [{ type: 'signal', to: peer, envelope: 'x'.repeat(MAX_ENVELOPE_LENGTH + 1) }, 'envelope'],
  [{ type: 'welcome' }, 'type'],
  [{ type: 'bye', extra: 1 }, 'message'],
  [[], 'message'],
  [null, 'message'],
])('a fault from a participant is named with its path: %j', (message, path) => {
  const facts = expect.objectContaining({ path });
  expect(() => parseClient(message)).toThrow(expect.objectContaining({ code: 'wire.malformed', facts }));
});

test('a fault deep in a welcome is named with its path', () => {
  const peers = [...welcome.peers, { peer: 'x', incarnation: 1 }];
  expect(() => parseServer({ ...welcome, peers })).toThrow(/peers\[1\]\.peer/);
});

test('another version is told apart from a malformed message, whatever its fields', () => {
  const code = 'wire.version';
  expect(() => parseClient({ type: 'hello', protocol: 2 })).toThrow(expect.objectContaining({ code }));
  expect(() => parseServer({ type: 'challenge', protocol: 2 })).toThrow(expect.objectContaining({ code }));
});

test('what is no JSON, or too long, is refused without repeating it', () => {
  expect(() => parseClientText('{secret')).toThrow(/not JSON/);
  expect(() => parseClientText('{secret')).not.toThrow(/secret/);
  const code = 'wire.too-large';
  expect(() => parseClientText(' '.repeat(MAX_TEXT_BYTES + 1))).toThrow(expect.objectContaining({ code }));
});

test('the signed statement changes with every field', () => {
  const fields = { nonce: 'n', federation: 'f', incarnation: 1, participant: peer };
  const other = participantIdFromBytes(new Uint8Array(16).fill(1));
  const statements = [
    fields,
    { ...fields, nonce: 'm' },
    { ...fields, federation: 'g' },
    { ...fields, incarnation: 11 },
    { ...fields, participant: other },
  ].map((variant) => new TextDecoder().decode(helloStatement(variant)));
  expect(new Set(statements).size).toBe(5);
  expect(statements[0]).toBe(`murmuration hub hello 1\nn\nf\n1\n${peer}`);
});
