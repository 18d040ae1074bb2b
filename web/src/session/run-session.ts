import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { type Federation, policyHash } from '../../../shared/federation/index.ts';
import { type Identity, type NodeId, SERVER } from '../../../shared/identity/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import type { CryptoSuite } from '../../../shared/secagg/index.ts';
import {
  createNode,
  type NodeState,
  type SessionNode,
  type TrainProgress,
} from '../../../shared/session/index.ts';
import type { PaceLimits } from '../../../shared/training/pace.ts';
import { systemClock } from '../../../shared/transport/clock.ts';
import type { DirectConnector } from '../../../shared/transport/direct-connector.ts';
import { createHubClient, type SocketLike } from '../../../shared/transport/hub-client.ts';
import { createPeerTransport } from '../../../shared/transport/peer-transport.ts';
import type { Path, Transport } from '../../../shared/transport/port.ts';
import { createServerChannel } from '../../../shared/transport/server-channel.ts';
import type { DeviceReport, MessageOf, RoundRecord } from '../../../shared/wire/index.ts';
import {
  type Consent,
  getDataset,
  ledgerIdOf,
  listConsents,
  loadIdentity,
  loadSettings,
  runStore,
} from '../storage/index.ts';
import { type BrowserTrainer, createTrainer, deviceVerdicts, type TrainerData } from '../trainer/index.ts';
import { checkConsent, checkShown } from './consent.ts';
import { type Credential, credentialOf, helloCredential, keepCredential } from './credential.ts';
import { OwnRefusals } from './own-refusals.ts';
import { phaseOf } from './phase.ts';
import { Refusals } from './refusals.ts';
import { RoundMeter } from './round-traffic.ts';
import { federationRun } from './runs.ts';
import { assertSecureContext } from './secure-context.ts';
import { secureSuite } from './secure-suite.ts';
import { secureViewOf } from './secure-view.ts';
import type {
  JoinOptions,
  PauseReason,
  RoundingView,
  SessionNotice,
  SessionPhase,
  SessionSnapshot,
} from './snapshot.ts';
import { Traffic } from './traffic.ts';
import { loadTrainingData } from './training-data.ts';

/** A session under way in this worker. */
export interface RunningSession {
  /** @param because left out when the person asks. */
  pause(because?: PauseReason): void;
  resume(): void;
  setPace(pace: PaceLimits): void;
  /** Of the connection to the server; undefined while there is none. */
  token(): string | undefined;
  /** Says goodbye and frees everything. */
  leave(): Promise<void>;
}

/** What the page is told: everything but the records, and those records that are new or changed. */
export interface SnapshotUpdate {
  readonly snapshot: Omit<SessionSnapshot, 'records'>;
  readonly changedRecords: readonly RoundRecord[];
}

const SNAPSHOT_INTERVAL_MS = 200;
const MAX_NOTICES = 50;
/** How long a participant does without a coordinator before it stands for election. */
const ELECTION_MS = 1500;

/**
 * Joins a federation with a dataset of this device: opens the transport, starts the trainer, runs the engine.
 * Resolves once the engine runs; everything later comes as updates.
 * @throws whatever keeps it from starting: `privacy.policy-unmet`, `federation.*`, `data.*`, `model.*`, `training.*`,
 * `storage.*`.
 */
export async function runSession(
  options: JoinOptions,
  openDirect: DirectConnector,
  onUpdate: (update: SnapshotUpdate) => void,
  pace: PaceLimits,
  signal: AbortSignal,
): Promise<RunningSession> {
  const { federation, run } = await federationRun(options.federationId, signal);
  assertSecureContext(federation, self);
  const dataset = await getDataset(options.datasetId);
  if (dataset?.sample === undefined) checkConsent(await consentTo(federation), federation);
  else checkShown(options.documentHash, federation);
  const paths = federation.paths.filter((path) => options.paths?.includes(path) ?? true);
  const [identity, credential, store, suite] = await Promise.all([
    loadIdentity(),
    credentialOf(federation.id),
    runStore(undefined, federation),
    suiteFor(federation),
  ]);
  const net = openNetwork(federation, identity, credential, paths, openDirect);
  const view = new View(federation, run, identity, net.transport, onUpdate);
  let trainer: BrowserTrainer | undefined;
  let node: SessionNode | undefined;
  try {
    view.push();
    trainer = await startTrainer(federation, options.datasetId, pace, view, signal);
    const [stored, initial, records] = await Promise.all([
      store.loadModel(run),
      trainer.initialModel(),
      store.loadRecords(run, 1),
    ]);
    const { examples } = trainer;
    view.trainer = trainer;
    view.takeRecords(records);
    node = createNode({
      run,
      federation,
      layout: trainer.layout,
      transport: net.transport,
      store,
      clock: systemClock,
      random: webCryptoRandom(crypto),
      ...(suite === undefined ? {} : { secure: { identity, suite } }),
      settleMs: 1000,
      participant: {
        trainer,
        examples,
        dataset: dataset === undefined ? options.datasetId : ledgerIdOf(dataset),
        model: stored ?? initial,
        electionMs: ELECTION_MS,
        ...(await deviceReport(federation, trainer)),
      },
      observer: {
        onState: (state) => view.takeState(state),
        onNotice: (notice) => view.takeNotice(notice),
        onProgress: (progress) => view.takeProgress(progress),
        onRecord: (record) => view.takeRound(record),
        onProtected: (round, { rounding }) => {
          if (rounding !== undefined) view.takeRounding({ round, ...rounding });
        },
        onMessage: (direction, peer, message) => {
          if (direction === 'in' && message.type === 'abandon') view.takeAbandon(peer, message);
        },
      },
    });
    signal.throwIfAborted();
    view.node = node;
    node.command('start');
    const running = node;
    const ended = trainer;
    return {
      pause(because) {
        view.pausedBecause = because;
        running.command('pause');
        view.schedule();
      },
      resume: () => running.command('resume'),
      setPace: (limits) => ended.setPace(limits),
      token: net.token,
      async leave() {
        running.command('leave');
        view.close();
        await net.close();
        running.close();
        ended.dispose();
      },
    };
  } catch (thrown) {
    view.fail(toErrorRecord(thrown));
    view.close();
    node?.close();
    trainer?.dispose();
    await net.close();
    throw thrown;
  }
}

