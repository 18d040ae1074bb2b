import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Identity, nobleIdentity, type ParticipantId } from '../../shared/identity/index.ts';
import type { AuditEvent } from '../audit/audit-log.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { clearAccess } from '../testing/access-contract.ts';
import { notedAudit } from '../testing/noted-audit.ts';
import { silentLog } from '../testing/silent-log.ts';
import { firstKeyNotice } from './first-key.ts';
import { signInvitation } from './invitation-token.ts';
import { type Access, openAccess } from './open-access.ts';
import { SCOPES, SCOPES_OF_ROLE } from './permission.ts';
import type { Caller, Principal } from './principal.ts';

const START_MS = 1_800_000_000_000;
const DAY_MS = 24 * 3600_000;
const OPERATOR_KEY = 'operator-key-of-this-test';
const ALICE = 'A'.repeat(22) as ParticipantId;
const BOB = 'B'.repeat(21).concat('A') as ParticipantId;

/** Self-signed, until 2109; its SHA-256 by `openssl x509 -fingerprint -sha256`. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBhjCCAS2gAwIBAgIUe8oKLsOTRq/ZZRtAJY4430mrAR4wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNaG9zcGl0YWwgbm9kZTAgFw0yNjExMjMxNTMzMjBaGA8yMTA5
MDExMjE1MzMyMFowGDEWMBQGA1UEAwwNaG9zcGl0YWwgbm9kZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABOcJUmRO54FkN0QcxZxJwyMhoL7om6Rzie0WrDPTWnWH
xPYzlEKGi6GhcxG9vIzB1Vhw3y6h4UDn+zAWEZjBBFGjUzBRMB0GA1UdDgQWBBS0
tJAUx5clum26nyJLzVmR5TSJaTAfBgNVHSMEGDAWgBS0tJAUx5clum26nyJLzVmR
5TSJaTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIFyEhW/rFbSE
yc2Zj5D11nNOSTnv+evbWRNZbKnPu026AiAPUY6z2SPda8qjOU2Ody/Wv5nUMTQw
U8i3/W9hnEUylg==
-----END CERTIFICATE-----
`;
const FINGERPRINT =
  '06:C6:B3:CF:D1:87:5F:B1:17:5C:B4:45:FB:8C:C3:DD:42:E9:74:EB:87:96:3B:B1:96:5B:34:11:10:08:29:43';

let folder: string;
let database: Database;
let identity: Identity;
let nowMs: number;
let audited: { readonly actor: string; readonly event: AuditEvent }[];
let access: Access;
const audit = notedAudit((event, { principal }) => audited.push({ actor: principal.name, event }));
const open = (changes: Partial<Parameters<typeof openAccess>[0]> = {}) =>
  openAccess({
    config: {
      operatorKey: OPERATOR_KEY,
      jwt: undefined,
      trustProxy: true,
      clientCertHeader: 'x-client-cert',
      requestsPerMinute: 1000,
    },
    database,
    identity,
    audit,
    log: silentLog,
    nowMs: () => nowMs,
    ...changes,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  identity = nobleIdentity(new Uint8Array(32).fill(7));
}, 120_000);
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  nowMs = START_MS;
  audited = [];
  await clearAccess(database);
  access = await open();
});

const callerOf = (principal: Principal): Caller => ({
  principal,
  origin: { address: '192.0.2.1', requestId: 'r' },
});
const bearer = (text: string) => access.authenticate({ bearer: text, certificate: undefined });
const as = async (text: string) => callerOf(await bearer(text));
const operator = () => as(OPERATOR_KEY);
const actions = () => audited.map(({ event }) => event.action);
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('nothing was refused');
    },
    (thrown) => thrown,
  );

/** A key made by the operator, and whoever shows it. */
async function keyOf(changes: Partial<Parameters<Access['service']['createKey']>[1]> = {}) {
  const made = await access.service.createKey(await operator(), {
    name: 'a key',
    role: 'operator',
    ...changes,
  });
  return { ...made, caller: await as(made.secret) };
}

