import { applyFedAvg } from '../aggregate/index.ts';
import { type FixedPoint, fixedPointOf } from '../compress/index.ts';
import { check } from '../errors/index.ts';
import { type Federation, parseFederation } from '../federation/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import type { LedgerEntry } from '../ledger/index.ts';
import { type CryptoRandom, type SeededRandom, seededRandom } from '../random/index.ts';
import { createNode, protectUpdate, type SessionNode, type Store, type Trainer } from '../session/index.ts';
import { layoutOf, type Model, makeModel } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';
import { createMemoryNetwork, type MemoryNetwork, type NetworkFaults, PERFECT } from './memory-network.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/**
 * A whole federation in one process: server, participants, network and time are simulated, the session engine is
 * the real one. Everything follows from one seed.
 */
export interface WorldOptions {
  readonly seed: string;
  readonly participants: number;
  readonly rounds: number;
  readonly paths?: Federation['paths'];
  readonly minParticipants?: number;
  readonly faults?: NetworkFaults;
  /** Lets pending promises run; the host's own, since shared code has no task queue to wait on. */
  readonly flush: () => Promise<void>;
}

export interface Notice {
  readonly node: NodeId;
  readonly text: string;
  readonly code: string | undefined;
}

export interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly random: SeededRandom;
  readonly ids: readonly ParticipantId[];
  readonly nodes: ReadonlyMap<NodeId, SessionNode>;
  readonly notices: readonly Notice[];
  /** Records announced by any coordinator, in the order announced. */
  readonly records: readonly RoundRecord[];
  start(id: NodeId): void;
  kill(id: NodeId): void;
  /** Runs until `done`, or until virtual time is up. @returns whether `done` came true. */
  run(done: () => boolean, limitMs: number): Promise<boolean>;
  /** The model that a participant or the server holds now. */
  modelOf(id: NodeId): Model | undefined;
  /** What the survivors of a record should have made of its base, computed apart from the engine. */
  expectedHash(record: RoundRecord): string;
}

const LAYOUT = layoutOf([
  { name: 'dense/kernel', shape: [5, 4] },
  { name: 'dense/bias', shape: [4] },
]);

export function createWorld(options: WorldOptions): World {
  const { seed, flush } = options;
  const random = seededRandom(seed);
  const clock = createVirtualClock();
  const network = createMemoryNetwork(clock, random.fork('network'), options.faults ?? PERFECT);
  const federation = worldFederation(options);
  const fixedPoint = fixedPointOf(federation);
  const initial = makeModel(0, LAYOUT, seededFloats(seededRandom('initial'), LAYOUT.length));
  const ids = Array.from(
    { length: options.participants },
    (_, i) => `participant-${String(i).padStart(10, '0')}` as ParticipantId,
  );
  const stores = new Map<NodeId, WorldStore>();
  const nodes = new Map<NodeId, SessionNode>();
  const notices: Notice[] = [];
  const records: RoundRecord[] = [];
  const models = new Map<string, Model>([[initial.hash, initial]]);
  let starts = 0;

  function start(id: NodeId): void {
    const store = stores.get(id) ?? createWorldStore();
    stores.set(id, store);
    const transport = network.connect(id, ++starts);
    const node = createNode({
      run: 'run',
      federation,
      layout: LAYOUT,
      fixedPoint,
      transport,
      store,
      clock,
      random: fakeCryptoRandom(random.fork(`${id}/${starts}`)),
      settleMs: 1000,
      ...(id === SERVER
        ? { coordinator: { term: ++store.term, model: store.model, electorate: store.electorate } }
        : {
            participant: {
              trainer: worldTrainer(id, clock, random.fork(`trainer/${starts}`), initial),
              examples: examplesOf(id),
              dataset: 'data',
              model: store.model ?? initial,
              electionMs: 2000,
            },
          }),
      saveTerm: async (term) => {
        store.term = term;
      },
      observer: {
        onNotice: ({ text, error }) => notices.push({ node: id, text, code: error?.code }),
        onRecord: (record) => {
          if (record.coordinator === id && record.evaluation === null) records.push(record);
        },
        onModel: (model) => models.set(model.hash, model),
      },
    });
    nodes.set(id, node);
    if (id !== SERVER) node.command('start');
  }

  return {
    clock,
    network,
    random,
    ids,
    nodes,
    notices,
    records,
    start,
    kill(id) {
      nodes.get(id)?.close();
      nodes.delete(id);
      network.kill(id);
    },
    async run(done, limitMs) {
      const endMs = clock.nowMs() + limitMs;
      await flush();
      while (!done() && clock.nowMs() < endMs && clock.step()) await flush();
      return done();
    },
    modelOf: (id) => nodes.get(id)?.state.participant?.model ?? stores.get(id)?.model,
    expectedHash(record) {
      const base = models.get(record.baseHash);
      check(base !== undefined, 'model.unavailable', 'Nobody ever held the base of this record.');
      return expectedModel(record, base, federation, fixedPoint).hash;
    },
  };
}

