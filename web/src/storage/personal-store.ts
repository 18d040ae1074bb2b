import { check } from '../../../shared/errors/index.ts';
import { type Database, database, type StoredPersonal } from './db.ts';
import { committed, stored } from './storage-error.ts';

/** A model of this device's own, as it is kept. */
export interface KeptPersonal extends Omit<StoredPersonal, 'weights'> {
  readonly weights: Float32Array<ArrayBuffer>;
}

/** Undefined where there is none. @throws `storage.corrupt`, `storage.unavailable`. */
export async function loadPersonal(
  dataset: string,
  federation: string,
  db?: Database,
): Promise<KeptPersonal | undefined> {
  return stored(async () => {
    const found = await (db ?? (await database())).get('personal', [dataset, federation]);
    if (found === undefined) return undefined;
    const bytes = await found.weights.arrayBuffer();
    check(bytes.byteLength % 4 === 0, 'storage.corrupt', 'Your own model is damaged.', {
      remedy: 'Delete it and train it again.',
    });
    return { ...found, weights: new Float32Array(bytes) };
  });
}

export async function savePersonal(kept: KeptPersonal, db?: Database): Promise<void> {
  await stored(async () => {
    const transaction = (db ?? (await database())).transaction('personal', 'readwrite');
    await committed(transaction, async () => {
      await transaction.store.put({ ...kept, weights: new Blob([kept.weights]) });
    });
  });
}

export async function deletePersonal(dataset: string, federation: string, db?: Database): Promise<void> {
  await stored(async () => (db ?? (await database())).delete('personal', [dataset, federation]));
}
