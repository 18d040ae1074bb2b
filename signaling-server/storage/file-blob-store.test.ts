import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBlob } from './blob-store.ts';
import { type FileSystem, fileBlobStore } from './file-blob-store.ts';

/** SHA-256 of "abc" (FIPS 180-2, appendix B.1). */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const abc = new TextEncoder().encode('abc');

let folder: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'murmuration-'));
});
afterEach(() => fs.rm(folder, { recursive: true }));

const files = async () =>
  (await fs.readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

test('S-05: bytes are named by their SHA-256 and come back; deleting forgets them', async () => {
  const store = fileBlobStore(folder);
  expect(await store.has(ABC)).toBe(false);
  expect(await store.put(abc)).toBe(ABC);
  expect(await store.put(abc)).toBe(ABC);
  expect(await store.has(ABC)).toBe(true);
  expect(await readBlob(store, ABC)).toEqual(abc);
  expect(await files()).toHaveLength(1);
  await store.delete(ABC);
  await store.delete(ABC);
  expect(await store.has(ABC)).toBe(false);
  await expect(readBlob(store, ABC)).rejects.toMatchObject({ code: 'storage.corrupt' });
});

test('a large blob comes in pieces, in order', async () => {
  const store = fileBlobStore(folder);
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const key = await store.put(bytes);
  let pieces = 0;
  for await (const piece of store.get(key)) pieces += piece.byteLength > 0 ? 1 : 0;
  expect(pieces).toBe(4);
  expect(Buffer.compare(await readBlob(store, key), bytes)).toBe(0);
});

test('one flipped bit is found before the last piece is given away, and putting again mends it', async () => {
  const store = fileBlobStore(folder);
  const bytes = new Uint8Array(200_000);
  const key = await store.put(bytes);
  const file = await fs.open(join(folder, key.slice(0, 2), key), 'r+');
  await file.write(new Uint8Array([1]), 0, 1, 0);
  await file.close();
  let received = 0;
  const reading = (async () => {
    for await (const piece of store.get(key)) received += piece.byteLength;
  })();
  await expect(reading).rejects.toMatchObject({
    code: 'storage.corrupt',
    facts: { expected: `SHA-256 ${key}` },
  });
  expect(received).toBeLessThan(bytes.length);
  await store.put(bytes);
  expect(await readBlob(store, key)).toEqual(bytes);
});

test('a cut or emptied file is found too', async () => {
  const store = fileBlobStore(folder);
  await store.put(abc);
  for (const length of [2, 0]) {
    await fs.truncate(join(folder, 'ba', ABC), length);
    await expect(readBlob(store, ABC)).rejects.toMatchObject({ code: 'storage.corrupt' });
  }
});

test('S-06: a full disk is named, whichever step it stops, and leaves nothing behind', async () => {
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
  for (const fault of failing) {
    const store = fileBlobStore(folder, { ...fs, ...fault });
    await expect(store.put(abc)).rejects.toMatchObject({ code: 'storage.full' });
    expect(await files()).toEqual([]);
  }
});

test('only a hash is a key: no path leads out of the folder', async () => {
  const store = fileBlobStore(folder);
  for (const key of ['../../etc/passwd', ABC.toUpperCase(), `${ABC}/`, '']) {
    await expect(store.has(key)).rejects.toMatchObject({ code: 'argument.invalid' });
    await expect(readBlob(store, key)).rejects.toMatchObject({ code: 'argument.invalid' });
    await expect(store.delete(key)).rejects.toMatchObject({ code: 'argument.invalid' });
  }
});
