import type { Logger } from 'pino';
import type { CoordinatorOrder, FinishReason } from '../../shared/session/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import type { Metric } from '../storage/run-repository.ts';
import { createPatientQueue } from './patient-queue.ts';
import { type SeatView, seatOrders } from './seat-order.ts';
import type { TrainingChanges } from './training-changes.ts';
import { isOver, type StoredTraining, type TrainingEvent, type TrainingOrder } from './training-machine.ts';

/** Whoever coordinates one run here: the server's node in it. */
export interface Seat {
  readonly federation: string;
  readonly run: string;
  order(order: CoordinatorOrder): void;
  state(): SeatState;
}

export interface SeatState {
  /** The attempt under way, if any. */
  readonly attempt: { readonly round: number; readonly attempt: number } | undefined;
  readonly isFinished: boolean;
  /** Newest version. */
  readonly round: number;
  /** Participants that are here. */
  readonly present: number;
}

/** Stands between a run and the training that it is for: orders one way, what happens the other. */
export interface Supervisor {
  readonly seat: Seat;
  /** As it was when this seat last heard of it. */
  readonly training: StoredTraining | undefined;
  /** Id of the training that the end of the run is being written down for. */
  readonly ending: string | undefined;
  /** Once the seat is there: what a crash kept from being written down is, and what is to end does. */
  begin(): void;
  /** Tells the seat what to do, where that is not what it was told last. */
  obey(view: SeatView): void;
  committed(record: RoundRecord): void;
  abandoned(code: string): void;
  finished(reason: FinishReason): void;
  /** Resolves when what happened is written down, or cannot be. */
  close(): Promise<void>;
}

export interface SupervisorOptions {
  readonly seat: Seat;
  /** What the seat was made with. */
  readonly view: SeatView;
  readonly repository: { listMetrics(run: string, fromRound: number, set: string | null): Promise<Metric[]> };
  readonly changes: TrainingChanges;
  /** Does what a change asks for. */
  readonly perform: (training: StoredTraining, orders: readonly TrainingOrder[]) => Promise<void>;
  readonly log: Pick<Logger, 'error'>;
  readonly retryMs?: number;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { seat, repository, changes, perform, log } = options;
  const { run } = seat;
  const queue = createPatientQueue(log, { federation: seat.federation, run }, options.retryMs);
  let training = options.view.training;
  let told = keyOf(options.view);
  let abandonedInARow = 0;
  let ending: string | undefined;

  /** To the training that this happened under, which may be another by the time it is written down. */
  function tell(what: string, eventOf: (under: StoredTraining) => Promise<TrainingEvent>): void {
    const under = training;
    if (under === undefined || isOver(under.status)) return;
    queue.push(what, async () => {
      const change = await changes.apply(under.id, await eventOf(under));
      if (training?.id === change.training.id && training.revision < change.training.revision)
        training = change.training;
      await perform(change.training, change.orders);
    });
  }

  function evaluated({ round, evaluation }: RoundRecord): void {
    if (evaluation === null || evaluation.total === 0) return;
    const { total, correct, lossSum, heldOut } = evaluation;
    const values = { accuracy: correct / total, loss: lossSum / total };
    tell('an evaluation could not be noted', async ({ config, fromRound }) => {
      const name = config.earlyStopping?.metric;
      if (name === undefined) return { type: 'evaluated', round, ...values, history: [] };
      const stored = await repository.listMetrics(run, fromRound + 1, heldOut ?? null);
      const before = stored.filter((metric) => metric.name === name && metric.round < round);
      const history = [...before.map(({ value }) => value), values[name]];
      return { type: 'evaluated', round, ...values, history };
    });
  }

  return {
    seat,
    get training() {
      return training;
    },
    get ending() {
      return ending;
    },
    begin() {
      const { round } = seat.state();
      if (training !== undefined && round > training.round)
        tell('the state of a run could not be noted', async () => ({ type: 'committed', round }));
      if (training?.status === 'STOPPING') for (const order of seatOrders(options.view)) seat.order(order);
    },
    obey(view) {
      training = view.training;
      const key = keyOf(view);
      if (key === told) return;
      told = key;
      for (const order of seatOrders(view)) seat.order(order);
    },
    committed(record) {
      abandonedInARow = 0;
      // Once for each round; an evaluation of it may come later.
      tell('a committed round could not be noted', async () => ({ type: 'committed', round: record.round }));
      evaluated(record);
    },
    abandoned(code) {
      const inARow = ++abandonedInARow;
      tell('an abandoned round could not be noted', async () => ({ type: 'abandoned', code, inARow }));
    },
    finished(reason) {
      ending = training?.id;
      tell('the end of a run could not be noted', async () => ({ type: 'finished', reason }));
    },
    close: () => queue.close(),
  };
}

/** Of what a seat is told. */
function keyOf(view: SeatView): string {
  return JSON.stringify(seatOrders(view), (_, value: unknown) =>
    value instanceof Set ? [...value].sort() : value,
  );
}
