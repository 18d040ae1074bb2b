import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Database, openDatabase } from '../storage/database.ts';
import { promotionContract } from '../testing/promotion-contract.ts';
import { silentLog } from '../testing/silent-log.ts';

let dataDir: string;
let database: Database;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir, databaseUrl: undefined, log: silentLog });
}, 120_000);
afterAll(async () => {
  await database?.close();
  await rm(dataDir, { recursive: true });
});

promotionContract('PGlite', () => database);
