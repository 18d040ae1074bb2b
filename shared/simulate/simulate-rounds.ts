import type { EvaluateJob, EvaluationCounts, Trainer, TrainJob, TrainResult } from '../session/index.ts';
import type { Model } from '../update/index.ts';
import type { RoundRecord } from '../wire/index.ts';
import { createMeasure } from './measure.ts';
import { createUpdateTally, type UpdateSizes } from './update-sizes.ts';
import { createSimulatedWorld, patienceMs, type WorldOptions } from './world.ts';

/** Where the real computing is done: in this thread, or in workers. */
export interface Compute {
  train(client: number, job: TrainJob): Promise<TrainResult>;
  evaluate(job: EvaluateJob): Promise<EvaluationCounts>;
}

export interface SimulationOptions extends WorldOptions {
  /** How many examples each client has. */
  readonly examples: readonly number[];
  readonly compute: Compute;
}

export interface SimulatedRound {
  /** With its evaluation, where there is one. */
  readonly record: RoundRecord;
  readonly model: Model;
  /** Indices of the clients whose updates are in the sum. */
  readonly clients: readonly number[];
  /** Of the updates computed since the round before. */
  readonly updates: UpdateSizes;
}

/**
 * A whole federation in one process, with all its clients connected from beginning to end: server, participants, network and
 * time are simulated; the session engine and the training are real. Gives each committed round as soon as its evaluation is
 * known, while the next is under way. Rounds follow from the options alone: a simulation that goes on from the model of round r
 * gives the same rounds as one that never stopped, as long as no participant fails.
 * @throws `round.deadline` when no round comes about any more.
 */
export async function* simulateRounds(options: SimulationOptions): AsyncGenerator<SimulatedRound, void> {
  const { federation, layout, flush } = options;
  const updates = createUpdateTally(federation.strategy.clipNorm);
  const committed: RoundRecord[] = [];
  const lifetime = new AbortController();
  const measure = createMeasure(options.compute, lifetime.signal);
  const evaluateMs = federation.deadlines.trainMs / 4;
  const world = createSimulatedWorld(options, {
    rations: false,
    onRecord: take,
    judge: { evaluate: (model, signal) => work.start(evaluateMs, signal, () => measure(model)) },
  });
  const { server, work, clock } = world;

  function trainerOf(client: number): Trainer {
    const trainMs = federation.deadlines.trainMs / 2;
    return {
      layout,
      initialModel: async () => options.model,
      async train(job) {
        const result = await work.start(trainMs, job.signal, () => options.compute.train(client, job));
        updates.note(result, job.base);
        return result;
      },
      // Sooner than training, so that a round's evaluation is there before the next is concluded.
      evaluate: (job) => work.start(evaluateMs, job.signal, () => options.compute.evaluate(job)),
    };
  }

  function take(record: RoundRecord): void {
    const known = committed.findIndex(({ hash, round }) => hash === record.hash && round === record.round);
    if (known < 0) committed.push(record);
    else committed[known] = record;
  }

  /** The oldest round not given out yet, once nothing more will be known of it. */
  function finished(): SimulatedRound | undefined {
    const [record] = committed;
    if (record === undefined) return undefined;
    const { evaluation, judging } = server.state.coordinator!;
    const isAwaited = evaluation?.record.round === record.round || judging.has(record.round);
    if (record.evaluation === null && isAwaited) return undefined;
    committed.shift();
    return {
      record,
      model: world.modelOf(record),
      clients: record.survivors.map(world.clientOf),
      updates: updates.take(),
    };
  }

  try {
    options.examples.forEach((examples, client) => {
      world.admit({ client, examples, trainer: trainerOf(client), model: options.model, incarnation: 1 });
    });
    await flush();
    let sinceMs = clock.nowMs();
    for (;;) {
      for (let round = finished(); round !== undefined; round = finished()) {
        sinceMs = clock.nowMs();
        yield round;
      }
      if (server.state.coordinator?.status.name === 'finished') return;
      await world.advance(sinceMs + patienceMs(federation));
    }
  } finally {
    lifetime.abort(new Error('The simulation is over.'));
    world.close();
  }
}
