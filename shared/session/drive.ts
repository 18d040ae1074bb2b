import {
  addition,
  type CombineRule,
  type Strategy,
  strategyOf,
  type WeightedSlice,
} from '../aggregate/index.ts';
import { combineRuleOf, fewest, needsOf } from '../aggregate/robust/index.ts';
import { encodingOf, trainedCoordinates, vectorLengthOf, weightOf } from '../compress/index.ts';
import { check, type ErrorCode, type ErrorRecord, toErrorRecord } from '../errors/index.ts';
import { combinesGroups, type Federation, mostParticipants } from '../federation/index.ts';
import type { NodeId, ParticipantId } from '../identity/index.ts';
import { SERVER } from '../identity/index.ts';
import type { LedgerEntry, ReleaseEvent } from '../ledger/index.ts';
import { createNoise } from '../privacy/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { ringFor } from '../secagg/index.ts';
import type { Transport } from '../transport/port.ts';
import { joinSlices, type Layout, type Model, sliceRange } from '../update/index.ts';
import {
  type AttemptId,
  type DeviceReport,
  decodeMessage,
  encodeMessage,
  type Message,
  type ModelRef,
  type RoundRecord,
} from '../wire/index.ts';
import { type AggregateReport, createAggregator } from './aggregator.ts';
import { createCentralNoise } from './central-noise.ts';
import { type CombinerContext, initialCombiner, stepCombiner } from './combiner.ts';
import { selectionOf } from './coordinator/cohort.ts';
import { groupSizesOf } from './coordinator/draw.ts';
import { type CoordinatorOrder, withOrder } from './coordinator/orders.ts';
import { standingOf } from './coordinator/standing.ts';
import {
  type CoordinatorContext,
  type CoordinatorState,
  initialCoordinator,
  type RoundState,
} from './coordinator/state.ts';
import { stepCoordinator } from './coordinator/step.ts';
import { createDoorkeeper, type Doorkeeper } from './doorkeeper.ts';
import {
  attemptTag,
  type Effect,
  type EventContext,
  type SessionEvent,
  type SumSlice,
  type TimerName,
} from './effects.ts';
import { hashOfSum } from './group-sum.ts';
import type { Judge } from './judge.ts';
import { createLibrarian } from './librarian.ts';
import { workLocally } from './local-work.ts';
import { initialOwner, type OwnerContext, type OwnerState, toInt32 } from './owner.ts';
import { initialOwners, stepOwners } from './owner-groups.ts';
import { maxStalenessOf, paceOf } from './pace.ts';
import {
  initialParticipant,
  obeys,
  type ParticipantContext,
  type ParticipantState,
} from './participant/state.ts';
import { stepParticipant } from './participant/step.ts';
import { addMissingNoise, type ProtectedUpdate, plannedRelease, protectUpdate } from './pipeline.ts';
import type { Clock, Store, Trainer, TrainProgress } from './ports.ts';
import { createPostOffice } from './post-office.ts';
import { createRoundMemory } from './round-memory.ts';
import { createSecureHost, type SecureTools } from './secure-host.ts';
import { createTranscriptRecorder, encodeTranscript, isCommittedRound } from './transcript/index.ts';

/**
 * Runs the state machines of one node: queues events, performs effects through the ports, feeds outcomes back. The
 * machines decide; nothing is decided here.
 */
export interface NodeOptions {
  readonly run: string;
  readonly federation: Federation;
  readonly layout: Layout;
  readonly transport: Transport;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: CryptoRandom;
  /** That of the federation, from a host of many nodes, which computes once what all of them would compute alike. */
  readonly strategy?: Strategy;
  /** Needed where the federation asks for secure aggregation. */
  readonly secure?: SecureTools;
  /** Set on participants. */
  readonly participant?: {
    readonly trainer: Trainer;
    readonly examples: number;
    readonly dataset: string;
    readonly model: Model;
    readonly electionMs: number;
    /** What the person agreed to report of the device: a selection by resources may go by it. */
    readonly device?: DeviceReport;
  };
  /** Set on the server, which coordinates from the start. */
  readonly coordinator?: {
    readonly term: number;
    readonly model: Model | undefined;
    /** Survivors of the newest recorded round. */
    readonly electorate: readonly ParticipantId[];
    /** Nobody is invited before {@link SessionNode.allow} said how often. */
    readonly rations?: boolean;
    /** In force before anyone is heard. */
    readonly orders?: readonly CoordinatorOrder[];
    /** All of this run, by round: for a federation that takes bad versions back. */
    readonly records?: readonly RoundRecord[];
    /** A version that was stored. @returns undefined where it was not. */
    readonly loadVersion?: (model: ModelRef) => Promise<Model | undefined>;
  };
  /** On the server of a federation that asks for held-out examples. */
  readonly judge?: Judge;
  /** On the server: the federation's robust rule, on kernels or in a thread of the host's. */
  readonly combine?: CombineRule;
  readonly settleMs: number;
  readonly saveTerm?: (term: number) => Promise<void>;
  readonly observer?: NodeObserver;
}

