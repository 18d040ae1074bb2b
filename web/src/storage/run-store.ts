import { check } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import type { Store } from '../../../shared/session/ports.ts';
import { hashModel, type Model, modelBytes, splitModelBytes } from '../../../shared/update/index.ts';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import { type Database, database, keysOf } from './db.ts';
import { committed, stored } from './storage-error.ts';

/** Durable: resolved only once the operating system has the bytes, since a reload must find them. */
const DURABLE = { durability: 'strict' } as const;

/** Rounds of a run whose transcripts are kept. */
export const TRANSCRIPTS_KEPT = 3;

/**
 * The session's store on this device. One model per run is kept: the newest.
 * @param federation whose privacy budget binds, beside the limits of this device.
 */
export async function runStore(
  db?: Database,
  federation?: Pick<Federation, 'id' | 'privacy' | 'cohort'>,
): Promise<Store> {
  const storage = db ?? (await database());
  // Accountants are large, and the page, which only reads models, does without.
  const { releasesOf } = await import('./releases.ts');
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

    ...releasesOf(storage, federation),

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

    loadMemory: ({ dataset, run, kind }) =>
      stored(async () => {
        const found = await storage.get('memories', [dataset, run, kind]);
        if (found === undefined) return undefined;
        const bytes = await found.vector.arrayBuffer();
        check(bytes.byteLength % 4 === 0, 'storage.corrupt', 'What a strategy keeps here is damaged.', {
          remedy: 'Nothing has to be done: it begins again at zero.',
        });
        return new Float32Array(bytes);
      }),

    saveMemory: ({ dataset, run, kind }, vector) =>
      stored(async () => {
        const transaction = storage.transaction('memories', 'readwrite', DURABLE);
        await committed(transaction, async () => {
          await transaction.store.put({ dataset, run, kind, vector: new Blob([vector]) });
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

async function loadModel(storage: Database, run: string): Promise<Model | undefined> {
  const found = await storage.get('models', run);
  if (found === undefined) return undefined;
  const parts = splitModelBytes(new Uint8Array(await found.weights.arrayBuffer()));
  const remedy = 'Leave the run and join it again: the model is fetched from the others.';
  check(parts !== undefined, 'storage.corrupt', 'The stored model is damaged.', { remedy });
  check(
    hashModel(found.layoutHash, parts) === found.hash,
    'storage.corrupt',
    'The stored model is damaged.',
    {
      expected: `weights with the hash ${found.hash}`,
      remedy,
    },
  );
  return { version: found.version, layoutHash: found.layoutHash, ...parts, hash: found.hash };
}

function byAttempt(a: RoundRecord, b: RoundRecord): number {
  return a.round - b.round || a.term - b.term || a.attempt - b.attempt;
}
