import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import {
  type Federation,
  parseFederation,
  policyHash,
  sampleFederations,
} from '../../shared/federation/index.ts';
import { createNobleIdentity } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { createAuditLog, type ServerAuditLog } from '../audit/create-audit-log.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { auditEntries, consents as consentRows, federationSettings } from '../storage/schema.ts';
import { ALICE, callerAs } from '../testing/rights-history.ts';
import { silentLog } from '../testing/silent-log.ts';
import { type Consents, createConsents } from './consent.ts';

let folder: string;
let database: Database;
let audit: ServerAuditLog;
let consents: Consents;
let document: Federation;
let barred: string[];
let now: number;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
}, 120_000);
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  for (const table of [consentRows, federationSettings, auditEntries])
    await database.run((db) => db.delete(table));
  document = parseFederation(sampleFederations[0]!);
  now = 1000;
  barred = [];
  audit = createAuditLog({ database, identity: createNobleIdentity(webCryptoRandom(globalThis.crypto)) });
  consents = createConsents({
    database,
    audit,
    getFederation: async (id) => {
      if (id === document.id) return document;
      throw new MurmurationError('federation.unknown', 'None.');
    },
    bar: async (federation, participant, reason) => {
      barred.push(`${federation} ${participant} ${reason.code}`);
    },
    nowMs: () => now,
  });
});

const hello = (policy: string | undefined) =>
  consents.onConsent({ federation: document.id, participant: ALICE, policy });
const close = (admission: 'open' | 'invitation' | 'members') =>
  database.run((db) =>
    db
      .insert(federationSettings)
      .values({ federation: document.id, admission, control: 'open', owner: null, updatedAtMs: 1 })
      .onConflictDoUpdate({ target: federationSettings.federation, set: { admission } }),
  );
const actions = async () =>
  (await audit.list({})).items.flatMap(({ action, outcome }) =>
    outcome === 'begun' ? [] : outcome === 'done' ? [action] : [`${action} ${outcome}`],
  );

test('V-07: where everybody may come in, agreement is kept whenever it comes, and not asked for', async () => {
  await hello(undefined);
  expect(await consents.list(ALICE)).toEqual([]);
  await hello(policyHash(document));
  await hello(policyHash(document));
  expect(await consents.list(ALICE)).toEqual([
    {
      federation: document.id,
      policy: policyHash(document),
      givenAtMs: 1000,
      withdrawnAtMs: null,
      isCurrent: true,
    },
  ]);
  expect(await actions()).toEqual(['consent.given']);
});

test('V-07: where not everybody may, nobody comes in without agreement to the terms of today', async () => {
  await close('invitation');
  await expect(hello(undefined)).rejects.toMatchObject({ code: 'privacy.consent-missing' });
  await expect(hello('0'.repeat(64))).rejects.toMatchObject({ code: 'privacy.policy-changed' });
  const before = policyHash(document);
  await hello(before);
  document = { ...document, revision: 2, strategy: { ...document.strategy, clipNorm: 99 } };
  await expect(hello(before)).rejects.toMatchObject({ code: 'privacy.policy-changed' });
  now = 2000;
  await hello(policyHash(document));
  expect((await consents.list(ALICE)).map(({ givenAtMs, isCurrent }) => [givenAtMs, isCurrent])).toEqual([
    [2000, true],
    [1000, false],
  ]);
});

test('V-07: withdrawn, it bars at once, and until it is renewed', async () => {
  const policy = policyHash(document);
  await hello(policy);
  now = 2000;
  expect(await consents.withdraw(callerAs(ALICE), document.id, ALICE)).toBe(true);
  expect(barred).toEqual([`${document.id} ${ALICE} privacy.consent-withdrawn`]);
  // A device that connects again by itself says what it has always said.
  await expect(hello(policy)).rejects.toMatchObject({ code: 'privacy.consent-withdrawn' });
  await expect(hello(undefined)).rejects.toMatchObject({ code: 'privacy.consent-withdrawn' });
  expect(await consents.isWithdrawn(document.id, ALICE)).toBe(true);
  now = 3000;
  await expect(
    consents.renew(callerAs(ALICE), { federation: document.id, participant: ALICE, policy: 'f'.repeat(64) }),
  ).rejects.toMatchObject({ code: 'privacy.policy-changed' });
  await consents.renew(callerAs(ALICE), { federation: document.id, participant: ALICE, policy });
  await hello(policy);
  expect(
    (await consents.list(ALICE)).map(({ givenAtMs, withdrawnAtMs }) => [givenAtMs, withdrawnAtMs]),
  ).toEqual([
    [3000, null],
    [1000, 2000],
  ]);
  expect(await actions()).toEqual(['consent.given', 'consent.withdrawn', 'consent.given']);
});

test('V-07: withdrawn while a hello is looked at, it stays withdrawn', async () => {
  const policy = policyHash(document);
  await close('members');
  await hello(policy);
  const meanwhile = createConsents({
    database,
    audit,
    async getFederation() {
      await consents.withdraw(callerAs(ALICE), document.id, ALICE);
      return document;
    },
    bar: async () => undefined,
    nowMs: () => 4000,
  });
  await expect(
    meanwhile.onConsent({ federation: document.id, participant: ALICE, policy }),
  ).rejects.toMatchObject({ code: 'privacy.consent-withdrawn' });
  expect(await consents.isWithdrawn(document.id, ALICE)).toBe(true);
  expect(await actions()).toEqual(['consent.given failed', 'consent.withdrawn', 'consent.given']);
});

test('where nothing was agreed to there is nothing to withdraw', async () => {
  expect(await consents.withdraw(callerAs(ALICE), document.id, ALICE)).toBe(false);
  expect(barred).toEqual([]);
});

test('what is no hash is refused, and not kept', async () => {
  await expect(hello('anything')).rejects.toMatchObject({ code: 'argument.invalid' });
  expect(await consents.list(ALICE)).toEqual([]);
});
