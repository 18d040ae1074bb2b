import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { BlobStore } from '../storage/blob-store.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { rightsContract } from '../testing/rights-contract.ts';
import { silentLog } from '../testing/silent-log.ts';

let folder: string;
let database: Database;
let blobs: BlobStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  blobs = fileBlobStore(join(folder, 'blobs'));
}, 120_000);
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

rightsContract('PGlite', () => ({ database, blobs }));
