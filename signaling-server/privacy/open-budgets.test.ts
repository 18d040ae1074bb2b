import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { SYSTEM } from '../access/principal.ts';
import type { ServerEvent } from '../events.ts';
import { openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import { notedAudit } from '../testing/noted-audit.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { BudgetService } from './budget-service.ts';
import { createLimitService } from './limit-service.ts';
import { openBudgets } from './open-budgets.ts';

vi.setConfig({ hookTimeout: 120_000 });

let folder: string;
let close: () => Promise<void>;
let repository: Repository;
let budgets: BudgetService;
const events: ServerEvent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  close = () => database.close();
  repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 });
  budgets = openBudgets(repository, silentLog, {
    events: { emit: (event) => void events.push(event) },
    config: { departmentBudgets: { cardiology: 1.5 }, userBudget: 10, epsilonPerQuery: 0.1 },
  });
});
afterAll(async () => {
  await close?.();
  await rm(folder, { recursive: true });
});

const half = { mechanism: 'approximate', epsilon: 0.05, delta: 0 } as const;

test('departments and users have the limits of the configuration until they are given others', async () => {
  const limitOf = async (kind: 'department' | 'user', id: string) =>
    (await budgets.budgetOf({ kind, id })).limit;
  expect(await limitOf('department', 'cardiology')).toEqual({
    epsilon: 1.5,
    delta: 1e-5,
    epsilon_per_query: 0.1,
  });
  expect(await limitOf('department', 'constructor')).toBeNull();
  expect(await limitOf('user', 'anybody')).toEqual({ epsilon: 10, delta: 1e-5, epsilon_per_query: 0.1 });
  await budgets.setLimit({ kind: 'department', id: 'cardiology' }, { epsilon: 2, delta: 1e-6 });
  expect(await limitOf('department', 'cardiology')).toEqual({
    epsilon: 2,
    delta: 1e-6,
    epsilon_per_query: null,
  });
});

test('no charge may be dearer than one query by that configuration', async () => {
  const dear = { ...half, epsilon: 0.2 };
  await expect(budgets.charge('dear', [{ kind: 'user', id: 'u' }], dear)).rejects.toMatchObject({
    code: 'privacy.budget-exceeded',
    facts: { path: 'user/u/epsilon_per_query' },
  });
});

test('whoever listens hears each share, whenever it was looked at', async () => {
  events.length = 0;
  await budgets.charge('one', [{ kind: 'user', id: 'listened' }], half);
  expect(events).toEqual([
    {
      type: 'budget',
      kind: 'user',
      subject: 'listened',
      epsilon: expect.any(Number),
      limit: 10,
      share: expect.any(Number),
    },
  ]);
  const [event] = events;
  expect(event?.type === 'budget' && event.share).toBeCloseTo(0.005, 4);
});

test('a limit that is set by somebody is in the audit, before and after; participants by their pseudonym', async () => {
  const entries: unknown[] = [];
  const limits = createLimitService({
    budgets,
    audit: {
      ...notedAudit((event, caller) => entries.push([caller, event])),
      pseudonymOf: async () => 'p_1',
    },
  });
  const limit = { epsilon: 3, delta: 1e-5, epsilonPerQuery: 0.5 };
  const budget = await limits.setLimit(SYSTEM, { kind: 'participant', id: 'AAAAAAAAAAAAAAAAAAAAAA' }, limit);
  expect(budget.limit).toEqual({ epsilon: 3, delta: 1e-5, epsilon_per_query: 0.5 });
  expect(entries).toEqual([
    [
      SYSTEM,
      { action: 'privacy.limit-set', subject: 'participant:p_1', before: { limit: null }, after: { limit } },
    ],
  ]);
  await expect(
    limits.setLimit(SYSTEM, { kind: 'user', id: 'u' }, { epsilon: -1, delta: 0.1 }),
  ).rejects.toMatchObject({
    code: 'privacy.invalid-parameter',
  });
  await expect(limits.setLimit(SYSTEM, { kind: 'federation', id: 'nowhere' }, limit)).rejects.toMatchObject({
    code: 'federation.unknown',
  });
  expect(entries).toHaveLength(1);
});

test('a log outlives those whom it names: it names departments, and no person', async () => {
  const lines: object[] = [];
  const logged = openBudgets(repository, { warn: (line: object) => void lines.push(line) });
  for (const subject of [
    { kind: 'department', id: 'oncology' },
    { kind: 'user', id: 'ann' },
  ] as const) {
    await logged.setLimit(subject, { epsilon: 0.05, delta: 1e-5 });
    await logged.charge('one', [subject], half);
  }
  expect(lines).toEqual([
    expect.objectContaining({ kind: 'department', id: 'oncology' }),
    expect.not.objectContaining({ id: 'ann' }),
  ]);
});
