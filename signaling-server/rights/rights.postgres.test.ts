import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BlobStore } from '../storage/blob-store.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { rightsContract } from '../testing/rights-contract.ts';
import { silentLog } from '../testing/silent-log.ts';

const binaries = postgresBinaries();

if (binaries === undefined) {
  test('PostgreSQL is not installed here: nothing of this file was checked', () => {
    console.warn('No initdb found: rights were NOT checked on PostgreSQL. Install postgresql to do so.');
    expect(postgresBinaries()).toBeUndefined();
  });
} else {
  let postgres: TestPostgres;
  let database: Database;
  let folder: string;
  let blobs: BlobStore;
  beforeAll(async () => {
    postgres = await startPostgres(binaries);
    folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
    database = await openDatabase({ dataDir: folder, databaseUrl: postgres.url, log: silentLog });
    blobs = fileBlobStore(join(folder, 'blobs'));
  }, 120_000);
  afterAll(async () => {
    await database?.close();
    await postgres?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  rightsContract('PostgreSQL', () => ({ database, blobs }));
}
