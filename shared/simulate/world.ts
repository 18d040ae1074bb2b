import { strategyOf } from '../aggregate/index.ts';
import { MurmurationError } from '../errors/index.ts';
import type { Federation } from '../federation/index.ts';
import { type Identity, type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import { nobleSuite } from '../secagg/index.ts';
import { createNode, type Judge, type SessionNode, type Trainer } from '../session/index.ts';
import { createMemoryNetwork, type LineRates, PERFECT } from '../testing/memory-network.ts';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.ts';
import type { SendOutcome, Transport } from '../transport/port.ts';
import type { Layout, Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';
import { createModelShelf, type ModelShelf } from './model-shelf.ts';
import { createIdentities, drawRandom, nextDraw, noiseRandom, participantName } from './seeded-sources.ts';
import { sharedStrategy } from './shared-strategy.ts';
import { createVirtualWork, type VirtualWork } from './virtual-work.ts';

/** What every simulation of a federation is made from. */
export interface WorldOptions {
  /** Decides who takes part in which round; what is trained on follows from `run`. */
  readonly seed: string;
  /** Names the run; the order in which a client visits its examples depends on it. */
  readonly run: string;
  readonly federation: Federation;
  readonly layout: Layout;
  /** The model to go on from: version 0, or that of the last round of an earlier simulation. */
  readonly model: Model;
  /** Above that of any earlier simulation of the same run. */
  readonly term: number;
  /** Lets pending promises run; the host's own, since shared code has no task queue to wait on. */
  readonly flush: () => Promise<void>;
  readonly onNotice?: (notice: SimulationNotice) => void;
}

/** A warning or an error of some node. */
export interface SimulationNotice {
  readonly node: NodeId;
  readonly level: 'warning' | 'error';
  readonly text: string;
  readonly code: string | undefined;
}

/** A client that is connected. */
export interface Arrival {
  readonly client: number;
  readonly examples: number;
  readonly trainer: Trainer;
  /** The model that it holds. */
  readonly model: Model;
  /** Another one each time that the same client connects. */
  readonly incarnation: number;
  readonly rates?: LineRates;
}

/** Server, network, time and whoever is connected, in one process; the session engine is the real one. */
export interface SimulatedWorld {
  readonly clock: VirtualClock;
  readonly work: VirtualWork;
  readonly shelf: ModelShelf;
  readonly server: SessionNode;
  /** Clients whose nodes exist. */
  readonly live: ReadonlyMap<number, ParticipantId>;
  /** Bytes of whole messages: what participants sent, and what they were sent. */
  readonly traffic: { readonly upBytes: number; readonly downBytes: number };
  admit(arrival: Arrival): ParticipantId;
  /** It says goodbye. */
  dismiss(client: number): void;
  /** It vanishes without a word. */
  kill(client: number): void;
  /** That a committed round made, or went back to. @throws `model.unavailable` when it is too long ago. */
  modelOf(record: RoundRecord): Model;
  /** Of a participant that is live. */
  clientOf(id: ParticipantId): number;
  /** Lets time pass to the next thing that happens. @throws `round.deadline` when nothing does until then. */
  advance(untilMs: number): Promise<void>;
  close(): void;
}

export interface WorldHooks {
  /** Nobody is invited before the server's node was told how often. */
  readonly rations: boolean;
  readonly onRecord: (record: RoundRecord) => void;
  /** Holds examples for the server. */
  readonly judge?: Judge;
}

const SETTLE_MS = 1000;
const ELECTION_MS = 60_000;
/** A round must come about within so many times its deadlines: later attempts fail as the first ones did. */
const PATIENCE = 10;

/** How long a round may take before it is given up. */
export function patienceMs({ deadlines }: Federation): number {
  return PATIENCE * (deadlines.trainMs + deadlines.exchangeMs + deadlines.applyMs);
}

export function createSimulatedWorld(options: WorldOptions, hooks: WorldHooks): SimulatedWorld {
  const { seed, federation, layout, flush } = options;
  const clock = createVirtualClock();
  const work = createVirtualWork(clock);
  const shelf = createModelShelf(options.model);
  const isMesh = federation.paths.some((path) => path !== 'server');
  const network = createMemoryNetwork(
    clock,
    seededRandom(seed).fork('network'),
    PERFECT,
    (a, b) => isMesh || a === SERVER || b === SERVER,
    'shared',
  );
  const identityOf = createIdentities(federation, seed);
  const nodes = new Map<number, { readonly id: ParticipantId; readonly node: SessionNode; leave(): void }>();
  const live = new Map<number, ParticipantId>();
  const clients = new Map<ParticipantId, number>();
  const traffic = { upBytes: 0, downBytes: 0 };
  let lastNotice: SimulationNotice | undefined;
  let best: Model | undefined;

  const strategy = sharedStrategy(strategyOf(federation, layout));
  const common = { run: options.run, federation, layout, clock, strategy, settleMs: SETTLE_MS };
  const observerOf = (node: NodeId) => ({
    onNotice: ({ level, text, error }: { level: string; text: string; error?: { code: string } }) => {
      if (level !== 'warning' && level !== 'error') return;
      lastNotice = { node, level, text, code: error?.code };
      options.onNotice?.(lastNotice);
    },
  });
  const secureTools = (identity: Identity | undefined, random: CryptoRandom) =>
    identity === undefined ? {} : { secure: { identity, suite: nobleSuite(random), transcripts: false } };
  const count = (from: NodeId, to: NodeId, bytes: number): void => {
    if (from !== SERVER) traffic.upBytes += bytes;
    if (to !== SERVER) traffic.downBytes += bytes;
  };

  const serverRandom = drawRandom(seed, () => nextDraw(server));
  const server: SessionNode = createNode({
    ...common,
    ...secureTools(identityOf(SERVER), serverRandom),
    transport: countedTransport(network.connect(SERVER, 1), count),
    store: shelf.store,
    random: serverRandom,
    coordinator: {
      term: options.term,
      model: options.model,
      electorate: [],
      rations: hooks.rations,
      loadVersion: async ({ hash }) => (best?.hash === hash ? best : undefined),
    },
    ...(hooks.judge === undefined ? {} : { judge: hooks.judge }),
    observer: {
      ...observerOf(SERVER),
      onRecord: hooks.onRecord,
      // What the model may go back to is older than what the shelf holds.
      onBest: (model) => {
        best = model;
      },
    },
  });

  function forget(client: number): void {
    const known = nodes.get(client);
    if (known === undefined) return;
    nodes.delete(client);
    live.delete(client);
    clients.delete(known.id);
  }

  function admit({ client, examples, trainer, model, incarnation, rates }: Arrival): ParticipantId {
    const identity = identityOf(client);
    const id = identity?.id ?? participantName(client);
    const random = noiseRandom(seed, () => `${id}/${node.state.participant?.attempt?.base.version ?? 0}`);
    const transport = network.connect(id, incarnation, rates);
    const node: SessionNode = createNode({
      ...common,
      ...secureTools(identity, random),
      transport: countedTransport(transport, count),
      store: shelf.store,
      random,
      participant: { trainer, examples, dataset: id, model, electionMs: ELECTION_MS },
      observer: {
        ...observerOf(id),
        // As soon as one has computed a model, the rest need not carry it over the network.
        onState: ({ participant }) => {
          if (participant?.candidate !== undefined) shelf.put(participant.candidate);
        },
      },
    });
    const leave = (): void => {
      node.command('leave');
      // What it says at last leaves with it: a closed transport gives up what was not delivered.
      clock.after(2 * PERFECT.maxDelayMs, () => {
        node.close();
        void transport.close();
      });
    };
    nodes.set(client, { id, node, leave });
    live.set(client, id);
    clients.set(id, client);
    node.command('start');
    return id;
  }

  return {
    clock,
    work,
    shelf,
    server,
    live,
    traffic,
    admit,
    dismiss(client) {
      nodes.get(client)?.leave();
      forget(client);
    },
    kill(client) {
      const known = nodes.get(client);
      if (known === undefined) return;
      known.node.close();
      network.kill(known.id);
      forget(client);
    },
    modelOf({ hash, round }) {
      const model = { ...(best?.hash === hash ? best : shelf.get(hash)), version: round };
      shelf.put(model);
      return model;
    },
    clientOf: (id) => clients.get(id) ?? -1,
    async advance(untilMs) {
      if (work.overdue !== undefined) await work.overdue;
      else if (!clock.step(untilMs)) throw stalled(server, lastNotice);
      await flush();
    },
    close() {
      server.close();
      for (const { node } of nodes.values()) node.close();
    },
  };
}

function stalled(server: SessionNode, notice: SimulationNotice | undefined): MurmurationError {
  const version = server.state.coordinator?.model?.version ?? 0;
  return new MurmurationError('round.deadline', `Round ${version + 1} never came about.`, {
    expected: `a round within ${PATIENCE} times its deadlines`,
    received: notice === undefined ? 'nothing at all' : `at last: ${notice.text}`,
  });
}

function countedTransport(
  transport: Transport,
  count: (from: NodeId, to: NodeId, bytes: number) => void,
): Transport {
  return {
    ...transport,
    send(to, bytes, options): Promise<SendOutcome> {
      count(transport.self, to, bytes.byteLength);
      return transport.send(to, bytes, options);
    },
  };
}
