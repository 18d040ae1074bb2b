import type { Logger } from 'pino';
import { check } from '../../shared/errors/index.ts';
import type { Identity } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { createAuditLog, type ServerAuditLog } from '../audit/create-audit-log.ts';
import type { ServerConfig } from '../config.ts';
import { type Database, databaseOver } from '../storage/database.ts';
import { openBlobStore } from '../storage/open-blob-store.ts';
import { pgliteDriver } from '../storage/pglite-driver.ts';
import { postgresDriver } from '../storage/postgres-driver.ts';
import { type Repository, repositoryOver } from '../storage/repository.ts';
import { appliedMigration, readMigrations } from '../storage/schema-version.ts';

/** What commands work on while no server does, or beside servers on PostgreSQL. */
export interface Storage {
  readonly database: Database;
  readonly repository: Repository;
  readonly identity: Identity;
  readonly audit: ServerAuditLog;
  close(): Promise<void>;
}

export type StorageConfig = Pick<ServerConfig, 'dataDir' | 'databaseUrl' | 'blobPlace' | 'transcriptsKept'>;

const RETRY_FOR_MS = 2_000;

/**
 * Opens what a server left, and changes nothing of its schema.
 * @throws `storage.locked` while a server has the folder; `storage.conflict` for another schema than this program's; `storage.unavailable`.
 */
export async function openStorage(config: StorageConfig, log: Logger): Promise<Storage> {
  const { dataDir, databaseUrl, blobPlace } = config;
  const driver =
    databaseUrl === undefined ? await pgliteDriver(dataDir, log) : postgresDriver(databaseUrl, log);
  const database = databaseOver(driver, log, RETRY_FOR_MS);
  try {
    const migrations = readMigrations();
    // Once by way of the database, which names what is wrong.
    await database.ping();
    const applied = await appliedMigration((text, values = []) => driver.query(text, values), migrations);
    check(
      applied?.tag === migrations.at(-1)!.tag,
      'storage.conflict',
      'The database is not of this version.',
      {
        expected: migrations.at(-1)!.tag,
        received: applied?.tag ?? 'no schema',
        remedy: 'Back it up, then run `npm run admin -- migrate`.',
      },
    );
    const repository = repositoryOver(database, openBlobStore(dataDir, blobPlace), config);
    const identity = await repository.serverIdentity(webCryptoRandom(globalThis.crypto));
    return {
      database,
      repository,
      identity,
      audit: createAuditLog({ database, identity }),
      close: database.close,
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
