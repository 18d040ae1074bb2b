import { expect, test } from 'vitest';
import { createNobleIdentity, toBase64Url } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { checkSignedRequest, replayGuard, requestStatement, type SignedRequest } from './signed-request.ts';

const identity = createNobleIdentity(webCryptoRandom(globalThis.crypto));
const NOW = 1_000_000_000;

async function signed(changes: Partial<SignedRequest> = {}): Promise<SignedRequest> {
  const fields = {
    action: 'delete' as const,
    participant: identity.id,
    federation: '',
    policy: '',
    atMs: NOW,
    ...changes,
  };
  const signature = toBase64Url(await identity.sign(requestStatement(fields)));
  return { ...fields, publicKey: toBase64Url(identity.publicKey), signature };
}

test('V-11: the statement is lines, the first of which names what is signed', async () => {
  expect(new TextDecoder().decode(requestStatement(await signed()))).toBe(
    `murmuration rights request 1\ndelete\n${identity.id}\n\n\n${NOW}`,
  );
});

test('V-11: a signature of the device proves whose rights it asks for', async () => {
  expect(checkSignedRequest(await signed(), NOW + 600_000)).toBe(identity.id);
});

test('V-11: neither another action, nor another key, nor another time passes', async () => {
  const request = await signed();
  const other = createNobleIdentity(webCryptoRandom(globalThis.crypto));
  const cases: [Partial<SignedRequest>, string][] = [
    [{ action: 'export' }, 'identity.bad-signature'],
    [{ federation: 'f' }, 'identity.bad-signature'],
    [{ participant: other.id }, 'identity.mismatch'],
    [{ publicKey: toBase64Url(other.publicKey) }, 'identity.mismatch'],
    [{ publicKey: 'short' }, 'wire.malformed'],
    [{ signature: '***' }, 'wire.malformed'],
    [{ federation: 'f\nconsent' }, 'wire.malformed'],
  ];
  for (const [changes, code] of cases)
    expect(() => checkSignedRequest({ ...request, ...changes }, NOW)).toThrow(
      expect.objectContaining({ code }),
    );
  for (const nowMs of [NOW - 600_001, NOW + 600_001])
    expect(() => checkSignedRequest(request, nowMs)).toThrow(expect.objectContaining({ code: 'wire.stale' }));
});

test('V-11: an export and a consent are good once, until their time is over; a deletion may be asked for again', async () => {
  const guard = replayGuard();
  for (const action of ['export', 'consent'] as const) {
    const request = await signed({ action });
    guard(request, NOW);
    expect(() => guard({ ...request, signature: 'another' }, NOW + 1)).toThrow(
      expect.objectContaining({ code: 'wire.replayed' }),
    );
    guard(await signed({ action, atMs: NOW + 1 }), NOW + 2);
  }
  const deletion = await signed();
  guard(deletion, NOW);
  guard(deletion, NOW);
});
