import type { BlobStore } from './blob-store.ts';
import type { Database } from './database.ts';
import { type FederationRepository, federationRepository } from './federation-repository.ts';
import { type IdentityRepository, identityRepository } from './identity-repository.ts';
import { type PrivacyRepository, privacyRepository } from './privacy-repository.ts';
import { type ReliabilityRepository, reliabilityRepository } from './reliability-repository.ts';
import { type RunRepository, runRepository } from './run-repository.ts';
import { type ServerStore, serverStore } from './server-store.ts';
import { type TranscriptRepository, transcriptRepository } from './transcript-repository.ts';
import { type VersionRepository, versionRepository } from './version-repository.ts';

/** All that the server keeps. It is the session's `Store` as well. */
export interface Repository
  extends FederationRepository,
    IdentityRepository,
    PrivacyRepository,
    ReliabilityRepository,
    RunRepository,
    ServerStore,
    TranscriptRepository,
    VersionRepository {
  readonly blobs: BlobStore;
}

export interface RepositoryOptions {
  /** Secure rounds of each run whose transcripts are kept. */
  readonly transcriptsKept: number;
  readonly nowMs?: () => number;
}

export function repositoryOver(
  database: Database,
  blobs: BlobStore,
  { transcriptsKept, nowMs = Date.now }: RepositoryOptions,
): Repository {
  return {
    blobs,
    ...federationRepository(database, nowMs),
    ...identityRepository(database, nowMs),
    ...privacyRepository(database),
    ...reliabilityRepository(database, nowMs),
    ...runRepository(database, nowMs),
    ...serverStore(database, blobs, nowMs),
    ...transcriptRepository(database, blobs, nowMs, transcriptsKept),
    ...versionRepository(database),
  };
}
