import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { abc, blobStoreContract } from '../testing/blob-store-contract.ts';
import { type FileSystem, fileBlobStore } from './file-blob-store.ts';

const filesIn = async (folder: string): Promise<string[]> =>
  (await fs.readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

blobStoreContract('files', async () => {
  const folder = await fs.mkdtemp(join(tmpdir(), 'murmuration-'));
  return {
    store: fileBlobStore(folder),
    overwrite: (key, bytes) => fs.writeFile(join(folder, key.slice(0, 2), key), bytes),
    list: () => filesIn(folder),
    close: () => fs.rm(folder, { recursive: true }),
  };
});

test('S-06: a full disk is named, whichever step it stops, and leaves nothing behind', async () => {
  const folder = await fs.mkdtemp(join(tmpdir(), 'murmuration-'));
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const failing: Partial<FileSystem>[] = [
    { mkdir: () => Promise.reject<undefined>(full) },
    {
      open: async (path, flags, mode) => {
        const file = await fs.open(path, flags, mode);
        file.writeFile = () => Promise.reject(full);
        return file;
      },
    },
    { rename: () => Promise.reject(full) },
  ];
  try {
    for (const fault of failing) {
      const store = fileBlobStore(folder, { ...fs, ...fault });
      await expect(store.put(abc)).rejects.toMatchObject({ code: 'storage.full' });
      expect(await filesIn(folder)).toEqual([]);
    }
  } finally {
    await fs.rm(folder, { recursive: true });
  }
});
