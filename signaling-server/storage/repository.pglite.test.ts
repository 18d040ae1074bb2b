import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  clearRows,
  repositoryContract,
  spoilIdentity,
  TRANSCRIPTS_KEPT,
} from '../testing/repository-contract.ts';
import { silentLog } from '../testing/silent-log.ts';
import { openDatabase } from './database.ts';
import { fileBlobStore } from './file-blob-store.ts';
import { repositoryOver } from './repository.ts';

repositoryContract('PGlite', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'murmuration-'));
  const database = await openDatabase({ dataDir, databaseUrl: undefined, log: silentLog });
  return {
    repository: repositoryOver(database, fileBlobStore(join(dataDir, 'blobs')), {
      transcriptsKept: TRANSCRIPTS_KEPT,
    }),
    clear: () => clearRows(database),
    spoilIdentity: (text) => spoilIdentity(database, text),
    async close() {
      await database.close();
      await rm(dataDir, { recursive: true });
    },
  };
});
