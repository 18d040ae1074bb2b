import { type Contribution, strategyOf, type WeightedSlice } from '../aggregate/index.ts';
import { type Encoding, encodingOf, vectorLengthOf } from '../compress/index.ts';
import { check } from '../errors/index.ts';
import {
  type Federation,
  type FederationInput,
  type ParticipantPrivacy,
  parseFederation,
} from '../federation/index.ts';
import { type Identity, type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import type { LedgerEntry } from '../ledger/index.ts';
import { createNoise } from '../privacy/index.ts';
import { type CryptoRandom, type SeededRandom, seededRandom } from '../random/index.ts';
import { type CryptoSuite, ringFor } from '../secagg/index.ts';
import {
  createNode,
  type Judge,
  protectUpdate,
  type SessionNode,
  type Store,
  type Trainer,
} from '../session/index.ts';
import { learningRateAt } from '../training/schedule.ts';
import type { SendOutcome, Transport } from '../transport/port.ts';
import { layoutOf, type Model, makeModel, type NoisedUpdate } from '../update/index.ts';
import {
  type AttemptId,
  type DeviceReport,
  decodeMessage,
  encodeMessage,
  type Message,
  type RoundRecord,
} from '../wire/index.ts';
import { createMemoryNetwork, type MemoryNetwork, type NetworkFaults, PERFECT } from './memory-network.ts';
import { createNoiseWatch, type NoiseWatch } from './noise-watch.ts';
import { createSecrecyWatch, type SecrecyWatch } from './secrecy-watch.ts';
import { toyIdentity, toySuite } from './toy-suite.ts';
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
  /** More participants than that are split into groups; left out, all sum together. */
  readonly groupSize?: number;
  readonly faults?: NetworkFaults;
  /** With secure aggregation, by toy cryptography unless `secureWith` says otherwise. */
  readonly secure?: boolean;
  readonly secureWith?: {
    readonly identity: (random: CryptoRandom) => Identity;
    readonly suite: (random: CryptoRandom) => CryptoSuite;
  };
  /** What a lying node says to another instead of the truth; to itself it is honest. */
  readonly lie?: (from: NodeId, to: NodeId, message: Message) => Said | Promise<Said>;
  /** Between whom lies are possible; everyone, if left out. Spares looking into what is true anyway. */
  readonly mayLie?: (from: NodeId, to: NodeId) => boolean;
  /** Cryptography of a node that cheats in what it computes. */
  readonly cheat?: (id: NodeId, honest: CryptoSuite) => CryptoSuite;
  /** Sees every message as its sender's engine means it, to itself as well, before it leaves. */
  readonly onSaid?: (from: NodeId, to: NodeId, message: Message) => void;
  /** Noise on whole updates hides participants. */
  readonly participantPrivacy?: Partial<ParticipantPrivacy> & Pick<ParticipantPrivacy, 'trust'>;
  /** Left out, FedAvg. */
  readonly strategy?: FederationInput['strategy'];
  /** What this participant's training changes; undefined, or left out: something random. */
  readonly delta?: (id: ParticipantId, base: Model) => Float32Array<ArrayBuffer> | undefined;
  /** Left out, by all participants on a sample. */
  readonly evaluation?: Federation['evaluation'];
  /** What the server finds of a model on its held-out examples, while there are any. */
  readonly judge?: Judge;
  /** How long one training of this participant takes; left out, up to two seconds. */
  readonly trainMs?: (id: ParticipantId, random: SeededRandom) => number;
  /** Hears of each training as it begins. */
  readonly onTrain?: (id: ParticipantId, seed: string) => void;
  /** What a participant agreed to report of its device. */
  readonly device?: (id: ParticipantId) => DeviceReport | undefined;
  /** "Training" changes nothing: what is in a sum is noise. */
  readonly idle?: boolean;
  /** Keeps transcripts of committed rounds; left out, none, which is faster. */
  readonly transcripts?: boolean;
  /** Lets pending promises run; the host's own, since shared code has no task queue to wait on. */
  readonly flush: () => Promise<void>;
}

/** A message, several, none, or one that leaves later. */
export type Said =
  | Message
  | readonly Message[]
  | undefined
  | { readonly afterMs: number; readonly message: Message };