export interface NodeObserver {
  readonly onState?: (state: NodeState) => void;
  readonly onNotice?: (notice: {
    level: 'info' | 'warning' | 'error';
    text: string;
    error?: ErrorRecord;
  }) => void;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly onRecord?: (record: RoundRecord) => void;
  readonly onModel?: (model: Model) => void;
  /** What became of this device's update on its way, which may be in a sum or not. */
  readonly onProtected?: (round: number, made: Pick<ProtectedUpdate, 'report' | 'rounding'>) => void;
  /** What the parts of an attempt's sum tell, whether or not the round is committed. */
  readonly onAggregate?: (report: AggregateReport) => void;
  /** Nothing comes of an attempt that was coordinated here. */
  readonly onAbandoned?: (attempt: AttemptId, code: ErrorCode) => void;
  /** The best version so far, which the model may go back to. */
  readonly onBest?: (model: Model) => void;
  /** Every message handed to the transport or taken from it, and those to itself (both ways), for logs and tests. */
  readonly onMessage?: (direction: 'in' | 'out', peer: NodeId, message: Message) => void;
}

export interface NodeState {
  readonly participant: ParticipantState | undefined;
  /** Of several groups, that of the first. */
  readonly owner: OwnerState;
  readonly coordinator: CoordinatorState | undefined;
}

export interface SessionNode {
  readonly state: NodeState;
  command(command: 'start' | 'pause' | 'resume' | 'leave' | 'stop'): void;
  /** Tells the coordinator here in how many more rounds this participant may take part. */
  allow(participant: ParticipantId, rounds: number): void;
  /** Orders the coordinator here. */
  order(order: CoordinatorOrder): void;
  /** Ends timers, training and pending sends; the transport is closed by whoever made it. */
  close(): void;
}

const ENTROPY_BYTES = 16;
/** How long participants are kept waiting for a store that does not say that a record is durable. SPEC J-12. */
const DURABLE_MS = 2000;
/** How long a stage of key exchange may take, while the device trains. */
const SETUP_MS = 10_000;
const COORDINATOR_TIMERS: readonly TimerName[] = [
  'settle',
  'keys',
  'shares',
  'confirm',
  'train',
  'exchange',
  'apply',
  'evaluation',
  'retry',
  'draw',
  'total',
];
const ORDERS = new Set<Message['type']>([
  'welcome',
  'invite',
  'plan',
  'commit',
  'abandon',
  'finish',
  'roster',
  'inbox',
  'confirmed',
  'draw',
  'total',
  'standby',
]);

