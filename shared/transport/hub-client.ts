import { type ErrorRecord, MurmurationError, toErrorRecord } from '../errors/index.ts';
import { type Identity, type ParticipantId, SERVER, toBase64Url } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { createEmitter } from './emitter.ts';
import type { Hub, HubEvent } from './hub.ts';
import { decodeFrame, encodeFrame, type Frame } from './hub-frames.ts';
import {
  CLOSE,
  type ClientText,
  HUB_PROTOCOL,
  helloStatement,
  MAX_ENVELOPE_LENGTH,
  MAX_RELAY_BYTES,
  parseServerText,
  type ServerText,
  type Welcome,
} from './hub-protocol.ts';

/** The part of a WebSocket that the hub needs: the browser's and the one of the package `ws` both have it. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number }) => void): void;
}

export type SocketFactory = (url: string) => SocketLike;

/** Frames that carry messages to and from the server itself. */
export type ServerFrame = Exclude<Frame, { kind: 'heartbeat' | 'relay' }>;

export type ServerLinkEvent =
  /** Proven to the server. A different incarnation: it restarted, and what it held in memory is gone. */
  | { readonly type: 'up'; readonly incarnation: number; readonly token: string }
  /** Whether the server takes part in the federation as a node, and since which start; follows `up`. */
  | { readonly type: 'node'; readonly present: boolean; readonly incarnation?: number }
  /** `left`: the server said that it stops. */
  | { readonly type: 'down'; readonly reason: 'left' | 'lost' }
  | { readonly type: 'frame'; readonly frame: ServerFrame };

/** The hub connection as the server's channel uses it (server-channel.ts). */
export interface ServerLink {
  /** @returns false when not connected. */
  sendFrame(frame: ServerFrame): boolean;
  subscribeServer(listener: (event: ServerLinkEvent) => void): () => void;
}

export interface HelloAdmission {
  /** Invitation, key or JWT. */
  readonly credential?: string | undefined;
  /** Hex SHA-256 of the terms. */
  readonly policy?: string | undefined;
}

export interface HubClientOptions {
  /** The hub's address without a query, e.g. `wss://example.org/ws`. */
  readonly url: string;
  /** The federation's id. */
  readonly federation: string;
  readonly identity: Identity;
  /** Distinct for every start of this node. */
  readonly incarnation: number;
  readonly socketFactory: SocketFactory;
  readonly clock: Clock;
  readonly random: CryptoRandom;
  /** Asked at every connection: what lets this participant in, and the terms it agreed to. Left out: nothing does. */
  readonly admission?: () => HelloAdmission;
  /** How long a connection may take to be opened and proven; default 10,000. */
  readonly handshakeTimeoutMs?: number;
}

const OPEN = 1; // WebSocket.OPEN
/** The server is lost after this many heartbeats without a sound: one may be late, two are not. */
const MISSED_HEARTBEATS = 2.5;
/** A timer that takes this many intervals says that the device slept. */
const LATE_HEARTBEATS = 1.5;
/** A connection that lasted this long was a good one: the next is tried at once. */
const GOOD_CONNECTION_MS = 2000;

interface Connection {
  readonly socket: SocketLike;
  welcomedAtMs: number | undefined;
  heartbeatMs: number;
  lastHeardMs: number;
  goodbye: boolean;
  cancelTimer: () => void;
}

