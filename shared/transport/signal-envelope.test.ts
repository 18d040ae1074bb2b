import { expect, test } from 'vitest';
import { createNobleIdentity, toBase64Url } from '../identity/index.ts';
import { webCryptoRandom } from '../random/index.ts';
import { createReplayGuard, openSignal, type Signal, sealSignal } from './signal-envelope.ts';

const random = webCryptoRandom(crypto);
const [alice, bob, mallory] = [1, 2, 3].map(() => createNobleIdentity(random)) as [
  ReturnType<typeof createNobleIdentity>,
  ReturnType<typeof createNobleIdentity>,
  ReturnType<typeof createNobleIdentity>,
];

function signalOf(change: Partial<Signal> = {}): Signal {
  return {
    from: alice.id,
    to: bob.id,
    incarnation: 1,
    toIncarnation: 7,
    sequence: 1,
    connection: toBase64Url(new Uint8Array(16)),
    kind: 'offer',
    body: 'v=0\na=fingerprint',
    ...change,
  };
}
function open(envelope: string, replays = createReplayGuard()) {
  return openSignal(envelope, { from: alice.id, to: bob.id, toIncarnation: 7, replays });
}
const refused = (code: string) => expect.objectContaining({ code });

test('I-04: what was signed is what comes out', async () => {
  expect(open(await sealSignal(alice, signalOf()))).toEqual(signalOf());
});

test.each([
  ['body', 'v=0\na=another fingerprint'],
  ['kind', 'answer'],
  ['connection', toBase64Url(new Uint8Array(16).fill(1))],
  ['sequence', 2],
  ['incarnation', 2],
])('I-04: a server that changes the %s is found out', async (field, value) => {
  const envelope = JSON.parse(await sealSignal(alice, signalOf()));
  expect(() => open(JSON.stringify({ ...envelope, [field]: value }))).toThrow(
    refused('identity.bad-signature'),
  );
});

test('I-04: a server that puts its own key, or another sender, in is found out', async () => {
  const forged = await sealSignal(mallory, signalOf());
  expect(() => open(forged)).toThrow(refused('identity.mismatch'));
  const own = await sealSignal(mallory, signalOf({ from: mallory.id }));
  expect(() => open(own)).toThrow(refused('identity.mismatch'));
  const misled = await sealSignal(alice, signalOf({ to: mallory.id }));
  expect(() => open(misled)).toThrow(refused('identity.mismatch'));
});

test('I-04: one meant for an earlier start of this page is stale', async () => {
  const envelope = await sealSignal(alice, signalOf({ toIncarnation: 6 }));
  expect(() => open(envelope)).toThrow(refused('wire.stale'));
});

test('I-05: a second time, or 64 below the highest, it is a replay; out of order it is not', async () => {
  const replays = createReplayGuard();
  const at = (sequence: number) => sealSignal(alice, signalOf({ sequence }));
  open(await at(100), replays);
  open(await at(37), replays);
  for (const sequence of [100, 37, 36]) {
    const envelope = await at(sequence);
    expect(() => open(envelope, replays)).toThrow(refused('wire.replayed'));
  }
});

test('I-05: a forged envelope does not use a number up', async () => {
  const replays = createReplayGuard();
  const envelope = JSON.parse(await sealSignal(alice, signalOf()));
  expect(() => open(JSON.stringify({ ...envelope, body: 'x' }), replays)).toThrow();
  expect(open(JSON.stringify(envelope), replays).sequence).toBe(1);
});

test.each([
  ['not JSON', '{', 'wire.malformed'],
  ['another version', '{"v": 2}', 'wire.version'],
  ['a field missing', '{"v": 1}', 'wire.malformed'],
  ['too large', 'x'.repeat(65_537), 'wire.too-large'],
])('an envelope that is %s is refused by name', (_, envelope, code) => {
  expect(() => open(envelope)).toThrow(refused(code));
});
