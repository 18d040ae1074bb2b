import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { backUp } from '../admin/backup.ts';
import { restore } from '../admin/restore.ts';
import { type DatabasePlace, openSession } from '../admin/sql-session.ts';
import { quoted } from '../admin/table-rows.ts';
import { emptyDatabases } from '../testing/empty-database.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { createDatabase } from '../testing/postgres-database.ts';
import { ALICE, fillTables, type Row } from '../testing/schema-fixtures.ts';
import { silentLog } from '../testing/silent-log.ts';
import { openDatabase } from './database.ts';
import { fileBlobStore } from './file-blob-store.ts';
import { repositoryOver } from './repository.ts';
import { appliedMigration, applyMigrations, readMigrations } from './schema-version.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const migrations = readMigrations();
const newest = migrations.at(-1)!;
const blobOf = new TextEncoder().encode('abc');

let root: string;
let emptyDatabase: (name: string) => Promise<string>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'murmuration-'));
  emptyDatabase = emptyDatabases(root);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const binaries = postgresBinaries();
let postgres: TestPostgres | undefined;
afterAll(() => postgres?.dispose());

const databases: Readonly<Record<string, (name: string) => Promise<DatabasePlace>>> = {
  PGlite: async (name) => ({ dataDir: await emptyDatabase(name), databaseUrl: undefined }),
  ...(binaries !== undefined && {
    async PostgreSQL(name: string) {
      postgres ??= await startPostgres(binaries);
      return { dataDir: join(root, `pg-${name}`), databaseUrl: await createDatabase(postgres, name) };
    },
  }),
};

test('PostgreSQL is here, or this says that half of the file was not checked', () => {
  if (binaries === undefined) console.warn('No initdb found: migrations were NOT checked on PostgreSQL.');
  expect(Object.keys(databases)).toHaveLength(binaries === undefined ? 1 : 2);
});

test('migrations are listed as drizzle has them, each with tables of its own', () => {
  expect(migrations.map(({ tag }) => tag)).toEqual([
    '0000_start',
    '0001_transcripts',
    '0002_privacy',
    '0003_reliability',
    '0004_operator',
  ]);
  for (const [i, { tables }] of migrations.entries())
    expect(tables.length).toBeGreaterThan(migrations[i - 1]?.tables.length ?? 0);
});

for (const [kind, placeOf] of Object.entries(databases)) {
  describe(`a database of an older version on ${kind}`, () => {
    test.each(migrations.map(({ tag }, i) => [tag, i] as const))(
      '%s, with rows in every table, moves forward',
      async (tag, i) => {
        const place = await placeOf(tag);
        const rows = await build(place, i);
        // As the server does it.
        const database = await openDatabase({ ...place, log: silentLog });
        const repository = repositoryOver(database, fileBlobStore(join(place.dataDir, 'blobs')), {
          transcriptsKept: 3,
        });
        try {
          expect(
            (await repository.listFederations({ after: undefined, limit: 10 })).map(({ id }) => id),
          ).toEqual(['old']);
          expect(await repository.getRun('run-1')).toMatchObject({
            round: 1,
            model: { version: 1, bytes: 3 },
          });
          expect(await repository.loadRecords('run-1', 1)).toHaveLength(1);
          expect(await repository.listMetrics('run-1', 0)).toEqual([
            { round: 1, name: 'accuracy', value: 0.1 + 0.2 },
          ]);
          expect(await repository.readLedger('d')).toHaveLength(1);
          expect(await repository.readReleases('old', ALICE)).toHaveLength(i < 2 ? 0 : 1);
          expect(await repository.countReleases({ participant: ALICE })).toHaveLength(i < 2 ? 0 : 1);
          expect(await repository.readBudgetEntries({ kind: 'participant', id: ALICE })).toHaveLength(
            i < 2 ? 0 : 1,
          );
        } finally {
          await database.close();
        }
        await expectRows(place, rows);
      },
    );

    test.each(backupsOf(kind))('a backup of %s comes back as the newest version', async (tag, i) => {
      const source = await placeOf(`from-${tag}`);
      const rows = await build(source, i);
      const folder = join(root, `backup-${kind}-${tag}`);
      const from = await openSession(source, silentLog);
      try {
        await backUp(
          { session: from, blobs: fileBlobStore(join(source.dataDir, 'blobs')), dataDir: source.dataDir },
          folder,
          0,
        );
      } finally {
        await from.close();
      }
      const target = await placeOf(`to-${tag}`);
      const session = await openSession(target, silentLog);
      try {
        const restored = await restore(
          { session, blobs: fileBlobStore(join(target.dataDir, 'blobs')), dataDir: target.dataDir },
          { folder, confirmation: undefined, name: 'x', nowMs: 0 },
        );
        expect(restored.manifest.schema).toBe(tag);
        expect(restored.schema).toBe(newest.tag);
      } finally {
        await session.close();
      }
      await expectRows(target, rows);
      // drizzle finds nothing left to do.
      await (await openDatabase({ ...target, log: silentLog })).close();
    });
  });
}

/** All of them on PostgreSQL, where a database is made in no time; the first and the last on the embedded one. */
function backupsOf(kind: string): (readonly [string, number])[] {
  const older = migrations.slice(0, -1).map(({ tag }, i) => [tag, i] as const);
  return kind === 'PGlite' ? [older[0]!, older.at(-1)!] : older;
}

/** A database as the program of that time left it. */
async function build(place: DatabasePlace, version: number): Promise<ReadonlyMap<string, Row>> {
  await fileBlobStore(join(place.dataDir, 'blobs')).put(blobOf);
  const session = await openSession(place, silentLog);
  try {
    return await session.writing(async () => {
      await applyMigrations(session.run, migrations.slice(0, version + 1));
      return fillTables(session.run, migrations[version]!);
    });
  } finally {
    await session.close();
  }
}

async function expectRows(place: DatabasePlace, rows: ReadonlyMap<string, Row>): Promise<void> {
  const session = await openSession(place, silentLog);
  try {
    expect((await appliedMigration(session.run))?.tag).toBe(newest.tag);
    for (const [table, row] of rows) {
      const found = await session.run(`select to_jsonb(t)::text from ${quoted(table)} t`);
      expect(found.map(([text]) => JSON.parse(String(text)) as unknown)).toEqual([
        expect.objectContaining(row),
      ]);
    }
  } finally {
    await session.close();
  }
}