describe('API keys', () => {
  test('O-08 the secret is shown once, kept as a hash, and the audit has it before the answer', async () => {
    const { key, secret, caller } = await keyOf({ role: 'auditor', department: 'board' });
    expect(secret).toMatch(/^mk_[0-9a-f]{16}_[\w-]{43}$/);
    expect(caller.principal).toMatchObject({ kind: 'api-key', name: `key:${key.id}`, role: 'auditor' });
    expect(caller.principal.department).toBe('board');
    expect([...caller.principal.scopes]).toEqual(SCOPES_OF_ROLE.auditor);
    expect(audited).toEqual([
      {
        actor: 'operator-key',
        event: expect.objectContaining({ action: 'access.key-created', subject: `key:${key.id}` }),
      },
    ]);
    const kept = JSON.stringify([await access.repository.keyById(key.id), audited, key]);
    expect(kept).not.toContain(secret.slice(20));
  });

  test('unknown, changed, revoked and expired ones are refused by name', async () => {
    const { key, secret } = await keyOf({ expiresAtMs: START_MS + DAY_MS });
    const unknown = `mk_${'0'.repeat(16)}_${'x'.repeat(43)}`;
    const flipped = secret.slice(0, -4) + (secret.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    for (const bad of [unknown, flipped, secret.slice(0, -1), `${secret}A`, 'mk_', 'nonsense']) {
      expect(await refusalOf(bearer(bad))).toMatchObject({ code: 'http.unauthorized' });
    }
    nowMs += DAY_MS;
    expect(await refusalOf(bearer(secret))).toMatchObject({ code: 'access.expired' });
    nowMs = START_MS;
    await access.service.revokeKey(await operator(), key.id);
    await access.service.revokeKey(await operator(), key.id);
    expect(await refusalOf(bearer(secret))).toMatchObject({ code: 'access.revoked' });
    expect(actions()).toEqual(['access.key-created', 'access.key-revoked']);
  });

  test('a certificate is no key: its hash is public', async () => {
    const key = await access.service.registerCertificate(await operator(), {
      name: 'node',
      role: 'participant',
      fingerprint: FINGERPRINT,
    });
    expect(await refusalOf(bearer(`mk_${key.id}_${'x'.repeat(43)}`))).toMatchObject({
      code: 'http.unauthorized',
    });
  });

  test('the last use is noted, at most once a minute', async () => {
    const { key, secret } = await keyOf();
    const noted = async () => (await access.repository.keyById(key.id))!.lastUsedAtMs;
    await expect.poll(noted).toBe(START_MS);
    nowMs += 59_000;
    await bearer(secret);
    nowMs += 2_000;
    await bearer(secret);
    await expect.poll(noted).toBe(START_MS + 61_000);
  });
});

describe('O-08 nobody gives more than it has', () => {
  test.each([
    ['a role of the whole server', { role: 'operator', federation: 'ward' }, 'http.forbidden', 'role'],
    ['all federations', { role: 'participant' }, 'http.forbidden', 'federation'],
    ['another federation', { role: 'participant', federation: 'other' }, 'http.forbidden', undefined],
    [
      'a longer life',
      { role: 'participant', federation: 'ward', expiresAtMs: START_MS + 2 * DAY_MS },
      'http.forbidden',
      'expiresAtMs',
    ],
    [
      'a scope that it lacks',
      { role: 'owner', federation: 'ward', scopes: ['model:write'] },
      'http.forbidden',
      'scopes',
    ],
    [
      'a scope beyond the role',
      { role: 'participant', federation: 'ward', scopes: ['access:write'] },
      'argument.invalid',
      'scopes',
    ],
    [
      'an end in the past',
      { role: 'participant', federation: 'ward', expiresAtMs: START_MS },
      'argument.invalid',
      'expiresAtMs',
    ],
    [
      'a name that is none',
      { role: 'participant', federation: 'ward', name: ' ' },
      'argument.invalid',
      'name',
    ],
    [
      'a name with a line break',
      { role: 'participant', federation: 'ward', name: 'a\nb' },
      'argument.invalid',
      'name',
    ],
  ] as const)('%s', async (_what, wanted, code, path) => {
    const { caller } = await keyOf({
      role: 'owner',
      federation: 'ward',
      expiresAtMs: START_MS + DAY_MS,
      scopes: ['access:read', 'access:write', 'training:participate'],
    });
    const error = await refusalOf(access.service.createKey(caller, { name: 'more', ...wanted }));
    expect([error.code, error.facts.path]).toEqual([code, path]);
    expect((await access.repository.listKeys({ limit: 9 })).length).toBe(1);
  });

  test('what it may give: less, for no longer than it lives itself', async () => {
    const { caller } = await keyOf({
      role: 'owner',
      federation: 'ward',
      expiresAtMs: START_MS + DAY_MS,
      scopes: ['access:write', 'training:participate'],
    });
    const { key } = await access.service.createKey(caller, {
      name: 'node',
      role: 'participant',
      federation: 'ward',
    });
    expect(key).toMatchObject({ scopes: ['training:participate'], expiresAtMs: START_MS + DAY_MS });
  });

  test('a department that it is not of is not charged by a key of its making', async () => {
    const { caller } = await keyOf({ role: 'owner', federation: 'ward', department: 'lab' });
    const make = (department?: string) =>
      access.service.createKey(caller, { name: 'node', role: 'owner', federation: 'ward', department });
    expect(await refusalOf(make('cardiology'))).toMatchObject({
      code: 'http.forbidden',
      facts: { path: 'department' },
    });
    // Left out, it is the same: nobody gets rid of a budget that is spent.
    expect((await make()).key.department).toBe('lab');
    expect((await make('lab')).key.department).toBe('lab');
  });

  test('a user that it is not is not charged by a key of its making', async () => {
    const { caller } = await keyOf({ role: 'owner', federation: 'ward', user: 'ann' });
    const make = (user?: string) =>
      access.service.createKey(caller, { name: 'node', role: 'participant', federation: 'ward', user });
    expect(await refusalOf(make('ben'))).toMatchObject({ code: 'http.forbidden', facts: { path: 'user' } });
    expect((await make()).key.user).toBe('ann');
    expect((await make('ann')).key.user).toBe('ann');
    const { caller: nobody } = await keyOf({ role: 'owner', federation: 'ward' });
    const order = { name: 'node', role: 'participant', federation: 'ward', user: 'ann' } as const;
    expect(await refusalOf(access.service.createKey(nobody, order))).toMatchObject({
      code: 'http.forbidden',
    });
    // Whose budgets they are, an operator says.
    expect((await keyOf({ role: 'participant', user: 'ben' })).key.user).toBe('ben');
  });

  test('what cannot be written down is not revoked, and can be asked for again', async () => {
    const { key } = await keyOf({ role: 'auditor' });
    const record = vi.spyOn(audit, 'record').mockRejectedValueOnce(new Error('The database is away.'));
    await expect(access.service.revokeKey(await operator(), key.id)).rejects.toThrow();
    expect((await access.repository.keyById(key.id))!.revokedAtMs).toBeNull();
    record.mockRestore();
    await access.service.revokeKey(await operator(), key.id);
    await access.service.revokeKey(await operator(), key.id);
    expect(actions()).toEqual(['access.key-created', 'access.key-revoked']);
  });

  test('keys of others are neither seen nor revoked', async () => {
    const { key: others } = await keyOf({ role: 'auditor' });
    const { key: ofWard } = await keyOf({ role: 'participant', federation: 'ward' });
    const { key: own, caller } = await keyOf({ role: 'owner', federation: 'ward' });
    const { items } = await access.service.listKeys(caller, {});
    expect(items.map(({ id }) => id).toSorted()).toEqual([ofWard.id, own.id].toSorted());
    expect(items[0]).not.toHaveProperty('hash');
    expect(await refusalOf(access.service.revokeKey(caller, others.id))).toMatchObject({
      code: 'http.not-found',
    });
    expect(await access.service.revokeKey(caller, ofWard.id)).toMatchObject({ revokedAtMs: START_MS });
    const { caller: reader } = await keyOf({ role: 'auditor' });
    expect(await refusalOf(access.service.revokeKey(reader, ofWard.id))).toMatchObject({
      code: 'http.forbidden',
    });
  });

  test('keys come in pages', async () => {
    for (let i = 0; i < 3; i++) await keyOf();
    const first = await access.service.listKeys(await operator(), { limit: 2 });
    expect(first.items).toHaveLength(2);
    const second = await access.service.listKeys(await operator(), { limit: 2, after: first.next! });
    expect(second).toMatchObject({ items: [{}], next: null });
    expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(3);
    expect(await refusalOf(access.service.listKeys(await operator(), { limit: 0 }))).toMatchObject({
      code: 'argument.invalid',
    });
  });
});

describe('client certificates', () => {
  const shows = (certificate: string) => access.authenticate({ bearer: undefined, certificate });
  const register = async () =>
    access.service.registerCertificate(await operator(), {
      name: 'node',
      role: 'participant',
      federation: 'ward',
      fingerprint: FINGERPRINT,
    });

  test('one that is registered stands for its key, in PEM or as a fingerprint', async () => {
    const { id } = await register();
    for (const shown of [
      encodeURIComponent(CERTIFICATE),
      FINGERPRINT,
      FINGERPRINT.replaceAll(':', '').toLowerCase(),
    ]) {
      expect(await shows(shown)).toMatchObject({
        kind: 'certificate',
        name: `certificate:${id}`,
        role: 'participant',
        federation: 'ward',
      });
    }
    expect(await refusalOf(register())).toMatchObject({ code: 'http.conflict' });
  });

  test('one that is not, that was revoked, whose time is over, or that is none', async () => {
    expect(await refusalOf(shows(FINGERPRINT))).toMatchObject({ code: 'http.unauthorized' });
    expect(await refusalOf(shows('%E0%A4%A'))).toMatchObject({ code: 'http.unauthorized' });
    const { id } = await register();
    nowMs = Date.UTC(2110, 0);
    expect(await refusalOf(shows(encodeURIComponent(CERTIFICATE)))).toMatchObject({ code: 'access.expired' });
    nowMs = START_MS;
    await access.service.revokeKey(await operator(), id);
    expect(await refusalOf(shows(FINGERPRINT))).toMatchObject({ code: 'access.revoked' });
    await register();
    expect(await shows(FINGERPRINT)).toMatchObject({ kind: 'certificate' });
  });
});

describe('admission', () => {
  const hello = (credential?: string, participant = ALICE, federation = 'ward') =>
    access.admit({ federation, participant, credential, policy: undefined, address: '192.0.2.1' });
  const admission = async (kind: 'open' | 'invitation' | 'members') =>
    access.repository.writeSettings('ward', { admission: kind, control: 'open', owner: null });
  const invite = async (changes: { maxUses?: number; expiresAtMs?: number; federation?: string } = {}) => {
    const { federation = 'ward', maxUses = 1, expiresAtMs = START_MS + DAY_MS } = changes;
    const terms = { label: 'class', maxUses, expiresAtMs, department: 'lab' };
    return access.service.createInvitation(await operator(), federation, terms);
  };
  const via = async (participant = ALICE) => (await access.repository.member('ward', participant))?.via;

  test('O-09 guesses at the door of the hub count with those at others, by address', async () => {
    const { secret } = await keyOf({ role: 'participant' });
    await hello(secret, BOB);
    const guess = () => refusalOf(hello('mk_0000000000000000_'.padEnd(63, 'x')));
    const elsewhere = (text: string) =>
      access.authenticate({ bearer: text, certificate: undefined, address: '192.0.2.1' });
    for (let i = 0; i < 30; i++) {
      expect(await guess()).toMatchObject({ code: 'http.unauthorized' });
      expect(await refusalOf(elsewhere(`guess of an operator key ${i}`))).toMatchObject({
        code: 'http.unauthorized',
      });
    }
    expect(await guess()).toMatchObject({ code: 'wire.rate-limited' });
    // Not even the right one, which was never good from here; what was, is.
    expect(await refusalOf(elsewhere(OPERATOR_KEY))).toMatchObject({ code: 'wire.rate-limited' });
    await hello(secret, BOB);
    await hello();
    const other = { federation: 'ward', participant: ALICE, policy: undefined, address: '192.0.2.2' };
    await access.admit({ ...other, credential: OPERATOR_KEY });
  });

  test('O-05 an open federation takes everybody, and whoever shows a credential in its name', async () => {
    await hello();
    expect(await via()).toBe('open');
    const { secret, key } = await keyOf({ role: 'participant', user: 'ann', department: 'lab' });
    await hello(secret, BOB);
    expect(await access.repository.member('ward', BOB)).toMatchObject({
      via: `key:${key.id}`,
      user: 'ann',
      department: 'lab',
    });
    expect(await refusalOf(hello('nonsense'))).toMatchObject({ code: 'http.unauthorized' });
  });

  test('V-10 whoever is deleted while it is looked at is not let in', async () => {
    let looks = 0;
    access = await open({ isErased: async () => looks++ > 0 });
    expect(await refusalOf(hello())).toMatchObject({ code: 'access.not-admitted' });
    expect(looks).toBe(2);
  });

  test('whoever a federation that closes would not let in has to leave', async () => {
    const CAROL = 'C'.repeat(21).concat('A') as ParticipantId;
    await hello();
    await hello((await invite()).token, BOB);
    await hello((await keyOf({ role: 'participant', federation: 'ward' })).secret, CAROL);
    let expelled: unknown[] = [];
    access.useHub({
      authorize: () => undefined,
      peers: () => [ALICE, BOB, CAROL].map((peer) => ({ peer })),
      expel: (participant, { code }, federation) => void expelled.push([participant, code, federation]),
    });
    const whoLeaves = async (kind: 'open' | 'invitation' | 'members') => {
      expelled = [];
      await admission(kind);
      await access.review('ward');
      return expelled;
    };
    const leaves = (participant: ParticipantId) => [participant, 'access.not-admitted', 'ward'];
    expect(await whoLeaves('open')).toEqual([]);
    expect(await whoLeaves('invitation')).toEqual([leaves(ALICE)]);
    expect(await whoLeaves('members')).toEqual([leaves(ALICE), leaves(BOB)]);
  });

  test('O-06 by invitation: once it was taken, the participant comes back without it', async () => {
    await admission('invitation');
    expect(await refusalOf(hello())).toMatchObject({ code: 'access.not-admitted' });
    const { token, invitation } = await invite();
    await hello(token);
    await hello(token);
    await hello();
    expect(await via()).toBe(`invitation:${invitation.id}`);
    expect((await access.repository.invitationById(invitation.id))!.uses).toBe(1);
    expect(await refusalOf(hello(token, BOB))).toMatchObject({ code: 'access.invitation-used' });
    expect(await via(BOB)).toBeUndefined();
    expect(audited.at(-1)).toEqual({
      actor: `invitation:${invitation.id}`,
      event: {
        action: 'access.admitted',
        subject: `participant:${ALICE}`,
        after: { federation: 'ward', via: `invitation:${invitation.id}`, department: 'lab' },
      },
    });
  });

  test('O-06 an invitation of another federation, revoked, expired, forged or cut short lets nobody in', async () => {
    await admission('invitation');
    const elsewhere = await invite({ federation: 'other' });
    expect(await refusalOf(hello(elsewhere.token))).toMatchObject({ code: 'access.not-admitted' });
    const { token, invitation } = await invite();
    const forged = await signInvitation(nobleIdentity(new Uint8Array(32).fill(8)), invitation);
    const neverKept = await signInvitation(identity, { ...invitation, id: '0'.repeat(16) });
    for (const bad of [
      forged,
      neverKept,
      token.slice(0, -1),
      `${token.slice(0, 20)}x${token.slice(21)}`,
      'mi_',
    ]) {
      expect(await refusalOf(hello(bad))).toMatchObject({ code: 'http.unauthorized' });
    }
    nowMs += DAY_MS;
    expect(await refusalOf(hello(token))).toMatchObject({ code: 'access.expired' });
    nowMs = START_MS;
    await access.service.revokeInvitation(await operator(), 'ward', invitation.id);
    expect(await refusalOf(hello(token))).toMatchObject({ code: 'access.revoked' });
    expect(await via()).toBeUndefined();
  });

  test('O-07 members only: a credential with training:participate, for this federation, each time', async () => {
    await admission('members');
    const { token } = await invite();
    const { secret: elsewhere } = await keyOf({ role: 'participant', federation: 'other' });
    const { secret: reader } = await keyOf({ role: 'auditor' });
    const { secret, key } = await keyOf({ role: 'participant', federation: 'ward' });
    for (const bad of [undefined, token, elsewhere, reader]) {
      expect(await refusalOf(hello(bad))).toMatchObject({ code: 'access.not-admitted' });
    }
    await hello(secret);
    expect(await via()).toBe(`key:${key.id}`);
    expect(await refusalOf(hello())).toMatchObject({ code: 'access.not-admitted' });
  });

  test('a token of the hub, once in, lets nobody in', async () => {
    access.useHub({
      authorize: (token) => (token === 'of-alice' ? { federation: 'ward', participant: ALICE } : undefined),
      peers: () => [],
      expel: () => undefined,
    });
    expect(await bearer('of-alice')).toMatchObject({
      kind: 'participant',
      participant: ALICE,
      federation: 'ward',
    });
    expect(await refusalOf(bearer('of-bob'))).toMatchObject({ code: 'http.unauthorized' });
    expect(await refusalOf(hello('of-alice', BOB))).toMatchObject({ code: 'access.not-admitted' });
  });

  test('whoever was deleted is not taken in again; terms agreed to are handed on, and may be refused', async () => {
    const consents: unknown[] = [];
    access = await open({
      isErased: async (participant) => participant === BOB,
      onConsent: async (consent) => void consents.push(consent),
    });
    const policy = 'a'.repeat(64);
    await access.admit({
      federation: 'ward',
      participant: ALICE,
      credential: undefined,
      policy,
      address: 'x',
    });
    expect(consents).toEqual([{ federation: 'ward', participant: ALICE, policy }]);
    expect(await refusalOf(hello(undefined, BOB))).toMatchObject({ code: 'access.not-admitted' });
    expect(await via(BOB)).toBeUndefined();
  });

  test('a member can be removed, by whoever reaches its federation; that they were listed is kept', async () => {
    await hello();
    const { caller } = await keyOf({ role: 'owner', federation: 'other' });
    expect(await refusalOf(access.service.removeMember(caller, 'ward', ALICE))).toMatchObject({
      code: 'http.forbidden',
    });
    expect(await refusalOf(access.service.listMembers(caller, 'ward', {}))).toMatchObject({
      code: 'http.forbidden',
    });
    expect((await access.service.listMembers(await operator(), 'ward', {})).items).toHaveLength(1);
    const expelled: unknown[] = [];
    access.useHub({
      authorize: () => undefined,
      peers: () => [],
      expel: (participant, { code }, federation) => void expelled.push([participant, code, federation]),
    });
    await access.service.removeMember(await operator(), 'ward', ALICE);
    expect(expelled).toEqual([[ALICE, 'access.not-admitted', 'ward']]);
    expect(actions()).toEqual(['access.key-created', 'access.members-read', 'access.member-removed']);
  });

  test('invitations belong to their federation', async () => {
    const { invitation } = await invite();
    const { caller } = await keyOf({ role: 'owner', federation: 'other' });
    for (const work of [
      access.service.listInvitations(caller, 'ward', {}),
      access.service.revokeInvitation(caller, 'ward', invitation.id),
      access.service.createInvitation(caller, 'ward', { label: 'x', maxUses: 1, expiresAtMs: nowMs + 1 }),
    ]) {
      expect(await refusalOf(work)).toMatchObject({ code: 'http.forbidden' });
    }
    expect(await refusalOf(access.service.revokeInvitation(caller, 'other', invitation.id))).toMatchObject({
      code: 'http.not-found',
    });
    expect((await access.service.listInvitations(await operator(), 'ward', {})).items).toHaveLength(1);
    for (const maxUses of [0, 1.5, 100_001]) {
      expect(await refusalOf(invite({ maxUses }))).toMatchObject({ code: 'argument.invalid' });
    }
  });

  test('an invitation lets its holder read what it would join, and nothing else', async () => {
    await admission('invitation');
    const { token } = await invite();
    const { principal } = await as(token);
    await expect(access.authorize(principal, 'model:read', { federation: 'ward' })).resolves.toBeUndefined();
    expect(await refusalOf(access.authorize(principal, 'model:read'))).toMatchObject({
      code: 'http.forbidden',
    });
    expect(await refusalOf(access.authorize(principal, 'model:query', { federation: 'ward' }))).toMatchObject(
      {
        code: 'http.forbidden',
      },
    );
  });
});

describe('the first key of an operator', () => {
  const config = {
    operatorKey: undefined,
    jwt: undefined,
    trustProxy: false,
    clientCertHeader: undefined,
    requestsPerMinute: 9,
  };
  const start = async (operatorKey?: string) => {
    const shown: string[] = [];
    access = await open({ config: { ...config, operatorKey }, announceKey: (key) => shown.push(key) });
    return shown;
  };

  test('is made once, and is good for everything', async () => {
    const [key, ...others] = await start();
    expect(others).toEqual([]);
    expect([...(await bearer(key!)).scopes]).toEqual(SCOPES);
    expect(await start()).toEqual([]);
  });

  test('is not made beside OPERATOR_KEY, nor without anybody to show it to', async () => {
    expect(await start(OPERATOR_KEY)).toEqual([]);
    await open({ config });
    expect(await access.repository.listKeys({ limit: 9 })).toEqual([]);
  });

  test('is made again, another one, when no operator has a key that is good', async () => {
    const [first] = await start();
    const caller = await as(first!);
    await access.service.revokeKey(caller, (await access.repository.listKeys({ limit: 1 }))[0]!.id);
    const [second] = await start();
    expect(second).not.toBe(first);
    expect(await refusalOf(bearer(first!))).toMatchObject({ code: 'http.unauthorized' });
    expect(await bearer(second!)).toMatchObject({ role: 'operator' });
  });

  test('is shown in a box that says so', () => {
    const notice = firstKeyNotice('mk_0_secret');
    expect(notice).toContain('│ mk_0_secret ');
    expect(notice).toContain('shown this once');
    const widths = new Set(
      notice
        .trim()
        .split('\n')
        .map((line) => line.length),
    );
    expect(widths.size).toBe(1);
  });
});

test('no secret stands in an error, in the audit or in the database', async () => {
  const { secret, key } = await keyOf();
  const { token, invitation } = await access.service.createInvitation(await operator(), 'ward', {
    label: 'class',
    maxUses: 1,
    expiresAtMs: nowMs + 1,
  });
  const jwt = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32));
  const thrown: unknown[] = [];
  await access.service.revokeKey(await operator(), key.id);
  await access.service.revokeInvitation(await operator(), 'ward', invitation.id);
  for (const bad of [secret, `${secret.slice(0, -1)}!`, token, jwt, `${OPERATOR_KEY}!`]) {
    thrown.push(await refusalOf(bearer(bad)));
  }
  const told = JSON.stringify([
    thrown.map((error) => [String(error), (error as Error).stack, error]),
    audited,
    await access.repository.listKeys({ limit: 9 }),
    await access.repository.listInvitations('ward', { limit: 9 }),
  ]);
  const parts = [secret.slice(21, 50), token.slice(-40), jwt.slice(-30), OPERATOR_KEY];
  expect(parts.filter((part) => told.includes(part))).toEqual([]);
});
