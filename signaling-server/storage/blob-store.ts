import { check } from '../../shared/errors/index.ts';

/** Lower-case hex SHA-256 of a blob's bytes. */
export type BlobKey = string;

/** Immutable bytes, named by what they are. */
export interface BlobStore {
  /**
   * Durable when it resolves. Putting the same bytes again changes nothing, but mends a damaged copy.
   * @throws `storage.full`, `storage.unavailable`.
   */
  put(bytes: Uint8Array): Promise<BlobKey>;
  /**
   * The bytes in pieces. The last piece comes only after the checksum of all is known to be right.
   * @throws `storage.corrupt` for bytes that are missing, or are not those stored.
   */
  get(key: BlobKey): AsyncIterable<Uint8Array>;
  has(key: BlobKey): Promise<boolean>;
  /** Deleting what is not there changes nothing. */
  delete(key: BlobKey): Promise<void>;
}

/** No path leads out of a folder or bucket by it. @throws `argument.invalid`. */
export function checkBlobKey(key: string): void {
  check(/^[0-9a-f]{64}$/.test(key), 'argument.invalid', 'This is not the key of a blob.', {
    expected: '64 lower-case hex digits',
  });
}

/** All bytes of a blob at once. */
export async function readBlob(store: BlobStore, key: BlobKey): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of store.get(key)) {
    pieces.push(piece);
    length += piece.byteLength;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.byteLength;
  }
  return bytes;
}
