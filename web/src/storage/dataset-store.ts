import { type Examples, emptyExamples } from '../../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../../shared/errors/index.ts';
import type { DatasetInfo } from './dataset-info.ts';
import { type Database, database, keysOf, type StoredShard } from './db.ts';
import { fingerprint } from './fingerprint.ts';
import { addToLedger, ledgerIdOf, nameTwins } from './ledger-facts.ts';
import { committed, stored } from './storage-error.ts';

/** How long a deleted dataset can be brought back. */
export const UNDO_MS = 30_000;
/** Held, shared, while an import writes shards that no dataset owns yet. */
const IMPORT_LOCK = 'murmuration/import';

/** Datasets on this device, newest first. */
export async function listDatasets(db?: Database): Promise<DatasetInfo[]> {
  return stored(async () => {
    const datasets = await (db ?? (await database())).getAll('datasets');
    return datasets.sort((a, b) => b.createdAtMs - a.createdAtMs);
  });
}

export async function getDataset(id: string, db?: Database): Promise<DatasetInfo | undefined> {
  return stored(async () => (db ?? (await database())).get('datasets', id));
}

/**
 * All examples of a dataset, its shards put together.
 * @throws `data.unreadable` when there is no such dataset, `storage.corrupt` when a shard is gone or damaged,
 * `aborted`.
 */
export async function loadExamples(id: string, signal: AbortSignal, db?: Database): Promise<Examples> {
  return stored(async () => {
    const storage = db ?? (await database());
    const info = await storage.get('datasets', id);
    check(info !== undefined, 'data.unreadable', 'The data set is not on this device.', {
      remedy: 'Choose another data set, or import it again.',
    });
    const examples = emptyExamples(info.format, info.examples);
    const each = info.format.targetsPerExample ?? 1;
    let count = 0;
    for (let index = 0; index < info.shards; index++) {
      throwIfAborted(signal);
      const shard = await storage.get('shards', [id, index]);
      check(shard !== undefined, 'storage.corrupt', 'A part of the data set is gone.', {
        path: `shard ${index}`,
        remedy: 'Delete the data set and import it again.',
      });
      const inputs = await shard.inputs.arrayBuffer();
      const targets = await shard.targets.arrayBuffer();
      const fits =
        count + shard.count <= info.examples &&
        inputs.byteLength === shard.count * info.format.size * examples.inputs.BYTES_PER_ELEMENT &&
        targets.byteLength === shard.count * each * examples.targets.BYTES_PER_ELEMENT;
      check(fits, 'storage.corrupt', 'A part of the data set is damaged.', {
        path: `shard ${index}`,
        remedy: 'Delete the data set and import it again.',
      });
      const { format } = info;
      examples.inputs.set(
        format.inputs === 'uint8' ? new Uint8Array(inputs) : new Float32Array(inputs),
        count * format.size,
      );
      examples.targets.set(
        format.targets === 'uint16' ? new Uint16Array(targets) : new Float32Array(targets),
        count * each,
      );
      count += shard.count;
    }
    check(count === info.examples, 'storage.corrupt', 'A part of the data set is gone.', {
      expected: `${info.examples} examples`,
      received: String(count),
      remedy: 'Delete the data set and import it again.',
    });
    return examples;
  });
}

/** Writes a dataset shard by shard; it comes into being with `finish`, and otherwise leaves nothing behind. */
export interface DatasetWriter {
  readonly id: string;
  readonly bytes: number;
  writeShard(shard: Omit<StoredShard, 'format'>): Promise<void>;
  finish(
    info: Omit<DatasetInfo, 'id' | 'bytes' | 'shards' | 'examples' | 'fingerprint' | 'ledger'>,
  ): Promise<DatasetInfo>;
}

/**
 * Runs `write` with a writer for a new dataset. When it throws, or does not call `finish`, the shards are
 * removed before this rejects.
 */
export async function createDataset(
  format: DatasetInfo['format'],
  write: (writer: DatasetWriter) => Promise<DatasetInfo>,
  db?: Database,
): Promise<DatasetInfo> {
  return stored(async () => {
    const storage = db ?? (await database());
    return holdingImportLock('shared', async () => {
      const id = randomId();
      let bytes = 0;
      let shards = 0;
      let examples = 0;
      const print = fingerprint(format);
      const writer: DatasetWriter = {
        id,
        get bytes() {
          return bytes;
        },
        async writeShard({ count, inputs, targets }) {
          await print.add({ count, inputs, targets });
          await storage.put('shards', { count, format, inputs, targets }, [id, shards]);
          shards++;
          examples += count;
          bytes += inputs.size + targets.size;
        },
        async finish(rest) {
          const info = { ...rest, id, bytes, shards, examples, fingerprint: print.digest() };
          await nameTwins(storage, info);
          return addToLedger(storage, info);
        },
      };
      try {
        return await write(writer);
      } catch (error) {
        await storage.delete('shards', keysOf(id));
        throw error;
      }
    });
  });
}

