import type { Logger } from 'pino';
import { type ErrorCode, toErrorRecord } from '../../shared/errors/index.ts';
import type { Leadership } from '../replicas/leadership.ts';
import type { Repository } from '../storage/repository.ts';
import type { OperationsRepository, SwitchName } from './operations-repository.ts';
import type { SeatView } from './seat-order.ts';
import { createSupervisor, type Seat, type Supervisor } from './supervisor.ts';
import type { DrainState } from './training.ts';
import type { TrainingChanges } from './training-changes.ts';
import { isOver, type StoredTraining, type TrainingOrder } from './training-machine.ts';
import type { TrainingRepository } from './training-repository.ts';

/** How long what another replica wrote may go unheeded; and a schedule, where a job was lost. */
const POLL_MS = 2_000;
/** Why a training fails whose federation has got a document that its model does not fit. */
const REVISED: ErrorCode = 'federation.conflict';

export interface OverseerOptions {
  readonly trainings: Pick<TrainingRepository, 'listUnfinished' | 'newestTrainings'>;
  readonly operations: Pick<OperationsRepository, 'readSwitches'>;
  /** Of all these federations at once: every seat is looked after again and again. */
  readonly controlsOf: (federations: readonly string[]) => Promise<ReadonlyMap<string, SeatView['control']>>;
  readonly repository: Pick<Repository, 'endRun' | 'getRun' | 'listMetrics' | 'getFederation' | 'currentRun'>;
  readonly changes: TrainingChanges;
  readonly leadership: Pick<Leadership, 'lead'>;
  /** Trainings that run at the same time. */
  readonly maxConcurrent: number;
  readonly log: Pick<Logger, 'error' | 'info'>;
  readonly nowMs?: () => number;
  readonly pollMs?: number;
}

/** Sees to it that trainings begin when they are due, and that every seat here does what trainings and switches say. */
export interface Overseer {
  /** What a node of this run is to be made with. */
  viewOf(federation: string, run: string): Promise<SeatView>;
  /** @param view what the node was made with. */
  seat(seat: Seat, view: SeatView): Supervisor;
  leave(supervisor: Supervisor): Promise<void>;
  seats(): readonly Seat[];
  perform(training: StoredTraining, orders: readonly TrainingOrder[]): Promise<void>;
  /** Looks at what is kept, and acts on it. @throws `storage.unavailable`. */
  refresh(): Promise<void>;
  /** As of the last look. */
  drainState(): DrainState;
  /** Of the seats here that are to coordinate another run than they do. */
  onStale(listener: (federation: string) => void): void;
  close(): Promise<void>;
}

