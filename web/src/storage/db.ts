import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { ExampleFormat } from '../../../shared/dataset/index.ts';
import { MurmurationError } from '../../../shared/errors/index.ts';
import type { ChainedEntry } from '../../../shared/ledger/index.ts';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import type { DatasetInfo } from './dataset-info.ts';
import { storageError, unavailable } from './storage-error.ts';

/** Everything this device keeps. Nothing in it is ever sent, except what the session protocol says. */
export interface DeviceSchema extends DBSchema {
  identity: { key: 'device'; value: StoredIdentity };
  datasets: { key: string; value: DatasetInfo };
  /** Key: dataset, index of the shard. */
  shards: { key: [string, number]; value: StoredShard };
  /** The newest model of each run. */
  models: { key: string; value: StoredModel };
  /** Key: run, round, hash. */
  records: { key: [string, number, string]; value: { readonly run: string; readonly record: RoundRecord } };
  /** Key: dataset, sequence number. */
  ledger: { key: [string, number]; value: ChainedEntry };
  /** Of the last secure rounds of each run. Key: run, round. */
  transcripts: { key: [string, number]; value: StoredTranscript };
  settings: { key: string; value: unknown };
  consents: { key: string; value: Consent };
  trash: { key: string; value: { readonly dataset: DatasetInfo; readonly deletedAtMs: number } };
}

export type Database = IDBPDatabase<DeviceSchema>;

export type StoredIdentity =
  | {
      readonly kind: 'webcrypto';
      readonly publicKey: Uint8Array<ArrayBuffer>;
      /** Not extractable: the browser signs with it and shows it to nobody. */
      readonly privateKey: CryptoKey;
    }
  | {
      readonly kind: 'noble';
      readonly publicKey: Uint8Array<ArrayBuffer>;
      readonly secretKey: Uint8Array<ArrayBuffer>;
    };

/** About 10 MB of examples: writing rows one by one takes twenty times as long. */
export interface StoredShard {
  readonly count: number;
  readonly format: ExampleFormat;
  readonly inputs: Blob;
  readonly targets: Blob;
}

export interface StoredModel {
  readonly run: string;
  readonly version: number;
  readonly layoutHash: string;
  readonly hash: string;
  /** Little-endian float32. */
  readonly weights: Blob;
}

export interface StoredTranscript {
  readonly run: string;
  readonly round: number;
  readonly file: Blob;
}

/** What a person agreed to: one revision of one federation, with one dataset. */
export interface Consent {
  readonly federationId: string;
  readonly revision: number;
  readonly datasetId: string;
  readonly atMs: number;
}

const NAME = 'murmuration';
const VERSION = 2;
/** Another tab with the page of an older version is asked to let go; it does at once, unless it hangs. */
const BLOCKED_TIMEOUT_MS = 5000;

let shared: Promise<Database> | undefined;

/**
 * The device's database, opened once per page or worker.
 * @throws `storage.unavailable` where the browser offers none, `storage.locked` when another tab blocks an upgrade.
 */
export function database(): Promise<Database> {
  shared ??= openDatabase(NAME, () => {
    shared = undefined;
  }).catch((error: unknown) => {
    shared = undefined;
    throw error;
  });
  return shared;
}

/** @param onClosed - called when the browser or a newer version of the page ends this connection. */
export async function openDatabase(name: string, onClosed: () => void = () => undefined): Promise<Database> {
  if (typeof indexedDB === 'undefined') throw unavailable('a browser without it');
  let timer: ReturnType<typeof setTimeout> | undefined;
  let giveUp: (error: MurmurationError) => void;
  const blocked = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const opening = Promise.resolve().then(() =>
    openDB<DeviceSchema>(name, VERSION, {
      upgrade,
      blocked() {
        timer = setTimeout(
          () =>
            giveUp(
              new MurmurationError(
                'storage.locked',
                'Another tab keeps an older version of the storage open.',
                {
                  remedy: 'Close the other tabs of this page, then reload.',
                },
              ),
            ),
          BLOCKED_TIMEOUT_MS,
        );
      },
      // A newer version of the page, in another tab, waits for this connection to close.
      blocking(_current, _blocked, event) {
        (event.target as IDBDatabase).close();
        onClosed();
      },
      terminated: onClosed,
    }),
  );
  try {
    return await Promise.race([opening, blocked]);
  } catch (error) {
    // Should it open after all, nobody is left to use it.
    opening.then(
      (db) => db.close(),
      () => undefined,
    );
    throw await storageError(error);
  } finally {
    clearTimeout(timer);
  }
}

/** One step per version, so that a device that skipped some takes them all, in order. */
function upgrade(db: Database, from: number): void {
  if (from < 1) {
    for (const store of ['identity', 'shards', 'settings'] as const) db.createObjectStore(store);
    db.createObjectStore('datasets', { keyPath: 'id' });
    db.createObjectStore('models', { keyPath: 'run' });
    db.createObjectStore('records', { keyPath: ['run', 'record.round', 'record.hash'] });
    db.createObjectStore('ledger', { keyPath: ['entry.dataset', 'seq'] });
    db.createObjectStore('consents', { keyPath: 'federationId' });
    db.createObjectStore('trash', { keyPath: 'dataset.id' });
  }
  if (from < 2) db.createObjectStore('transcripts', { keyPath: ['run', 'round'] });
}

/** Every key of a compound-key store that begins with `first`: arrays sort after all numbers and strings. */
export function keysOf(first: string): IDBKeyRange {
  return IDBKeyRange.bound([first], [first, []]);
}
