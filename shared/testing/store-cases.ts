import { check, MurmurationError } from '../errors/index.ts';
import { type ChainedEntry, type LedgerEntry, verifyChain } from '../ledger/index.ts';
import type { Store } from '../session/ports.ts';
import { layoutOf, type Model, makeModel } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';

/** A store under test. */
export interface StoreHarness {
  readonly store: Store;
  /** A second store on the same data, as after a restart. Absent for stores that do not outlive the process. */
  reopen?(): Promise<Store>;
  /** Absent for stores that keep no ledger to read. */
  readLedger?(dataset: string): Promise<readonly ChainedEntry[]>;
  readTranscript(run: string, round: number): Promise<Uint8Array | undefined>;
  /** Rounds of a run whose transcripts it keeps. */
  readonly transcriptsKept: number;
  close(): Promise<void>;
}

export interface StoreCase {
  readonly name: string;
  /** What the harness must offer for the case to apply. */
  readonly needs?: 'reopen' | 'readLedger';
  run(harness: StoreHarness): Promise<void>;
}

const layout = layoutOf([{ name: 'dense/kernel', shape: [2, 3] }]);

function modelAt(version: number, value: number): Model {
  return makeModel(version, layout, Float32Array.of(value, -value, 0, 1e-30, 3.4e38, 0.1));
}

function recordOf(round: number, more: Partial<RoundRecord> = {}): RoundRecord {
  return {
    round,
    term: 1,
    attempt: 0,
    coordinator: 'server',
    federationRevision: 1,
    baseHash: hashOf(round - 1),
    hash: hashOf(round),
    survivors: [],
    dropped: [],
    startedAtMs: 1_000_000 + round,
    trainMs: 10.5,
    exchangeMs: 20,
    applyMs: 30,
    evaluation: { total: 100, correct: 93, lossSum: 12.25 },
    secure: { threshold: 2, confirmations: 3 },
    ...more,
  };
}

function hashOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}

function entryOf(dataset: string, round: number): LedgerEntry {
  return {
    dataset,
    run: 'run',
    round,
    atMs: 1_000_000 + round,
    event: { mechanism: 'none', released: 'update', clipNorm: 20, weight: 5 },
  };
}

/**
 * What every implementation of the Store port must do. Plain functions that throw, so that they run in a page
 * as well as under vitest (store-contract.ts).
 */
