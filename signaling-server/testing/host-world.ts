import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import { nobleIdentity, type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import { seededRandom, webCryptoRandom } from '../../shared/random/index.ts';
import { nobleSuite } from '../../shared/secagg/index.ts';
import { createNode, type SessionNode, type Trainer } from '../../shared/session/index.ts';
import { createMemoryNetwork, type MemoryNetwork } from '../../shared/testing/memory-network.ts';
import { memoryStore } from '../../shared/testing/memory-store.ts';
import { compileModel } from '../../shared/training/index.ts';
import { systemClock } from '../../shared/transport/clock.ts';
import { makeModel } from '../../shared/update/index.ts';
import { SYSTEM } from '../access/principal.ts';
import type { AuditEvent } from '../audit/audit-log.ts';
import { attachCoordination, type Coordination } from '../coordination/host.ts';
import { createEngineBoard } from '../engines/engine-board.ts';
import { createEvents, type EventOf, type ServerEvent } from '../events.ts';
import type { HubServer } from '../hub/index.ts';
import { openTrainings, type Trainings } from '../jobs/open-trainings.ts';
import { openBudgets } from '../privacy/open-budgets.ts';
import { plannedEvent } from '../privacy/releases-of.ts';
import { createGate } from '../reliability/gate.ts';
import { type Leadership, localLeadership } from '../replicas/leadership.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { fileBlobStore } from '../storage/file-blob-store.ts';
import { repositoryOver } from '../storage/repository.ts';
import { notedAudit } from './noted-audit.ts';
import { silentLog } from './silent-log.ts';

export const EXAMPLES = 100;
export const CALLER = SYSTEM;
const SETTLE_MS = 100;

/** Two columns, one weight each: rounds take milliseconds. */
export function plainFederation(id: string, change: object = {}): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id,
    name: id,
    data: { kind: 'records', features: 2, target: { name: 'y', type: 'value' } },
    model: { loss: 'meanSquaredError', layers: [{ type: 'dense', units: 1 }], seed: 's' },
    training: { batchSize: 10 },
    rounds: { maximum: 1000 },
    paths: ['server'],
    ...change,
  });
}

export interface HostOptions {
  /** Of a server before: its folder is taken over. */
  readonly folder?: string;
  /** Shared by two hosts over one database. */
  readonly database?: Database;
  readonly leadership?: Leadership;
  readonly network?: MemoryNetwork;
  readonly controlOf?: (federation: string) => 'open' | 'managed';
  readonly maxConcurrent?: number;
  readonly nowMs?: () => number;
  readonly pollMs?: number;
}

