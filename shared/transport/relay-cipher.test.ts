import { expect, test } from 'vitest';
import { createNobleIdentity, toBase64Url } from '../identity/index.ts';
import { webCryptoRandom } from '../random/index.ts';
import { createRelayCipher, createRelayKeyPair, RELAY_OVERHEAD_BYTES } from './relay-cipher.ts';

const random = webCryptoRandom(crypto);
const [alice, bob] = [createNobleIdentity(random), createNobleIdentity(random)];
const connection = toBase64Url(random.bytes(16));
const text = new TextEncoder().encode('a slice of an update');

function pair(bobsConnection = connection, bobsId = bob.id) {
  const [mine, theirs] = [createRelayKeyPair(random), createRelayKeyPair(random)];
  const initiator = { id: alice.id, publicKey: mine.publicKey };
  const responder = { id: bob.id, publicKey: theirs.publicKey };
  const sender = createRelayCipher({
    secret: mine.secret,
    initiator,
    responder,
    isInitiator: true,
    connection,
  });
  const receiver = createRelayCipher({
    secret: theirs.secret,
    initiator,
    responder: { ...responder, id: bobsId },
    isInitiator: false,
    connection: bobsConnection,
  });
  return { sender, receiver };
}
const refused = (code: string) => expect.objectContaining({ code });

test('I-06: both ways, each under its own key; the server sees lengths only', () => {
  const { sender, receiver } = pair();
  const sealed = sender.seal(text)!;
  expect(sealed.length).toBe(text.length + RELAY_OVERHEAD_BYTES);
  expect(Buffer.from(sealed).includes(Buffer.from(text))).toBe(false);
  expect(receiver.open(sealed)).toEqual(text);
  expect(sender.open(receiver.seal(text)!)).toEqual(text);
  expect(() => sender.open(sender.seal(text)!)).toThrow(refused('wire.integrity'));
});

test('I-06: any bit that is changed is noticed, and the true frame is still taken', () => {
  const { sender, receiver } = pair();
  const sealed = sender.seal(text)!;
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = sealed.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => receiver.open(changed)).toThrow(refused('wire.integrity'));
  }
  expect(receiver.open(sealed)).toEqual(text);
});

test('I-06: a frame that came before is a replay, one that is missing is noticed', () => {
  const { sender, receiver } = pair();
  const [first, , third] = [sender.seal(text)!, sender.seal(text)!, sender.seal(text)!];
  receiver.open(first);
  expect(() => receiver.open(first)).toThrow(refused('wire.replayed'));
  expect(() => receiver.open(third)).toThrow(refused('wire.stale'));
});

test.each([
  ['another connection', () => pair(toBase64Url(random.bytes(16)))],
  ['another identity', () => pair(connection, createNobleIdentity(random).id)],
  ['keys of another pair', () => ({ sender: pair().sender, receiver: pair().receiver })],
])('I-06: %s gives other keys', (_, make) => {
  const { sender, receiver } = make();
  const sealed = sender.seal(text)!;
  expect(() => receiver.open(sealed)).toThrow(refused('wire.integrity'));
});

test('I-06: a key of small order, with which anyone could agree, is refused', () => {
  const mine = createRelayKeyPair(random);
  const agreement = {
    secret: mine.secret,
    initiator: { id: alice.id, publicKey: mine.publicKey },
    responder: { id: bob.id, publicKey: new Uint8Array(32) },
    isInitiator: true,
    connection,
  };
  expect(() => createRelayCipher(agreement)).toThrow(refused('wire.malformed'));
});

test('frames too short to be one are refused', () => {
  expect(() => pair().receiver.open(new Uint8Array(RELAY_OVERHEAD_BYTES - 1))).toThrow(
    refused('wire.integrity'),
  );
});
