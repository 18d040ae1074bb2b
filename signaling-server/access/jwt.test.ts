import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { createJwtVerifier, isJwt, jwtKeys } from './jwt.ts';
import { createKeySet } from './key-set.ts';
import { SCOPES_OF_ROLE } from './permission.ts';

const ISSUER = 'https://id.example.org/';
const AUDIENCE = 'murmuration';
const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1000;

let pair: { privateKey: CryptoKey; publicKey: CryptoKey };
let pem: string;
beforeAll(async () => {
  pair = await generateKeyPair('ES256', { extractable: true });
  pem = await exportSPKI(pair.publicKey);
});

interface Terms {
  readonly claims?: Record<string, unknown>;
  readonly issuer?: string;
  readonly audience?: string;
  readonly exp?: number;
  readonly kid?: string;
}

function token({ claims = {}, issuer = ISSUER, audience = AUDIENCE, exp = NOW + 3600, kid }: Terms = {}) {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', ...(kid === undefined ? {} : { kid }) })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject('ann')
    .setExpirationTime(exp)
    .sign(pair.privateKey);
}

function verifier(nowMs = NOW_MS) {
  const config = { issuer: ISSUER, audience: AUDIENCE, keys: { kind: 'key', pem } } as const;
  return createJwtVerifier(
    config,
    jwtKeys(config, () => nowMs),
    () => nowMs,
  );
}

describe('O-10 a good token', () => {
  test('says who, in which role, and no more than the role may', async () => {
    const claims = { role: 'participant', scope: 'training:participate system:write', department: 'lab' };
    expect(await verifier()(await token({ claims }))).toEqual({
      kind: 'token',
      name: `user:${ISSUER}#ann`,
      role: 'participant',
      scopes: new Set(['training:participate']),
      federation: undefined,
      participant: undefined,
      user: `${ISSUER}#ann`,
      department: 'lab',
      expiresAtMs: (NOW + 3600) * 1000,
    });
  });

  test.each([
    ['scopes alone', { scope: 'training:participate' }, undefined, ['training:participate']],
    ['scopes as a list', { scp: ['model:read', 'of another service'] }, undefined, ['model:read']],
    ['a role alone: all of its scopes', { roles: ['auditor'] }, 'auditor', SCOPES_OF_ROLE.auditor],
    [
      'of several roles, the one that reaches most',
      { roles: ['participant', 'owner'] },
      'owner',
      SCOPES_OF_ROLE.owner,
    ],
    ['neither: nothing', { roles: ['admin'] }, undefined, []],
  ])('%s', async (_what, claims, role, scopes) => {
    const principal = await verifier()(await token({ claims }));
    expect(principal.role).toBe(role);
    expect([...principal.scopes].toSorted()).toEqual([...scopes].toSorted());
  });

  test('clocks may differ by a minute, and by no more', async () => {
    const signed = await token({ exp: NOW });
    await expect(verifier(NOW_MS + 59_000)(signed)).resolves.toMatchObject({ kind: 'token' });
    await expect(verifier(NOW_MS + 61_000)(signed)).rejects.toMatchObject({ code: 'access.expired' });
  });
});

describe('O-10 a token is refused', () => {
  const refusal = (signed: string) =>
    verifier()(signed).then(
      () => undefined,
      (thrown) => thrown,
    );

  test.each([
    ['of another issuer', { issuer: 'https://evil.example/' }, 'iss'],
    ['for another audience', { audience: 'elsewhere' }, 'aud'],
    ['of a time to come', { claims: { nbf: NOW + 120 } }, 'nbf'],
    ['with a department that is no text', { claims: { department: 7 } }, 'department'],
    ['with a federation that is too long', { claims: { federation: 'f'.repeat(300) } }, 'federation'],
  ])('%s', async (_what, terms, path) => {
    const signed = await token(terms);
    const error = await refusal(signed);
    expect(error).toMatchObject({ code: 'http.unauthorized', facts: { path } });
    expect(JSON.stringify(error.toRecord())).not.toContain(signed.slice(0, 20));
  });

  test('with alg none', async () => {
    const unsecured = new UnsecuredJWT({}).setIssuer(ISSUER).setAudience(AUDIENCE).setSubject('ann');
    const signed = unsecured.setExpirationTime(NOW + 60).encode();
    expect(isJwt(signed)).toBe(true);
    expect(await refusal(signed)).toMatchObject({ code: 'http.unauthorized' });
  });

  test('with HS256 and the public key as its secret', async () => {
    const signed = await new SignJWT({ role: 'operator' })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject('ann')
      .setExpirationTime(NOW + 60)
      .sign(new TextEncoder().encode(pem));
    expect(await refusal(signed)).toMatchObject({ code: 'http.unauthorized', facts: { path: 'alg' } });
  });

  test('with an algorithm that does not go with the key', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const signed = await new SignJWT({})
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject('ann')
      .setExpirationTime(NOW + 60)
      .sign(privateKey);
    expect(await refusal(signed)).toMatchObject({ code: 'http.unauthorized' });
  });

  test('that was changed, that is cut short, or that is none', async () => {
    const signed = await token();
    const [header, , signature] = signed.split('.');
    const payload = Buffer.from(JSON.stringify({ iss: ISSUER, aud: AUDIENCE, sub: 'eve', exp: NOW + 60 }));
    const changed = `${header}.${payload.toString('base64url')}.${signature}`;
    for (const bad of [changed, signed.slice(0, -4), 'a.b.c', '..']) {
      expect(await refusal(bad)).toMatchObject({ code: 'http.unauthorized' });
    }
  });

  test('without an end, or about nobody', async () => {
    const endless = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject('ann')
      .sign(pair.privateKey);
    expect(await refusal(endless)).toMatchObject({ code: 'http.unauthorized', facts: { path: 'exp' } });
  });
});