/** Moves a dataset to the trash; {@link undoDelete} brings it back until it is purged. */
export async function deleteDataset(id: string, nowMs = Date.now(), db?: Database): Promise<void> {
  await stored(async () => {
    const transaction = (db ?? (await database())).transaction(['datasets', 'trash'], 'readwrite');
    await committed(transaction, async () => {
      const dataset = await transaction.objectStore('datasets').get(id);
      if (dataset === undefined) return;
      await transaction.objectStore('trash').put({ dataset, deletedAtMs: nowMs });
      await transaction.objectStore('datasets').delete(id);
    });
  });
}

/** @throws `data.unreadable` when it was purged. */
export async function undoDelete(id: string, db?: Database): Promise<DatasetInfo> {
  return stored(async () => {
    const transaction = (db ?? (await database())).transaction(['datasets', 'trash'], 'readwrite');
    const found = await committed(transaction, async () => {
      const trashed = await transaction.objectStore('trash').get(id);
      if (trashed === undefined) return undefined;
      await transaction.objectStore('datasets').put(trashed.dataset);
      await transaction.objectStore('trash').delete(id);
      return trashed;
    });
    check(found !== undefined, 'data.unreadable', 'The data set cannot be brought back any more.', {
      remedy: 'Import it again.',
    });
    return found.dataset;
  });
}

/** Removes for good what was deleted at least `olderThanMs` ago. The ledger of a dataset outlives it. */
export async function purgeTrash(nowMs = Date.now(), olderThanMs = UNDO_MS, db?: Database): Promise<void> {
  await stored(async () => {
    const storage = db ?? (await database());
    for (const { dataset, deletedAtMs } of await storage.getAll('trash')) {
      if (nowMs - deletedAtMs < olderThanMs) continue;
      const transaction = storage.transaction(
        ['shards', 'trash', 'datasets', 'memories', 'personal'],
        'readwrite',
      );
      await committed(transaction, async () => {
        // Another tab may have brought it back meanwhile.
        if ((await transaction.objectStore('trash').get(dataset.id)) === undefined) return;
        await transaction.objectStore('shards').delete(keysOf(dataset.id));
        await transaction.objectStore('trash').delete(dataset.id);
        await transaction.objectStore('personal').delete(keysOf(dataset.id));
        // What strategies remember of these data, unless they are here under another name as well.
        const ledger = ledgerIdOf(dataset);
        const others = [
          ...(await transaction.objectStore('datasets').getAll()),
          ...(await transaction.objectStore('trash').getAll()).map((entry) => entry.dataset),
        ];
        if (others.some((other) => ledgerIdOf(other) === ledger)) return;
        await transaction.objectStore('memories').delete(keysOf(ledger));
      });
    }
  });
}

/**
 * Removes shards that no dataset owns: what an import left behind when its tab was closed. Does nothing while
 * an import runs anywhere. @returns how many shards were removed.
 */
export async function sweepOrphans(db?: Database): Promise<number> {
  return stored(async () => {
    const storage = db ?? (await database());
    return holdingImportLock('exclusive-if-free', async () => {
      const transaction = storage.transaction(['datasets', 'trash', 'shards'], 'readwrite');
      const owners = new Set([
        ...(await transaction.objectStore('datasets').getAllKeys()),
        ...(await transaction.objectStore('trash').getAllKeys()),
      ]);
      const orphans = (await transaction.objectStore('shards').getAllKeys()).filter(
        ([id]) => !owners.has(id),
      );
      for (const key of orphans) await transaction.objectStore('shards').delete(key);
      await transaction.done;
      return orphans.length;
    });
  });
}

/**
 * Web Locks span tabs and workers, and go with the tab that holds them. Outside secure contexts there are
 * none: imports then run unguarded, and nothing is swept.
 */
async function holdingImportLock<T>(mode: 'shared', work: () => Promise<T>): Promise<T>;
async function holdingImportLock(mode: 'exclusive-if-free', work: () => Promise<number>): Promise<number>;
async function holdingImportLock<T>(
  mode: 'shared' | 'exclusive-if-free',
  work: () => Promise<T>,
): Promise<T | number> {
  if (navigator.locks === undefined) return mode === 'shared' ? work() : 0;
  if (mode === 'shared') return navigator.locks.request(IMPORT_LOCK, { mode: 'shared' }, work);
  return navigator.locks.request(IMPORT_LOCK, { mode: 'exclusive', ifAvailable: true }, (lock) =>
    lock === null ? Promise.resolve(0) : work(),
  );
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new MurmurationError('aborted', 'The operation was cancelled.');
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
