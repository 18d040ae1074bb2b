import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { accessRepository } from '../access/access-repository.ts';
import { createAuthorize } from '../access/authority.ts';
import type { Principal } from '../access/principal.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import { plainFederation } from '../testing/host-world.ts';
import { notedAudit } from '../testing/noted-audit.ts';
import { silentLog } from '../testing/silent-log.ts';
import { createFederationService } from './federation-service.ts';

let folder: string;
let database: Database;
let repository: Repository;
/** Which step fails, once. */
let failing: 'putFederation' | 'currentRun' | undefined;
const fault = new Error('the database went away');
let made = 0;
let id: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'federation-service-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 3 });
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  failing = undefined;
  id = `made-${made++}`;
});

const keyOf = (name: string) => {
  const principal = {
    kind: 'key',
    id: name,
    name,
    scopes: new Set(['federation:write']),
  } as unknown as Principal;
  return { principal, address: undefined } as never;
};

function failAt(step: typeof failing): void {
  if (failing !== step) return;
  failing = undefined;
  throw fault;
}

function service() {
  const settings = accessRepository(database);
  const federations = createFederationService({
    repository: {
      ...repository,
      putFederation: async (federation) => {
        failAt('putFederation');
        return repository.putFederation(federation);
      },
      currentRun: async (federation) => {
        failAt('currentRun');
        return repository.currentRun(federation);
      },
    },
    settings,
    audit: notedAudit(() => undefined),
    countPeers: () => 0,
    authorize: createAuthorize({ settingsOf: settings.readSettings, isMember: async () => false }),
    isVisible: async () => true,
    onSettings: async () => undefined,
  });
  return { federations, ownerOf: async () => (await settings.readSettings(id)).owner };
}

test.each([
  ['putFederation', 'created'],
  ['currentRun', 'unchanged'],
] as const)(
  'whoever creates a federation owns it, also when the first attempt failed at %s',
  async (step, outcome) => {
    const { federations, ownerOf } = service();
    failing = step;
    await expect(federations.create(keyOf('ann'), plainFederation(id))).rejects.toBe(fault);
    expect(await federations.create(keyOf('ann'), plainFederation(id))).toMatchObject({ outcome });
    expect(await ownerOf()).toBe('ann');
    expect(await federations.create(keyOf('ann'), plainFederation(id))).toMatchObject({
      outcome: 'unchanged',
    });
  },
);

test('of two who create it at once, one owns it and the other is refused', async () => {
  const { federations, ownerOf } = service();
  const both = ['ann', 'ben'].map((name) => federations.create(keyOf(name), plainFederation(id, { name })));
  const outcomes = await Promise.allSettled(both);
  const [winner, ...others] = outcomes.flatMap((outcome, i) =>
    outcome.status === 'fulfilled' ? [['ann', 'ben'][i]] : [],
  );
  expect(others).toEqual([]);
  expect(await ownerOf()).toBe(winner);
  expect((await repository.getFederation(id)).name).toBe(winner);
});

test('what a guest created stays open to all', async () => {
  const { federations, ownerOf } = service();
  const guest = { principal: { kind: 'anonymous', id: '', name: 'anonymous', scopes: [] } } as never;
  await federations.create(guest, plainFederation(id));
  expect(await ownerOf()).toBeNull();
  const revised = plainFederation(id, { revision: 2 });
  expect(await federations.create(keyOf('ann'), revised)).toMatchObject({ outcome: 'updated' });
  expect(await ownerOf()).toBeNull();
});