/** How fast this device is: only where the federation goes by it, and only if the person lets it. */
async function deviceReport(
  { strategy, training }: Federation,
  { backend }: BrowserTrainer,
): Promise<{ device?: DeviceReport }> {
  if (strategy.selection?.by !== 'resources' || !(await loadSettings()).reportsSpeed) return {};
  const speed = (1000 * training.batchSize) / backend.msPerStep;
  if (!(speed > 0 && Number.isFinite(speed))) return {};
  return {
    device: { examplesPerSecond: Math.round(speed * 10) / 10, charging: null, battery: null, metered: null },
  };
}

async function consentTo({ id }: Federation): Promise<Consent | undefined> {
  return (await listConsents()).find(({ federationId }) => federationId === id);
}

/** Undefined where the federation has no use for it. */
async function suiteFor({ privacy }: Federation): Promise<CryptoSuite | undefined> {
  return privacy.secureAggregation === 'secagg' ? secureSuite() : undefined;
}

interface Network {
  readonly transport: Transport;
  token(): string | undefined;
  close(): Promise<void>;
}

function openNetwork(
  federation: Federation,
  identity: Identity,
  credential: Credential | undefined,
  paths: readonly Path[],
  openDirect: DirectConnector,
): Network {
  const random = webCryptoRandom(crypto);
  const incarnation = new DataView(random.bytes(4).buffer).getUint32(0);
  const { origin } = self.location;
  // Taking part is agreeing to these terms: for data of the person's own it was asked for, and checked above.
  const policy = policyHash(federation);
  let shown = credential;
  let token: string | undefined;
  const hub = createHubClient({
    url: `${origin.replace(/^http/, 'ws')}/ws`,
    federation: federation.id,
    identity,
    incarnation,
    socketFactory: (url) => new WebSocket(url) as SocketLike,
    clock: systemClock,
    random,
    admission: () => ({ policy, credential: helloCredential(shown) }),
  });
  hub.subscribeServer((event) => {
    if (event.type === 'down') token = undefined;
    if (event.type !== 'up') return;
    token = event.token;
    if (shown === undefined || shown.isAdmitted) return;
    shown = { ...shown, isAdmitted: true };
    // Not kept: the next session shows it once more.
    keepCredential(federation.id, shown).catch((error: unknown) => console.warn('Not kept.', error));
  });
  const server = createServerChannel({
    hubClient: hub,
    baseUrl: '',
    fetch: (url, init) => fetch(url, init as RequestInit),
    clock: systemClock,
    random,
  });
  const transport = createPeerTransport({
    identity,
    incarnation,
    hub,
    server,
    openDirect,
    paths,
    clock: systemClock,
    random,
  });
  return {
    transport,
    token: () => token,
    async close() {
      await transport.close();
      server.close();
      hub.close();
    },
  };
}

async function startTrainer(
  federation: Federation,
  dataset: string,
  pace: PaceLimits,
  view: View,
  signal: AbortSignal,
): Promise<BrowserTrainer> {
  const { backend } = await loadSettings();
  let isKnown = false;
  const load = async (signal: AbortSignal): Promise<TrainerData> => {
    const { notices, ...data } = await loadTrainingData(federation, dataset, signal);
    // Loaded once more for each worker that is started anew; said once.
    if (!isKnown) for (const text of notices) view.takeNotice({ level: 'info', text });
    isKnown = true;
    return data;
  };
  return createTrainer({
    federation,
    load,
    signal,
    backend,
    pace,
    memory: deviceVerdicts,
    onNotice: (notice) => view.takeNotice(notice),
  });
}

