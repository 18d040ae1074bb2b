import type { BlobStore } from './blob-store.ts';
import type { Database } from './database.ts';
import { type FederationRepository, federationRepository } from './federation-repository.ts';
import { type RunRepository, runRepository } from './run-repository.ts';
import { type ServerStore, serverStore } from './server-store.ts';

/** All that the server keeps. It is the session's `Store` as well. */
export interface Repository extends FederationRepository, RunRepository, ServerStore {
  readonly blobs: BlobStore;
}

export function repositoryOver(
  database: Database,
  blobs: BlobStore,
  nowMs: () => number = Date.now,
): Repository {
  return {
    blobs,
    ...federationRepository(database, nowMs),
    ...runRepository(database, nowMs),
    ...serverStore(database, blobs, nowMs),
  };
}
