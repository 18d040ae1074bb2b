import { type ErrorCode, MurmurationError } from '../errors/index.ts';
import { canonicalJson } from '../federation/index.ts';
import {
  appendEntry,
  boundOf,
  type ChainedEntry,
  checkHead,
  guard,
  headOf,
  type LedgerEntry,
  type LedgerHead,
  type OpenAccount,
  Spending,
  type SpendingLimit,
  unlocked,
} from '../ledger/index.ts';
import type { Store } from '../session/ports.ts';
import type { Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';
import { toyAccountant } from './toy-accountant.ts';

/** The plain, readable store that the others are held to, for tests and the simulator. */
export interface MemoryStore extends Store {
  /** From now on every write rejects with this code, `storage.full` for one; undefined: writes work again. */
  failWrites(code: ErrorCode | undefined): void;
  ledgerOf(dataset: string): readonly ChainedEntry[];
  readTranscript(run: string, round: number): Promise<Uint8Array | undefined>;
  setLimit(dataset: string, limit: SpendingLimit | undefined): void;
  /** Changes what is stored behind the store's back. */
  tamper(dataset: string, change: (chain: ChainedEntry[]) => ChainedEntry[]): void;
}

export interface MemoryStoreOptions {
  /** Whose budget holds, beside the limits of datasets. */
  readonly federation?: Parameters<typeof boundOf>[0];
  readonly account?: OpenAccount;
}

/** Rounds of a run whose transcripts are kept. */
export const TRANSCRIPTS_KEPT = 3;

export function memoryStore({ federation, account = toyAccountant }: MemoryStoreOptions = {}): MemoryStore {
  const models = new Map<string, Model>();
  const records = new Map<string, RoundRecord[]>();
  const ledgers = new Map<string, ChainedEntry[]>();
  const transcripts = new Map<string, Map<number, Uint8Array>>();
  const memories = new Map<string, Float32Array<ArrayBuffer>>();
  const limits = new Map<string, SpendingLimit>();
  const heads = new Map<string, LedgerHead>();
  const federationBound = federation && boundOf(federation);
  let failure: ErrorCode | undefined;

  function permit(entry: LedgerEntry): void {
    const chain = ledgers.get(entry.dataset) ?? [];
    const spending = unlocked(() => {
      checkHead(chain.at(-1), heads.get(entry.dataset));
      return Spending.of(chain, account);
    });
    guard(spending, entry, { device: limits.get(entry.dataset), federation: federationBound });
  }

  async function write(change: () => void): Promise<void> {
    if (failure !== undefined) throw new MurmurationError(failure, 'The store was told to fail.');
    change();
  }

  return {
    failWrites(code) {
      failure = code;
    },
    ledgerOf: (dataset) => ledgers.get(dataset) ?? [],
    setLimit(dataset, limit) {
      if (limit === undefined) limits.delete(dataset);
      else limits.set(dataset, limit);
    },
    tamper(dataset, change) {
      ledgers.set(dataset, change([...(ledgers.get(dataset) ?? [])]));
    },
    readTranscript: async (run, round) => transcripts.get(run)?.get(round),

    loadModel: async (run) => models.get(run),
    saveModel: (run, model) =>
      write(() => {
        const newest = models.get(run);
        if (newest !== undefined && newest.version > model.version) return;
        models.set(run, structuredClone(model));
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
    permitRelease: async (entry) => permit(entry),
    appendLedger: (entry) =>
      write(() => {
        permit(entry);
        const chain = ledgers.get(entry.dataset) ?? [];
        const link = appendEntry(chain.at(-1), structuredClone(entry));
        ledgers.set(entry.dataset, [...chain, link]);
        heads.set(entry.dataset, headOf(link));
      }),
    saveTranscript: (run, round, file) =>
      write(() => {
        const known = new Map(transcripts.get(run)).set(round, file.slice());
        const newest = [...known].sort(([a], [b]) => b - a).slice(0, TRANSCRIPTS_KEPT);
        transcripts.set(run, new Map(newest));
      }),
    loadMemory: async (key) => memories.get(canonicalJson(key))?.slice(),
    saveMemory: (key, vector) =>
      write(() => {
        memories.set(canonicalJson(key), vector.slice());
      }),
  };
}

function byAttempt(a: RoundRecord, b: RoundRecord): number {
  return a.round - b.round || a.term - b.term || a.attempt - b.attempt;
}
