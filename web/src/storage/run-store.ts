import { check } from '../../../shared/errors/index.ts';
import {
  appendEntry,
  type ChainedEntry,
  type LedgerEntry,
  verifyChain,
} from '../../../shared/ledger/index.ts';
import type { Store } from '../../../shared/session/ports.ts';
import { hashWeights, type Model, modelBytes } from '../../../shared/update/index.ts';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import { type Database, database, keysOf } from './db.ts';
import { committed, stored } from './storage-error.ts';

/** Durable: resolved only once the operating system has the bytes, since a reload must find them. */
const DURABLE = { durability: 'strict' } as const;

/** Rounds of a run whose transcripts are kept. */
export const TRANSCRIPTS_KEPT = 3;

/** The session's store on this device. One model per run is kept: the newest. */
export async function runStore(db?: Database): Promise<Store> {
  const storage = db ?? (await database());
  return {
    loadModel: (run) => stored(() => loadModel(storage, run)),

    saveModel: (run, model) =>
      stored(async () => {
        const weights = new Blob([modelBytes(model)]);
        const transaction = storage.transaction('models', 'readwrite', DURABLE);
        await committed(transaction, async () => {
          const newest = await transaction.store.get(run);
          if (newest !== undefined && newest.version > model.version) return;
          const { version, layoutHash, hash } = model;
          await transaction.store.put({ run, version, layoutHash, hash, weights });
        });
      }),

    loadRecords: (run, fromRound) =>
      stored(async () => {
        const range = IDBKeyRange.bound([run, fromRound], [run, []]);
        const found = await storage.getAll('records', range);
        return found.map(({ record }) => record).sort(byAttempt);
      }),

    saveRecord: (run, record) =>
      stored(async () => {
        const transaction = storage.transaction('records', 'readwrite', DURABLE);
        await committed(transaction, async () => {
          const existing = await transaction.store.get([run, record.round, record.hash]);
          const adds = existing?.record.evaluation === null && record.evaluation !== null;
          if (existing === undefined || adds) await transaction.store.put({ run, record });
        });
      }),

    appendLedger: (entry) => stored(() => appendLedger(storage, entry)),

    saveTranscript: (run, round, file) =>
      stored(async () => {
        const transaction = storage.transaction('transcripts', 'readwrite', DURABLE);
        await committed(transaction, async () => {
          await transaction.store.put({ run, round, file: new Blob([file]) });
          const rounds = await transaction.store.getAllKeys(keysOf(run));
          const old = rounds.slice(0, -TRANSCRIPTS_KEPT);
          await Promise.all(old.map((key) => transaction.store.delete(key)));
        });
      }),
  };
}

/** The transcript file of a secure round, if it is still kept. @throws `storage.unavailable`. */
export async function loadTranscript(
  run: string,
  round: number,
  db?: Database,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return stored(async () => {
    const found = await (db ?? (await database())).get('transcripts', [run, round]);
    return found && new Uint8Array(await found.file.arrayBuffer());
  });
}

/** The ledger of one dataset, oldest first, checked. @throws `ledger.broken-chain`. */
export async function readLedger(dataset: string, db?: Database): Promise<ChainedEntry[]> {
  return stored(async () => {
    const entries = await (db ?? (await database())).getAll('ledger', keysOf(dataset));
    verifyChain(entries);
    return entries;
  });
}

/** The ledgers of all datasets, those that were deleted included. @throws `ledger.broken-chain`. */
export async function readLedgers(db?: Database): Promise<ReadonlyMap<string, readonly ChainedEntry[]>> {
  return stored(async () => {
    const chains = new Map<string, ChainedEntry[]>();
    for (const link of await (db ?? (await database())).getAll('ledger')) {
      const chain = chains.get(link.entry.dataset) ?? [];
      chain.push(link);
      chains.set(link.entry.dataset, chain);
    }
    for (const chain of chains.values()) verifyChain(chain);
    return chains;
  });
}

/** In one transaction, so that two tabs cannot both follow the same entry. */
async function appendLedger(storage: Database, entry: LedgerEntry): Promise<void> {
  const transaction = storage.transaction('ledger', 'readwrite', DURABLE);
  await committed(transaction, async () => {
    const newest = await transaction.store.openCursor(keysOf(entry.dataset), 'prev');
    await transaction.store.add(appendEntry(newest?.value, entry));
  });
}

async function loadModel(storage: Database, run: string): Promise<Model | undefined> {
  const found = await storage.get('models', run);
  if (found === undefined) return undefined;
  const bytes = await found.weights.arrayBuffer();
  const remedy = 'Leave the run and join it again: the model is fetched from the others.';
  check(bytes.byteLength % 4 === 0, 'storage.corrupt', 'The stored model is damaged.', { remedy });
  const weights = new Float32Array(bytes);
  check(
    hashWeights(found.layoutHash, weights) === found.hash,
    'storage.corrupt',
    'The stored model is damaged.',
    {
      expected: `weights with the hash ${found.hash}`,
      remedy,
    },
  );
  return { version: found.version, layoutHash: found.layoutHash, weights, hash: found.hash };
}

function byAttempt(a: RoundRecord, b: RoundRecord): number {
  return a.round - b.round || a.term - b.term || a.attempt - b.attempt;
}
