import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../storage/database.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { promotionContract } from '../testing/promotion-contract.ts';
import { silentLog } from '../testing/silent-log.ts';

const binaries = postgresBinaries();

if (binaries === undefined) {
  test('PostgreSQL is not installed here: nothing of this file was checked', () => {
    console.warn('No initdb found: promotions were NOT checked on PostgreSQL. Install postgresql to do so.');
    expect(postgresBinaries()).toBeUndefined();
  });
} else {
  let postgres: TestPostgres;
  let database: Database;
  beforeAll(async () => {
    postgres = await startPostgres(binaries);
    database = await openDatabase({ dataDir: '.', databaseUrl: postgres.url, log: silentLog });
  }, 120_000);
  afterAll(async () => {
    await database?.close();
    await postgres?.dispose();
  });

  promotionContract('PostgreSQL', () => database);
}
