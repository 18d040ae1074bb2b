import { type ErrorCode, MurmurationError } from '../errors/index.ts';
import { appendEntry, type ChainedEntry } from '../ledger/index.ts';
import type { Store } from '../session/ports.ts';
import type { Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';

/** The plain, readable store that the others are held to, for tests and the simulator. */
export interface MemoryStore extends Store {
  /** From now on every write rejects with this code, `storage.full` for one; undefined: writes work again. */
  failWrites(code: ErrorCode | undefined): void;
  ledgerOf(dataset: string): readonly ChainedEntry[];
  readTranscript(run: string, round: number): Promise<Uint8Array | undefined>;
}

/** Rounds of a run whose transcripts are kept. */
export const TRANSCRIPTS_KEPT = 3;

export function memoryStore(): MemoryStore {
  const models = new Map<string, Model>();
  const records = new Map<string, RoundRecord[]>();
  const ledgers = new Map<string, ChainedEntry[]>();
  const transcripts = new Map<string, Map<number, Uint8Array>>();
  let failure: ErrorCode | undefined;

  async function write(change: () => void): Promise<void> {
    if (failure !== undefined) throw new MurmurationError(failure, 'The store was told to fail.');
    change();
  }

  return {
    failWrites(code) {
      failure = code;
    },
    ledgerOf: (dataset) => ledgers.get(dataset) ?? [],
    readTranscript: async (run, round) => transcripts.get(run)?.get(round),

    loadModel: async (run) => models.get(run),
    saveModel: (run, model) =>
      write(() => {
        const newest = models.get(run);
        if (newest !== undefined && newest.version > model.version) return;
        models.set(run, { ...model, weights: model.weights.slice() });
      }),
    loadRecords: async (run, fromRound) =>
      (records.get(run) ?? []).filter(({ round }) => round >= fromRound).sort(byAttempt),
    saveRecord: (run, record) =>
      write(() => {
        const known = records.get(run) ?? [];
        const same = known.find(({ round, hash }) => round === record.round && hash === record.hash);
        if (same !== undefined && (same.evaluation !== null || record.evaluation === null)) return;
        const others = known.filter((other) => other !== same);
        records.set(run, [...others, structuredClone(record)]);
      }),
    appendLedger: (entry) =>
      write(() => {
        const chain = ledgers.get(entry.dataset) ?? [];
        ledgers.set(entry.dataset, [...chain, appendEntry(chain.at(-1), structuredClone(entry))]);
      }),
    saveTranscript: (run, round, file) =>
      write(() => {
        const known = new Map(transcripts.get(run)).set(round, file.slice());
        const newest = [...known].sort(([a], [b]) => b - a).slice(0, TRANSCRIPTS_KEPT);
        transcripts.set(run, new Map(newest));
      }),
  };
}

function byAttempt(a: RoundRecord, b: RoundRecord): number {
  return a.round - b.round || a.term - b.term || a.attempt - b.attempt;
}
