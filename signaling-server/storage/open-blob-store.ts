import { join } from 'node:path';
import type { BlobStore } from './blob-store.ts';
import { fileBlobStore } from './file-blob-store.ts';
import type { S3Address, S3Credentials } from './s3-address.ts';
import { s3BlobStore } from './s3-blob-store.ts';

/** Where blobs are kept; undefined: in files of the data folder. */
export interface BlobPlace {
  readonly address: S3Address;
  readonly credentials: S3Credentials;
}

/** Nothing is asked of a remote store yet: a server starts while it is away. */
export function openBlobStore(dataDir: string, place: BlobPlace | undefined): BlobStore {
  return place === undefined
    ? fileBlobStore(join(dataDir, 'blobs'))
    : s3BlobStore(place.address, place.credentials);
}
