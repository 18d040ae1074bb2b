import type { ParticipantId } from '../identity/index.ts';
import type { EvaluationCounts, TrainJob, TrainResult } from '../session/index.ts';
import type { Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';
import type { Attack } from './attackers.ts';
import { createDeviceTrainers } from './device-trainer.ts';
import { createMeasure } from './measure.ts';
import type { Device, Population } from './population.ts';
import type { Compute } from './simulate-rounds.ts';
import { createUpdateTally, type UpdateSizes } from './update-sizes.ts';
import { createSimulatedWorld, patienceMs, type WorldOptions } from './world.ts';

/** As {@link Compute}; liars that lie to their own training say so. */
export interface PopulationCompute extends Pick<Compute, 'evaluate'> {
  train(client: number, job: TrainJob, flipsLabels: boolean): Promise<TrainResult>;
}

export interface PopulationSimulation extends WorldOptions {
  readonly population: Population;
  readonly attack?: Attack;
  /**
   * Devices that turn up for a round, of whom the coordinator draws its cohort; with `fedbuff`, devices that train at once.
   */
  readonly available: number;
  /** The model is evaluated after every so many rounds, and after the last; 0: never. */
  readonly evaluateEvery: number;
  readonly compute: PopulationCompute;
  /** Ends it after the rounds that are committed. */
  readonly signal?: TrainJob['signal'];
}

export interface PopulationRound {
  readonly record: RoundRecord;
  readonly model: Model;
  /** On the whole test set; undefined for a round that was not evaluated. */
  readonly evaluation: EvaluationCounts | undefined;
  /** Clients that were invited, and those of them whose updates are in the sum. */
  readonly invited: readonly number[];
  readonly survivors: readonly number[];
  /** Of the invited: liars, and devices that vanished. */
  readonly liars: number;
  readonly liarsInSum: number;
  readonly vanished: number;
  /** Simulated time since the simulation began, until the round was committed. */
  readonly atMs: number;
  /** Since the round before: whole messages, and models that newcomers would have had to load. */
  readonly upBytes: number;
  readonly downBytes: number;
  /** Most nodes that were alive at a time since the round before, the server's not counted. */
  readonly mostLive: number;
  readonly updates: UpdateSizes;
}

/** Evaluations that may be under way while rounds go on. */
const MOST_PENDING = 2;
/** What evaluating takes the server, in simulated time. */
const JUDGE_MS = 1000;

interface Pending {
  readonly round: Omit<PopulationRound, 'evaluation'>;
  readonly evaluation: Promise<EvaluationCounts | undefined>;
  isDone: boolean;
}

/**
 * A federation of very many devices, of which only those that turn up for a round have a node: they join, take part, and leave.
 * Memory and time depend on the cohort, not on the population. Whoever turns up holds the newest model; that it would have
 * had to load it is accounted for in time and bytes. The simulator itself measures the model, on all of the test set.
 *
 * Rounds follow from the options alone, and from the model that they go on from; with `fedbuff`, where devices are in the middle of
 * their work whenever the simulation ends, only from the beginning.
 * @throws `round.deadline` when no round comes about any more.
 */
export async function* simulatePopulation(
  options: PopulationSimulation,
): AsyncGenerator<PopulationRound, void> {
  const { flush, population, attack, evaluateEvery, compute } = options;
  // Devices here hold no examples to evaluate on: where the model may go back, what is measured stands in for what they would say.
  const isJudged =
    options.federation.evaluation === 'server' || options.federation.strategy.rollback !== undefined;
  const federation = {
    ...options.federation,
    evaluation: isJudged ? ('server' as const) : ('none' as const),
  };
  const isBuffered = federation.strategy.type === 'fedbuff';
  const { maximum } = federation.rounds;
  const lifetime = new AbortController();
  const updates = createUpdateTally(federation.strategy.clipNorm);
  const measure = createMeasure(compute, lifetime.signal);
  const committed: RoundRecord[] = [];
  const pending: Pending[] = [];

  const world = createSimulatedWorld(
    {
      ...options,
      federation,
      onNotice: (notice) => {
        // Nobody here has a budget: what is rationed is how often a device takes part while it is connected.
        if (notice.code !== 'privacy.budget-exceeded') options.onNotice?.(notice);
      },
    },
    {
      rations: !isBuffered,
      onRecord: take,
      judge: { evaluate: (model, signal) => work.start(JUDGE_MS, signal, () => measure(model)) },
    },
  );
  const { clock, work, shelf, server } = world;
  const startedAtMs = clock.nowMs();

  /** Those invited to the round under way, whether they are still there or not. */
  let invited = new Map<ParticipantId, Device>();
  let provisioned = '';
  let begun = '';
  let visits = 0;
  let lastRound = options.model.version;
  let vanished = 0;
  let mostLive = 0;
  let counted = { up: 0, down: 0 };
  let loadedBytes = 0;
  /** Which visit of a client is under way: what was planned for an earlier one must not befall it. */
  const visitOf = new Map<number, number>();
  const devices = new Map<ParticipantId, Device>();

  const trainerOf = createDeviceTrainers({
    ...options,
    federation,
    initial: options.model,
    attack,
    clock,
    work,
    updates,
    round: () => [...(isBuffered ? devices : invited).values()],
    onLoad: (bytes) => {
      loadedBytes += bytes;
    },
  });

  function checkIn(clients: readonly number[]): void {
    for (const client of clients) {
      const device = population.device(client);
      const incarnation = ++visits;
      visitOf.set(client, incarnation);
      const id = world.admit({
        client,
        examples: device.examples,
        trainer: trainerOf(device, () => vanish(client, incarnation)),
        model: shelf.newest,
        incarnation,
        rates: device.rates,
      });
      devices.set(id, device);
      if (!isBuffered) server.allow(id, 1);
    }
    mostLive = Math.max(mostLive, world.live.size);
  }

  function checkOut(client: number, vanishes = false): void {
    const id = world.live.get(client);
    if (id === undefined) return;
    if (vanishes) world.kill(client);
    else world.dismiss(client);
    visitOf.delete(client);
    devices.delete(id);
  }

  /** Sees to it that somebody is there whenever the coordinator looks for participants, and nobody longer than needed. */
  function supervise(): void {
    const { status, model, lastAttempt } = server.state.coordinator!;
    const round = (model?.version ?? 0) + 1;
    if (isBuffered) {
      if (status.name === 'finished' || world.live.size >= options.available) return;
      const missing = options.available - world.live.size;
      return checkIn(population.draw(`buffered ${options.model.version}.${visits}`, missing, world.live));
    }
    if (status.name === 'gathering') {
      const attempt = lastAttempt?.round === round ? lastAttempt.attempt + 1 : 0;
      const name = `${round}.${attempt}`;
      if (name === provisioned || round > maximum) return;
      provisioned = name;
      // Of an attempt that was abandoned those that are still there may try again.
      for (const id of world.live.values()) server.allow(id, 1);
      checkIn(population.draw(name, options.available - world.live.size, world.live));
    } else if (status.name === 'round') {
      const { attempt } = status.rounds[0] ?? {};
      const name = `${attempt?.round}.${attempt?.attempt}`;
      if (name === begun) return;
      begun = name;
      invited = new Map();
      for (const { plan } of status.rounds)
        for (const id of plan.cohort) {
          const device = devices.get(id);
          if (device !== undefined) invited.set(id, device);
        }
      for (const [client, id] of [...world.live]) {
        // Whoever takes part does so once, whatever comes of it; the others were not needed.
        if (invited.has(id)) server.allow(id, 0);
        else checkOut(client);
      }
    }
  }

  function vanish(client: number, visit: number): void {
    if (visitOf.get(client) !== visit) return;
    vanished++;
    checkOut(client, true);
  }

  function conclude(record: RoundRecord): void {
    const model = world.modelOf(record);
    const liveBefore = mostLive;
    const sizes = updates.take();
    // A round that takes bad ones back has nobody in it.
    const all = record.survivors.length === 0 ? [] : [...invited.values()];
    const took = isBuffered ? devicesOf([...record.survivors, ...record.dropped]) : all;
    const survivors = record.survivors.flatMap((id) => invited.get(id) ?? devices.get(id) ?? []);
    const isOver = (id: ParticipantId) => !isBuffered || record.survivors.includes(id);
    for (const [client, id] of [...world.live]) if (isOver(id)) checkOut(client);
    mostLive = world.live.size;
    const up = world.traffic.upBytes;
    const down = world.traffic.downBytes + loadedBytes;
    // A model that goes back after the last round is one number beyond it. SPEC Q-23.
    const isLast = record.round >= maximum;
    const isEvaluated = evaluateEvery > 0 && (isLast || record.round % evaluateEvery === 0);
    const entry: Pending = {
      round: {
        record,
        model,
        invited: took.map(({ client }) => client),
        survivors: survivors.map(({ client }) => client),
        liars: attack === undefined ? 0 : took.filter(({ lies }) => lies).length,
        liarsInSum: attack === undefined ? 0 : survivors.filter(({ lies }) => lies).length,
        vanished,
        atMs: clock.nowMs() - startedAtMs,
        upBytes: up - counted.up,
        downBytes: down - counted.down,
        mostLive: liveBefore,
        updates: sizes,
      },
      evaluation: isEvaluated ? measure(model) : Promise.resolve(undefined),
      isDone: false,
    };
    entry.evaluation.then(
      () => {
        entry.isDone = true;
      },
      () => {
        entry.isDone = true;
      },
    );
    pending.push(entry);
    counted = { up, down };
    vanished = 0;
  }

  /** What is heard of a round again is its evaluation by the server. */
  function take(record: RoundRecord): void {
    if (record.round <= lastRound) return;
    lastRound = record.round;
    committed.push(record);
  }

  function devicesOf(ids: readonly ParticipantId[]): Device[] {
    return ids.flatMap((id) => devices.get(id) ?? []);
  }

  try {
    supervise();
    await flush();
    let sinceMs = clock.nowMs();
    for (;;) {
      const isFinished = options.signal?.aborted || server.state.coordinator?.status.name === 'finished';
      while (pending.length > 0 && (isFinished || pending.length > MOST_PENDING || pending[0]!.isDone)) {
        const { round, evaluation } = pending.shift()!;
        yield { ...round, evaluation: await evaluation };
      }
      if (isFinished) return;
      await world.advance(sinceMs + patienceMs(federation));
      for (let record = committed.shift(); record !== undefined; record = committed.shift()) {
        conclude(record);
        sinceMs = clock.nowMs();
      }
      supervise();
    }
  } finally {
    lifetime.abort(new Error('The simulation is over.'));
    world.close();
  }
}