export const storeCases: readonly StoreCase[] = [
  {
    name: 'a run that nothing was saved for has no model and no records',
    async run({ store }) {
      same(await store.loadModel('unknown'), undefined);
      same(await store.loadRecords('unknown', 0), []);
    },
  },
  {
    name: 'a model comes back bit for bit',
    async run({ store }) {
      const model = modelAt(3, 0.5);
      await store.saveModel('run', model);
      sameModel(await store.loadModel('run'), model);
    },
  },
  {
    name: 'a saved model is a copy: changing the weights afterwards changes nothing',
    async run({ store }) {
      const model = modelAt(1, 0.5);
      const saved = { ...model, weights: model.weights.slice() };
      await store.saveModel('run', saved);
      saved.weights.fill(7);
      sameModel(await store.loadModel('run'), model);
    },
  },
  {
    name: 'S-01: the newest version wins, in whatever order they are saved',
    async run({ store }) {
      await store.saveModel('run', modelAt(1, 1));
      await store.saveModel('run', modelAt(2, 2));
      sameModel(await store.loadModel('run'), modelAt(2, 2));
      await store.saveModel('run', modelAt(1, 1));
      sameModel(await store.loadModel('run'), modelAt(2, 2));
    },
  },
  {
    name: 'of two models of one version the last saved wins',
    async run({ store }) {
      await store.saveModel('run', modelAt(2, 1));
      await store.saveModel('run', modelAt(2, 9));
      sameModel(await store.loadModel('run'), modelAt(2, 9));
    },
  },
  {
    name: 'runs do not see each other',
    async run({ store }) {
      await store.saveModel('a', modelAt(1, 1));
      await store.saveRecord('a', recordOf(1));
      same(await store.loadModel('b'), undefined);
      same(await store.loadRecords('b', 0), []);
    },
  },
  {
    name: 'records come back whole, in the order of their rounds, from the round asked for',
    async run({ store }) {
      for (const round of [3, 1, 10, 2]) await store.saveRecord('run', recordOf(round));
      same(
        await store.loadRecords('run', 0),
        [1, 2, 3, 10].map((round) => recordOf(round)),
      );
      same(
        await store.loadRecords('run', 3),
        [3, 10].map((round) => recordOf(round)),
      );
      same(await store.loadRecords('run', 11), []);
    },
  },
  {
    name: 'S-02: a record saved twice is there once',
    async run({ store }) {
      await store.saveRecord('run', recordOf(1));
      await Promise.all([store.saveRecord('run', recordOf(1)), store.saveRecord('run', recordOf(1))]);
      same(await store.loadRecords('run', 0), [recordOf(1)]);
    },
  },
  {
    name: 'a record without an evaluation comes back without one',
    async run({ store }) {
      await store.saveRecord('run', recordOf(1, { evaluation: null }));
      same(await store.loadRecords('run', 0), [recordOf(1, { evaluation: null })]);
    },
  },
  {
    name: 'S-02: an evaluation that comes after the commit is added, and never taken away',
    async run({ store }) {
      await store.saveRecord('run', recordOf(1, { evaluation: null }));
      const evaluation = { total: 10, correct: 9, lossSum: 1.5 };
      await store.saveRecord('run', recordOf(1, { evaluation }));
      same(await store.loadRecords('run', 0), [recordOf(1, { evaluation })]);
      await store.saveRecord('run', recordOf(1, { evaluation: null }));
      same(await store.loadRecords('run', 0), [recordOf(1, { evaluation })]);
    },
  },
  {
    name: 'a transcript comes back byte for byte; a later one of its round replaces it',
    async run({ store, readTranscript }) {
      same(await readTranscript('run', 1), undefined);
      const file = Uint8Array.of(0, 255, 7);
      await store.saveTranscript('run', 1, file);
      file.fill(1);
      sameBytes(await readTranscript('run', 1), [0, 255, 7]);
      await store.saveTranscript('run', 1, Uint8Array.of(9));
      await store.saveTranscript('run', 1, Uint8Array.of(9));
      sameBytes(await readTranscript('run', 1), [9]);
      same(await readTranscript('other', 1), undefined);
      same(await readTranscript('run', 2), undefined);
    },
  },
  {
    name: 'transcripts of the last rounds of each run are kept, and no others',
    async run({ store, readTranscript, transcriptsKept }) {
      await store.saveTranscript('other', 1, Uint8Array.of(1));
      const last = transcriptsKept + 2;
      for (let round = 1; round <= last; round++)
        await store.saveTranscript('run', round, Uint8Array.of(round));
      for (let round = 1; round <= last; round++) {
        const expected = round <= 2 ? undefined : [round];
        sameBytes(await readTranscript('run', round), expected);
      }
      sameBytes(await readTranscript('other', 1), [1]);
    },
  },
  {
    name: 'S-01: what was saved is there after a restart',
    needs: 'reopen',
    async run({ store, reopen }) {
      await store.saveModel('run', modelAt(4, 2));
      await store.saveRecord('run', recordOf(4));
      const again = await reopen!();
      sameModel(await again.loadModel('run'), modelAt(4, 2));
      same(await again.loadRecords('run', 0), [recordOf(4)]);
    },
  },
  {
    name: 'the ledger of each dataset is a chain of its own, even when entries are appended at once',
    needs: 'readLedger',
    async run({ store, readLedger }) {
      await Promise.all([1, 2, 3].map((round) => store.appendLedger(entryOf('a', round))));
      await store.appendLedger(entryOf('b', 1));
      const [a, b] = [await readLedger!('a'), await readLedger!('b')];
      verifyChain(a);
      verifyChain(b);
      same(
        a.map(({ entry }) => entry.round).sort((x, y) => x - y),
        [1, 2, 3],
      );
      same(
        b.map(({ entry }) => entry),
        [entryOf('b', 1)],
      );
      same(await readLedger!('c'), []);
    },
  },
];

function sameModel(actual: Model | undefined, expected: Model): void {
  check(actual !== undefined, 'internal', 'There is no model.');
  const { weights, ...rest } = actual;
  const { weights: expectedWeights, ...expectedRest } = expected;
  same(rest, expectedRest);
  same([...weights], [...expectedWeights]);
}

function sameBytes(actual: Uint8Array | undefined, expected: readonly number[] | undefined): void {
  same(actual && [...actual], expected);
}

function same(actual: unknown, expected: unknown): void {
  const [received, wanted] = [JSON.stringify(sorted(actual)), JSON.stringify(sorted(expected))];
  if (received !== wanted) {
    throw new MurmurationError('internal', 'The store gave back something else.', {
      expected: String(wanted),
      received: String(received),
    });
  }
}

/** Members in one order, since a database may give them back in another. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
