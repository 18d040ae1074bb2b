import { check, MurmurationError, toErrorRecord } from '../errors/index.ts';
import { type ChainedEntry, type LedgerEntry, type SpendingLimit, verifyChain } from '../ledger/index.ts';
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
  /** Absent for stores that nothing is released through. */
  readonly limits?: LimitsHarness;
  /** Rounds of a run whose transcripts it keeps. */
  readonly transcriptsKept: number;
  close(): Promise<void>;
}

export interface LimitsHarness {
  setLimit(dataset: string, limit: SpendingLimit | undefined): Promise<void>;
  /** A second store on the same ledgers, as in another tab. */
  another(): Promise<Store>;
  /** Removes the last entry of a chain, behind the store's back. */
  cutShort(dataset: string): Promise<void>;
  /** Changes the round of the first entry, behind the store's back. */
  falsify(dataset: string): Promise<void>;
}

export interface StoreCase {
  readonly name: string;
  /** What the harness must offer for the case to apply. */
  readonly needs?: 'reopen' | 'readLedger' | 'limits' | 'memory';
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

/** A release that costs epsilon 1 for each participant. */
function costly(round: number, more: Partial<LedgerEntry> = {}): LedgerEntry {
  const event = {
    mechanism: 'participant-noise',
    released: 'update',
    weight: 5,
    clipNorm: 1,
    trust: 'local',
    event: { mechanism: 'approximate', epsilon: 1, delta: 0 },
  } as const;
  return { ...entryOf('d', round), federation: 'f', event, ...more };
}

const TWO_AND_A_HALF: SpendingLimit = { unit: 'participant', epsilon: 2.5, delta: 1e-5 };

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (thrown: unknown) => toErrorRecord(thrown).code,
  );
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
    name: 'N-16: so does one with a clipping norm, and one without after it',
    async run({ store }) {
      const adapted = makeModel(3, layout, modelAt(3, 0.5).weights, 0.1);
      await store.saveModel('run', adapted);
      sameModel(await store.loadModel('run'), adapted);
      await store.saveModel('run', modelAt(4, 1));
      sameModel(await store.loadModel('run'), modelAt(4, 1));
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
    name: 'Y-03: a memory comes back bit for bit, as a copy; a later one replaces it',
    needs: 'memory',
    async run({ store }) {
      const key = { run: 'run', dataset: 'd', kind: 'variate' } as const;
      same(await store.loadMemory(key), undefined);
      const vector = Float32Array.of(0.1, -0, 3.4e38);
      await store.saveMemory(key, vector);
      vector.fill(7);
      same([...(await store.loadMemory(key))!], [...Float32Array.of(0.1, -0, 3.4e38)]);
      await store.saveMemory(key, Float32Array.of(1));
      same([...(await store.loadMemory(key))!], [1]);
    },
  },
  {
    name: 'Y-03: memories of other runs, other data and another kind are others',
    needs: 'memory',
    async run({ store }) {
      const keys = [
        { run: 'a', dataset: 'd', kind: 'variate' },
        { run: 'b', dataset: 'd', kind: 'variate' },
        { run: 'a', dataset: 'e', kind: 'variate' },
        { run: 'a', dataset: 'd', kind: 'residual' },
      ] as const;
      for (const [i, key] of keys.entries()) await store.saveMemory(key, Float32Array.of(i));
      for (const [i, key] of keys.entries()) same([...(await store.loadMemory(key))!], [i]);
    },
  },
  {
    name: 'M-07: so does a model with what its strategy remembers, with and without a clipping norm',
    async run({ store }) {
      const { weights } = modelAt(3, 0.5);
      const state = Float32Array.from({ length: 12 }, (_, i) => i / 7);
      for (const model of [
        makeModel(3, layout, weights, undefined, state),
        makeModel(4, layout, weights, 2, state),
      ]) {
        await store.saveModel('run', model);
        sameModel(await store.loadModel('run'), model);
      }
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
  {
    name: 'B-02: what would exceed a limit is refused before training and at the writing, and is not written',
    needs: 'limits',
    async run({ store, readLedger, limits }) {
      await limits!.setLimit('d', TWO_AND_A_HALF);
      for (const round of [1, 2]) {
        await store.permitRelease(costly(round));
        await store.appendLedger(costly(round));
      }
      same(await codeOf(store.permitRelease(costly(3))), 'privacy.budget-exceeded');
      same(await codeOf(store.appendLedger(costly(3))), 'privacy.budget-exceeded');
      same((await readLedger!('d')).length, 2);
      // Another dataset has a ledger of its own; a raised limit holds at once.
      await store.appendLedger(costly(3, { dataset: 'other' }));
      await limits!.setLimit('d', { ...TWO_AND_A_HALF, epsilon: 3 });
      await store.appendLedger(costly(3));
      await limits!.setLimit('d', undefined);
      await store.appendLedger(costly(4));
    },
  },
  {
    name: 'B-01: runs and federations spend from one ledger',
    needs: 'limits',
    async run({ store, limits }) {
      await limits!.setLimit('d', TWO_AND_A_HALF);
      await store.appendLedger(costly(1, { run: 'a', federation: 'f' }));
      await store.appendLedger(costly(1, { run: 'b', federation: 'g' }));
      same(
        await codeOf(store.appendLedger(costly(1, { run: 'c', federation: 'h' }))),
        'privacy.budget-exceeded',
      );
    },
  },
  {
    name: 'B-03: of two sessions only one spends the last of a budget',
    needs: 'limits',
    async run({ store, readLedger, limits }) {
      await limits!.setLimit('d', TWO_AND_A_HALF);
      const tabs = [store, await limits!.another()];
      // Each knows the first entry, and learns of the other's only as it writes.
      await tabs[0]!.appendLedger(costly(1));
      await Promise.all(tabs.map((tab) => tab.permitRelease(costly(2))));
      const outcomes = await Promise.all(
        [0, 1, 0, 1].map((tab) => codeOf(tabs[tab]!.appendLedger(costly(2)))),
      );
      same(outcomes.sort(), ['none', ...Array(3).fill('privacy.budget-exceeded')]);
      same((await readLedger!('d')).length, 2);
    },
  },
  {
    name: 'B-12: without noise nothing fits a limit',
    needs: 'limits',
    async run({ store, limits }) {
      await limits!.setLimit('d', { ...TWO_AND_A_HALF, epsilon: 1000 });
      same(await codeOf(store.permitRelease(entryOf('d', 1))), 'privacy.budget-exceeded');
      await limits!.setLimit('d', undefined);
      await store.appendLedger(entryOf('d', 1));
      await limits!.setLimit('d', { ...TWO_AND_A_HALF, epsilon: 1000 });
      same(await codeOf(store.permitRelease(costly(2))), 'privacy.budget-exceeded');
    },
  },
  {
    name: 'B-06: a chain that was changed or cut short locks its dataset, and no other',
    needs: 'limits',
    async run({ store, limits }) {
      for (const dataset of ['a', 'b', 'c'])
        for (const round of [1, 2]) await store.appendLedger(costly(round, { dataset }));
      await limits!.falsify('a');
      await limits!.cutShort('b');
      // A store that has read nothing yet finds both.
      const fresh = await limits!.another();
      for (const dataset of ['a', 'b']) {
        same(await codeOf(fresh.permitRelease(costly(3, { dataset }))), 'privacy.ledger-locked');
        same(await codeOf(fresh.appendLedger(costly(3, { dataset }))), 'privacy.ledger-locked');
      }
      // One that has, finds what is missing at the end.
      same(await codeOf(store.appendLedger(costly(3, { dataset: 'b' }))), 'privacy.ledger-locked');
      await fresh.appendLedger(costly(3, { dataset: 'c' }));
    },
  },
  {
    name: 'B-24: an update for a round before one that was released is refused; another attempt at it is paid for',
    needs: 'limits',
    async run({ store, readLedger }) {
      await store.appendLedger(costly(1));
      await store.appendLedger(costly(2));
      await store.appendLedger(costly(2, { base: hashOf(7) }));
      same(await codeOf(store.permitRelease(costly(1))), 'round.repeated');
      same(await codeOf(store.appendLedger(costly(1))), 'round.repeated');
      await store.appendLedger(costly(1, { run: 'another' }));
      same((await readLedger!('d')).length, 4);
    },
  },
  {
    name: 'B-09: a clock that was set back is recorded as it was, and changes nothing',
    needs: 'limits',
    async run({ store, readLedger, limits }) {
      await limits!.setLimit('d', TWO_AND_A_HALF);
      await store.appendLedger(costly(1, { atMs: 5000 }));
      await store.appendLedger(costly(2, { atMs: 0 }));
      same(
        (await readLedger!('d')).map(({ entry }) => entry.atMs),
        [5000, 0],
      );
      same(await codeOf(store.appendLedger(costly(3, { atMs: 0 }))), 'privacy.budget-exceeded');
    },
  },
];

function sameModel(actual: Model | undefined, expected: Model): void {
  check(actual !== undefined, 'internal', 'There is no model.');
  const { weights, state = [], ...rest } = actual;
  const { weights: expectedWeights, state: expectedState = [], ...expectedRest } = expected;
  same(rest, expectedRest);
  same([...weights], [...expectedWeights]);
  same([...state], [...expectedState]);
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