/** The server's part in federations, without sockets: participants are nodes on a network in memory. */
export interface HostWorld {
  readonly folder: string;
  readonly database: Database;
  readonly repository: ReturnType<typeof repositoryOver>;
  readonly budgets: ReturnType<typeof openBudgets>;
  readonly gate: ReturnType<typeof createGate>;
  readonly trainings: Trainings;
  readonly coordination: Coordination;
  readonly network: MemoryNetwork;
  /** Everyone that was told why it may not take part. */
  readonly told: [ParticipantId, string][];
  readonly lines: Record<string, unknown>[];
  readonly audited: AuditEvent[];
  readonly events: ServerEvent[];
  emit(event: ServerEvent): void;
  stateOf: Coordination['stateOf'];
  logged(matches: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** The next event that matches, or one that came. */
  event<T extends ServerEvent['type']>(
    type: T,
    matches?: (event: EventOf<T>) => boolean,
  ): Promise<EventOf<T>>;
  arrive(federation: string): void;
  /** While the database is away, statements fail at once. */
  setAway(isAway: boolean): void;
  /** As `kill -9`: not a statement more. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

export async function openHost(options: HostOptions = {}): Promise<HostWorld> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'murmuration-')));
  const opened =
    options.database ?? (await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog }));
  let isAway = false;
  const database: Database = {
    ...opened,
    run: (statement) => (isAway ? Promise.reject(away()) : opened.run(statement)),
  };
  const repository = repositoryOver(database, fileBlobStore(join(folder, 'blobs')), { transcriptsKept: 1 });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of [...waiting]) check();
  };
  /** Resolves with what is found, as soon as it is there. */
  const found = <T>(find: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const check = (): void => {
        const it = find();
        if (it === undefined) return;
        waiting.delete(check);
        resolve(it);
      };
      waiting.add(check);
      check();
    });
  const log = pino(
    { level: 'info' },
    {
      write(line: string) {
        lines.push(JSON.parse(line) as Record<string, unknown>);
        wake();
      },
    },
  );
  const budgets = openBudgets(repository, log);
  const gate = createGate(repository);
  const told: [ParticipantId, string][] = [];
  const audited: AuditEvent[] = [];
  const happened: ServerEvent[] = [];
  const events = createEvents(log);
  events.subscribe((event) => {
    happened.push(event);
    wake();
  });
  const network = options.network ?? createMemoryNetwork(systemClock, seededRandom('network'));
  const leadership = options.leadership ?? localLeadership();
  const trainings = await openTrainings({
    database,
    repository,
    events,
    budgets,
    leadership,
    audit: notedAudit((event) => audited.push(event)),
    controlOf: (federation) => options.controlOf?.(federation) ?? 'managed',
    queue: { work: async () => undefined, send: async () => undefined },
    maxConcurrent: options.maxConcurrent ?? 10,
    log,
    pollMs: options.pollMs ?? 50,
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });
  const here = new Set<string>();
  let arrived: (federation: string) => void = () => undefined;
  const random = webCryptoRandom(crypto);
  const peer = 'A'.repeat(22) as ParticipantId;
  const coordination = attachCoordination({
    hub: {
      subscribe(listener) {
        arrived = (federation) =>
          listener({ type: 'arrived', federation, presence: { peer, incarnation: 1 } });
        return () => undefined;
      },
      peers: (federation) => (here.has(federation) ? [{ peer, incarnation: 1 }] : []),
      notify: (_, participant, { code }) => void told.push([participant, code]),
      expel: (participant, { code }) => void told.push([participant, code]),
    } as Pick<HubServer, 'subscribe' | 'peers' | 'notify' | 'expel'> as HubServer,
    transports: { transportFor: () => network.connect(SERVER, ++serverIncarnation) } as never,
    repository,
    budgets,
    gate,
    engines: createEngineBoard(),
    judges: { judgeOf: () => ({ evaluate: () => Promise.reject(new Error('nobody asks')) }) as never },
    events,
    overseer: trainings.overseer,
    leadership,
    secure: { identity: nobleIdentity(random.bytes(32)), suite: nobleSuite(random) },
    settleMs: SETTLE_MS,
    log,
  });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await coordination.close();
    await trainings.close();
    if (options.database === undefined) await opened.close();
  };
  return {
    folder,
    database,
    repository,
    budgets,
    gate,
    trainings,
    coordination,
    network,
    told,
    lines,
    audited,
    events: happened,
    emit: events.emit,
    stateOf: coordination.stateOf,
    logged: (matches) => found(() => lines.find(matches)),
    event: <T extends ServerEvent['type']>(type: T, matches: (event: EventOf<T>) => boolean = () => true) =>
      found(() =>
        happened.find((event): event is EventOf<T> => event.type === type && matches(event as EventOf<T>)),
      ),
    arrive(id) {
      here.add(id);
      arrived(id);
    },
    setAway(away) {
      isAway = away;
    },
    async crash() {
      isClosed = true;
      isAway = true;
      await Promise.allSettled([coordination.close(), trainings.close()]);
      if (options.database === undefined) await opened.close();
    },
    async close() {
      await close();
    },
  };
}

const away = () => new MurmurationError('storage.unavailable', 'There is no access to the database.');
let serverIncarnation = 0;

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** A device whose training is a pause that the test ends. */
export interface TestDevice {
  readonly node: SessionNode;
  /** What the coordinator told it last, by `standby`. */
  readonly standbys: string[];
  close(): void;
}

export interface DeviceOptions {
  readonly run: string;
  readonly network: MemoryNetwork;
  /** Awaited in each training. */
  readonly train?: (signal: AbortSignal) => Promise<void>;
  readonly isSecure?: boolean;
}

export function joinDevice(
  id: ParticipantId,
  federation: Federation,
  { run, network, train, isSecure = false }: DeviceOptions,
): TestDevice {
  const { layout } = compileModel(federation);
  const base = makeModel(0, layout, new Float32Array(layout.length));
  const planned = federation.privacy.record && plannedEvent(federation, EXAMPLES, layout.length);
  const noise = planned?.mechanism === 'sampled-gaussian' ? { recordNoise: planned } : {};
  const standbys: string[] = [];
  const random = webCryptoRandom(crypto);
  const trainer: Trainer = {
    layout,
    initialModel: async () => base,
    async train({ signal }) {
      await train?.(signal);
      const delta = new Float32Array(layout.length).fill(0.25);
      return { update: { layoutHash: layout.hash, delta, examples: EXAMPLES, ...noise }, loss: 1 };
    },
    evaluate: async () => ({ total: 1, correct: 1, lossSum: 0 }),
  };
  const node = createNode({
    run,
    federation,
    layout,
    transport: network.connect(id, ++serverIncarnation),
    // A device without a budget of its own: the server is what stops here.
    store: memoryStore(),
    clock: systemClock,
    random,
    ...(isSecure
      ? {
          secure: {
            identity: nobleIdentity(random.bytes(32)),
            suite: nobleSuite(random),
            transcripts: false,
          },
        }
      : {}),
    participant: { trainer, examples: EXAMPLES, dataset: 'd', model: base, electionMs: 60_000 },
    settleMs: SETTLE_MS,
    observer: {
      onMessage(direction, _, message) {
        if (direction === 'in' && message.type === 'standby') standbys.push(message.code);
      },
    },
  });
  node.command('start');
  return { node, standbys, close: () => node.close() };
}
