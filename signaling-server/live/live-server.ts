import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import type { Authorize } from '../access/authority.ts';
import { type Authenticate, clientAddress, type Refusal } from '../access/guard.ts';
import type { ServerEvents } from '../events.ts';
import type { TrainingService } from '../jobs/training.ts';
import { DEFAULT_LIVE_LIMITS, type LiveLimits } from './limits.ts';
import { createLiveConnection, type LiveConnection } from './live-connection.ts';
import { messagesOf, topicsOf } from './protocol.ts';
import { createTopicBoard } from './topic-board.ts';

export interface LiveOptions {
  readonly httpServer: Server;
  readonly events: Pick<ServerEvents, 'subscribe'>;
  readonly trainings: Pick<TrainingService, 'get'>;
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  /** Hears of every subscription and credential that was refused. */
  readonly onRefused?: (refusal: Refusal) => Promise<void>;
  readonly trustProxy: boolean;
  readonly log: Pick<Logger, 'debug' | 'error'>;
  readonly limits?: Partial<LiveLimits>;
}

export interface LiveServer {
  /** Connections that are open. */
  readonly size: number;
  close(): Promise<void>;
}

const HUB_PATH = '/ws';
const PATH = /^\/ws\/([\w.-]{1,64})$/;
/** What is chosen of the protocols that a client offers besides its bearer token. */
const PROTOCOL = 'murmuration.live';
const BEARER = 'bearer.';
const GOING_AWAY = 1001;
const CLOSE_GRACE_MS = 1_000;

/**
 * Takes WebSocket upgrades at `/ws/{client_id}`, and tells subscribers what happens in a training or a federation. The hub's own
 * address, `/ws`, is left to the hub.
 */
export function attachLive(options: LiveOptions): LiveServer {
  const { httpServer, events, log, trustProxy } = options;
  const limits = { ...DEFAULT_LIVE_LIMITS, ...options.limits };
  const board = createTopicBoard(limits);
  const connections = new Set<LiveConnection>();
  const perAddress = new Map<string, number>();
  /** Newest training of each run that was heard of; events of rounds do not all name it. */
  const trainingOfRun = new Map<string, string>();
  let closing: Promise<void> | undefined;
  let onAllClosed = (): void => undefined;
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    clientTracking: false,
    // A browser gives up unless one of what it offered is chosen.
    handleProtocols: (offered) =>
      [...offered].find((each) => each === PROTOCOL) ?? [...offered].find(() => true) ?? false,
  });

  const learn = (run: string, training: string): void => {
    trainingOfRun.delete(run);
    trainingOfRun.set(run, training);
    if (trainingOfRun.size > limits.keptTopics) trainingOfRun.delete(trainingOfRun.keys().next().value!);
  };

  const unsubscribe = events.subscribe((event) => {
    if (event.type === 'participant-erased') return board.forget(event.participant);
    if (event.type === 'training') learn(event.training.run, event.training.id);
    const messages = messagesOf(event);
    if (messages.length === 0) return;
    for (const topic of topicsOf(event, (run) => trainingOfRun.get(run))) {
      for (const message of messages) {
        const numbered = board.add(topic, message);
        for (const connection of connections) connection.tell(topic, numbered);
      }
    }
  });

  const upgrade = (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    client: string,
    after: number | undefined,
  ) => {
    const address = clientAddress(
      request.socket.remoteAddress,
      [request.headers['x-forwarded-for']].flat().at(-1),
      trustProxy,
    );
    const known = perAddress.get(address) ?? 0;
    if (closing !== undefined || connections.size >= limits.maxConnections)
      return refuseUpgrade(socket, '503 Service Unavailable');
    if (known >= limits.maxConnectionsPerAddress) return refuseUpgrade(socket, '429 Too Many Requests');
    perAddress.set(address, known + 1);
    const leave = (): void => {
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    };
    let isOpen = false;
    // An upgrade that comes to nothing ends its socket, and no connection ever does.
    socket.once('close', () => {
      if (!isOpen) leave();
    });
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      isOpen = true;
      const connection = createLiveConnection(accepted, {
        ...options,
        limits,
        board,
        learn,
        client,
        address,
        after,
        bearer: bearerOf(request.headers['sec-websocket-protocol']),
        onClosed() {
          leave();
          connections.delete(connection);
          if (connections.size === 0) onAllClosed();
        },
      });
      connections.add(connection);
    });
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const target = request.url ?? '/';
    const url = URL.canParse(target, 'http://live') ? new URL(target, 'http://live') : undefined;
    const client = url && PATH.exec(url.pathname)?.[1];
    const after = url?.searchParams.get('after') ?? undefined;
    if (client !== undefined) {
      if (after !== undefined && !/^\d{1,15}$/.test(after)) return refuseUpgrade(socket, '400 Bad Request');
      return upgrade(request, socket, head, client, after === undefined ? undefined : Number(after));
    }
    // The hub is another listener, where there is one.
    if (url?.pathname === HUB_PATH && httpServer.listenerCount('upgrade') > 1) return;
    refuseUpgrade(socket, '404 Not Found');
  };
  httpServer.on('upgrade', onUpgrade);

  const heartbeat = setInterval(() => {
    for (const connection of connections) connection.beat();
  }, limits.heartbeatMs);
  heartbeat.unref();

  const shutDown = async (): Promise<void> => {
    httpServer.off('upgrade', onUpgrade);
    unsubscribe();
    clearInterval(heartbeat);
    const allClosed = new Promise<void>((settle) => {
      onAllClosed = settle;
    });
    if (connections.size === 0) onAllClosed();
    for (const connection of connections) connection.end(GOING_AWAY, 'shutdown');
    const cut = setTimeout(() => {
      for (const connection of connections) connection.terminate();
    }, CLOSE_GRACE_MS);
    await allClosed;
    clearTimeout(cut);
    sockets.close();
    log.debug('nobody is told of events any more');
  };

  return {
    get size() {
      return connections.size;
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** `Sec-WebSocket-Protocol: murmuration.live, bearer.TOKEN`: a page cannot set the Authorization of a WebSocket. */
function bearerOf(offered: string | undefined): string | undefined {
  const found = offered?.split(',').find((each) => each.trim().startsWith(BEARER));
  return found?.trim().slice(BEARER.length);
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
