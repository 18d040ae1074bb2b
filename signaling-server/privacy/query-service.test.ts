import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import { createNobleIdentity, type ParticipantId } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import type { Caller, Principal } from '../access/principal.ts';
import type { AuditEvent } from '../audit/audit-log.ts';
import type { Predicted } from '../evaluation/thread-protocol.ts';
import { openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import { notedAudit } from '../testing/noted-audit.ts';
import { clearRows, TRANSCRIPTS_KEPT } from '../testing/repository-contract.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { BudgetService } from './budget-service.ts';
import { openBudgets } from './open-budgets.ts';
import type { ModelQuery, QueryService } from './query.ts';
import { createQueryService } from './query-service.ts';

const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
const plain: Federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'ward',
  name: 'Ward',
  data: {
    kind: 'records',
    features: 1,
    target: { name: 'y', type: 'class', labels: ['home', 'stay', 'surgery'] },
  },
  model: { loss: 'softmaxCrossEntropy', layers: [{ type: 'dense', units: 3 }] },
});
const { layout } = compileModel(plain);
const model = makeModel(1, layout, new Float32Array(layout.length));
const signal = new AbortController().signal;

let folder: string;
let repository: Repository;
let budgets: BudgetService;
let queries: QueryService;
let audited: AuditEvent[];
let run: string;
let close: () => Promise<void>;
let clear: () => Promise<void>;
/** What a model says: the class that the row names. */
let predictions = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  close = () => database.close();
  clear = () => clearRows(database);
  repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), {
    transcriptsKept: TRANSCRIPTS_KEPT,
  });
}, 120_000);
afterAll(async () => {
  await close?.();
  await rm(folder, { recursive: true });
});
const identity = await createNobleIdentity(webCryptoRandom(crypto));

beforeEach(async () => {
  await clear();
  audited = [];
  predictions = 0;
  budgets = openBudgets(repository, silentLog, {
    config: { departmentBudgets: { emergency: 1 }, userBudget: 10, epsilonPerQuery: 0.5 },
  });
  queries = createQueryService({
    repository,
    budgets,
    judges: { judgeOf: () => ({ predict }) as never },
    identity,
    audit: notedAudit((event) => audited.push(event)),
    epsilonPerQuery: 0.5,
  });
  await repository.putFederation(plain);
  ({ id: run } = await repository.currentRun(plain));
  await repository.saveModel(run, model);
  await repository.saveRecord(run, recordOf());
});

async function predict(_model: unknown, rows: readonly unknown[]): Promise<Predicted> {
  predictions++;
  const outputs = new Float32Array(rows.length * 3);
  for (const [i, row] of rows.entries()) outputs[i * 3 + Number(row)] = 0.75;
  return { outputs, width: 3 };
}

function recordOf(): RoundRecord {
  return {
    round: 1,
    term: 1,
    attempt: 1,
    coordinator: 'server',
    federationRevision: 1,
    baseHash: 'a'.repeat(64),
    hash: model.hash,
    survivors: [ALICE],
    dropped: [],
    startedAtMs: 1,
    trainMs: 1,
    exchangeMs: 1,
    applyMs: 1,
    evaluation: null,
    secure: null,
  };
}

/** As if the round had been trained with so much noise. */
async function note(noiseMultiplier: number | undefined): Promise<void> {
  const base = { released: 'update', clipNorm: 1, weight: 1 } as const;
  const event =
    noiseMultiplier === undefined
      ? ({ ...base, mechanism: 'none' } as const)
      : ({
          ...base,
          mechanism: 'sampled-gaussian',
          noiseMultiplier,
          sampling: 'poisson',
          samplingRate: 0.1,
          steps: 1,
        } as const);
  const entry = { dataset: ALICE, federation: 'ward', run, round: 1, atMs: 1, event };
  await repository.noteReleases('ward', model.hash, new Map([[ALICE, entry]]));
}

const callerOf = (principal: Partial<Principal> = {}): Caller => ({
  principal: {
    kind: 'api-key',
    name: 'key:1',
    role: 'participant',
    scopes: new Set(['model:query']),
    federation: undefined,
    participant: undefined,
    user: 'dr-who',
    department: 'emergency',
    expiresAtMs: undefined,
    ...principal,
  },
  origin: { address: '127.0.0.1', requestId: 'r' },
});
const ask = (query: Partial<ModelQuery> = {}, caller = callerOf()) =>
  queries.query(caller, { id: 'q1', model: run, mode: 'labels', rows: [0, 1, 2], ...query }, signal);
