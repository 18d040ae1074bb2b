import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { repositoryOver } from '../storage/repository.ts';
import { jobsContract } from '../testing/jobs-contract.ts';
import { silentLog } from '../testing/silent-log.ts';

jobsContract('PGlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  return {
    database,
    repository: repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 }),
    async close() {
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
