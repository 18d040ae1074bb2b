import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Database, openDatabase } from '../storage/database.ts';
import { alertContract } from '../testing/alert-contract.ts';
import { silentLog } from '../testing/silent-log.ts';

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
}, 120_000);
afterAll(async () => {
  await database?.close();
  await rm(folder, { recursive: true });
});

alertContract('PGlite', () => database);
