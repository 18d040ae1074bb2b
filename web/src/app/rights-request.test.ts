import { expect, it } from 'vitest';
import { fromBase64Url, nobleIdentity, verifySignature } from '../../../shared/identity/index.ts';
import { signRightsRequest } from './rights-request.ts';

it('SPEC V-11: a request names what it is for and when, and is signed by the device', async () => {
  const identity = nobleIdentity(new Uint8Array(32).fill(7));
  const request = await signRightsRequest(
    identity,
    { action: 'withdraw', federation: 'digits', policy: '' },
    1_700_000_000_000,
  );
  expect(request).toMatchObject({ action: 'withdraw', participant: identity.id, atMs: 1_700_000_000_000 });
  const statement = `murmuration rights request 1\nwithdraw\n${identity.id}\ndigits\n\n1700000000000`;
  expect(
    verifySignature(
      identity.publicKey,
      new TextEncoder().encode(statement),
      fromBase64Url(request.signature),
    ),
  ).toBe(true);
});
