import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError } from '../../signaling-server/storage/storage-error.ts';

/** The part of node:fs/promises that is used, so that a test can fill the disk. */
export type FileSystem = Pick<
  typeof fs,
  'mkdir' | 'open' | 'readFile' | 'readdir' | 'rename' | 'rm' | 'stat'
>;
export const diskFiles: FileSystem = fs;

const WHAT = 'the state folder';

/**
 * Puts a whole file in the place of another, or none: written beside it, flushed, renamed, and the folder flushed.
 * @throws `storage.full`, `storage.unavailable`.
 */
export async function writeWhole(
  path: string,
  content: Uint8Array | string,
  { mode = 0o600, system = diskFiles }: { readonly mode?: number; readonly system?: FileSystem } = {},
): Promise<void> {
  const draft = `${path}.${randomUUID()}.draft`;
  try {
    await system.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await system.open(draft, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await system.rename(draft, path);
    await flushFolder(dirname(path), system);
  } catch (error) {
    // The first failure is the one worth telling; a draft that stays is swept at the next start.
    await system.rm(draft, { force: true }).catch(() => undefined);
    throw storageError(error, WHAT);
  }
}

/** Adds to the end of a file, and returns once the disk has it. @throws `storage.full`, `storage.unavailable`. */
export async function appendDurably(path: string, text: string, system = diskFiles): Promise<void> {
  try {
    await system.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await system.open(path, 'a', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await flushFolder(dirname(path), system);
  } catch (error) {
    throw storageError(error, WHAT);
  }
}

/** Cuts a file to its first bytes. @throws `storage.unavailable`. */
export async function cutTo(path: string, bytes: number, system = diskFiles): Promise<void> {
  try {
    const file = await system.open(path, 'r+');
    try {
      await file.truncate(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageError(error, WHAT);
  }
}

/** @returns undefined where there is no such file. @throws `storage.unavailable`, `storage.corrupt` for an unreadable disk. */
export async function readIfThere(
  path: string,
  system = diskFiles,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const bytes = await system.readFile(path);
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(error, WHAT);
  }
}

/** Names in a folder, in order; none where there is no such folder. */
export async function namesIn(folder: string, system = diskFiles): Promise<string[]> {
  try {
    return (await system.readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, WHAT);
  }
}

/** The name of a file is durable only once its folder is. */
async function flushFolder(folder: string, system: FileSystem): Promise<void> {
  const handle = await system.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
