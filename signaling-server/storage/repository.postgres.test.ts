import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
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

const binaries = postgresBinaries();

if (binaries === undefined) {
  test('PostgreSQL is not installed here: nothing of this file was checked', () => {
    console.warn(
      'No initdb found: the repository was NOT checked on PostgreSQL. Install postgresql to do so.',
    );
    expect(postgresBinaries()).toBeUndefined();
  });
} else {
  let postgres: TestPostgres;
  let folder: string;
  beforeAll(async () => {
    postgres = await startPostgres(binaries);
    folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  }, 120_000);
  afterAll(async () => {
    await postgres?.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  const open = (retryForMs?: number) =>
    openDatabase({
      dataDir: folder,
      databaseUrl: postgres.url,
      log: silentLog,
      ...(retryForMs === undefined ? {} : { retryForMs }),
    });

  repositoryContract('PostgreSQL', async () => {
    const database = await open();
    const repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), {
      transcriptsKept: TRANSCRIPTS_KEPT,
    });
    return {
      repository,
      clear: () => clearRows(database),
      spoilIdentity: (text) => spoilIdentity(database, text),
      close: () => database.close(),
    };
  });

  describe('PostgreSQL that comes and goes', () => {
    test('several servers may start on one database at once', async () => {
      const databases = await Promise.all([open(), open(), open()]);
      await Promise.all(databases.map((database) => database.ping()));
      await Promise.all(databases.map((database) => database.close()));
    });

    test('a statement made while it is down is retried until it is back', async () => {
      const database = await open();
      try {
        await postgres.stop();
        const waiting = database.ping();
        await postgres.start();
        await expect(waiting).resolves.toBeUndefined();
      } finally {
        await database.close();
      }
    }, 60_000);

    test('when it stays away the statement fails by name, and works once it is back', async () => {
      const database = await open(100);
      try {
        await postgres.stop();
        await expect(database.ping()).rejects.toMatchObject({ code: 'storage.unavailable' });
        await postgres.start();
        await expect(database.ping()).resolves.toBeUndefined();
      } finally {
        await database.close();
      }
    }, 60_000);
  });
}
