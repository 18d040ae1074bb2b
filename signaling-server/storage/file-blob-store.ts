import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { type BlobKey, type BlobStore, checkBlobKey } from './blob-store.ts';
import { storageError } from './storage-error.ts';

/** The part of node:fs/promises that is used, so that a test can fill the disk. */
export type FileSystem = Pick<typeof fs, 'mkdir' | 'open' | 'rename' | 'rm' | 'stat'>;

const PIECE_BYTES = 64 * 1024;
const REMEDY = 'Restore the file from a backup, or save the model again: that mends its file.';

/**
 * Blobs as files `FOLDER/ab/abcd…`, written beside their place, flushed to the disk and only then renamed: a
 * file under its final name is whole. What a crash left half written is never read.
 */
export function fileBlobStore(folder: string, system: FileSystem = fs): BlobStore {
  const pathOf = (key: BlobKey): string => {
    checkBlobKey(key);
    return join(folder, key.slice(0, 2), key);
  };
  const has = async (key: BlobKey): Promise<boolean> => {
    try {
      await system.stat(pathOf(key));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw storageError(error, 'the model files');
    }
  };

  return {
    has,

    async put(bytes) {
      const key = createHash('sha256').update(bytes).digest('hex');
      const path = pathOf(key);
      const draft = `${path}.${randomUUID()}`;
      try {
        await system.mkdir(dirname(path), { recursive: true });
        await writeDurably(system, draft, bytes);
        await system.rename(draft, path);
        await flushFolder(system, dirname(path));
        return key;
      } catch (error) {
        // The first failure is the one worth telling; a draft that stays is never read.
        await system.rm(draft, { force: true }).catch(() => undefined);
        throw storageError(error, 'the model files');
      }
    },

    async *get(key) {
      const file = await openBlob(system, pathOf(key));
      try {
        const hash = createHash('sha256');
        let held: Uint8Array | undefined;
        while (true) {
          const piece = Buffer.allocUnsafe(PIECE_BYTES);
          const { bytesRead } = await file.read(piece, 0, PIECE_BYTES);
          if (bytesRead === 0) break;
          if (held !== undefined) yield held;
          held = piece.subarray(0, bytesRead);
          hash.update(held);
        }
        const found = hash.digest('hex');
        check(found === key, 'storage.corrupt', 'A model file is damaged.', {
          expected: `SHA-256 ${key}`,
          received: found,
          remedy: REMEDY,
        });
        if (held !== undefined) yield held;
      } catch (error) {
        throw storageError(error, 'the model files');
      } finally {
        await file.close();
      }
    },

    async delete(key) {
      try {
        await system.rm(pathOf(key), { force: true });
      } catch (error) {
        throw storageError(error, 'the model files');
      }
    },
  };
}

async function writeDurably(system: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await system.open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The new name is in the folder, and a folder is a file too. */
async function flushFolder(system: FileSystem, folder: string): Promise<void> {
  const handle = await system.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function openBlob(system: FileSystem, path: string): Promise<fs.FileHandle> {
  try {
    return await system.open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(error, 'the model files');
    throw new MurmurationError('storage.corrupt', 'A model file is missing.', {
      remedy: REMEDY,
      cause: error,
    });
  }
}
