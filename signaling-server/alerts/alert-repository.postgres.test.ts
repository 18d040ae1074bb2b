import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../storage/database.ts';
import { alertContract } from '../testing/alert-contract.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { silentLog } from '../testing/silent-log.ts';

const binaries = postgresBinaries();

if (binaries === undefined) {
  test('PostgreSQL is not installed here: nothing of this file was checked', () => {
    console.warn('No initdb found: alerts were NOT checked on PostgreSQL. Install postgresql to do so.');
    expect(postgresBinaries()).toBeUndefined();
  });
} else {
  let postgres: TestPostgres;
  let folder: string;
  let database: Database;
  beforeAll(async () => {
    postgres = await startPostgres(binaries);
    folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
    database = await openDatabase({ dataDir: folder, databaseUrl: postgres.url, log: silentLog });
  }, 120_000);
  afterAll(async () => {
    await database?.close();
    await postgres?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  alertContract('PostgreSQL', () => database);
}
