import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { repositoryOver } from '../storage/repository.ts';
import { jobsContract } from '../testing/jobs-contract.ts';
import { postgresBinaries, startPostgres } from '../testing/postgres.ts';
import { silentLog } from '../testing/silent-log.ts';

const binaries = postgresBinaries();

if (binaries === undefined) {
  test('PostgreSQL is not installed here: nothing of this file was checked', () => {
    console.warn('No initdb found: jobs were NOT checked on PostgreSQL. Install postgresql to do so.');
    expect(postgresBinaries()).toBeUndefined();
  });
} else
  jobsContract('PostgreSQL', async () => {
    const postgres = await startPostgres(binaries);
    const folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
    const database = await openDatabase({ dataDir: folder, databaseUrl: postgres.url, log: silentLog });
    return {
      database,
      repository: repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 }),
      async close() {
        await database.close();
        await postgres.dispose();
        await rm(folder, { recursive: true, force: true });
      },
    };
  });