export function createOverseer(options: OverseerOptions): Overseer {
  const { trainings, operations, controlsOf, repository, changes, leadership, maxConcurrent, log } = options;
  const nowMs = options.nowMs ?? Date.now;
  const supervisors = new Set<Supervisor>();
  const stale = new Set<(federation: string) => void>();
  let switches: ReadonlySet<SwitchName> = new Set();
  let looking: Promise<void> | undefined;
  let isAgain = false;
  let closed = false;

  const flags = () => ({ isDraining: switches.has('drain'), isHalted: switches.has('halt') });

  async function look(): Promise<void> {
    switches = await operations.readSwitches();
    for (const training of await expire(await trainings.listUnfinished())) await conclude(training);
    await beginDue();
    await obey();
  }

  /** Every seat here is told what follows from what is kept. */
  async function obey(): Promise<void> {
    const present = [...supervisors];
    if (present.length === 0) return;
    const [newest, unfinished, controls] = await Promise.all([
      trainings.newestTrainings(present.map(({ seat }) => seat.run)),
      trainings.listUnfinished(),
      controlsOf(present.map(({ seat }) => seat.federation)),
    ]);
    const current = new Map(unfinished.map((training) => [training.federation, training]));
    for (const supervisor of present) {
      if (!supervisors.has(supervisor)) continue;
      const { federation, run } = supervisor.seat;
      supervisor.obey({ training: newest.get(run), control: controls.get(federation) ?? 'open', ...flags() });
      const training = current.get(federation);
      if (training === undefined || !isStale(supervisor, training)) continue;
      if (await isOfRun(training)) for (const listener of stale) listener(federation);
      else await changes.apply(training.id, { type: 'stop', reason: REVISED });
    }
  }

  /** Whether whoever coordinates the federation anew would coordinate the run of this training. */
  async function isOfRun({ federation, run }: StoredTraining): Promise<boolean> {
    return (await repository.currentRun(await repository.getFederation(federation))).id === run;
  }

  /** @returns what is left. */
  async function expire(unfinished: readonly StoredTraining[]): Promise<StoredTraining[]> {
    const left: StoredTraining[] = [];
    for (const training of unfinished) {
      const { deadlineAtMs } = training.config;
      if (deadlineAtMs === undefined || nowMs() < deadlineAtMs || training.status === 'STOPPING') {
        left.push(training);
        continue;
      }
      const change = await changes.apply(training.id, { type: 'deadline' });
      await act(change.training, change.orders);
      if (!isOver(change.training.status)) left.push(change.training);
    }
    return left;
  }

  /** Where nobody coordinates a run that is to end, no round is under way, and it ends here. */
  async function conclude(training: StoredTraining): Promise<void> {
    if (training.status !== 'STOPPING') return;
    const here = [...supervisors].filter(({ seat }) => seat.federation === training.federation);
    if (here.some(({ seat }) => seat.run === training.run && !seat.state().isFinished)) return;
    // With a seat in another run of it the lead is had already.
    const lease = here.length === 0 && (await leadership.lead(training.federation, IN_PASSING));
    // Whoever leads it sees to it.
    if (lease === undefined) return;
    try {
      const { training: ended, orders } = await changes.apply(training.id, {
        type: 'finished',
        reason: 'stopped',
      });
      await act(ended, orders);
    } finally {
      if (lease !== false) await lease.release();
    }
  }

  async function beginDue(): Promise<void> {
    const { isDraining, isHalted } = flags();
    const unfinished = await trainings.listUnfinished();
    let running = unfinished.filter(isRunning).length;
    for (const training of unfinished) {
      const { id, status, config, run, federation } = training;
      if (status !== 'CREATED' && status !== 'SCHEDULED') continue;
      const isDue = nowMs() >= (config.startAtMs ?? 0) && running < maxConcurrent;
      if (!isDue || isDraining || isHalted) {
        await changes.apply(id, { type: 'schedule' });
        continue;
      }
      const { round } = await repository.getRun(run);
      const begun = await changes.apply(id, { type: 'begin', round });
      // Another replica may have taken the last place.
      if (!isRunning(begun.training)) continue;
      running++;
      log.info({ federation, run, training: id, round }, 'a training begins');
      await act(begun.training, begun.orders);
    }
  }

  async function act(training: StoredTraining, orders: readonly TrainingOrder[]): Promise<void> {
    for (const order of orders) {
      if (order.type === 'end-run') await repository.endRun(training.run, order.status);
      else await obey();
    }
  }

  /** One look at a time; whoever asks while one is under way gets the next. */
  function refresh(): Promise<void> {
    if (closed) return Promise.resolve();
    if (looking !== undefined) {
      isAgain = true;
      return looking;
    }
    looking = (async () => {
      try {
        do {
          isAgain = false;
          await look();
        } while (isAgain && !closed);
      } finally {
        looking = undefined;
      }
    })();
    return looking;
  }

  const poll = setInterval(() => {
    refresh().catch((err: unknown) =>
      log.error({ code: toErrorRecord(err).code, err }, 'trainings could not be looked after'),
    );
  }, options.pollMs ?? POLL_MS);
  poll.unref();

  const overseer: Overseer = {
    async viewOf(federation, run) {
      const [newest, controls, read] = await Promise.all([
        trainings.newestTrainings([run]),
        controlsOf([federation]),
        operations.readSwitches(),
      ]);
      switches = read;
      return { training: newest.get(run), control: controls.get(federation) ?? 'open', ...flags() };
    },
    seat(seat, view) {
      const supervisor = createSupervisor({
        seat,
        view,
        repository,
        changes,
        perform: overseer.perform,
        log,
      });
      supervisors.add(supervisor);
      return supervisor;
    },
    async leave(supervisor) {
      supervisors.delete(supervisor);
      await supervisor.close();
    },
    seats: () => [...supervisors].map(({ seat }) => seat),
    async perform(training, orders) {
      if (orders.length === 0) return;
      await act(training, orders);
      // A place may have become free.
      if (isOver(training.status) || training.status === 'PAUSED' || training.status === 'STOPPING')
        void refresh().catch((err: unknown) => log.error({ err }, 'trainings could not be looked after'));
    },
    refresh,
    drainState() {
      const { isDraining, isHalted } = flags();
      const roundsUnderWay = overseer.seats().filter((seat) => seat.state().attempt !== undefined).length;
      return { draining: isDraining, empty: roundsUnderWay === 0, roundsUnderWay, halted: isHalted };
    },
    onStale: (listener) => void stale.add(listener),
    async close() {
      closed = true;
      clearInterval(poll);
      await looking?.catch(() => undefined);
    },
  };
  return overseer;
}

/** One statement is all that is written under such a lease, and it names the revision that it was decided by. */
const IN_PASSING = { onLost: () => undefined };

/** Whether a seat has to be taken anew: it is in another run, or in one that had ended before this training began. */
function isStale({ seat, ending }: Supervisor, training: StoredTraining): boolean {
  if (training.status !== 'RUNNING') return false;
  return seat.run !== training.run || (seat.state().isFinished && ending !== training.id);
}

function isRunning({ status }: StoredTraining): boolean {
  return status === 'RUNNING' || status === 'STOPPING';
}