export function createNode(options: NodeOptions): SessionNode {
  const { run, federation, layout, transport, store, clock, observer = {} } = options;
  const self = transport.self;
  const isSecure = federation.privacy.secureAggregation === 'secagg';
  check(
    !isSecure || options.secure !== undefined,
    'privacy.policy-unmet',
    'This node cannot aggregate securely.',
    {
      path: 'privacy.secureAggregation',
      expected: 'a signing key and cryptography',
      remedy: 'Open the page over HTTPS, or choose a federation without secure aggregation.',
    },
  );
  const strategy = options.strategy ?? strategyOf(federation, layout);
  const { groupSize } = federation.cohort;
  const maxParticipants = mostParticipants(federation.cohort);
  const isGrouped = maxParticipants > groupSize;
  const encoding = encodingOf(federation, layout);
  const vectorLength = vectorLengthOf(encoding, layout.length);
  const ring = isSecure ? ringFor(encoding, groupSize) : undefined;
  const policy = federation.privacy.participant;
  const { robust } = federation.strategy;
  const isRobust = needsOf(robust) === 'individual';
  const combine = options.combine ?? combineRuleOf(robust, encoding);
  const overGroups = combinesGroups(federation);
  /** By participants: versions that the server evaluates are its own business. */
  const evaluates = federation.evaluation === 'sample' || federation.evaluation === 'local';
  /** Where only sums are seen, or noised, the same integers do not go into two of them. */
  const trainsAnew = isSecure || policy?.trust === 'central';
  const noise = createNoise(options.random);
  /** Where the server is trusted to add the noise, it does: to one sum of each attempt. */
  const centralNoise =
    self === SERVER && policy?.trust === 'central' && encoding.kind === 'grid'
      ? createCentralNoise(policy, encoding, noise)
      : undefined;
  const participantContext: ParticipantContext | undefined = options.participant && {
    self: self as ParticipantId,
    incarnation: transport.incarnation,
    run,
    federationRevision: federation.revision,
    examples: options.participant.examples,
    weight: weightOf(federation, options.participant.examples),
    vectorLength,
    encoding,
    ring,
    groupSize,
    minParticipants: federation.cohort.minParticipants,
    maxParticipants,
    noise: policy,
    evaluates,
    pace: paceOf(federation, options.participant.examples),
    device: options.participant.device,
    groups: isGrouped ? { ...groupSizesOf({ groupSize, secure: isSecure }), maxParticipants } : undefined,
    electionMs: options.participant.electionMs,
  };
  const coordinatorContext: CoordinatorContext = {
    self,
    run,
    federationRevision: federation.revision,
    minParticipants: federation.cohort.minParticipants,
    groupSize,
    maxParticipants,
    maximumRounds: federation.rounds.maximum,
    targetAccuracy: federation.rounds.targetAccuracy,
    // What may be gone back to has to be there after a restart.
    checkpointEvery: federation.strategy.rollback === undefined ? federation.rounds.checkpointEvery : 1,
    ...federation.deadlines,
    mesh: federation.paths.some((path) => path !== 'server'),
    serverMayOwn: federation.paths.includes('server'),
    evaluates,
    rations: options.coordinator?.rations ?? false,
    secure: isSecure,
    sharesNoise: policy?.trust === 'distributed',
    addsNoise: policy?.trust === 'central',
    setupMs: Math.min(SETUP_MS, federation.deadlines.trainMs),
    settleMs: options.settleMs,
    maxStaleness: maxStalenessOf(federation),
    selection: selectionOf(federation),
    aggregates: self === SERVER && isRobust && !overGroups,
    judges: federation.evaluation === 'server' && options.judge !== undefined,
    screens: robust?.screening === 'held-out',
    ...(isRobust && overGroups ? { fewestGroups: Math.max(2, fewest(robust!)) } : {}),
    rollback: self === SERVER ? federation.strategy.rollback : undefined,
  };
  const ownerContext: OwnerContext = {
    self,
    run,
    vectorLength,
    encoding,
    federationRevision: federation.revision,
    addsNoise: policy?.trust === 'central',
    ...(ring === undefined
      ? { ring, rule: isRobust && !overGroups ? { needs: 'individual', combine } : addition }
      : { ring, rule: addition }),
  };

  let participant = options.participant && initialParticipant(options.participant.model);
  const combinerContext: CombinerContext | undefined =
    self === SERVER && isGrouped ? ownerContext : undefined;

  let owners = initialOwners;
  let combiner = initialCombiner;
  let coordinator = options.coordinator && serverCoordinator(options.coordinator, federation);
  let closed = false;

  const queue: SessionEvent[] = [];
  let draining = false;
  const timers = new Map<TimerName, () => void>();
  /** Records that are being stored, and what the server sends meanwhile: first what it says is done must be. */
  const unstored = new Set<() => void>();
  let held: Extract<Effect, { type: 'send' }>[] = [];
  let training: AbortController | undefined;
  let aggregating: { readonly tag: string; readonly controller: AbortController } | undefined;
  /** Kept in memory beside the newest models, where the federation goes back to it. */
  let best: Model | undefined;
  const aggregator = createAggregator({
    robust,
    encoding,
    layout,
    strategy,
    noise: centralNoise,
    combine,
    judge: options.judge,
  });
  const office = createPostOffice(transport, clock);
  const encodings = new WeakMap<Message, Uint8Array<ArrayBuffer>>();
  const secureHost =
    options.secure === undefined
      ? undefined
      : createSecureHost(options.secure, options.random, {
          isNoised: policy?.trust === 'central',
          noise: centralNoise,
        });
  const recorder =
    // Masked slices beside a noised sum would give the exact one to whoever reads the file.
    options.secure === undefined ||
    ring === undefined ||
    options.secure.transcripts === false ||
    policy?.trust === 'central'
      ? undefined
      : createTranscriptRecorder({
          self,
          run,
          federation,
          layout,
          ...options.secure,
          findModel: (hash) => librarian.find(hash),
        });
  const memory =
    options.participant &&
    createRoundMemory({
      store,
      run,
      dataset: options.participant.dataset,
      self: self as ParticipantId,
      onFault: (text, thrown) => notice('warning', text, toErrorRecord(thrown)),
    });
  /** One for each group of a round: it keeps what it found good of one attempt. */
  const doorkeepers = new Map<number, Doorkeeper>();
  const librarian = createLibrarian({
    run,
    layout,
    slots: strategy.slots.length,
    store,
    clock,
    send: (to, message) => send({ type: 'send', to, message }),
    onRefused: (from, error) => notice('warning', `Refused a model from ${from}.`, error),
    onUnreadable: (error) => notice('warning', 'The stored models could not be read.', error),
    onRecords: (records) => records.forEach(saveRecord),
  });

  function enqueue(event: EventBody): void {
    if (closed) return;
    const context: EventContext = { atMs: clock.nowMs(), entropy: hex(options.random.bytes(ENTROPY_BYTES)) };
    queue.push({ ...event, ...context } as SessionEvent);
    if (draining) return;
    draining = true;
    try {
      for (let next = queue.shift(); next !== undefined && !closed; next = queue.shift()) dispatch(next);
    } finally {
      draining = false;
    }
    if (!closed) observer.onState?.(node.state);
  }

  function dispatch(event: SessionEvent): void {
    if (event.type === 'message') {
      if (ORDERS.has(event.message.type) && !isObeyed(event.from, event.message)) return;
      record('in', event.from, event.message);
    }
    const effects: Effect[] = [];
    if (participant !== undefined && participantContext !== undefined) {
      const step = stepParticipant(participant, event, participantContext);
      participant = step.state;
      effects.push(...step.effects);
    }
    const owned = stepOwners(owners, event, ownerContext);
    owners = owned.state;
    effects.push(...owned.effects);
    if (combinerContext !== undefined) {
      const step = stepCombiner(combiner, event, combinerContext);
      combiner = step.state;
      effects.push(...step.effects);
    }
    if (coordinator !== undefined) {
      const step = stepCoordinator(coordinator, event, coordinatorContext);
      coordinator = step.state;
      effects.push(...step.effects);
    }
    for (const effect of effects) perform(effect);
  }

  /** Orders come from the coordinator that this node obeys; those of an ended term are late, not wrong. */
  function isObeyed(from: NodeId, message: Message): boolean {
    if (participant === undefined) return from === self;
    const term =
      'attempt' in message ? message.attempt.term : message.type === 'welcome' ? message.term : undefined;
    if (term === undefined) return from === participant.coordinator || from === SERVER;
    if (obeys(participant, from, term)) return true;
    if (term >= participant.term) {
      const text = `Refused a ${message.type} message from ${from}, who does not coordinate this run.`;
      notice('warning', text, { code: 'wire.out-of-phase', message: text });
    }
    return false;
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        return send(effect);
      case 'cancel-sends':
        held = held.filter(({ tag }) => tag !== effect.tag);
        return office.cancel(effect.tag);
      case 'timer':
        timers.get(effect.name)?.();
        timers.set(
          effect.name,
          clock.after(effect.delayMs, () => {
            timers.delete(effect.name);
            enqueue({ type: 'timer', name: effect.name });
          }),
        );
        return;
      case 'cancel-timer':
        return cancelTimers([effect.name]);
      case 'train':
        return void train(effect);
      case 'cancel-training':
        training?.abort();
        training = undefined;
        return;
      case 'protect':
        return void protect(effect);
      case 'add-missing-noise':
        return void addNoise(effect);
      case 'aggregate':
        return void aggregate(effect);
      case 'cancel-aggregate':
        if (aggregating?.tag === attemptTag(effect.attempt)) aggregating.controller.abort();
        return;
      case 'judge':
        return void judge(effect);
      case 'keep-best':
        return void keepBest(effect);
      case 'roll-back':
        return void rollBack(effect);
      case 'secure':
        return void secure(effect);
      case 'unmask':
        return void unmask(effect);
      case 'apply':
        return void apply(effect);
      case 'sum-up':
        return void sumUp(effect);
      case 'apply-total':
        return applyTotal(effect);
      case 'count-in':
      case 'counted':
      case 'collected':
      case 'combine':
        return enqueue(effect);
      case 'evaluate':
        return void evaluate(effect);
      case 'save-model':
        librarian.remember(effect.model);
        observer.onModel?.(effect.model);
        return void guard(
          'The model could not be stored on this device; it is kept in memory.',
          store.saveModel(run, effect.model),
        );
      case 'save-record':
        return holdSends(saveRecord(effect.record));
      case 'attempt-abandoned':
        return observer.onAbandoned?.(effect.attempt, effect.code);
      case 'save-term':
        return void guard(
          'The term could not be stored.',
          options.saveTerm?.(effect.term) ?? Promise.resolve(),
        );
      case 'fetch-model':
        return void fetchModel(effect);
      case 'fetch-history':
        return send({
          type: 'send',
          to: effect.from,
          message: { type: 'historyRequest', run, fromRound: effect.fromRound },
        });
      case 'coordinate':
        cancelTimers(COORDINATOR_TIMERS);
        coordinator = initialCoordinator(effect.term, effect.model, [self], []);
        for (const [peer, { incarnation }] of transport.peers())
          enqueue({ type: 'peer-up', peer, incarnation });
        return;
      case 'resign':
        if (participant !== undefined && coordinator !== undefined && coordinator.term < effect.term)
          coordinator = undefined;
        return;
      case 'notice':
        return notice(effect.level, effect.text, effect.error);
    }
  }

  function send({ to, message, tag, receipt }: Extract<Effect, { type: 'send' }>): void {
    // In order: what it says to itself it writes down like the rest.
    if (unstored.size > 0) {
      held.push({ type: 'send', to, message, ...(tag && { tag }), ...(receipt && { receipt }) });
      return;
    }
    const attempt = 'attempt' in message ? message.attempt : undefined;
    if (to === self) {
      observer.onMessage?.('out', self, message);
      observer.onMessage?.('in', self, message);
      void admit(self, message);
      if (receipt !== undefined) enqueue({ type: 'delivered', attempt, receipt });
      return;
    }
    observer.onMessage?.('out', to, message);
    record('out', to, message);
    void office.post(to, encoded(message), tag).then((outcome) => {
      if (receipt === undefined || outcome === 'cancelled') return;
      enqueue({ type: outcome, attempt, receipt });
    });
  }

  /** What goes to a whole cohort is in memory once. */
  function encoded(message: Message): Uint8Array<ArrayBuffer> {
    const bytes = encodings.get(message) ?? encodeMessage(message);
    encodings.set(message, bytes);
    return bytes;
  }

  async function train({ attempt, base, entropy }: Extract<Effect, { type: 'train' }>): Promise<void> {
    const { trainer } = options.participant!;
    training?.abort();
    const controller = new AbortController();
    training = controller;
    try {
      // Where only sums are seen a second training from the same base must not give the same integers again: sums over two
      // sets of survivors would differ by one of them.
      const anew = trainsAnew ? `/${entropy ?? attemptTag(attempt)}` : '';
      // What comes back under a number of its own has the hash it had: alike, it would lead to the same bad versions.
      const again = federation.strategy.rollback === undefined ? '' : `/${base.version}`;
      const seed = `${run}/${base.hash}/${self}${again}${anew}`;
      await store.permitRelease(entryOf(attempt, base.hash, planned(base)));
      if (controller.signal.aborted) return;
      await settleMemory(base);
      if (controller.signal.aborted) return;
      const kept = trainedCoordinates(encoding, base.hash);
      const job = {
        base,
        seed,
        signal: controller.signal,
        ...(kept === undefined ? {} : { kept }),
        onProgress: (progress: TrainProgress) => observer.onProgress?.(progress),
      };
      const result = await workLocally({ strategy, federation, trainer, job, memory: memory! });
      if (controller.signal.aborted) return;
      const { hash: baseHash, clipNorm } = base;
      const norm = clipNorm === undefined ? {} : { clipNorm };
      enqueue({ type: 'trained', attempt, baseHash, ...norm, result });
    } catch (thrown) {
      if (!controller.signal.aborted)
        enqueue({ type: 'train-failed', attempt: currentAttempt() ?? attempt, error: toErrorRecord(thrown) });
    }
  }

  /** Whoever was away at a commit hears now whether its update was counted. SPEC Y-05. */
  async function settleMemory(base: Model): Promise<void> {
    const round = memory!.missing(base);
    const coordinator = participant?.coordinator;
    if (round !== undefined && coordinator !== undefined && coordinator !== self)
      await librarian.fetchHistory(coordinator, round);
    if (!closed) memory!.close(base);
  }

  /** What this round would release, asked about before work is spent on it. SPEC B-02. */
  function planned({ clipNorm }: Model): ReleaseEvent {
    const { examples } = options.participant!;
    const cohortSize = participant?.attempt?.plan.cohort.length ?? groupSize;
    return plannedRelease(federation, { examples, cohortSize, dimension: layout, clipNorm });
  }

  function entryOf({ round }: AttemptId, base: string, event: ReleaseEvent): LedgerEntry {
    const { dataset } = options.participant!;
    return { dataset, federation: federation.id, run, round, base, atMs: clock.nowMs(), event };
  }

  async function protect(effect: Extract<Effect, { type: 'protect' }>): Promise<void> {
    const { attempt, baseHash, clipNorm: given, update, staleness = 0, invited } = effect;
    try {
      const layers = layout.parameters.map(({ length }) => length);
      const norm = given === undefined ? {} : { clipNorm: given };
      const facts = { baseHash, ...norm, staleness, invited, random: options.random, noise, layers };
      const made = protectUpdate(update, federation, encoding, facts);
      const { update: noised, report, clipNorm, release } = made;
      await store.appendLedger(entryOf(attempt, baseHash, release));
      await memory!.leave();
      observer.onProtected?.(attempt.round, made);
      if (report.clipped)
        notice(
          'info',
          `The update was clipped from norm ${report.norm.toPrecision(3)} to ${Number(clipNorm.toPrecision(6))}.`,
        );
      enqueue({ type: 'protected', attempt, baseHash, update: noised });
    } catch (thrown) {
      enqueue({ type: 'train-failed', attempt: currentAttempt() ?? attempt, error: toErrorRecord(thrown) });
    }
  }

  /** The release is in the ledger already: of the same update, it says as much. */
  function addNoise(effect: Extract<Effect, { type: 'add-missing-noise' }>): void {
    const { attempt, baseHash, invited } = effect;
    try {
      const update = addMissingNoise(effect.update, federation, encoding, { invited, noise });
      enqueue({ type: 'protected', attempt, baseHash, update });
    } catch (thrown) {
      enqueue({ type: 'train-failed', attempt, error: toErrorRecord(thrown) });
    }
  }

  async function aggregate(effect: Extract<Effect, { type: 'aggregate' }>): Promise<void> {
    const { attempt, tally, over } = effect;
    aggregating?.controller.abort();
    const controller = new AbortController();
    aggregating = { tag: attemptTag(attempt), controller };
    const { signal } = controller;
    try {
      check(
        self === SERVER,
        'privacy.policy-unmet',
        'A plan made this node publish what only the server may make of updates.',
      );
      const { sum, outcomes } = await aggregator.aggregate(effect, baseOfRound, signal);
      if (signal.aborted) return;
      if (outcomes.length > 0) observer.onAggregate?.({ attempt, outcomes });
      enqueue({ type: 'aggregated', attempt, tally, over, ...sum });
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toErrorRecord(thrown);
      notice('error', `Nothing came of round ${attempt.round}: ${error.message}`, error);
      enqueue({ type: 'aggregate-failed', attempt, tally, over, error });
    }
  }

  /** Of the round that is coordinated here. */
  async function baseOfRound(): Promise<Model> {
    const rounds = coordinator?.status.name === 'round' ? coordinator.status.rounds : [];
    const base = rounds[0]?.base;
    const model = base && (await findOrFetch(base, [...coordinator!.holders]));
    check(model !== undefined, 'model.unavailable', 'The server does not have the model of the round.');
    return model;
  }

  async function findOrFetch(ref: ModelRef, holders: readonly NodeId[]): Promise<Model | undefined> {
    const others = nearestFirst(holders).filter((id) => id !== self);
    return (
      (await librarian.find(ref.hash)) ?? (others.length === 0 ? undefined : librarian.fetch(ref, others))
    );
  }

  async function judge({ model: ref, holders }: Extract<Effect, { type: 'judge' }>): Promise<void> {
    try {
      check(
        options.judge !== undefined,
        'aggregate.no-held-out',
        'This federation leaves out what makes the model worse on held-out examples, and this server has none.',
        { remedy: 'Ask its operator for a held-out set.' },
      );
      const model = await findOrFetch(ref, holders);
      check(model !== undefined, 'model.unavailable', 'The server does not have this version of the model.');
      const counts = await options.judge.evaluate(model, lifetime.signal);
      enqueue({ type: 'judged', model: ref, counts });
    } catch (thrown) {
      enqueue({ type: 'judge-failed', model: ref, error: toErrorRecord(thrown) });
    }
  }

  async function keepBest({ model: ref, holders }: Extract<Effect, { type: 'keep-best' }>): Promise<void> {
    try {
      const model = await findOrFetch(ref, holders);
      check(model !== undefined, 'model.unavailable', 'Nobody delivers it.');
      best = model;
      observer.onBest?.(model);
    } catch (thrown) {
      const text = `Version ${ref.version}, the best so far, could not be fetched.`;
      notice('warning', text, toErrorRecord(thrown));
    }
  }

  async function rollBack({ to, version }: Extract<Effect, { type: 'roll-back' }>): Promise<void> {
    try {
      const known = best?.hash === to.hash ? best : await librarian.find(to.hash);
      const found = known ?? (await options.coordinator?.loadVersion?.(to));
      check(
        found?.hash === to.hash,
        'aggregate.rollback-failed',
        'The best version of the model is not on this server any more.',
        { remedy: 'The run goes on from the version that there is.' },
      );
      const model = { ...found, version };
      librarian.remember(model);
      await store.saveModel(run, model);
      observer.onModel?.(model);
      enqueue({ type: 'rolled-back', to, model: { version, hash: model.hash } });
    } catch (thrown) {
      enqueue({ type: 'rollback-failed', to, error: toErrorRecord(thrown) });
    }
  }

  async function secure(effect: Extract<Effect, { type: 'secure' }>): Promise<void> {
    const outcome = await secureHost!.take(effect);
    if (outcome !== undefined) enqueue(outcome);
  }

  async function unmask(effect: Extract<Effect, { type: 'unmask' }>): Promise<void> {
    enqueue(await secureHost!.unmask(effect));
  }

  async function apply(effect: Extract<Effect, { type: 'apply' }>): Promise<void> {
    const { attempt, tally, base, slices } = effect;
    const disputed = isSecure ? await checkedSums(effect) : undefined;
    if (disputed !== undefined) return enqueue(disputed);
    applySum(attempt, tally, base, () => joinSums(slices));
  }

  async function sumUp(effect: Extract<Effect, { type: 'sum-up' }>): Promise<void> {
    const { attempt, tally, slices } = effect;
    const disputed = isSecure ? await checkedSums(effect) : undefined;
    enqueue(disputed ?? { type: 'summed', attempt, tally, hash: hashOfSum(joinSums(slices)) });
  }

  function applyTotal({
    attempt,
    tally,
    base,
    weight,
    values,
  }: Extract<Effect, { type: 'apply-total' }>): void {
    applySum(attempt, tally, base, () => ({ values: toInt32(values, vectorLength), weight }));
  }

  /** @returns what is wrong with the sums of slices of a secure round. */
  async function checkedSums({
    attempt,
    slices,
    survivors,
  }: Extract<Effect, { type: 'apply' | 'sum-up' }>): Promise<EventBody | undefined> {
    let disputed: readonly number[] = [];
    try {
      disputed = await secureHost!.findWrongSums(attempt, slices, survivors);
      check(
        disputed.length === 0,
        'secagg.check-failed',
        'The sum of a slice is not what was sent to its owner.',
        { path: `slice ${disputed.join(', ')}`, remedy: 'Another owner is asked.' },
      );
      return undefined;
    } catch (thrown) {
      return { type: 'apply-failed', attempt, error: toErrorRecord(thrown), disputed };
    }
  }

  /** Without check words. */
  function joinSums(slices: readonly SumSlice[]): WeightedSlice {
    const values = joinSlices(
      vectorLength,
      slices.map((slice, index) => {
        const { start, end } = sliceRange(vectorLength, slices.length, index);
        return slice.values.subarray(0, end - start);
      }),
    );
    return { values, weight: slices[0]!.weight };
  }

  function applySum(attempt: AttemptId, tally: number, base: Model, sumOf: () => WeightedSlice): void {
    try {
      const model = strategy.apply(base, sumOf(), layout, encoding);
      librarian.remember(model);
      enqueue({ type: 'applied', attempt, tally, model });
    } catch (thrown) {
      enqueue({ type: 'apply-failed', attempt, error: toErrorRecord(thrown), disputed: [] });
    }
  }

  async function evaluate({ model, part }: Extract<Effect, { type: 'evaluate' }>): Promise<void> {
    const { trainer, dataset } = options.participant!;
    try {
      if (federation.evaluation === 'local') {
        const event = { mechanism: 'none', released: 'local-metrics' } as const;
        await store.appendLedger({
          dataset,
          federation: federation.id,
          run,
          round: model.version,
          atMs: clock.nowMs(),
          event,
        });
      }
      const counts = await trainer.evaluate({ model, part, signal: lifetime.signal });
      enqueue({ type: 'evaluated', round: model.version, hash: model.hash, counts });
    } catch (thrown) {
      if (!closed)
        notice('warning', 'The model could not be evaluated on this device.', toErrorRecord(thrown));
    }
  }

  async function fetchModel({
    model: ref,
    holders,
  }: Extract<Effect, { type: 'fetch-model' }>): Promise<void> {
    const model = await librarian.fetch(ref, nearestFirst(holders));
    if (closed) return;
    if (model === undefined) return enqueue({ type: 'model-unavailable', model: ref });
    if (participant === undefined) {
      try {
        await store.saveModel(run, model);
        observer.onModel?.(model);
      } catch (thrown) {
        return notice(
          'error',
          `Version ${model.version} of the model could not be stored.`,
          toErrorRecord(thrown),
        );
      }
    }
    enqueue({ type: 'model-fetched', model });
  }

  /** Whoever can be reached; then the server, which fetches every new model itself; then those who may yet come. */
  function nearestFirst(holders: readonly NodeId[]): NodeId[] {
    const peers = transport.peers();
    const fallback: NodeId[] = peers.has(SERVER) ? [SERVER] : [];
    const reachable = holders.filter((id) => peers.has(id));
    return [...new Set([...reachable, ...fallback, ...holders])];
  }

  /** Resolves when it is stored, or cannot be. */
  function saveRecord(entry: RoundRecord): Promise<void> {
    observer.onRecord?.(entry);
    memory?.settle(entry);
    return guard('The record of a round could not be stored.', store.saveRecord(run, entry));
  }

  function holdSends(stored: Promise<void>): void {
    if (self !== SERVER) return;
    const release = (): void => {
      cancel();
      if (!unstored.delete(release) || unstored.size > 0 || closed) return;
      for (const effect of held.splice(0)) send(effect);
    };
    const cancel = clock.after(DURABLE_MS, release);
    unstored.add(release);
    void stored.then(release);
  }

  /** Committed rounds are kept whole; what becomes of an abandoned one is in the notices. */
  function record(direction: 'in' | 'out', peer: NodeId, message: Message): void {
    const ended = recorder?.hear(direction, peer, message, clock.nowMs());
    if (ended === undefined) return;
    const kept = ended.then(async (transcript) => {
      if (!isCommittedRound(transcript)) return;
      await store.saveTranscript(run, transcript.header.attempt.round, encodeTranscript(transcript));
    });
    guard('The transcript of a round could not be kept.', kept);
  }

  function guard(text: string, work: Promise<void>): Promise<void> {
    return work.catch((thrown: unknown) => notice('error', text, toErrorRecord(thrown)));
  }

  function notice(level: 'info' | 'warning' | 'error', text: string, error?: ErrorRecord): void {
    observer.onNotice?.({ level, text, ...(error === undefined ? {} : { error }) });
  }

  function cancelTimers(names: Iterable<TimerName>): void {
    for (const name of names) {
      timers.get(name)?.();
      timers.delete(name);
    }
  }

  function currentAttempt() {
    return participant?.attempt?.attempt;
  }

  function receive(from: NodeId, bytes: Uint8Array): void {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (thrown) {
      return notice('warning', `Refused a message from ${from}.`, toErrorRecord(thrown));
    }
    if (message.run !== run) return;
    observer.onMessage?.('in', from, message);
    void admit(from, message);
    void librarian
      .receive(from, message)
      .catch((thrown: unknown) =>
        notice('error', 'A request for a model could not be answered.', toErrorRecord(thrown)),
      );
  }

  /** A coordinator hears what is signed only once the signature was found good; whoever forged it is left out. */
  async function admit(from: NodeId, message: Message): Promise<void> {
    const rounds = coordinator?.status.name === 'round' ? coordinator.status.rounds : [];
    const round = rounds.find(({ plan }) => plan.cohort.some((id) => id === from));
    const verdict = round === undefined ? undefined : doorkeeperOf(round)?.inspect(from, message, round);
    if (verdict === undefined) return enqueue({ type: 'message', from, message });
    const error = await verdict;
    if (error === undefined) return enqueue({ type: 'message', from, message });
    notice('warning', `Refused a ${message.type} message from ${from}.`, error);
    if (from === SERVER) return;
    const { attempt } = round!;
    const reject = { type: 'reject', run, attempt, participant: from, code: error.code } as const;
    enqueue({ type: 'message', from: self, message: reject });
  }

  function doorkeeperOf({ group }: RoundState): Doorkeeper | undefined {
    if (ring === undefined || options.secure === undefined) return undefined;
    const known =
      doorkeepers.get(group) ??
      createDoorkeeper(
        ({ attempt, base, plan }) => ({
          context: { run, attempt, federationRevision: federation.revision, baseHash: base.hash },
          cohort: plan.cohort,
          ring,
          vectorLength,
          sliceCount: plan.owners.length,
        }),
        encoding.maxWeight,
        options.secure.suite,
      );
    doorkeepers.set(group, known);
    return known;
  }

  const lifetime = new AbortController();
  const unsubscribe = transport.subscribe((event) => {
    switch (event.type) {
      case 'message':
        return receive(event.from, event.bytes);
      case 'peer-up':
        return enqueue({ type: 'peer-up', peer: event.peer, incarnation: event.incarnation });
      case 'peer-down':
        return enqueue({ type: 'peer-down', peer: event.peer });
      case 'refused':
        return notice('warning', event.error.message, event.error);
      case 'peer-path':
        return observer.onState?.(node.state);
    }
  });

  const node: SessionNode = {
    get state() {
      return { participant, owner: owners.get(0) ?? initialOwner, coordinator };
    },
    command(command) {
      if (command === 'start')
        for (const [peer, { incarnation }] of transport.peers())
          enqueue({ type: 'peer-up', peer, incarnation });
      enqueue({ type: 'command', command });
    },
    order: (order) => enqueue({ type: 'order', order }),
    allow: (participant, rounds) => enqueue({ type: 'allowance', participant, rounds }),
    close() {
      closed = true;
      unsubscribe();
      cancelTimers([...timers.keys()]);
      training?.abort();
      aggregating?.controller.abort();
      lifetime.abort();
      office.close();
      librarian.close();
      secureHost?.close();
    },
  };
  const own = options.participant?.model ?? options.coordinator?.model;
  if (own !== undefined) librarian.remember(own);
  return node;
}

function serverCoordinator(
  { term, model, electorate, orders = [], records = [] }: NonNullable<NodeOptions['coordinator']>,
  { strategy: { rollback }, revision }: Federation,
): CoordinatorState {
  const ref = model && { version: model.version, hash: model.hash };
  const state = orders.reduce(
    withOrder,
    initialCoordinator(term, ref, ref === undefined ? [] : [SERVER], electorate),
  );
  if (rollback === undefined) return state;
  return { ...state, standing: standingOf(records, rollback.threshold, revision) };
}

type EventBody = SessionEvent extends infer E
  ? E extends SessionEvent
    ? Omit<E, keyof EventContext>
    : never
  : never;

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