/** @returns the participant's side of the hub, connecting from now until it is closed. */
export function createHubClient(options: HubClientOptions): Hub & ServerLink {
  const { federation, identity, incarnation, clock } = options;
  const handshakeTimeoutMs = options.handshakeTimeoutMs ?? 10_000;
  const url = `${options.url}?federation=${encodeURIComponent(federation)}`;

  const events = createEmitter<HubEvent>((thrown) => events.emit(refusal(undefined, thrown)));
  const serverEvents = createEmitter<ServerLinkEvent>((thrown) => events.emit(refusal(undefined, thrown)));
  let connection: Connection | undefined;
  let cancelRetry = (): void => undefined;
  let failures = 0;
  let ended = false;

  const isOpen = (): boolean =>
    connection?.welcomedAtMs !== undefined && connection.socket.readyState === OPEN;

  const connect = (): void => {
    if (ended) return;
    let socket: SocketLike;
    try {
      socket = options.socketFactory(url);
    } catch (thrown) {
      events.emit(refusal(undefined, thrown));
      return retry();
    }
    socket.binaryType = 'arraybuffer';
    const opened: Connection = {
      socket,
      welcomedAtMs: undefined,
      heartbeatMs: 0,
      lastHeardMs: clock.nowMs(),
      goodbye: false,
      cancelTimer: clock.after(handshakeTimeoutMs, () => drop(opened)),
    };
    connection = opened;
    socket.addEventListener('message', ({ data }) => {
      if (connection === opened) receive(opened, data);
    });
    socket.addEventListener('error', () => drop(opened));
    socket.addEventListener('close', ({ code }) => {
      if (connection === opened && code === CLOSE.tooLarge) events.emit(refusal(SERVER, tooLarge()));
      drop(opened, code === CLOSE.superseded);
    });
  };

  /** Forgets a connection at once: closing a dead one properly could take minutes. */
  const drop = (dropped: Connection, forGood = false): void => {
    if (connection !== dropped) return;
    connection = undefined;
    dropped.cancelTimer();
    dropped.socket.close();
    const { welcomedAtMs, goodbye } = dropped;
    if (welcomedAtMs !== undefined) {
      if (clock.nowMs() - welcomedAtMs >= GOOD_CONNECTION_MS) failures = 0;
      serverEvents.emit({ type: 'down', reason: goodbye ? 'left' : 'lost' });
      events.emit({ type: 'closed' });
    }
    if (forGood) ended = true;
    retry();
  };

  const retry = (): void => {
    if (ended) return;
    cancelRetry();
    cancelRetry = clock.after(backoffMs(failures++, options.random), connect);
  };

  const receive = (from: Connection, data: unknown): void => {
    from.lastHeardMs = clock.nowMs();
    try {
      if (typeof data === 'string') receiveText(from, parseServerText(data));
      else if (data instanceof ArrayBuffer) receiveFrame(from, decodeFrame(new Uint8Array(data)));
    } catch (thrown) {
      events.emit(refusal(SERVER, thrown));
      if (from.welcomedAtMs === undefined) drop(from); // no handshake is possible; perhaps later
    }
  };

  const receiveText = (from: Connection, message: ServerText): void => {
    switch (message.type) {
      case 'challenge':
        return answer(from, message.nonce);
      case 'welcome':
        return welcome(from, message);
      case 'refused':
        return events.emit({ type: 'refused', from: message.peer ?? SERVER, error: message.error });
      case 'signal':
        return events.emit(message);
      case 'arrived':
      case 'departed':
        return events.emit(message);
      case 'node':
        return serverEvents.emit(message);
      case 'bye':
        from.goodbye = true;
        if (message.reason === 'superseded') events.emit(refusal(SERVER, superseded()));
        return drop(from, message.reason === 'superseded');
    }
  };

  const receiveFrame = (from: Connection, frame: Frame): void => {
    if (from.welcomedAtMs === undefined || frame.kind === 'heartbeat') return;
    // copied, since receivers own the buffers they are given
    if (frame.kind === 'relay')
      events.emit({ type: 'relayed', from: frame.peer, frame: frame.payload.slice() });
    else serverEvents.emit({ type: 'frame', frame });
  };

  const answer = (to: Connection, nonce: string): void => {
    const participant = identity.id;
    identity.sign(helloStatement({ nonce, federation, incarnation, participant })).then(
      (signature) =>
        sendText(to, {
          type: 'hello',
          protocol: HUB_PROTOCOL,
          participant,
          publicKey: toBase64Url(identity.publicKey),
          incarnation,
          federation,
          signature: toBase64Url(signature),
          ...admissionOf(options),
        }),
      (thrown) => {
        events.emit(refusal(undefined, thrown));
        drop(to);
      },
    );
  };

  const welcome = (from: Connection, message: Welcome): void => {
    if (from.welcomedAtMs !== undefined) return;
    from.welcomedAtMs = clock.nowMs();
    from.heartbeatMs = message.heartbeatMs;
    watch(from);
    events.emit({ type: 'open', peers: message.peers, iceServers: message.iceServers });
    if (connection !== from) return; // a listener closed it
    serverEvents.emit({ type: 'up', incarnation: message.serverIncarnation, token: message.token });
    serverEvents.emit({ type: 'node', present: message.serverNode });
  };

  const watch = (watched: Connection): void => {
    watched.cancelTimer();
    const startedAtMs = clock.nowMs();
    watched.cancelTimer = clock.after(watched.heartbeatMs, () => {
      const nowMs = clock.nowMs();
      // A device that slept runs this before it reads what the server said meanwhile: give it one more turn.
      const slept = nowMs - startedAtMs > LATE_HEARTBEATS * watched.heartbeatMs;
      const silentMs = nowMs - watched.lastHeardMs;
      if (!slept && silentMs > MISSED_HEARTBEATS * watched.heartbeatMs) return drop(watched);
      // Pongs wait behind whatever the server has sent; this does not, and shows it that the device lives.
      sendFrame({ kind: 'heartbeat' });
      watch(watched);
    });
  };

  const sendText = (to: Connection, message: ClientText): void => {
    if (connection === to && to.socket.readyState === OPEN) to.socket.send(JSON.stringify(message));
  };

  const sendFrame = (frame: Frame): boolean => {
    if (connection === undefined || !isOpen()) return false;
    connection.socket.send(encodeFrame(frame));
    return true;
  };

  connect();
  return {
    get open() {
      return isOpen();
    },
    get bufferedBytes() {
      return connection?.socket.bufferedAmount ?? 0;
    },
    signal(to: ParticipantId, envelope: string) {
      if (connection === undefined || !isOpen()) return false;
      if (envelope.length > MAX_ENVELOPE_LENGTH) {
        events.emit(refusal(undefined, envelopeTooLarge(envelope.length)));
        return false;
      }
      sendText(connection, { type: 'signal', to, envelope });
      return true;
    },
    relay(to: ParticipantId, frame: Uint8Array<ArrayBuffer>) {
      if (frame.length > MAX_RELAY_BYTES) {
        events.emit(refusal(undefined, frameTooLarge(frame.length)));
        return false;
      }
      return sendFrame({ kind: 'relay', peer: to, payload: frame });
    },
    sendFrame,
    subscribe: events.subscribe,
    subscribeServer: serverEvents.subscribe,
    close() {
      if (ended) return;
      ended = true;
      cancelRetry();
      if (connection === undefined) return;
      sendText(connection, { type: 'bye' });
      drop(connection);
    },
  };
}