const spent = async (kind: 'user' | 'department' | 'federation', id: string) =>
  (await repository.readAccount({ kind, id })).charges.reduce((sum, { count }) => sum + count, 0);

describe('private answers', () => {
  test('labels are classes of the federation, charged to user and department, and audited without a row', async () => {
    const answer = await ask({ rows: [0, 0, 2, 1] });
    expect(answer).toMatchObject({ run, version: 1, hash: model.hash, mode: 'labels', rows: 4 });
    expect(answer.labels).toHaveLength(4);
    for (const label of answer.labels!) expect(['home', 'stay', 'surgery']).toContain(label);
    expect(answer.privacy).toMatchObject({ mechanism: 'randomized-response', epsilon: 0.5, training: null });
    expect(answer.privacy.charged.map(({ subject }) => subject)).toEqual([
      { kind: 'department', id: 'emergency' },
      { kind: 'user', id: 'dr-who' },
    ]);
    expect(await spent('federation', 'ward')).toBe(0);
    expect(audited).toEqual([
      {
        action: 'model.query',
        subject: 'federation:ward',
        after: { run, version: 1, mode: 'labels', rows: 4, epsilon: 0.5 },
      },
    ]);
  });

  test('the same question again gets the same answer and costs nothing; another under the same id is charged', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => i % 3);
    const first = await ask({ rows, epsilon: 0.3 });
    const again = await ask({ rows, epsilon: 0.3 });
    expect(again.labels).toEqual(first.labels);
    expect(await spent('department', 'emergency')).toBe(1);
    const others = await ask({ rows: rows.toReversed(), epsilon: 0.3 });
    expect(others.labels!.toReversed()).not.toEqual(first.labels);
    expect(await spent('department', 'emergency')).toBe(2);
    const renamed = await ask({ rows, epsilon: 0.3, id: 'q2' });
    expect(renamed.labels).not.toEqual(first.labels);
    expect(await spent('department', 'emergency')).toBe(3);
  });

  test('counts add noise to each class', async () => {
    const answer = await ask({ mode: 'counts', rows: Array.from({ length: 900 }, (_, i) => i % 3) });
    expect(answer.counts).toHaveLength(3);
    // Scale 4: P(|noise| > 100) is e^-25.
    for (const count of answer.counts!) expect(Math.abs(count - 300)).toBeLessThan(100);
    expect(answer.counts).not.toEqual([300, 300, 300]);
    expect(answer.labels).toBeUndefined();
  });

  test('a department that has spent its budget is refused by name, and nobody is charged', async () => {
    for (const id of ['a', 'b']) await ask({ id });
    await expect(ask({ id: 'c' })).rejects.toMatchObject({
      code: 'privacy.budget-exceeded',
      facts: { path: 'department/emergency' },
    });
    expect([await spent('department', 'emergency'), await spent('user', 'dr-who')]).toEqual([2, 2]);
    expect(audited.map(({ outcome, code }) => outcome && code)).toEqual([
      undefined,
      undefined,
      'privacy.budget-exceeded',
    ]);
    // What was paid for is still answered.
    expect((await ask({ id: 'a' })).labels).toHaveLength(3);
  });

  test('no query may cost more than the limit of any of those who pay', async () => {
    await expect(ask({ epsilon: 0.51 })).rejects.toMatchObject({
      code: 'privacy.budget-exceeded',
      facts: { path: 'epsilon' },
    });
    const subject = { kind: 'user', id: 'dr-who' } as const;
    await budgets.setLimit(subject, { epsilon: 5, delta: 1e-5, epsilonPerQuery: 0.2 });
    await expect(ask({ epsilon: 0.21 })).rejects.toMatchObject({ code: 'privacy.budget-exceeded' });
    expect((await ask()).privacy.epsilon).toBe(0.2);
  });

  test('a federation with a limit of its own is charged as well, and refuses once that is spent', async () => {
    await note(4);
    await budgets.setLimit({ kind: 'federation', id: 'ward' }, { epsilon: 3, delta: 1e-5 });
    const answer = await ask({ epsilon: 0.25 });
    expect(answer.privacy.charged.map(({ subject }) => subject.kind)).toEqual([
      'department',
      'federation',
      'user',
    ]);
    expect(await spent('federation', 'ward')).toBe(1);
    await budgets.setLimit({ kind: 'federation', id: 'ward' }, { epsilon: 0.1, delta: 1e-5 });
    await expect(ask({ id: 'q2' })).rejects.toMatchObject({
      code: 'privacy.budget-exceeded',
      facts: { path: 'federation/ward' },
    });
    expect(await spent('user', 'dr-who')).toBe(1);
  });
});

