import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb';
import type { ExampleFormat } from '../../../shared/dataset/index.ts';
import { MurmurationError } from '../../../shared/errors/index.ts';
import { headOf, type LedgerHead } from '../../../shared/ledger/head.ts';
import type { ChainedEntry, SpendingLimit } from '../../../shared/ledger/index.ts';
import type { MemoryKind } from '../../../shared/session/ports.ts';
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
  /** What is known of each ledger beside its entries. It outlives the dataset. */
  ledgers: { key: string; value: LedgerFacts; indexes: { fingerprint: string } };
  /** Ledgers that were found broken and treated as wholly spent, as they were found. */
  remains: { key: number; value: LedgerRemains; indexes: { ledger: string } };
  /** Of the last secure rounds of each run. Key: run, round. */
  transcripts: { key: [string, number]; value: StoredTranscript };
  /** What strategies keep here from round to round. Key: dataset, run, kind. */
  memories: { key: [string, string, string]; value: StoredMemory };
  /** Models of this device's own. Key: dataset, federation. */
  personal: { key: [string, string]; value: StoredPersonal };
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
  /** As `modelBytes` makes them. */
  readonly weights: Blob;
}

export interface StoredTranscript {
  readonly run: string;
  readonly round: number;
  readonly file: Blob;
}

export interface StoredMemory {
  readonly dataset: string;
  readonly run: string;
  readonly kind: MemoryKind;
  readonly vector: Blob;
}

export interface StoredPersonal {
  readonly dataset: string;
  readonly federation: string;
  readonly sharedVersion: number;
  readonly atMs: number;
  readonly layoutHash: string;
  readonly weights: Blob;
  /** How it was made, and how it was measured: of whatever shape the page that wrote it gave it. */
  readonly about: unknown;
}

export interface LedgerFacts {
  readonly ledger: string;
  /** Of the data; see fingerprint.ts. Absent for datasets imported before it was computed. */
  readonly fingerprint?: string;
  /** Of the dataset, as it was called last. */
  readonly name: string;
  readonly records?: number;
  /** Where the chain ends: kept apart from it, so that a chain cut short is noticed. Absent before the first entry. */
  readonly head?: LedgerHead;
  readonly limit?: SpendingLimit;
}

export interface LedgerRemains {
  readonly ledger: string;
  readonly atMs: number;
  readonly entries: readonly unknown[];
}

/** What a person agreed to: one document of one federation, with one dataset. */
export interface Consent {
  readonly federationId: string;
  readonly revision: number;
  readonly datasetId: string;
  readonly atMs: number;
  /** Of the document that was read; absent in agreements of before. */
  readonly documentHash?: string;
}

const NAME = 'murmuration';
const VERSION = 5;
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
function upgrade(db: Database, from: number, _to: number | null, transaction: UpgradeTransaction): void {
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
  if (from < 3) {
    db.createObjectStore('ledgers', { keyPath: 'ledger' }).createIndex('fingerprint', 'fingerprint');
    db.createObjectStore('remains', { autoIncrement: true }).createIndex('ledger', 'ledger');
    // A failure aborts the upgrade, which `openDB` tells.
    if (from > 0) describeLedgers(transaction).catch(() => transaction.abort());
  }
  if (from < 4) db.createObjectStore('memories', { keyPath: ['dataset', 'run', 'kind'] });
  if (from < 5) db.createObjectStore('personal', { keyPath: ['dataset', 'federation'] });
}

type UpgradeTransaction = IDBPTransaction<DeviceSchema, StoreNames<DeviceSchema>[], 'versionchange'>;

/** Ledgers of before end where they do; they are named by their dataset, or by its id where that was deleted. */
async function describeLedgers(transaction: UpgradeTransaction): Promise<void> {
  const facts = new Map<string, LedgerFacts>();
  for (const { id, name, examples } of await transaction.objectStore('datasets').getAll())
    facts.set(id, { ledger: id, name, records: examples });
  // In the order of their keys: the last of each dataset is its end.
  for (const link of await transaction.objectStore('ledger').getAll()) {
    const { dataset: ledger } = link.entry;
    facts.set(ledger, { ...(facts.get(ledger) ?? { ledger, name: ledger }), head: headOf(link) });
  }
  for (const each of facts.values()) await transaction.objectStore('ledgers').put(each);
}

/** Every key of a compound-key store that begins with `first`: arrays sort after all numbers and strings. */
export function keysOf(first: string): IDBKeyRange {
  return IDBKeyRange.bound([first], [first, []]);
}
