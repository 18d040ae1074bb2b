import type { Examples } from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { ExampleShards } from '../../../shared/training/source.ts';
import { throwIfAborted } from './dataset-store.ts';
import { type Database, database } from './db.ts';
import { stored } from './storage-error.ts';

/** Targets of less are read at once: reading a row from a blob takes half a millisecond, however short it is. */
const KEPT_TARGET_BYTES = 16_000_000;

/**
 * The shards of a dataset, opened but not read: blobs, whose bytes the browser keeps on disk. Only small targets
 * are read into memory.
 * @throws `data.unreadable` when there is no such dataset, `storage.corrupt` when a shard is gone or of another size
 * than it should be, `aborted`. Reading throws the same.
 */
export async function openShards(id: string, signal: AbortSignal, db?: Database): Promise<ExampleShards> {
  return stored(async () => {
    const storage = db ?? (await database());
    const info = await storage.get('datasets', id);
    check(info !== undefined, 'data.unreadable', 'The data set is not on this device.', {
      remedy: 'Choose another data set, or import it again.',
    });
    const { format } = info;
    const inputBytes = format.size * (format.inputs === 'uint8' ? 1 : 4);
    const targetBytes = (format.targetsPerExample ?? 1) * (format.targets === 'uint16' ? 2 : 4);
    const blobs: { readonly count: number; readonly inputs: Blob; readonly targets: Blob }[] = [];
    for (let index = 0; index < info.shards; index++) {
      throwIfAborted(signal);
      const shard = await storage.get('shards', [id, index]);
      const fits =
        shard !== undefined &&
        shard.inputs.size === shard.count * inputBytes &&
        shard.targets.size === shard.count * targetBytes;
      check(fits, 'storage.corrupt', 'A part of the data set is gone or damaged.', {
        path: `shard ${index}`,
        remedy: 'Delete the data set and import it again.',
      });
      blobs.push(shard);
    }
    const counts = blobs.map(({ count }) => count);
    const examples = counts.reduce((sum, count) => sum + count, 0);
    check(examples === info.examples, 'storage.corrupt', 'A part of the data set is gone.', {
      expected: `${info.examples} examples`,
      received: String(examples),
      remedy: 'Delete the data set and import it again.',
    });
    const kept =
      examples * targetBytes <= KEPT_TARGET_BYTES
        ? await Promise.all(blobs.map(({ targets }) => targets.arrayBuffer()))
        : undefined;
    const targetsOf = async (shard: number, start: number, end: number): Promise<ArrayBuffer> =>
      kept?.[shard]?.slice(start * targetBytes, end * targetBytes) ??
      blobs[shard]!.targets.slice(start * targetBytes, end * targetBytes).arrayBuffer();

    return {
      format,
      counts,
      checkPresent: () =>
        stored(async () => {
          const key = await storage.getKey('datasets', id);
          check(key !== undefined, 'data.unreadable', 'The data set was deleted.', {
            remedy: 'Join again with another data set.',
          });
        }),
      read: (index, start, end) =>
        stored(async (): Promise<Examples> => {
          const [inputs, targets] = await Promise.all([
            blobs[index]!.inputs.slice(start * inputBytes, end * inputBytes).arrayBuffer(),
            targetsOf(index, start, end),
          ]);
          return {
            count: end - start,
            inputs: format.inputs === 'uint8' ? new Uint8Array(inputs) : new Float32Array(inputs),
            targets: format.targets === 'uint16' ? new Uint16Array(targets) : new Float32Array(targets),
          };
        }),
    };
  });
}