export interface Notice {
  readonly node: NodeId;
  readonly text: string;
  readonly code: string | undefined;
}

export interface World {
  readonly clock: VirtualClock;
  readonly federation: Federation;
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
  /** What a node wrote down of a secure round, as a file. */
  transcriptOf(id: NodeId, round: number): Uint8Array<ArrayBuffer> | undefined;
  /** Where noise hides participants: whether it hides as much as was promised. */
  readonly noiseWatch: NoiseWatch;
  /** In a secure world: whether anyone gave away what must stay secret. */
  readonly watch: SecrecyWatch;
  /** What the survivors of a record should have made of its base, computed apart from the engine. */
  expectedHash(record: RoundRecord): string;
  /** The sum that the survivors of a record should have applied: where participants are hidden, with all its noise. */
  expectedSum(record: RoundRecord): WeightedSlice;
  /** Which of its trainings, by number, a survivor of this record sent. */
  trainingOf(record: RoundRecord, id: ParticipantId): number | undefined;
  /** How whole updates become integers in this world. */
  readonly encoding: Encoding;
  /** What a participant wrote down before it sent anything. */
  ledgerOf(id: NodeId): readonly LedgerEntry[];
}

const LAYOUT = layoutOf([
  { name: 'dense/kernel', shape: [5, 4] },
  { name: 'dense/bias', shape: [4] },
]);

