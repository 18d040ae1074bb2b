import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { sampleFederations } from '../../shared/federation/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import type { Sample } from '../alerts/rules.ts';
import { budgetService } from '../privacy/budget-service.ts';
import type { PrivacyBudget } from '../privacy/privacy-budget.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { apiKeys } from '../storage/operator-schema.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import { metrics, rounds, trainings } from '../storage/schema.ts';
import { silentLog } from '../testing/silent-log.ts';
import { readCertificates } from './certificates.ts';
import type { FeedLag } from './metrics.ts';
import { budgetEventOf, recallBudgets, recallEvents } from './recall.ts';
import { type SamplerOptions, startSampler } from './sampler.ts';

/** Of learn.example, made for this test; its key was thrown away. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUKqh0XDuSAjRRVQhLzYLc4r+24AswCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNbGVhcm4uZXhhbXBsZTAeFw0yNjExMjMxNTUwMjJaFw0zNjEx
MjAxNTUwMjJaMBgxFjAUBgNVBAMMDWxlYXJuLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAQyY8rCGRaEV74M1YzfcAb9WjZxZ4znt8sqDfJbvHSILR3X
kyCDYf6xHbE5DePTafddrLl1dbQvMK9CFhVXGwQKo1MwUTAdBgNVHQ4EFgQUvtvT
odspmcdHiOLTJofIjJiO6PYwHwYDVR0jBBgwFoAUvtvTodspmcdHiOLTJofIjJiO
6PYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBIsh0afcplYXMU
TAL8PLZTaheFwuvFa3lvvyz8rSWH3AIhAIn3OeISSAMQFQe32tuxXtFl8nv1VHhp
UmrvxkeRoskv
-----END CERTIFICATE-----
`;
const DAY_MS = 24 * 3600_000;

let folder: string;
let database: Database;
let repository: Repository;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: join(folder, 'data'), databaseUrl: undefined, log: silentLog });
  repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 });
}, 120_000);
afterAll(async () => {
  await database?.close();
  await rm(folder, { recursive: true });
});

describe('a sample', () => {
  async function sampleWith(changes: Partial<SamplerOptions>): Promise<[Sample, FeedLag | undefined]> {
    const samples: [Sample, FeedLag | undefined][] = [];
    const sampler = startSampler({
      database: { ping: async () => undefined },
      blobs: { put: async () => 'key', delete: async () => undefined },
      queueBacklog: async () => 4,
      certificates: async () => [],
      feedLag: async () => new Map([['siem', 2]]),
      onSample: (...sample) => samples.push(sample),
      log: silentLog,
      everyMs: 1_000_000,
      patienceMs: 50,
      nowMs: () => 7,
      ...changes,
    });
    await sampler.sample();
    await sampler.close();
    return samples[0]!;
  }
  const away = () => Promise.reject(new MurmurationError('storage.unavailable', 'There is no access.'));

  test('says what answers', async () => {
    expect(await sampleWith({})).toEqual([
      { atMs: 7, databaseUp: true, blobsUp: true, queueBacklog: 4, certificates: [] },
      new Map([['siem', 2]]),
    ]);
  });

  test('says what does not, and nothing of what could not be measured for it', async () => {
    expect(
      await sampleWith({ database: { ping: away }, queueBacklog: away, certificates: away, feedLag: away }),
    ).toEqual([
      { atMs: 7, databaseUp: false, blobsUp: true, queueBacklog: undefined, certificates: undefined },
      undefined,
    ]);
  });

  test('takes what never answers for away', async () => {
    const [sample] = await sampleWith({
      blobs: { put: () => new Promise(() => undefined), delete: async () => undefined },
    });
    expect(sample).toMatchObject({ databaseUp: true, blobsUp: false });
  });

  test('finds that models cannot be stored where their folder is gone', async () => {
    const blocked = join(folder, 'blocked');
    await writeFile(blocked, 'a file');
    const [sample] = await sampleWith({ blobs: fileBlobStore(blocked) });
    expect(sample.blobsUp).toBe(false);
    const [well] = await sampleWith({ blobs: fileBlobStore(join(folder, 'blobs')), patienceMs: 20_000 });
    expect(well.blobsUp).toBe(true);
    const left = await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });
});

describe('certificates', () => {
  test('of the server and of clients that are not revoked and not long forgotten', async () => {
    const file = join(folder, 'server.pem');
    await writeFile(file, CERTIFICATE);
    const nowMs = 1_000 * DAY_MS;
    const key = (id: string, days: number | null, changes: Partial<typeof apiKeys.$inferInsert> = {}) => ({
      id,
      name: id,
      hash: id,
      kind: 'certificate' as const,
      role: 'participant' as const,
      scopes: [],
      createdBy: 'system',
      createdAtMs: 0,
      expiresAtMs: days === null ? null : nowMs + days * DAY_MS,
      ...changes,
    });
    await database.run((db) =>
      db
        .insert(apiKeys)
        .values([
          key('soon', 5),
          key('past', -1),
          key('forgotten', -31),
          key('never', null),
          key('revoked', 5, { revokedAtMs: 1 }),
          key('no-certificate', 5, { kind: 'key' }),
        ]),
    );
    const found = await readCertificates(file, database, nowMs);
    // As `openssl x509 -enddate` says.
    expect(found[0]).toEqual({ name: 'server', expiresAtMs: Date.parse('2036-11-20T15:50:22Z') });
    expect(
      found
        .slice(1)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['key:past', 'key:soon']);
    expect(await readCertificates(undefined, database, nowMs)).toHaveLength(2);
  });

  test.each([
    ['is not there', 'none.pem', undefined],
    ['is no certificate', 'bad.pem', 'not a certificate'],
  ])('a file that %s is refused by its variable', async (_, name, content) => {
    const file = join(folder, name);
    if (content !== undefined) await writeFile(file, content);
    await expect(readCertificates(file, database, 0)).rejects.toMatchObject({
      code: 'argument.invalid',
      facts: { path: 'TLS_CERT_FILE' },
    });
  });
});

describe('what was before', () => {
  test('the newest training of each federation, and the last evaluations of its newest run, in their order', async () => {
    const [sample] = sampleFederations;
    await repository.putFederation(sample!);
    const { id: run } = await repository.startRun(sample!);
    const rows = Array.from({ length: 15 }, (_, round) => ({
      run,
      round,
      name: 'accuracy',
      value: round / 100,
    }));
    await database.run((db) =>
      db.insert(metrics).values([...rows, { run, round: 14, name: 'loss', value: 2 }]),
    );
    const evaluation = { total: 10, correct: 5, lossSum: 20, heldOut: 'a'.repeat(64) };
    const record = { ...{ term: 1, attempt: 0, hash: 'h', savedAtMs: 0 }, coordinator: 'server' as never };
    await database.run((db) =>
      db.insert(rounds).values({ ...record, run, round: 14, record: { evaluation } as RoundRecord }),
    );
    const training = {
      jobName: 'job',
      federation: sample!.id,
      run,
      config: {},
      clients: [],
      createdBy: 'system',
      updatedAtMs: 0,
    };
    await database.run((db) =>
      db.insert(trainings).values([
        { ...training, id: 'older', status: 'SUCCEEDED', createdAtMs: 1 },
        { ...training, id: 'newer', status: 'FAILED', createdAtMs: 2 },
      ]),
    );
    const events = await recallEvents(database);
    expect(events.filter(({ type }) => type === 'training')).toMatchObject([
      { training: { id: 'newer', status: 'FAILED' } },
    ]);
    const accuracies = events.flatMap((event) =>
      event.type === 'metric' && event.name === 'accuracy' ? [event.round] : [],
    );
    expect(accuracies).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(events.at(-1)).toMatchObject({ type: 'metric', federation: sample!.id, run, round: 14 });
    const sets = events.flatMap((event) => (event.type === 'metric' ? [event.heldOut] : []));
    expect(sets).toEqual([...Array(9).fill(null), 'a'.repeat(64), 'a'.repeat(64)]);
  });

  test('budgets that have a limit, but not of participants', async () => {
    const budgets = budgetService({
      repository,
      composer: {
        sum: (_exposure, charges) => ({ epsilon: charges.length, events: [] }) as never,
        timesLeft: () => 0,
      },
      onWarning: () => undefined,
    });
    for (const kind of ['department', 'user', 'participant'] as const)
      await budgets.setLimit({ kind, id: `a-${kind}` }, { epsilon: 4, delta: 1e-5 });
    await budgets.charge('once', [{ kind: 'department', id: 'a-department' }], {
      mechanism: 'gaussian',
      noiseMultiplier: 1,
    } as never);
    const events = await recallBudgets(repository, budgets, new AbortController().signal);
    const found = events.flatMap((event) => (event.type === 'budget' ? [event] : []));
    expect(found.filter(({ kind }) => kind !== 'federation')).toEqual([
      { type: 'budget', kind: 'department', subject: 'a-department', share: 0.25, epsilon: 1, limit: 4 },
      { type: 'budget', kind: 'user', subject: 'a-user', share: 0, epsilon: 0, limit: 4 },
    ]);
  });

  test('an epsilon that none holds is beyond every limit; without a limit there is nothing to say', () => {
    const budget = { subject: { kind: 'department', id: 'd' }, epsilon: null } as PrivacyBudget;
    const limit = { epsilon: 2, delta: 1e-5, epsilon_per_query: null };
    expect(budgetEventOf({ ...budget, limit })).toMatchObject({ share: Infinity, epsilon: Infinity });
    expect(budgetEventOf({ ...budget, limit: null })).toBeUndefined();
  });
});
