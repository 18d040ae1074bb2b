import type { Logger } from 'pino';
import { check, hasCode } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import {
  createNode,
  type NodeObserver,
  type NodeState,
  type SecureTools,
  type SessionNode,
} from '../../shared/session/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { systemClock } from '../../shared/transport/clock.ts';
import type { Transport } from '../../shared/transport/port.ts';
import type { Model } from '../../shared/update/index.ts';
import type { ModelRef } from '../../shared/wire/index.ts';
import { createServerCombine, type ServerCombine } from '../aggregation/combine.ts';
import type { EngineBoard } from '../engines/engine-board.ts';
import type { Judges } from '../evaluation/judges.ts';
import type { ServerEvents } from '../events.ts';
import type { HubServer } from '../hub/index.ts';
import type { Overseer } from '../jobs/overseer.ts';
import { seatOrders } from '../jobs/seat-order.ts';
import type { SeatState, Supervisor, Seat as WatchedSeat } from '../jobs/supervisor.ts';
import { isOver } from '../jobs/training-machine.ts';
import type { NodeTransports } from '../node-transport/index.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import { createAttendance } from '../reliability/attendance.ts';
import type { Gate } from '../reliability/gate.ts';
import { createKeeper, type Keeper } from '../reliability/keeper.ts';
import type { Leadership, Lease } from '../replicas/leadership.ts';
import type { Repository } from '../storage/repository.ts';
import { type Announcer, createAnnouncer } from './announcer.ts';
import { createRation, type Ration } from './ration.ts';
import { createRollbacks, type Rollbacks } from './rollbacks.ts';
import { createSeatStore, type SeatStore } from './seat-store.ts';

const SETTLE_MS = 1000;

export interface CoordinationOptions {
  readonly hub: HubServer;
  readonly transports: NodeTransports;
  readonly repository: Repository;
  readonly budgets: BudgetService;
  readonly gate: Gate;
  readonly judges: Pick<Judges, 'judgeOf'>;
  readonly engines: EngineBoard;
  readonly events: Pick<ServerEvents, 'emit' | 'subscribe'>;
  /** Says what trainings and operators want of each federation. */
  readonly overseer: Pick<Overseer, 'viewOf' | 'seat' | 'leave' | 'onStale'>;
  /** Of several replicas one coordinates a federation. */
  readonly leadership: Pick<Leadership, 'lead'>;
  /** What the server signs with, and cryptography: for federations that aggregate securely. */
  readonly secure: SecureTools;
  /** How long participants are waited for before the first round of a term. */
  readonly settleMs?: number;
  readonly log: Logger;
}

/** What runs for one federation revision. */
interface Seat {
  readonly revision: number;
  readonly transport: Transport;
  readonly node: SessionNode;
  readonly ration: Ration;
  readonly keeper: Keeper;
  readonly combining: ServerCombine | undefined;
  readonly supervisor: Supervisor;
  readonly announcer: Announcer;
  readonly rollbacks: Rollbacks;
  readonly store: SeatStore;
  readonly lease: Lease;
}