function admissionOf({ admission }: HubClientOptions): { credential?: string; policy?: string } {
  const { credential, policy } = admission?.() ?? {};
  return {
    ...(credential === undefined ? {} : { credential }),
    ...(policy === undefined ? {} : { policy }),
  };
}

function refusal(from: HubRefusal['from'], thrown: unknown): HubRefusal {
  return { type: 'refused', from, error: toErrorRecord(thrown) };
}
type HubRefusal = Extract<HubEvent, { type: 'refused' }>;

function superseded(): ErrorRecord {
  return new MurmurationError('transport.closed', 'This device connected again from somewhere else.', {
    expected: 'one open page for each device and federation',
    remedy: 'Go on in the other tab, or close it and reload this one.',
  }).toRecord();
}

function tooLarge(): MurmurationError {
  return new MurmurationError('wire.too-large', 'The server ended the connection over a message too large.');
}

function envelopeTooLarge(length: number): MurmurationError {
  return new MurmurationError('wire.too-large', 'A signalling envelope is too large to pass on.', {
    expected: `at most ${MAX_ENVELOPE_LENGTH} characters`,
    received: String(length),
  });
}

function frameTooLarge(length: number): MurmurationError {
  return new MurmurationError('wire.too-large', 'A frame is too large to relay.', {
    expected: `at most ${MAX_RELAY_BYTES} bytes`,
    received: String(length),
  });
}
