import type { Logger } from 'pino';
import type { Federation } from '../../shared/federation/index.ts';
import { type NodeId, SERVER } from '../../shared/identity/index.ts';
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
import type { HubServer } from '../hub/index.ts';
import type { NodeTransports } from '../node-transport/index.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import { createAttendance } from '../reliability/attendance.ts';
import type { Gate } from '../reliability/gate.ts';
import { createKeeper, type Keeper } from '../reliability/keeper.ts';
import type { Repository } from '../storage/repository.ts';
import { createRation, type Ration } from './ration.ts';

/** How long participants are waited for before the first round of a term. */
const SETTLE_MS = 1000;

export interface CoordinationOptions {
  readonly hub: HubServer;
  readonly transports: NodeTransports;
  readonly repository: Repository;
  readonly budgets: BudgetService;
  readonly gate: Gate;
  readonly judges: Pick<Judges, 'judgeOf'>;
  readonly engines: EngineBoard;
  /** What the server signs with, and cryptography: for federations that aggregate securely. */
  readonly secure: SecureTools;
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
}

export interface Coordination {
  /** What the server's node of this federation is doing; undefined while nobody takes part. */
  stateOf(federation: string): NodeState | undefined;
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
  secure,
  log,
}: CoordinationOptions): Coordination {
  const seats = new Map<string, Seat>();
  const starting = new Map<string, Promise<void>>();
  let closed = false;

  async function start(id: string): Promise<void> {
    const federation = await repository.getFederation(id);
    const seat = seats.get(id);
    if (seat?.revision === federation.revision) return;
    if (seat !== undefined) await stop(id, seat);
    const run = (await repository.currentRun(federation)).id;
    const [model, records, term] = await Promise.all([
      repository.loadModel(run),
      repository.loadRecords(run, 1),
      repository.nextTerm(run),
    ]);
    if (closed) return;
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
      setAllowed: (participant, allowed) => ration.setAllowed(participant, allowed),
      tell(participant, reason) {
        if (reason.code === 'participant.blocked') hub.expel(participant, reason);
        else hub.notify(id, participant, reason);
      },
      log,
    });
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
      store: repository,
      clock: systemClock,
      random: webCryptoRandom(globalThis.crypto),
      secure,
      coordinator: {
        term,
        model,
        // Whoever went back to an earlier version had no cohort.
        electorate: records.findLast(({ survivors }) => survivors.length > 0)?.survivors ?? [],
        rations: true,
        records,
        loadVersion: (version) => loadVersion(run, version),
      },
      ...(isJudged ? { judge: judges.judgeOf(federation) } : {}),
      ...(combining === undefined ? {} : { combine: combining.combine }),
      settleMs: SETTLE_MS,
      saveTerm: async (seen) => {
        await repository.nextTerm(run, seen - 1);
      },
      observer: { ...observe(federation, run), ...observer },
    });
    seats.set(id, { revision: federation.revision, transport, node, ration, keeper, combining });
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
      }) => log[level === 'warning' ? 'warn' : level]({ ...about, code: error?.code }, text),
      // With rarer checkpoints it would not be here after a restart.
      onBest: (model: Model) => {
        repository
          .saveModel(run, model)
          .catch((err: unknown) => log.error({ ...about, err }, 'the best version could not be stored'));
      },
      onState: ({ coordinator }: NodeState) => {
        if (coordinator?.status.name !== 'finished') return;
        const status = coordinator.status.reason === 'stopped' ? 'stopped' : 'finished';
        repository
          .endRun(run, status)
          .catch((err: unknown) => log.error({ ...about, err }, 'the run could not be closed'));
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

  async function stop(id: string, { node, transport, ration, keeper, combining }: Seat): Promise<void> {
    seats.delete(id);
    node.close();
    await Promise.all([ration.close(), keeper.close(), combining?.close()]);
    await transport.close();
  }

  /** One start of a federation at a time; a failure is logged and the next arrival tries again. */
  function ensure(id: string): void {
    if (closed || starting.has(id)) return;
    const work = start(id)
      .catch((err: unknown) => log.error({ federation: id, err }, 'the federation could not be coordinated'))
      .finally(() => starting.delete(id));
    starting.set(id, work);
  }

  const unsubscribe = hub.subscribe((event) => {
    if (event.type !== 'arrived') return;
    seats.get(event.federation)?.keeper.arrived(event.presence.peer);
    ensure(event.federation);
  });

  return {
    stateOf: (federation) => seats.get(federation)?.node.state,
    async close() {
      closed = true;
      unsubscribe();
      await Promise.all(starting.values());
      await Promise.all([...seats].map(([id, seat]) => stop(id, seat)));
    },
  };
}