/** Gathers what the page shows and sends it a few times a second. */
class View {
  trainer: BrowserTrainer | undefined;
  pausedBecause: PauseReason | undefined;
  node: SessionNode | undefined;
  readonly #federation: Federation;
  readonly #run: string;
  readonly #identity: Identity;
  readonly #transport: Transport;
  readonly #onUpdate: (update: SnapshotUpdate) => void;
  readonly #traffic = new Traffic();
  readonly #changed = new Map<number, RoundRecord>();
  #notices: SessionNotice[] = [];
  #progress: TrainProgress | undefined;
  #failure: ErrorRecord | undefined;
  #holdReason: string | undefined;
  #rounding: RoundingView | undefined;
  readonly #roundMeter = new RoundMeter();
  readonly #refusals = new Refusals();
  readonly #ownRefusals = new OwnRefusals();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #ticker: ReturnType<typeof setInterval>;

  constructor(
    federation: Federation,
    run: string,
    identity: Identity,
    transport: Transport,
    onUpdate: (update: SnapshotUpdate) => void,
  ) {
    this.#federation = federation;
    this.#run = run;
    this.#identity = identity;
    this.#transport = transport;
    this.#onUpdate = onUpdate;
    // Rates change without any event of the engine.
    this.#ticker = setInterval(() => this.schedule(), 1000);
  }

  takeState(state: NodeState): void {
    this.#ownRefusals.takeState(state);
    this.schedule();
  }

  schedule(): void {
    this.#timer ??= setTimeout(() => this.push(), SNAPSHOT_INTERVAL_MS);
  }

  push(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const peers = this.#transport.peers();
    this.#traffic.update(peers);
    const participant = this.node?.state.participant;
    const model = participant?.model;
    this.#onUpdate({
      snapshot: {
        federationId: this.#federation.id,
        run: this.#run,
        self: this.#identity.id,
        phase: this.#phase(),
        serverConnected: peers.has(SERVER),
        coordinator: participant?.coordinator,
        model: model && { version: model.version, hash: model.hash },
        secure: this.node && secureViewOf(this.node.state),
        refused: this.#isSecure ? this.#refusals.latest : undefined,
        refusal: this.#ownRefusals.latest,
        peers: this.#traffic.rows(peers, Date.now()),
        backend: this.trainer?.backend.name,
        examplesPerSecond: this.#progress?.examplesPerSecond,
        bytesSent: this.#traffic.bytesSent,
        bytesReceived: this.#traffic.bytesReceived,
        roundTraffic: this.#roundMeter.latest,
        rounding: this.#rounding,
        notices: this.#notices,
      },
      changedRecords: [...this.#changed.values()],
    });
    this.#changed.clear();
  }

  takeRounding(rounding: RoundingView): void {
    this.#rounding = rounding;
    this.schedule();
  }

  /** One that was committed now. */
  takeRound(record: RoundRecord): void {
    this.#traffic.update(this.#transport.peers());
    this.#roundMeter.takeRecord(record, this.#traffic);
    this.takeRecords([record]);
  }

  takeRecords(records: readonly RoundRecord[]): void {
    for (const record of records) {
      this.#changed.set(record.round, record);
      this.#refusals.takeRecord(record);
    }
    this.schedule();
  }

  takeNotice({
    level,
    text,
    error,
  }: {
    level: SessionNotice['level'];
    text: string;
    error?: ErrorRecord;
  }): void {
    const detail = error === undefined || error.message === text ? text : `${text} ${error.message}`;
    const code = error === undefined ? {} : { code: error.code };
    this.#notices = [...this.#notices, { atMs: Date.now(), level, text: detail, ...code }].slice(
      -MAX_NOTICES,
    );
    if (error?.code === 'round.on-hold') this.#holdReason = text;
    if (error !== undefined) {
      this.#refusals.takeNotice(this.node?.state, error);
      this.#ownRefusals.takeNotice(error, Date.now());
    }
    this.schedule();
  }

  takeAbandon(from: NodeId, message: MessageOf<'abandon'>): void {
    this.#refusals.takeAbandon(this.node?.state, from, message);
    this.schedule();
  }

  takeProgress(progress: TrainProgress): void {
    this.#progress = progress;
    this.schedule();
  }

  fail(error: ErrorRecord): void {
    this.#failure = error;
    this.push();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#ticker);
  }

  get #isSecure(): boolean {
    return this.#federation.privacy.secureAggregation === 'secagg';
  }

  #phase(): SessionPhase {
    if (this.#failure !== undefined) return { name: 'failed', error: this.#failure };
    if (this.node === undefined) return { name: 'connecting' };
    const { minParticipants } = this.#federation.cohort;
    return phaseOf(this.node.state, this.#progress, minParticipants, this.pausedBecause, this.#holdReason);
  }
}