/** Sums with big integers and in reverse order, so that nothing is shared with the engine but the last step. */
function expectedModel(
  record: RoundRecord,
  base: Model,
  federation: Federation,
  fixedPoint: FixedPoint,
): Model {
  const sums = Array.from({ length: LAYOUT.length }, () => 0n);
  let weight = 0;
  for (const id of [...record.survivors].reverse()) {
    const local = { layoutHash: LAYOUT.hash, delta: deltaOf(id, base), examples: examplesOf(id) };
    const { update } = protectUpdate(local, federation, fixedPoint);
    update.values.forEach((value, i) => {
      sums[i]! += BigInt(value);
    });
    weight += update.weight;
  }
  return applyFedAvg(
    base,
    { values: Int32Array.from(sums, Number), weight },
    LAYOUT,
    fixedPoint,
    federation.strategy.serverLearningRate,
  );
}

/** "Training": a change that depends on who trains and from which model, and on nothing else. */
function deltaOf(id: NodeId, base: Model): Float32Array<ArrayBuffer> {
  return seededFloats(seededRandom(`${id}/${base.hash}`), LAYOUT.length);
}

function examplesOf(id: NodeId): number {
  return 1 + seededRandom(id).below(500);
}

function worldTrainer(id: NodeId, clock: VirtualClock, random: SeededRandom, initial: Model): Trainer {
  return {
    layout: LAYOUT,
    initialModel: async () => initial,
    train: ({ base, signal }) =>
      new Promise((resolve, reject) => {
        const cancel = clock.after(50 + random.below(2000), () =>
          resolve({
            update: { layoutHash: LAYOUT.hash, delta: deltaOf(id, base), examples: examplesOf(id) },
            loss: 1,
          }),
        );
        signal.addEventListener('abort', () => {
          cancel();
          reject(signal.reason);
        });
      }),
    evaluate: async () => ({ total: 10, correct: 5, lossSum: 7 }),
  };
}

interface WorldStore extends Store {
  term: number;
  model: Model | undefined;
  electorate: readonly ParticipantId[];
  readonly ledger: LedgerEntry[];
}

/** Survives the node that uses it, as a disk does. */
function createWorldStore(): WorldStore {
  const records = new Map<number, RoundRecord>();
  const store: WorldStore = {
    term: 0,
    model: undefined,
    electorate: [],
    ledger: [],
    loadModel: async () => store.model,
    async saveModel(_run, model) {
      if (model.version >= (store.model?.version ?? 0)) store.model = model;
    },
    loadRecords: async (_run, fromRound) =>
      [...records.values()].filter(({ round }) => round >= fromRound).sort((a, b) => a.round - b.round),
    async saveRecord(_run, record) {
      records.set(record.round, record);
      store.electorate = record.survivors;
    },
    async appendLedger(entry) {
      store.ledger.push(entry);
    },
  };
  return store;
}

function fakeCryptoRandom(random: SeededRandom): CryptoRandom {
  return { kind: 'crypto', bytes: (length) => Uint8Array.from({ length }, () => random.below(256)) };
}

function seededFloats(random: SeededRandom, length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, () => random.uniform() - 0.5);
}

function worldFederation({ rounds, paths, minParticipants }: WorldOptions): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'world',
    name: 'World',
    data: {
      kind: 'records',
      features: 5,
      target: { name: 'label', type: 'class', labels: ['a', 'b', 'c', 'd'] },
    },
    model: { layers: [{ type: 'dense', units: 4 }], loss: 'softmaxCrossEntropy' },
    cohort: { minParticipants: minParticipants ?? 2 },
    rounds: { maximum: rounds },
    deadlines: { trainMs: 10_000, exchangeMs: 15_000, applyMs: 15_000 },
    evaluation: 'sample',
    ...(paths === undefined ? {} : { paths }),
  });
}