export interface Coordination {
  /** What the server's node of this federation is doing; undefined while nobody takes part. */
  stateOf(federation: string): NodeState | undefined;
  /** Participants that are here, of all federations that this replica coordinates. */
  countActive(): number;
  /** The round that this replica coordinates now. */
  underWay(federation: string): { readonly round: number; readonly startedAtMs: number } | undefined;
  /**
   * The model becomes what this version was, under a number of its own; resolves when it is.
   * @throws `http.conflict` where this replica coordinates no run of the federation that is going on; `aggregate.rollback-failed`, `aborted`.
   */
  rollBack(federation: string, to: ModelRef, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * The server's part in federations: a node that coordinates and can own slices, started when the first participant
 * of a federation arrives. All that it must remember is in the repository; a restart takes up the run again.
 */
export function attachCoordination({
  hub,
  transports,
  repository,
  budgets,
  gate,
  judges,
  engines,
  events,
  overseer,
  leadership,
  secure,
  settleMs = SETTLE_MS,
  log,
}: CoordinationOptions): Coordination {
  const seats = new Map<string, Seat>();
  const starting = new Map<string, Promise<void>>();
  const leaving = new Set<Promise<void>>();
  let closed = false;

  async function start(id: string): Promise<void> {
    const federation = await repository.getFederation(id);
    const seat = seats.get(id);
    if (seat?.revision === federation.revision) return;
    if (seat !== undefined) await stop(id, seat);
    let isLost = false;
    const lease = await leadership.lead(id, {
      onLost() {
        isLost = true;
        lose(id);
      },
    });
    // Another replica leads; the hub says so when none does any more.
    if (lease === undefined) return;
    try {
      await sit(federation, lease, () => closed || isLost);
    } catch (thrown) {
      await lease.release();
      throw thrown;
    }
    if (seats.get(id)?.lease !== lease) await lease.release();
  }

  async function sit(federation: Federation, lease: Lease, isOff: () => boolean): Promise<void> {
    const { id } = federation;
    const run = (await repository.currentRun(federation)).id;
    // Nothing of an earlier term is written from here on: what is read now is all that there is.
    const term = await repository.nextTerm(run);
    const [model, records, view] = await Promise.all([
      repository.loadModel(run),
      repository.loadRecords(run, 1),
      overseer.viewOf(id, run),
    ]);
    if (isOff()) return;
    const transport = transports.transportFor(id);
    const { layout } = compileModel(federation);
    const ration = createRation({
      federation,
      run,
      dimension: layout.length,
      repository,
      budgets,
      allow: (participant, rounds) => node.allow(participant, rounds),
      log,
    });
    ration.catchUp(records);
    const keeper = createKeeper({
      federation: id,
      run,
      repository,
      gate,
      setAllowed: (participant, allowed) => node.order({ name: 'bar', participant, allowed }),
      onStanding: (participant, state, cause) =>
        events.emit({ type: 'participant-standing', federation: id, participant, state, cause }),
      tell(participant, reason) {
        if (reason.code === 'participant.blocked') hub.expel(participant, reason);
        else hub.notify(id, participant, reason);
      },
      log,
    });
    const announcer = createAnnouncer({
      federation: id,
      run,
      events,
      trainingOf: () => supervisor.training?.id,
      nowMs: () => systemClock.nowMs(),
    });
    const rollbacks = createRollbacks();
    const seatStore = createSeatStore(
      repository,
      () => ({ term: node.state.coordinator?.term ?? term }),
      log,
    );
    const observer = book(ration, keeper);
    // Before the node hears of it, which may end an attempt over it.
    transport.subscribe((event) => {
      if (event.type === 'peer-down') observer.onDeparted(event.peer);
    });
    const isJudged =
      federation.evaluation === 'server' || federation.strategy.robust?.screening === 'held-out';
    const combining =
      federation.strategy.robust && createServerCombine({ federation, layout, board: engines, log });
    const node = createNode({
      run,
      federation,
      layout,
      transport,
      store: seatStore.store,
      clock: systemClock,
      random: webCryptoRandom(globalThis.crypto),
      secure,
      coordinator: {
        term,
        model,
        // Whoever went back to an earlier version had no cohort.
        electorate: records.findLast(({ survivors }) => survivors.length > 0)?.survivors ?? [],
        rations: true,
        orders: seatOrders(view),
        records,
        loadVersion: (version) => loadVersion(run, version),
      },
      ...(isJudged ? { judge: judges.judgeOf(federation) } : {}),
      ...(combining === undefined ? {} : { combine: combining.combine }),
      settleMs,
      saveTerm: async (seen) => {
        await repository.raiseTerm(run, seen);
      },
      observer: joined(
        observe(federation, run),
        observer,
        announcer,
        rollbacks,
        watch(run, () => supervisor),
      ),
    });
    const supervisor = overseer.seat(watched(id, run, node), view);
    seats.set(id, {
      revision: federation.revision,
      transport,
      node,
      ration,
      keeper,
      combining,
      supervisor,
      announcer,
      rollbacks,
      store: seatStore,
      lease,
    });
    supervisor.begin();
    for (const { peer } of hub.peers(id)) keeper.arrived(peer);
    log.info({ federation: id, run, term, round: model?.version ?? 0 }, 'coordinating');
  }

  async function loadVersion(run: string, { version, hash }: ModelRef): Promise<Model | undefined> {
    const stored = await repository.listVersions(run);
    const found = stored.find((each) => each.version === version && each.hash === hash);
    return found && repository.readModel(found);
  }

  function observe(federation: Federation, run: string) {
    const about = { federation: federation.id, run };
    return {
      onNotice: ({
        level,
        text,
        error,
      }: {
        level: 'info' | 'warning' | 'error';
        text: string;
        error?: { code: string };
      }) => {
        log[level === 'warning' ? 'warn' : level]({ ...about, code: error?.code }, text);
        // What it writes is refused: somebody else coordinates by now.
        if (level === 'error' && error !== undefined && hasCode(error, 'storage.conflict'))
          lose(federation.id);
      },
      // With rarer checkpoints it would not be here after a restart.
      onBest: (model: Model) => {
        const term = seats.get(federation.id)?.node.state.coordinator?.term;
        repository
          .saveModel(run, model, term === undefined ? undefined : { term })
          .catch((err: unknown) => log.error({ ...about, err }, 'the best version could not be stored'));
      },
    };
  }

  /** What becomes of the run, for the training that it is for; without one it just ends. */
  function watch(
    run: string,
    supervisorOf: () => Supervisor,
  ): Pick<NodeObserver, 'onState' | 'onRecord' | 'onAbandoned'> {
    let isFinished = false;
    return {
      onRecord: (record) => supervisorOf().committed(record),
      onAbandoned: (_, code) => supervisorOf().abandoned(code),
      onState: ({ coordinator }) => {
        if (coordinator?.status.name !== 'finished' || isFinished) return;
        isFinished = true;
        const { reason } = coordinator.status;
        const { training } = supervisorOf();
        if (training !== undefined && !isOver(training.status)) return supervisorOf().finished(reason);
        repository
          .endRun(run, reason === 'stopped' || reason === 'failed' ? 'stopped' : 'finished')
          .catch((err: unknown) => log.error({ run, err }, 'the run could not be closed'));
      },
    };
  }

  /** What concerns the privacy budgets of those who take part, and whether they can be counted on. */
  function book(
    ration: Ration,
    keeper: Keeper,
  ): Pick<NodeObserver, 'onMessage' | 'onRecord' | 'onAggregate'> & {
    readonly onDeparted: (peer: NodeId) => void;
  } {
    const attendance = createAttendance(keeper.attended);
    return {
      onMessage: (direction, peer, message) => {
        attendance.message(direction, peer, message, systemClock.nowMs());
        if (direction === 'in' && peer !== SERVER && message.type === 'join')
          ration.joined(peer, message.examples);
      },
      onRecord: (record) => {
        ration.committed(record);
        const attended = attendance.committed(record);
        if (attended !== undefined) keeper.attended(attended);
      },
      onAggregate: ({ attempt, outcomes }) => keeper.scored(attempt, outcomes),
      onDeparted: (peer) => {
        if (peer !== SERVER) attendance.departed(peer);
      },
    };
  }

  async function stop(id: string, seat: Seat): Promise<void> {
    const { node, transport, ration, keeper, combining, supervisor, announcer, lease } = seat;
    seats.delete(id);
    node.close();
    announcer.close();
    seat.rollbacks.close();
    seat.store.close();
    try {
      await Promise.all([ration.close(), keeper.close(), combining?.close(), overseer.leave(supervisor)]);
      await transport.close();
    } finally {
      await lease.release();
    }
  }

  /** At once: whoever leads now may be at work. */
  function lose(id: string): void {
    const seat = seats.get(id);
    if (seat === undefined) return;
    log.warn({ federation: id }, 'another replica leads this federation now');
    leave(id, seat);
  }

  function leave(id: string, seat: Seat): Promise<void> {
    const work = stop(id, seat)
      .catch((err: unknown) => log.error({ federation: id, err }, 'the federation could not be left cleanly'))
      .finally(() => leaving.delete(work));
    leaving.add(work);
    return work;
  }

  /** It is to coordinate another run, or this one anew. */
  function restart(id: string): void {
    const seat = seats.get(id);
    if (seat === undefined) return;
    void leave(id, seat).then(() => {
      if (hub.peers(id).length > 0) ensure(id);
    });
  }

  /** One start of a federation at a time; a failure is logged and the next arrival tries again. */
  function ensure(id: string): void {
    if (closed || starting.has(id)) return;
    const work = start(id)
      .catch((err: unknown) => log.error({ federation: id, err }, 'the federation could not be coordinated'))
      .finally(() => starting.delete(id));
    starting.set(id, work);
  }

  overseer.onStale(restart);

  /** What a seat holds goes with it; rows of the history that it reads anew name nobody any more. A round under way is given up. */
  const unsubscribeErased = events.subscribe((event) => {
    if (event.type !== 'participant-erased') return;
    for (const [id, seat] of [...seats])
      if (event.federations.includes(id) || hasMet(seat, event.participant)) restart(id);
  });

  const unsubscribe = hub.subscribe((event) => {
    if (event.type === 'leaderless') ensure(event.federation);
    if (event.type !== 'arrived') return;
    seats.get(event.federation)?.keeper.arrived(event.presence.peer);
    // The replica that it is connected to is the one to lead.
    if (event.remote !== true) ensure(event.federation);
  });

  return {
    stateOf: (federation) => seats.get(federation)?.node.state,
    countActive: () =>
      [...seats.values()].reduce((sum, { supervisor }) => sum + supervisor.seat.state().present, 0),
    underWay(federation) {
      const status = seats.get(federation)?.node.state.coordinator?.status;
      if (status?.name !== 'round') return undefined;
      const { attempt, startedAtMs } = status.rounds[0]!;
      return { round: attempt.round, startedAtMs };
    },
    async rollBack(federation, to, signal) {
      const seat = seats.get(federation);
      check(
        seat?.node.state.coordinator !== undefined,
        'http.conflict',
        'This server coordinates no round of this federation.',
        { remedy: 'Try again when participants are connected.' },
      );
      await seat.rollbacks.ask(to, signal, () => seat.node.order({ name: 'roll-back', to }));
    },
    async close() {
      closed = true;
      unsubscribe();
      unsubscribeErased();
      await Promise.all(starting.values());
      await Promise.all([...leaving, ...[...seats].map(([id, seat]) => stop(id, seat))]);
    },
  };
}

function hasMet({ node, ration, keeper }: Seat, participant: ParticipantId): boolean {
  const { members, barred } = node.state.coordinator ?? {};
  const isKnown = members?.has(participant) === true || barred?.has(participant) === true;
  return isKnown || ration.knows(participant) || keeper.knows(participant);
}

/** A seat as those see it who give it orders. */
function watched(federation: string, run: string, node: SessionNode): WatchedSeat {
  return {
    federation,
    run,
    order: (order) => node.order(order),
    state(): SeatState {
      const { coordinator } = node.state;
      const status = coordinator?.status;
      const isUnderWay = status?.name === 'round' || status?.name === 'drawing';
      return {
        attempt: isUnderWay ? coordinator!.lastAttempt : undefined,
        isFinished: status?.name === 'finished',
        round: coordinator?.model?.version ?? 0,
        present: [...(coordinator?.members.values() ?? [])].filter(({ here }) => here).length,
      };
    },
  };
}

/** What one observes, all do, in this order. */
function joined(...observers: readonly NodeObserver[]): NodeObserver {
  const all = <K extends keyof NodeObserver>(name: K): NonNullable<NodeObserver[K]> =>
    ((...facts: never[]) => {
      for (const observer of observers)
        (observer[name] as ((...facts: never[]) => void) | undefined)?.(...facts);
    }) as NonNullable<NodeObserver[K]>;
  return {
    onNotice: all('onNotice'),
    onBest: all('onBest'),
    onMessage: all('onMessage'),
    onRecord: all('onRecord'),
    onAggregate: all('onAggregate'),
    onAbandoned: all('onAbandoned'),
    onState: all('onState'),
  };
}
