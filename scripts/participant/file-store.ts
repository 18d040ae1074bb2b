import { join } from 'node:path';
import { check } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import { type Bounds, boundOf, type LedgerEntry, type SpendingLimit } from '../../shared/ledger/index.ts';
import type { MemoryKey, Store } from '../../shared/session/index.ts';
import { hashModel, type Model, modelBytes, splitModelBytes } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { diskFiles, type FileSystem, namesIn, readIfThere, writeWhole } from './durable-file.ts';
import { fileNameOf } from './file-name.ts';
import type { LedgerFiles } from './ledger-file.ts';
import { serialized } from './serialized.ts';

/** Rounds of a run whose transcripts are kept. */
export const TRANSCRIPTS_KEPT = 3;
/** Rounds whose records share a file: one that is small enough to be written anew for each. */
const ROUNDS_PER_FILE = 64;

export interface FileStoreOptions {
  readonly folder: string;
  readonly ledgers: LedgerFiles;
  /** Whose budget binds, beside the limits of this device. */
  readonly federation?: Pick<Federation, 'id' | 'privacy' | 'cohort'>;
  /** What was agreed to for this dataset, over all federations. */
  readonly limitOf?: (dataset: string) => SpendingLimit | undefined;
  /** Examples in a dataset, where known. */
  readonly recordsOf?: (dataset: string) => number | undefined;
  readonly system?: FileSystem;
}

/** The session's store in a folder: one model of each run, records by rounds, transcripts, memories, ledgers. */
export function fileStore(options: FileStoreOptions): Store {
  const { folder, ledgers, limitOf, recordsOf, system = diskFiles } = options;
  const federation = options.federation && boundOf(options.federation);
  const runFolder = (run: string): string => join(folder, 'runs', fileNameOf(run));
  const boundsFor = ({ dataset }: LedgerEntry): Bounds => ({
    device: limitOf?.(dataset),
    federation,
    records: recordsOf?.(dataset),
  });
  const write = (path: string, content: Uint8Array | string): Promise<void> =>
    writeWhole(path, content, { system });

  async function recordsIn(path: string): Promise<RoundRecord[]> {
    const bytes = await readIfThere(path, system);
    if (bytes === undefined) return [];
    return parseStored(new TextDecoder().decode(bytes), 'the records of a run') as RoundRecord[];
  }

  const memoryPath = ({ run, dataset, kind }: MemoryKey): string =>
    join(runFolder(run), 'memories', `${fileNameOf(dataset)}.${kind}`);

  return {
    async loadModel(run) {
      const bytes = await readIfThere(join(runFolder(run), 'model'), system);
      return bytes && readModel(bytes);
    },

    saveModel(run, model) {
      const path = join(runFolder(run), 'model');
      const file = modelFile(model);
      return serialized(path, async () => {
        const bytes = await readIfThere(path, system);
        const newest = bytes && headOfModel(bytes)?.version;
        if (newest === undefined || newest <= model.version) await write(path, file);
      });
    },

    async loadRecords(run, fromRound) {
      const records = join(runFolder(run), 'records');
      const found: RoundRecord[] = [];
      for (const name of await namesIn(records, system)) {
        const first = Number(/^(\d+)\.json$/.exec(name)?.[1] ?? Number.NaN);
        if (!(first + ROUNDS_PER_FILE > fromRound)) continue;
        found.push(...(await recordsIn(join(records, name))));
      }
      return found.filter(({ round }) => round >= fromRound).sort(byAttempt);
    },

    saveRecord(run, record) {
      const first = Math.floor(record.round / ROUNDS_PER_FILE) * ROUNDS_PER_FILE;
      const path = join(runFolder(run), 'records', `${String(first).padStart(9, '0')}.json`);
      return serialized(path, async () => {
        const known = await recordsIn(path);
        const same = known.find(({ round, hash }) => round === record.round && hash === record.hash);
        if (same !== undefined && (same.evaluation !== null || record.evaluation === null)) return;
        await write(path, JSON.stringify([...known.filter((other) => other !== same), record]));
      });
    },

    permitRelease: (entry) => ledgers.permit(entry, boundsFor(entry)),
    appendLedger: (entry) => ledgers.append(entry, boundsFor(entry)),

    saveTranscript(run, round, file) {
      const copy = file.slice();
      const transcripts = join(runFolder(run), 'transcripts');
      return serialized(transcripts, async () => {
        await write(transcriptPath(folder, run, round), copy);
        const names = (await namesIn(transcripts, system)).filter((name) => /^\d+$/.test(name));
        for (const old of names.slice(0, -TRANSCRIPTS_KEPT)) await system.rm(join(transcripts, old));
      });
    },

    async loadMemory(key) {
      const bytes = await readIfThere(memoryPath(key), system);
      if (bytes === undefined) return undefined;
      check(bytes.byteLength % 4 === 0, 'storage.corrupt', 'What a strategy keeps here is damaged.', {
        remedy: 'Nothing has to be done: it begins again at zero.',
      });
      return new Float32Array(bytes.slice().buffer);
    },

    saveMemory(key, vector) {
      const path = memoryPath(key);
      const copy = new Uint8Array(vector.slice().buffer);
      return serialized(path, () => write(path, copy));
    },
  };
}

export function transcriptPath(folder: string, run: string, round: number): string {
  return join(folder, 'runs', fileNameOf(run), 'transcripts', String(round).padStart(9, '0'));
}

interface ModelHead {
  readonly version: number;
  readonly layoutHash: string;
  readonly hash: string;
}

/** One line of JSON, then the bytes of the model. */
function modelFile(model: Model): Uint8Array {
  const { version, layoutHash, hash } = model;
  return Buffer.concat([
    Buffer.from(`${JSON.stringify({ version, layoutHash, hash })}\n`),
    modelBytes(model),
  ]);
}

/** Undefined for what is no model. */
function headOfModel(bytes: Uint8Array): ModelHead | undefined {
  const end = bytes.indexOf(10);
  try {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)))) as ModelHead;
  } catch {
    // Whatever it is, the next model that is saved takes its place.
    return undefined;
  }
}

/** @throws `storage.corrupt`. */
function readModel(bytes: Uint8Array<ArrayBuffer>): Model {
  const head = headOfModel(bytes);
  const parts = head && splitModelBytes(bytes.slice(bytes.indexOf(10) + 1));
  check(
    head !== undefined && parts !== undefined && hashModel(head.layoutHash, parts) === head.hash,
    'storage.corrupt',
    'The stored model is damaged.',
    {
      ...(head === undefined ? {} : { expected: `weights with the hash ${head.hash}` }),
      remedy: 'Nothing has to be done: the model is fetched from the others.',
    },
  );
  const { version, layoutHash, hash } = head;
  return { version, layoutHash, ...parts, hash };
}

/** @throws `storage.corrupt`. */
function parseStored(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    check(false, 'storage.corrupt', 'A file in the state folder is damaged.', {
      path: what,
      expected: 'JSON as this program wrote it',
      remedy: 'Move the file away: records are fetched from the others.',
      ...{ cause },
    });
  }
}

function byAttempt(a: RoundRecord, b: RoundRecord): number {
  return a.round - b.round || a.term - b.term || a.attempt - b.attempt;
}