describe('plain predictions', () => {
  test('of a model trained with differential privacy are post-processing; user and department pay a ration', async () => {
    await note(4);
    await budgets.setLimit({ kind: 'federation', id: 'ward' }, { epsilon: 3, delta: 1e-5 });
    const answer = await ask({ mode: 'predictions', rows: [2, 0] });
    expect(answer.predictions).toEqual([
      { label: 'surgery', probability: 0.75 },
      { label: 'home', probability: 0.75 },
    ]);
    expect(answer.privacy.mechanism).toBe('post-processing');
    expect(answer.privacy.training).toMatchObject({ unit: 'record', delta: 1e-5 });
    expect(answer.privacy.training!.epsilon).toBeGreaterThan(0);
    expect(await spent('department', 'emergency')).toBe(1);
    expect(await spent('federation', 'ward')).toBe(0);
  });

  test.each([
    ['updates came without noise', async () => note(undefined)],
    ['the releases of a round are not known', async () => undefined],
  ])('of a model are refused where %s, before anything is computed', async (_, before) => {
    await before();
    await expect(ask({ mode: 'predictions' })).rejects.toMatchObject({ code: 'privacy.policy-unmet' });
    expect(predictions).toBe(0);
    expect(await spent('user', 'dr-who')).toBe(0);
  });
});

describe('bad questions', () => {
  test.each([
    [{ rows: [] }, 'argument.invalid'],
    [{ rows: new Array(1001).fill(0) }, 'argument.invalid'],
    [{ id: 'two words' }, 'argument.invalid'],
    [{ mode: 'all' as 'labels' }, 'argument.invalid'],
    [{ epsilon: 0 }, 'privacy.invalid-parameter'],
    [{ epsilon: Number.NaN }, 'privacy.invalid-parameter'],
    [{ epsilon: -1 }, 'privacy.invalid-parameter'],
    [{ model: 'nothing-like-it' }, 'federation.unknown'],
    [{ version: 7 }, 'model.unavailable'],
  ])('%o is %s, and free', async (query, code) => {
    await expect(ask(query)).rejects.toMatchObject({ code });
    expect(await spent('user', 'dr-who')).toBe(0);
  });

  test("a device's token may ask only where the federation has a limit: devices are made at will", async () => {
    const device = callerOf({ kind: 'participant', name: `participant:${ALICE}`, user: undefined });
    await expect(ask({}, device)).rejects.toMatchObject({ code: 'privacy.policy-unmet' });
    await budgets.setLimit({ kind: 'federation', id: 'ward' }, { epsilon: 3, delta: 1e-5 });
    await expect(ask({}, device)).resolves.toMatchObject({ mode: 'labels' });
  });

  test('somebody without a name cannot be charged', async () => {
    await expect(ask({}, callerOf({ kind: 'anonymous', user: undefined }))).rejects.toMatchObject({
      code: 'http.unauthorized',
    });
  });

  test('a user of any name has one budget', async () => {
    const answer = await ask({}, callerOf({ user: 'https://id.example/#ann', department: undefined }));
    expect(answer.privacy.charged.map(({ subject }) => subject)).toEqual([
      { kind: 'user', id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
    ]);
  });

  test('a federation by its own id means its current run', async () => {
    expect((await ask({ model: 'ward' })).run).toBe(run);
  });

  test('a document that gives the weights another meaning ends questions to the old run', async () => {
    await repository.putFederation({
      ...plain,
      revision: plain.revision + 1,
      data: { ...plain.data, mean: [5] } as Federation['data'],
    });
    await expect(ask()).rejects.toMatchObject({ code: 'model.unavailable' });
  });
});