test('a key that is none is refused at the start, by its name', () => {
  const keys = { kind: 'key', pem: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' } as const;
  expect(() => jwtKeys({ issuer: ISSUER, audience: AUDIENCE, keys }, () => 0)).toThrow(/^JWT_PUBLIC_KEY: /);
});

describe('O-11 the address of the issuer’s keys', () => {
  async function issuer() {
    const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' };
    const world = { nowMs: NOW_MS, fetches: 0, answer: () => ({ keys: [jwk] }) as unknown };
    const keys = createKeySet({
      async fetchKeys() {
        world.fetches++;
        return world.answer();
      },
      nowMs: () => world.nowMs,
    });
    const verify = createJwtVerifier({ issuer: ISSUER, audience: AUDIENCE }, keys, () => world.nowMs);
    return { world, verify, jwk };
  }
  const down = () => {
    throw new TypeError('fetch failed');
  };

  test('is asked once for many tokens', async () => {
    const { world, verify } = await issuer();
    const signed = await token({ kid: 'one' });
    await Promise.all([verify(signed), verify(signed), verify(signed)]);
    await verify(signed);
    expect(world.fetches).toBe(1);
  });

  test('down from the beginning: named as unavailable, and not asked again for half a minute', async () => {
    const { world, verify, jwk } = await issuer();
    world.answer = down;
    const signed = await token({ kid: 'one' });
    await expect(verify(signed)).rejects.toMatchObject({ code: 'http.unavailable' });
    world.answer = () => ({ keys: [jwk] });
    await expect(verify(signed)).rejects.toMatchObject({ code: 'http.unavailable' });
    expect(world.fetches).toBe(1);
    world.nowMs += 30_000;
    await expect(verify(signed)).resolves.toMatchObject({ kind: 'token' });
  });

  test('down later: the keys that are known are used, for a day', async () => {
    const { world, verify } = await issuer();
    await verify(await token({ kid: 'one' }));
    world.answer = down;
    world.nowMs += 3600_000;
    const later = await token({ kid: 'one', exp: NOW + 100 * 3600 });
    await expect(verify(later)).resolves.toMatchObject({ kind: 'token' });
    // A key that is not known may be a new one.
    const unknown = await token({ kid: 'two', exp: NOW + 100 * 3600 });
    await expect(verify(unknown)).rejects.toMatchObject({ code: 'http.unavailable' });
    world.nowMs += 24 * 3600_000;
    await expect(verify(later)).rejects.toMatchObject({ code: 'http.unavailable' });
  });

  test('a key that is not known: fetched again, at most twice a minute', async () => {
    const { world, verify, jwk } = await issuer();
    await verify(await token({ kid: 'one' }));
    const signed = await token({ kid: 'two' });
    await expect(verify(signed)).rejects.toMatchObject({ code: 'http.unauthorized' });
    expect(world.fetches).toBe(1);
    world.nowMs += 30_000;
    await expect(verify(signed)).rejects.toMatchObject({ code: 'http.unauthorized' });
    expect(world.fetches).toBe(2);
    world.answer = () => ({ keys: [jwk, { ...jwk, kid: 'two' }] });
    world.nowMs += 30_000;
    await expect(verify(signed)).resolves.toMatchObject({ kind: 'token' });
  });

  test('answers with something else', async () => {
    const { world, verify } = await issuer();
    world.answer = () => '<html>';
    await expect(verify(await token())).rejects.toMatchObject({ code: 'http.unavailable' });
  });
});
