import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { createNobleIdentity } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { SYSTEM } from '../access/principal.ts';
import { createAuditLog } from '../audit/create-audit-log.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { repositoryOver } from '../storage/repository.ts';
import { alerts, idempotencyKeys } from '../storage/schema.ts';
import { ALICE, BOB } from '../testing/rights-history.ts';
import { silentLog } from '../testing/silent-log.ts';
import { createRetention, runRetention } from './retention.ts';
import { DEFAULT_RETENTION } from './retention-periods.ts';

const DAY_MS = 86_400_000;
const PERIODS = {
  metrics: 10,
  records: 10,
  transcripts: 5,
  audit: 20,
  inactiveParticipants: 10,
  alerts: 10,
  requests: 1,
};
let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
}, 120_000);
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

test('V-12: what is older than its period goes, what is needed stays, and the sweep is in the audit', async () => {
  let now = 0;
  const nowMs = () => now;
  const random = webCryptoRandom(globalThis.crypto);
  const blobs = fileBlobStore(join(folder, 'blobs'));
  const repository = repositoryOver(database, blobs, { transcriptsKept: 10, nowMs });
  const audit = createAuditLog({ database, identity: createNobleIdentity(random), nowMs });
  const inactive: string[] = [];
  const federation = parseFederation(sampleFederations[0]!);
  await repository.putFederation(federation);
  const over = (await repository.startRun(federation)).id;
  const record = (round: number) => ({
    round,
    term: 1,
    attempt: 0,
    coordinator: 'server' as const,
    federationRevision: 1,
    baseHash: 'a'.repeat(64),
    hash: String(round).repeat(64),
    survivors: [ALICE],
    dropped: [],
    startedAtMs: 1,
    trainMs: 1,
    exchangeMs: 1,
    applyMs: 1,
    evaluation: { correct: 1, total: 2, lossSum: 1 },
    secure: null,
  });
  for (const round of [1, 2]) await repository.saveRecord(over, record(round));
  await repository.endRun(over, 'finished');
  const open = (await repository.startRun(federation)).id;
  for (const round of [1, 2]) await repository.saveRecord(open, record(round));
  await repository.saveTranscript(open, 1, new Uint8Array([1]));
  const old = await repository.findTranscript(open, 1);
  await repository.seeParticipant(ALICE, new Uint8Array(32));
  const alert = { kind: 'drop-out' as const, severity: 'info' as const, summary: 's' };
  await database.run((db) =>
    db.insert(alerts).values([
      { id: 'a', ...alert, fingerprint: 'a', startedAtMs: 0, resolvedAtMs: 1 },
      { id: 'b', ...alert, fingerprint: 'b', startedAtMs: 0, resolvedAtMs: null },
    ]),
  );
  await database.run((db) =>
    db.insert(idempotencyKeys).values({ principal: 'p', key: 'k', request: 'r', createdAtMs: 0 }),
  );
  await audit.append(SYSTEM, { action: 'training.start', subject: 'training:1' });
  await audit.checkpoint();

  now = 7 * DAY_MS;
  await repository.saveTranscript(open, 2, new Uint8Array([2]));
  await repository.seeParticipant(BOB, new Uint8Array(32));
  const retention = createRetention({
    database,
    blobs,
    audit,
    periods: PERIODS,
    deletion: {
      erase: async (_, { participant, exclude }) => {
        inactive.push(`${participant} ${exclude}`);
        return undefined as never;
      },
      resume: () => Promise.resolve(),
    },
    fedSeq: () => Promise.resolve(fed),
    checkClock: async () => {
      if (isWrong) throw new MurmurationError('server.clock-wrong', 'The clock is an hour ahead.');
    },
    log: silentLog,
    nowMs,
  });
  let fed = 0;
  let isWrong = true;
  await expect(retention.sweep()).rejects.toMatchObject({ code: 'server.clock-wrong' });
  expect(await blobs.has(old.blob)).toBe(true);
  isWrong = false;
  expect(await retention.sweep()).toEqual({
    metrics: 0,
    records: 0,
    transcripts: 1,
    audit: 0,
    inactiveParticipants: 0,
    alerts: 0,
    requests: 1,
  });
  expect(await blobs.has(old.blob)).toBe(false);

  now = 15 * DAY_MS;
  expect(await retention.sweep()).toMatchObject({
    // Accuracy and loss of both rounds of the run that is over.
    metrics: 4,
    // The newest record of a run stays: it says how far the run came.
    records: 1,
    alerts: 1,
    inactiveParticipants: 1,
  });
  expect(inactive).toEqual([`${ALICE} false`]);
  expect((await repository.getRun(over)).round).toBe(2);
  expect(await repository.listRecords(open, 1, 10)).toHaveLength(2);
  expect(await repository.listMetrics(open, 1)).toHaveLength(4);

  // What no receiver has been given stays, however old.
  now = 30 * DAY_MS;
  await audit.checkpoint();
  expect((await retention.sweep()).audit).toBe(0);
  fed = 1;
  expect((await retention.sweep()).audit).toBe(1);
  expect(await audit.verify()).toMatchObject({ ok: true });
  expect((await audit.list({ action: 'retention.swept' })).items[0]).toMatchObject({ after: { audit: 1 } });
});

test('V-12: a period of 0 keeps for ever; what fails holds nothing else up', async () => {
  const failing: Database = { ...database, run: () => Promise.reject(new Error('gone')) };
  const faults: string[] = [];
  const retention = createRetention({
    database: failing,
    blobs: fileBlobStore(join(folder, 'blobs')),
    audit: createAuditLog({ database, identity: createNobleIdentity(webCryptoRandom(globalThis.crypto)) }),
    periods: { ...DEFAULT_RETENTION, metrics: 0, audit: 0 },
    deletion: { erase: () => Promise.reject(new Error('no')), resume: () => Promise.resolve() },
    checkClock: async () => undefined,
    log: { info: () => undefined, error: ((about: { what: string }) => faults.push(about.what)) as never },
  });
  const swept = await retention.sweep();
  expect(Object.values(swept).every((count) => count === 0)).toBe(true);
  expect(faults).toEqual(['records', 'transcripts', 'inactiveParticipants', 'alerts', 'requests']);
});

test('by the queue where there is one, again and again; by a timer otherwise', async () => {
  const sent: [string, object][] = [];
  let sweeps = 0;
  const failing = {
    sweep: () => {
      sweeps++;
      return Promise.reject(new Error('no'));
    },
  };
  let handler: () => Promise<void> = () => Promise.resolve();
  await runRetention(failing, silentLog, {
    work: async (_, work) => {
      handler = () => work({} as never, new AbortController().signal);
    },
    send: async (name, _, options) => void sent.push([name, options!]),
  });
  await handler();
  expect(sent).toEqual([
    ['retention', { singletonKey: 'retention', startAfterMs: 0 }],
    ['retention', { singletonKey: 'retention', startAfterMs: DAY_MS }],
  ]);
  const running = await runRetention(failing, silentLog);
  await running.close();
  expect(sweeps).toBe(2);
});
