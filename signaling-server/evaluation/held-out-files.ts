import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Federation } from '../../shared/federation/index.ts';
import { storageError } from '../storage/storage-error.ts';
import type { HeldOutFormat } from './held-out-reader.ts';
import { checkHeldOut } from './judge.ts';
import type { HeldOutSource, ThreadReady } from './thread-protocol.ts';

/** Which file names hold what. `images` is the format of shared/dataset/sample-format.ts. */
const FORMAT_OF: Readonly<Record<string, HeldOutFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  json: 'json',
  jsonl: 'json',
  ndjson: 'json',
  txt: 'txt',
  images: 'images',
};

/** Largest file of a held-out set. */
export const MAX_HELD_OUT_BYTES = 64 * 1024 * 1024;

/** The examples that the operator supplies: `DATA_DIR/held-out/<federation>.<csv|json|…>`, put there by hand or by upload. */
export interface HeldOutFiles {
  /** Of several files the newest; without one the public test digits, for federations of those. */
  find(federation: Pick<Federation, 'id' | 'data'>): Promise<HeldOutSource>;
  /**
   * Checks all rows, then replaces what was there as one act: whatever fails, the set from before stays.
   * @throws `data.*` naming row and column, `argument.invalid`, `storage.*`.
   */
  put(federation: Federation, format: HeldOutFormat, bytes: Uint8Array): Promise<ThreadReady>;
  /** @returns false when there was none. */
  remove(federation: string): Promise<boolean>;
}

export function heldOutFiles(dataDir: string): HeldOutFiles {
  const folder = join(dataDir, 'held-out');
  /** One upload at a time, so that what a crash left of one is overwritten by the next. */
  let last: Promise<unknown> = Promise.resolve();

  /** Newest first. */
  async function filesOf(id: string): Promise<{ readonly path: string; readonly format: HeldOutFormat }[]> {
    const names = await onDisk(async () => {
      try {
        return await readdir(folder);
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ENOENT') return [];
        throw error;
      }
    });
    const found: { path: string; format: HeldOutFormat; atMs: number }[] = [];
    for (const name of names) {
      // Ids hold no dots.
      const [stem, extension = '', ...more] = name.split('.');
      const format = FORMAT_OF[extension.toLowerCase()];
      if (stem !== id || format === undefined || more.length > 0) continue;
      const path = join(folder, name);
      found.push({ path, format, atMs: (await onDisk(() => stat(path))).mtimeMs });
    }
    return found.sort((a, b) => b.atMs - a.atMs).map(({ path, format }) => ({ path, format }));
  }

  async function replace(
    federation: Federation,
    format: HeldOutFormat,
    bytes: Uint8Array,
  ): Promise<ThreadReady> {
    const path = join(folder, `${federation.id}.${format}`);
    const temporary = join(folder, `${federation.id}.part`);
    await onDisk(() => mkdir(folder, { recursive: true }));
    try {
      await onDisk(() => writeDurably(temporary, bytes));
      const ready = await checkHeldOut(federation, { kind: 'file', path: temporary, format });
      const before = await filesOf(federation.id);
      await onDisk(() => rename(temporary, path));
      for (const old of before) if (old.path !== path) await onDisk(() => rm(old.path, { force: true }));
      return ready;
    } catch (thrown) {
      await Promise.allSettled([rm(temporary, { force: true })]);
      throw thrown;
    }
  }

  return {
    async find({ id, data }) {
      const [newest] = await filesOf(id);
      if (newest !== undefined) return { kind: 'file', ...newest };
      return data.kind === 'image' && data.sample === 'digits' ? { kind: 'digits' } : { kind: 'none' };
    },

    put(federation, format, bytes) {
      const turn = last.then(() => replace(federation, format, bytes));
      last = turn.catch(() => undefined);
      return turn;
    },

    async remove(id) {
      const files = await filesOf(id);
      for (const { path } of files) await onDisk(() => rm(path, { force: true }));
      return files.length > 0;
    },
  };
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error, 'the folder of held-out sets');
  }
}
