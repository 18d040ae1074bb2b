import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import { createNobleIdentity, type Identity } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { createNode, type NodeState, type Trainer } from '../../shared/session/index.ts';
import { memoryStore } from '../../shared/testing/memory-store.ts';
import { compileModel } from '../../shared/training/index.ts';
import { createHubClient, type SocketLike } from '../../shared/transport/hub-client.ts';
import { createPeerTransport } from '../../shared/transport/peer-transport.ts';
import { createServerChannel } from '../../shared/transport/server-channel.ts';
import { makeModel } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { systemClock } from '../hub/index.ts';

const EXAMPLES = 100;

/** Through the server, so that a participant needs no WebRTC; its updates are too large for a frame. */
export function serverFederation(id: string, rounds: number): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id,
    name: id,
    data: { kind: 'records', features: 100, target: { name: 'y', type: 'value' } },
    model: {
      loss: 'meanSquaredError',
      layers: [
        { type: 'dense', units: 100 },
        { type: 'dense', units: 1 },
      ],
      seed: 's',
    },
    training: { batchSize: 10 },
    rounds: { maximum: rounds },
    deadlines: { trainMs: 20_000, exchangeMs: 20_000, applyMs: 20_000 },
    paths: ['server'],
  });
}

export interface SimulatedParticipantOptions {
  /** Where the server is reached, without a slash at the end. */
  readonly origin: string;
  readonly federation: Federation;
  readonly run: string;
  readonly identity?: Identity;
  readonly incarnation?: number;
  /** How long it takes to train. */
  readonly trainMs?: number;
  /** It was asked to train this round. */
  readonly onTrain?: (round: number) => void;
  /** It has seen this round committed. */
  readonly onRecord?: (record: RoundRecord) => void;
}

export interface SimulatedParticipant {
  readonly identity: Identity;
  /** Committed rounds that it has seen, oldest first. */
  readonly records: readonly RoundRecord[];
  readonly state: NodeState;
  close(): Promise<void>;
}

/** A participant as a page has it, but for its trainer, which makes numbers up: the protocol over real sockets. */
export function simulateParticipant(options: SimulatedParticipantOptions): SimulatedParticipant {
  const { origin, federation, run, trainMs = 20 } = options;
  const random = webCryptoRandom(crypto);
  const identity = options.identity ?? createNobleIdentity(random);
  const incarnation = options.incarnation ?? new DataView(random.bytes(4).buffer).getUint32(0);
  const hub = createHubClient({
    url: `${origin.replace(/^http/, 'ws')}/ws`,
    federation: federation.id,
    identity,
    incarnation,
    socketFactory: (url) => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
    clock: systemClock,
    random,
  });
  const server = createServerChannel({ hubClient: hub, baseUrl: origin, fetch, clock: systemClock, random });
  const transport = createPeerTransport({
    identity,
    incarnation,
    hub,
    server,
    openDirect: { connect: () => ({ signalIn: () => undefined, pipe: noWebRtc(), close: () => undefined }) },
    paths: federation.paths,
    clock: systemClock,
    random,
  });

  const { layout } = compileModel(federation);
  const base = makeModel(0, layout, new Float32Array(layout.length));
  const records: RoundRecord[] = [];
  const trainer: Trainer = {
    layout,
    initialModel: async () => base,
    async train({ base: model }) {
      options.onTrain?.(model.version + 1);
      await delay(trainMs);
      const delta = Float32Array.from(
        { length: layout.length },
        () => 2 * Math.fround(random.bytes(1)[0]! / 255) - 1,
      );
      return { update: { layoutHash: layout.hash, delta, examples: EXAMPLES }, loss: 1 };
    },
    evaluate: async () => ({ total: 1, correct: 1, lossSum: 0 }),
  };
  const node = createNode({
    run,
    federation,
    layout,
    transport,
    store: memoryStore(),
    clock: systemClock,
    random,
    // Nobody stands for election: only the server can reach everyone.
    participant: { trainer, examples: EXAMPLES, dataset: 'd', model: base, electionMs: 3_600_000 },
    settleMs: 100,
    observer: {
      onRecord(record) {
        if (records.some(({ round, hash }) => round === record.round && hash === record.hash)) return;
        records.push(record);
        options.onRecord?.(record);
      },
    },
  });
  node.command('start');
  return {
    identity,
    records,
    get state() {
      return node.state;
    },
    async close() {
      node.close();
      await transport.close();
      server.close();
      hub.close();
    },
  };
}

function noWebRtc(): Promise<never> {
  const failed = Promise.reject(new MurmurationError('transport.unreachable', 'There is no WebRTC here.'));
  failed.catch(() => undefined); // nobody may be waiting for it
  return failed;
}
