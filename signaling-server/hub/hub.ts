import { randomBytes, randomInt } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { fromErrorRecord, type MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import { createEmitter } from '../../shared/transport/emitter.ts';
import type { IceServer, Presence } from '../../shared/transport/hub.ts';
import { type Frame, MAX_FRAME_BYTES } from '../../shared/transport/hub-frames.ts';
import { CLOSE, MAX_TEXT_BYTES } from '../../shared/transport/hub-protocol.ts';
import type { Bus } from '../replicas/bus.ts';
import { createCluster, type RemoteNode } from '../replicas/cluster.ts';
import { localBus } from '../replicas/local-bus.ts';
import type { Connection } from './connection.ts';
import { type Credential, createCredentials } from './credentials.ts';
import { type Greeter, greet } from './greeting.ts';
import { DEFAULT_HUB_LIMITS, type HubLimits } from './limits.ts';
import type { Log } from './log.ts';
import { createRooms } from './rooms.ts';
import { systemClock } from './system-clock.ts';

/** Frames between a participant and the server itself. */
export type NodeFrame = Exclude<Frame, { kind: 'heartbeat' | 'relay' }>;

/** What happens in the hub, for the server's own part in a federation (node-transport). */
export type HubServerEvent =
  /** Proven and connected; again for one that was here and reconnects. */
  | {
      readonly type: 'arrived';
      readonly federation: string;
      readonly presence: Presence;
      /** Connected to another replica. */
      readonly remote?: true;
    }
  | {
      readonly type: 'departed';
      readonly federation: string;
      readonly presence: Presence;
      /** `left`: said goodbye. `lost`: the connection broke. */
      readonly reason: 'left' | 'lost';
    }
  | {
      readonly type: 'frame';
      readonly federation: string;
      readonly from: ParticipantId;
      readonly frame: NodeFrame;
    }
  /** Participants are connected to this replica, and no replica runs the server's node; said again while it is so. */
  | { readonly type: 'leaderless'; readonly federation: string };

export interface HubServer {
  /** Distinct for every start of the server. */
  readonly incarnation: number;
  /** Takes WebSocket upgrades at the hub's path. */
  attach(httpServer: Server): void;
  subscribe(listener: (event: HubServerEvent) => void): () => void;
  peers(federation: string): readonly Presence[];
  /** Tells participants, now and as they arrive, whether the server takes part in this federation. */
  setNode(federation: string, present: boolean): void;
  /** @returns false when the participant is not connected. */
  send(federation: string, to: ParticipantId, frame: NodeFrame): boolean;
  /** Refuses something a participant sent, and counts it against its connection. */
  fault(federation: string, participant: ParticipantId, thrown: unknown): void;
  /** Tells a participant something by name, which does not count against it. */
  notify(federation: string, participant: ParticipantId, error: MurmurationError): void;
  /** Ends the connections of a participant to one federation, or to all, by name. SPEC H-10. */
  expel(participant: ParticipantId, error: MurmurationError, federation?: string): void;
  /** @returns whose bearer token this is, on any replica. */
  authorize(token: string): Credential | undefined;
  /** The server's node of a federation, where another replica runs it. */
  nodeOf(federation: string): RemoteNode | undefined;
  /** Other replicas that are heard from. */
  readonly replicas: readonly string[];
  /** Says goodbye to everyone; resolves when all connections are closed. */
  close(): Promise<void>;
}

export interface HubOptions {
  /** Whether there is such a federation to join. */
  lookupFederation(id: string): Promise<boolean>;
  /** Why this participant may not enter; left out, all may. */
  refusalFor?(participant: ParticipantId): Promise<MurmurationError | undefined>;
  /** Decides by what somebody shows whether it may take part; left out, all may. @throws why it may not. SPEC H-11. */
  admit?: Greeter['admitted'];
  /** Where a connection comes from; left out: the address of its socket. */
  addressOf?(request: IncomingMessage): string;
  iceServers(participant: ParticipantId): readonly IceServer[];
  readonly log: Log;
  readonly limits?: Partial<HubLimits>;
  /** Default `/ws`. */
  readonly path?: string;
  readonly clock?: Clock;
  /** What reaches the other replicas of this server; left out, it is alone. */
  readonly bus?: Bus;
  /** Where the other replicas reach this one by HTTP. */
  readonly replicaUrl?: string | undefined;
  /** Makes bearer tokens good on every replica that has it, at least 32 bytes; left out, on this one. */
  readonly tokenKey?: Uint8Array;
  /** Told of what goes through this server: frames between participants, and messages to it. */
  onCarried?(path: 'relay' | 'server', bytes: number): void;
  /** Told of everything that was refused on a connection to this replica, by name. */
  onRefused?(code: string): void;
}

/** How often a federation without the server's node is brought up again. */
const LEADERLESS_EVERY_MS = 1000;
/** After this, connections that do not close politely are cut. */
const CLOSE_GRACE_MS = 1000;

/**
 * Introduces participants of a federation to each other, passes their signals and relayed frames on, and
 * carries small frames between them and the server. Holds nothing that a restart would lose.
 */
export function createHub(options: HubOptions): HubServer {
  const { log } = options;
  const clock = options.clock ?? systemClock;
  const limits = { ...DEFAULT_HUB_LIMITS, ...options.limits };
  const path = options.path ?? '/ws';
  const incarnation = randomInt(2 ** 32);
  const connections = new Set<Connection>();
  const credentials = createCredentials(clock, limits.tokenGraceMs, options.tokenKey ?? randomBytes(32));
  const events = createEmitter<HubServerEvent>((thrown) =>
    log.error({ err: thrown }, 'hub: a listener failed'),
  );
  const cluster = createCluster({
    bus: options.bus ?? localBus().connect(),
    replica: randomBytes(8).toString('hex'),
    incarnation,
    address: options.replicaUrl,
    clock,
    log,
  });
  const emit = (event: HubServerEvent): void => {
    if (event.type === 'arrived') credentials.issue(holderOf(event));
    if (event.type === 'departed') credentials[event.reason === 'left' ? 'revoke' : 'lapse'](holderOf(event));
    events.emit(event);
  };
  const rooms = createRooms({
    limits,
    clock,
    log,
    cluster,
    incarnation,
    emit,
    onRelayed: (bytes) => options.onCarried?.('relay', bytes),
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false, // costs more than it saves on bytes that look random
    maxPayload: 2 * Math.max(MAX_FRAME_BYTES, MAX_TEXT_BYTES), // up to here a refusal has a name
    clientTracking: false,
  });
  const detachments: (() => void)[] = [];
  let undecided = 0;
  /** Lately: whoever was being let in meanwhile is not. */
  let expelled: {
    readonly participant: ParticipantId;
    readonly federation: string | undefined;
    readonly error: MurmurationError;
    readonly atMs: number;
  }[] = [];
  let closing: Promise<void> | undefined;
  let onAllClosed = (): void => undefined;

  const greeter: Greeter = {
    limits,
    clock,
    log,
    lookupFederation: async (id) => options.lookupFederation(id),
    refusalFor: async (participant) => options.refusalFor?.(participant),
    admitted: async (applicant) => options.admit?.(applicant),
    onFault: (code) => options.onRefused?.(code),
    isFull: (federation, participant) =>
      rooms.find(federation, participant) === undefined &&
      rooms.presences(federation).length >= limits.maxPeersPerFederation,
    admit(connection, hello) {
      const holder = { ...hello };
      const member = rooms.join(connection, hello, {
        iceServers: [...options.iceServers(hello.participant)],
        token: credentials.issue(holder),
        heartbeatMs: limits.heartbeatMs,
      });
      return {
        onText: (text) => rooms.receiveText(member, text),
        onBinary: (bytes) => rooms.receiveFrame(member, bytes),
        onClosed: () => void rooms.depart(member),
      };
    },
    expelledSince: (atMs, federation, participant) =>
      expelled.findLast(
        (each) =>
          each.atMs >= atMs &&
          each.participant === participant &&
          (each.federation ?? federation) === federation,
      )?.error,
    onDecided: () => void undecided--,
    onClosed(connection) {
      connections.delete(connection);
      if (connections.size === 0) onAllClosed();
    },
  };

  const expelHere = (participant: ParticipantId, error: MurmurationError, federation?: string): void => {
    const atMs = clock.nowMs();
    expelled.push({ participant, federation, error, atMs });
    // Nobody who began before is being let in by then.
    clock.after(limits.handshakeTimeoutMs + 1, () => {
      expelled = expelled.filter((each) => clock.nowMs() - each.atMs <= limits.handshakeTimeoutMs);
    });
    rooms.forget(participant, federation);
    for (const member of rooms.membersOf(participant)) {
      if (federation !== undefined && member.federation !== federation) continue;
      member.left = true; // its bearer token ends with the connection
      member.connection.notify(error);
      member.connection.end(CLOSE.refused, error.code);
    }
    // Of one whose connection was lost a moment ago as well.
    credentials.revokeAll(participant, federation);
  };
  const unsubscribe = cluster.subscribe((event) => {
    if (event.type === 'expelled')
      expelHere(event.participant, fromErrorRecord(event.error), event.federation);
    if (event.type === 'node' && event.node === undefined) sayLeaderless();
  });

  const sayLeaderless = (): void => {
    for (const federation of rooms.leaderless()) events.emit({ type: 'leaderless', federation });
  };
  let cancelLeaderless = (): void => undefined;
  const watchLeaders = (): void => {
    cancelLeaderless = clock.after(LEADERLESS_EVERY_MS, () => {
      sayLeaderless();
      watchLeaders();
    });
  };
  watchLeaders();

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, federation: string): void => {
    if (closing !== undefined || undecided >= limits.maxUnproven) {
      return refuseUpgrade(socket, '503 Service Unavailable');
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      undecided++;
      const address = options.addressOf?.(request) ?? request.socket.remoteAddress ?? 'unknown';
      connections.add(greet(accepted, federation, address, greeter));
    });
  };

  const shutDown = async (): Promise<void> => {
    for (const detach of detachments) detach();
    const allClosed = new Promise<void>((resolve) => {
      onAllClosed = resolve;
    });
    if (connections.size === 0) onAllClosed();
    for (const connection of connections) {
      connection.sendText({ type: 'bye', reason: 'shutdown' });
      connection.end(CLOSE.goingAway, 'shutdown');
    }
    const cancelCut = clock.after(CLOSE_GRACE_MS, () => {
      for (const connection of connections) connection.terminate();
    });
    await allClosed;
    cancelCut();
    cancelLeaderless();
    unsubscribe();
    rooms.close();
    cluster.close();
    credentials.close();
    sockets.close();
  };

  return {
    incarnation,
    attach(httpServer) {
      const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
        const url = parseUrl(request.url ?? '/');
        if (url?.pathname === path) upgrade(request, socket, head, url.searchParams.get('federation') ?? '');
        else if (httpServer.listenerCount('upgrade') === 1) refuseUpgrade(socket, '404 Not Found');
      };
      httpServer.on('upgrade', onUpgrade);
      detachments.push(() => httpServer.off('upgrade', onUpgrade));
    },
    subscribe: events.subscribe,
    peers: rooms.presences,
    setNode: rooms.setNode,
    send: rooms.sendFrame,
    fault: rooms.fault,
    notify: rooms.notify,
    expel(participant, error, federation) {
      expelHere(participant, error, federation);
      cluster.expel(participant, error, federation);
    },
    nodeOf: cluster.nodeOf,
    get replicas() {
      return cluster.others;
    },
    authorize: credentials.find,
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

function holderOf({ federation, presence }: { federation: string; presence: Presence }): Credential {
  return { federation, participant: presence.peer, incarnation: presence.incarnation };
}

function parseUrl(target: string): URL | undefined {
  return URL.canParse(target, 'http://hub') ? new URL(target, 'http://hub') : undefined;
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