export function createWorld(options: WorldOptions): World {
  const { seed, flush } = options;
  const random = seededRandom(seed);
  const clock = createVirtualClock();
  const isStar = options.paths?.every((path) => path === 'server') === true;
  const network = createMemoryNetwork(
    clock,
    random.fork('network'),
    options.faults ?? PERFECT,
    (a, b) => !isStar || a === SERVER || b === SERVER,
  );
  const federation = worldFederation(options);
  const encoding = encodingOf(federation, LAYOUT);
  const vectorLength = vectorLengthOf(encoding, LAYOUT.length);
  const initial = makeModel(0, LAYOUT, seededFloats(seededRandom('initial'), LAYOUT.length));
  const cryptography = options.secureWith ?? {
    identity: (source: CryptoRandom) => toyIdentity(source.bytes(32)),
    suite: toySuite,
  };
  const identities = new Map<NodeId, Identity>();
  const ids = Array.from({ length: options.participants }, (_, i) => {
    if (options.secure !== true) return `participant-${String(i).padStart(10, '0')}` as ParticipantId;
    const identity = cryptography.identity(fakeCryptoRandom(random.fork(`identity/${i}`)));
    identities.set(identity.id, identity);
    return identity.id;
  }).sort();
  if (options.secure) identities.set(SERVER, cryptography.identity(fakeCryptoRandom(random.fork('server'))));
  const stores = new Map<NodeId, WorldStore>();
  const nodes = new Map<NodeId, SessionNode>();
  const notices: Notice[] = [];
  const records: RoundRecord[] = [];
  const models = new Map<string, Model>([[initial.hash, initial]]);
  const strategy = strategyOf(federation, LAYOUT);
  const contributions = new Map<string, Contribution>();
  let starts = 0;
  const watch = createSecrecyWatch();
  /** The training that each participant finished last, and the one it sent in each attempt. */
  const trained = new Map<NodeId, Training>();
  const sentTraining = new Map<string, Training>();
  const isCounted = options.secure === true || options.strategy?.type === 'fedbuff';
  const noiseWatch = createNoiseWatch(
    federation.privacy.participant,
    vectorLength,
    options.secure ? ringFor(encoding, federation.cohort.groupSize) : undefined,
  );

  function start(id: NodeId): void {
    const store = stores.get(id) ?? createWorldStore();
    stores.set(id, store);
    const honest = network.connect(id, ++starts);
    const transport =
      options.lie === undefined ? honest : lyingTransport(honest, options.lie, clock, options.mayLie);
    const nodeRandom = fakeCryptoRandom(random.fork(`${id}/${starts}`));
    const identity = identities.get(id);
    const honestSuite = cryptography.suite(nodeRandom);
    const suite = options.cheat?.(id, honestSuite) ?? honestSuite;
    const node = createNode({
      run: 'run',
      federation,
      layout: LAYOUT,
      transport,
      store,
      clock,
      random: nodeRandom,
      ...(identity === undefined
        ? {}
        : { secure: { identity, suite, transcripts: options.transcripts === true } }),
      settleMs: 1000,
      ...(id === SERVER
        ? {
            coordinator: {
              term: ++store.term,
              model: store.model,
              electorate: store.electorate,
              records: [...store.records.values()].sort((a, b) => a.round - b.round),
              loadVersion: async ({ hash }) => store.models.get(hash),
            },
            ...(options.judge === undefined ? {} : { judge: options.judge }),
          }
        : {
            participant: {
              trainer: worldTrainer(
                id,
                clock,
                random.fork(`trainer/${starts}`),
                initial,
                deltaOf,
                (base) => {
                  const serial = isCounted ? (trained.get(id)?.serial ?? 0) + 1 : 0;
                  trained.set(id, { serial, base });
                  return serial;
                },
                options,
              ),
              ...deviceOf(id),
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
          const isNew = record.evaluation === null || record.rollback !== undefined;
          if (record.coordinator === id && isNew) records.push(record);
        },
        onModel: (model) => models.set(model.hash, model),
        onMessage: (direction, peer, message) => {
          if (direction === 'out') says(id, peer, message);
        },
      },
    });
    nodes.set(id, node);
    if (id !== SERVER) node.command('start');
  }

  function says(from: NodeId, to: NodeId, message: Message): void {
    const state = nodes.get(from)?.state;
    if (state === undefined) return;
    if (message.type === 'slice') {
      const key = attemptKey(message.attempt, from);
      const training = trained.get(from);
      if (!sentTraining.has(key) && training !== undefined) sentTraining.set(key, training);
    }
    noiseWatch.says(from, message, state);
    if (options.secure) {
      const training = 'attempt' in message ? sentTraining.get(attemptKey(message.attempt, from)) : undefined;
      watch.says(from, to, message, state, training?.serial);
    }
    options.onSaid?.(from, to, message);
  }

  function deviceOf(id: NodeId): { readonly device?: DeviceReport } {
    const device = options.device?.(id as ParticipantId);
    return device === undefined ? {} : { device };
  }

  function deltaOf(id: NodeId, base: Model, serial: number): Float32Array<ArrayBuffer> {
    if (options.idle) return new Float32Array(LAYOUT.length);
    return options.delta?.(id as ParticipantId, base) ?? seededDelta(id, base, serial);
  }

  /** With big integers and in reverse order, so that nothing is shared with the engine. */
  function expectedSum(record: RoundRecord): WeightedSlice {
    const base = models.get(record.baseHash);
    check(base !== undefined, 'model.unavailable', 'Nobody ever held the base of this record.');
    const sums = Array.from({ length: vectorLength }, () => 0n);
    let weight = 0;
    for (const id of [...record.survivors].reverse()) {
      const update = expectedUpdate(id, base, record);
      update.values.forEach((value, i) => {
        sums[i]! += BigInt(value);
      });
      weight += update.weight;
    }
    // Sums of groups are wrapped, their total is not.
    const isWrapped = options.secure && options.groupSize === undefined;
    const bits = isWrapped ? ringFor(encoding, federation.cohort.groupSize).bits : 32;
    const exact = Int32Array.from(sums, (sum) => Number(BigInt.asIntN(bits, sum)));
    return { values: noiseWatch.published(record) ?? exact, weight };
  }

  /** What a survivor of this record made of its training, with what it remembered of the last round that took its update. */
  function contributionOf(id: NodeId, record: RoundRecord, { base, serial }: Training): Contribution {
    const key = attemptKey(record, id);
    const known = contributions.get(key);
    if (known !== undefined) return known;
    const before = records.findLast(
      ({ round, survivors }) => round < record.round && survivors.some((survivor) => survivor === id),
    );
    const trainedBefore = before && {
      serial: 0,
      base: models.get(before.baseHash)!,
      ...sentTraining.get(attemptKey(before, id)),
    };
    const contribution = strategy.contribute({
      base,
      update: { layoutHash: LAYOUT.hash, delta: deltaOf(id, base, serial), examples: examplesOf(id) },
      steps: stepsOf(id),
      baseLoss: lossOf(id, base),
      learningRate: learningRateAt(federation.training, base.version),
      memory:
        strategy.remembers && trainedBefore !== undefined
          ? contributionOf(id, before!, trainedBefore).memory
          : undefined,
    });
    contributions.set(key, contribution);
    return contribution;
  }

  /** Noise happens once: what was sent cannot be computed again, only remembered. */
  function expectedUpdate(id: NodeId, base: Model, record: RoundRecord): NoisedUpdate {
    if (encoding.kind === 'grid') return noiseWatch.sent(record, id)!;
    const training = sentTraining.get(attemptKey(record, id)) ?? { serial: 0, base };
    const { update, extras } = contributionOf(id, record, training);
    const local = extras.length === 0 ? update : { ...update, extras };
    const fakeRandom = fakeCryptoRandom(random.fork('unused'));
    const facts = {
      baseHash: base.hash,
      staleness: base.version - training.base.version,
      invited: record.survivors.length,
      random: fakeRandom,
      noise: createNoise(fakeRandom),
    };
    return protectUpdate(local, federation, encoding, facts).update;
  }

  return {
    clock,
    federation,
    network,
    random,
    ids,
    nodes,
    notices,
    records,
    noiseWatch,
    watch,
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
    transcriptOf: (id, round) => stores.get(id)?.transcripts.get(round),
    modelOf: (id) => nodes.get(id)?.state.participant?.model ?? stores.get(id)?.model,
    encoding,
    ledgerOf: (id) => stores.get(id)?.ledger ?? [],
    expectedSum,
    trainingOf: (record, id) => sentTraining.get(attemptKey(record, id))?.serial,
    expectedHash(record) {
      const base = models.get(record.baseHash);
      check(base !== undefined, 'model.unavailable', 'Nobody ever held the base of this record.');
      return strategy.apply(base, expectedSum(record), LAYOUT, encoding).hash;
    },
  };
}

/** "Training": a change that depends on who trains, from which model, and for which time in a secure world. */
function seededDelta(id: NodeId, base: Model, serial: number): Float32Array<ArrayBuffer> {
  return seededFloats(seededRandom(`${id}/${base.hash}/${serial}`), LAYOUT.length);
}

function attemptKey({ term, round, attempt }: AttemptId, id: NodeId): string {
  return `${term}.${round}.${attempt}/${id}`;
}

function stepsOf(id: NodeId): number {
  return 1 + seededRandom(`steps/${id}`).below(20);
}

function lossOf(id: NodeId, base: Model): number {
  return 0.1 + 2 * seededRandom(`loss/${id}/${base.hash}`).uniform();
}

function examplesOf(id: NodeId): number {
  return 1 + seededRandom(id).below(500);
}

function worldTrainer(
  id: NodeId,
  clock: VirtualClock,
  random: SeededRandom,
  initial: Model,
  deltaOf: (id: NodeId, base: Model, serial: number) => Float32Array<ArrayBuffer>,
  finish: (base: Model) => number,
  { trainMs, onTrain }: Pick<WorldOptions, 'trainMs' | 'onTrain'>,
): Trainer {
  return {
    layout: LAYOUT,
    initialModel: async () => initial,
    train: ({ base, seed, signal, measuresBase }) =>
      new Promise((resolve, reject) => {
        onTrain?.(id as ParticipantId, seed);
        const cancel = clock.after(trainMs?.(id as ParticipantId, random) ?? 50 + random.below(2000), () =>
          resolve({
            update: {
              layoutHash: LAYOUT.hash,
              delta: deltaOf(id, base, finish(base)),
              examples: examplesOf(id),
            },
            loss: 1,
            steps: stepsOf(id),
            ...(measuresBase ? { baseLoss: lossOf(id, base) } : {}),
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

interface Training {
  /** In a secure and in an asynchronous world each of a participant's trainings has another. */
  readonly serial: number;
  readonly base: Model;
}

interface WorldStore extends Store {
  term: number;
  model: Model | undefined;
  electorate: readonly ParticipantId[];
  readonly records: Map<number, RoundRecord>;
  readonly models: Map<string, Model>;
  readonly ledger: LedgerEntry[];
  readonly transcripts: Map<number, Uint8Array<ArrayBuffer>>;
  readonly memories: Map<string, Float32Array<ArrayBuffer>>;
}

/** Survives the node that uses it, as a disk does. */
function createWorldStore(): WorldStore {
  const records = new Map<number, RoundRecord>();
  const store: WorldStore = {
    term: 0,
    model: undefined,
    electorate: [],
    records,
    models: new Map(),
    ledger: [],
    transcripts: new Map(),
    memories: new Map(),
    loadModel: async () => store.model,
    async saveModel(_run, model) {
      store.models.set(model.hash, model);
      if (model.version >= (store.model?.version ?? 0)) store.model = model;
    },
    loadRecords: async (_run, fromRound) =>
      [...records.values()].filter(({ round }) => round >= fromRound).sort((a, b) => a.round - b.round),
    async saveRecord(_run, record) {
      records.set(record.round, record);
      if (record.survivors.length > 0) store.electorate = record.survivors;
    },
    permitRelease: () => Promise.resolve(),
    async appendLedger(entry) {
      store.ledger.push(entry);
    },
    async saveTranscript(_run, round, file) {
      store.transcripts.set(round, file);
    },
    loadMemory: async ({ kind }) => store.memories.get(kind),
    async saveMemory({ kind }, vector) {
      store.memories.set(kind, vector.slice());
    },
  };
  return store;
}

/** Secrets that follow from a seed: for simulations only. */
export function fakeCryptoRandom(random: SeededRandom): CryptoRandom {
  return {
    kind: 'crypto',
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = random.below(256);
      return bytes;
    },
  };
}

function seededFloats(random: SeededRandom, length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, () => random.uniform() - 0.5);
}

/** Sends what the liar says instead; messages to itself are not sent, and so are true. */
function lyingTransport(
  honest: Transport,
  lie: NonNullable<WorldOptions['lie']>,
  clock: VirtualClock,
  mayLie: NonNullable<WorldOptions['mayLie']> = () => true,
): Transport {
  const silence = { kind: 'delivered', path: 'direct' } as const;
  return {
    ...honest,
    self: honest.self,
    incarnation: honest.incarnation,
    peers: () => honest.peers(),
    subscribe: (listener) => honest.subscribe(listener),
    async send(to, bytes, options): Promise<SendOutcome> {
      if (!mayLie(honest.self, to)) return honest.send(to, bytes, options);
      const message = decodeMessage(bytes);
      const said = await lie(honest.self, to, message);
      if (said === message) return honest.send(to, bytes, options);
      if (said === undefined) return silence;
      if ('afterMs' in said) {
        await new Promise<void>((resolve) => clock.after(said.afterMs, resolve));
        return honest.send(to, encodeMessage(said.message), options);
      }
      const messages = 'type' in said ? [said] : said;
      const outcomes = await Promise.all(
        messages.map((each) => honest.send(to, encodeMessage(each), options)),
      );
      return outcomes[0] ?? silence;
    },
  };
}

function worldFederation({
  participants,
  rounds,
  paths,
  minParticipants,
  groupSize,
  secure,
  participantPrivacy,
  strategy,
  evaluation,
}: WorldOptions): Federation {
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
    cohort: {
      minParticipants: minParticipants ?? (secure ? 3 : 2),
      ...(groupSize === undefined ? {} : { groupSize, maxParticipants: Math.max(groupSize, participants) }),
      ...(groupSize === undefined && participants > 16 ? { groupSize: participants } : {}),
    },
    privacy: {
      secureAggregation: secure ? 'secagg' : 'none',
      ...(participantPrivacy === undefined
        ? {}
        : { participant: { noiseMultiplier: 1, ...participantPrivacy } }),
    },
    strategy:
      strategy ??
      (participantPrivacy === undefined
        ? { type: 'fedavg' }
        : { type: 'fedavg', weighting: 'uniform', clipNorm: 2 }),
    rounds: { maximum: rounds },
    deadlines: { trainMs: 10_000, exchangeMs: 15_000, applyMs: 15_000 },
    evaluation: evaluation ?? 'sample',
    ...(paths === undefined ? {} : { paths }),
  });
}
