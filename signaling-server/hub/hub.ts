import { randomBytes, randomInt } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import { type ParticipantId, participantIdToBytes, toBase64Url } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import { createEmitter } from '../../shared/transport/emitter.ts';
import type { IceServer, Presence } from '../../shared/transport/hub.ts';
import {
  decodeFrame,
  encodeFrame,
  FRAME_KIND,
  type Frame,
  MAX_FRAME_BYTES,
  RELAY_HEADER_BYTES,
} from '../../shared/transport/hub-frames.ts';
import {
  CLOSE,
  type Hello,
  HUB_PROTOCOL,
  MAX_TEXT_BYTES,
  parseClientText,
  type ServerText,
} from '../../shared/transport/hub-protocol.ts';
import { type Connection, createConnection } from './connection.ts';
import { type Credential, createCredentials } from './credentials.ts';
import { proveIdentity } from './handshake.ts';
import { DEFAULT_HUB_LIMITS, type HubLimits } from './limits.ts';
import type { Log } from './log.ts';
import { systemClock } from './system-clock.ts';

/** Frames between a participant and the server itself. */
export type NodeFrame = Exclude<Frame, { kind: 'heartbeat' | 'relay' }>;

/** What happens in the hub, for the server's own part in a federation (node-transport). */
export type HubServerEvent =
  /** Proven and connected; again for one that was here and reconnects. */
  | { readonly type: 'arrived'; readonly federation: string; readonly presence: Presence }
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
    };

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
  /** @returns whose bearer token this is. */
  authorize(token: string): Credential | undefined;
  /** Says goodbye to everyone; resolves when all connections are closed. */
  close(): Promise<void>;
}

export interface HubOptions {
  /** Whether there is such a federation to join. */
  lookupFederation(id: string): Promise<boolean>;
  iceServers(participant: ParticipantId): readonly IceServer[];
  readonly log: Log;
  readonly limits?: Partial<HubLimits>;
  /** Default `/ws`. */
  readonly path?: string;
  readonly clock?: Clock;
}

interface Member {
  readonly connection: Connection;
  readonly federation: string;
  readonly presence: Presence;
  readonly rawId: Uint8Array;
  /** Absent peers that this member was told about, so as not to repeat it for every frame. */
  readonly told: Set<string>;
  left: boolean;
}

interface Room {
  readonly members: Map<string, Member>;
  node: boolean;
}

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
  const rooms = new Map<string, Room>();
  const connections = new Set<Connection>();
  const credentials = createCredentials(clock, limits.tokenGraceMs);
  const events = createEmitter<HubServerEvent>((thrown) =>
    log.error({ err: thrown }, 'hub: a listener failed'),
  );
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false, // costs more than it saves on bytes that look random
    maxPayload: Math.max(MAX_FRAME_BYTES, MAX_TEXT_BYTES) * 2, // up to here a refusal has a name
    clientTracking: false,
  });
  const detachments: (() => void)[] = [];
  let unproven = 0;
  let closing: Promise<void> | undefined;
  let onAllClosed = (): void => undefined;

  const attach = (httpServer: Server): void => {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const url = parseUrl(request.url ?? '/');
      if (url?.pathname !== path) {
        if (httpServer.listenerCount('upgrade') === 1) refuseUpgrade(socket, '404 Not Found');
      } else if (closing !== undefined || unproven >= limits.maxUnproven) {
        refuseUpgrade(socket, '503 Service Unavailable');
      } else {
        const federation = url.searchParams.get('federation') ?? '';
        sockets.handleUpgrade(request, socket, head, (accepted) => greet(accepted, federation));
      }
    };
    httpServer.on('upgrade', onUpgrade);
    detachments.push(() => httpServer.off('upgrade', onUpgrade));
  };

  const greet = (socket: WebSocket, federation: string): void => {
    const nonce = randomBytes(32).toString('base64url');
    let state: 'challenged' | 'checking' | 'closed' | Member = 'challenged';
    unproven++;

    const connection = createConnection(
      socket,
      { limits, clock, log },
      {
        onText(text) {
          if (typeof state === 'object') receiveText(state, parseClientText(text));
          else begin(text);
        },
        onBinary(bytes) {
          if (typeof state === 'object') receiveFrame(state, bytes);
          else refuse(outOfPhase('hello', 'a binary frame'));
        },
        onClosed() {
          connections.delete(connection);
          cancelTimeout();
          if (typeof state === 'object') depart(state);
          else unproven--;
          state = 'closed';
          if (connections.size === 0) onAllClosed();
        },
      },
    );
    connections.add(connection);
    const cancelTimeout = clock.after(limits.handshakeTimeoutMs, () => {
      const late = 'The handshake took too long.';
      refuse(new MurmurationError('transport.timed-out', late, { remedy: 'Connect again.' }));
    });

    const begin = (text: string): void => {
      try {
        const message = parseClientText(text);
        if (state !== 'challenged' || message.type !== 'hello') throw outOfPhase('hello', message.type);
        state = 'checking';
        admit(message);
      } catch (thrown) {
        refuse(thrown);
      }
    };

    const admit = (hello: Hello): void => {
      check(hello).then(
        () => {
          if (state !== 'checking') return;
          unproven--;
          cancelTimeout();
          state = join(connection, hello);
        },
        (thrown) => refuse(thrown),
      );
    };

    /** @throws the reason not to let this participant in. */
    const check = async (hello: Hello): Promise<void> => {
      proveIdentity(hello, nonce, federation);
      if (!(await isKnown(federation))) throw unknownFederation(federation);
      const members = rooms.get(federation)?.members;
      const full = members !== undefined && members.size >= limits.maxPeersPerFederation;
      if (full && !members.has(hello.participant)) throw tooMany(limits);
    };

    /** Before the handshake is done, the first thing that goes wrong ends the connection. */
    const refuse = (thrown: unknown): void => {
      connection.fault(thrown);
      connection.end(CLOSE.refused, toErrorRecord(thrown).code);
    };

    connection.sendText({ type: 'challenge', protocol: HUB_PROTOCOL, nonce });
  };

  const isKnown = async (federation: string): Promise<boolean> => {
    try {
      return await options.lookupFederation(federation);
    } catch (thrown) {
      log.error({ err: thrown }, 'hub: could not look a federation up');
      throw new MurmurationError('http.unavailable', 'The server cannot look federations up at the moment.', {
        remedy: 'Connect again.',
      });
    }
  };

  const roomOf = (federation: string): Room => {
    const known = rooms.get(federation);
    if (known !== undefined) return known;
    const room: Room = { members: new Map(), node: false };
    rooms.set(federation, room);
    return room;
  };

  const join = (connection: Connection, hello: Hello): Member => {
    const { federation, participant } = hello;
    const presence: Presence = { peer: participant, incarnation: hello.incarnation };
    const rawId = participantIdToBytes(participant);
    const member: Member = { connection, federation, presence, rawId, told: new Set(), left: false };
    const room = roomOf(federation);
    const older = room.members.get(participant);
    room.members.set(participant, member); // the newest connection wins: it is the one after a reload
    if (older !== undefined) {
      older.connection.sendText({ type: 'bye', reason: 'superseded' });
      older.connection.end(CLOSE.superseded, 'superseded');
    }
    const others = [...room.members.values()].filter((other) => other !== member);
    connection.sendText({
      type: 'welcome',
      peers: others.map((other) => other.presence),
      iceServers: [...options.iceServers(participant)],
      token: credentials.issue(credentialOf(member)),
      serverIncarnation: incarnation,
      serverNode: room.node,
      heartbeatMs: limits.heartbeatMs,
    });
    for (const other of others) {
      other.told.delete(participant);
      other.connection.sendText({ type: 'arrived', presence });
    }
    log.debug({ federation, participant, peers: others.length }, 'hub: arrived');
    events.emit({ type: 'arrived', federation, presence });
    return member;
  };

  const depart = (member: Member): void => {
    const { federation, presence } = member;
    const room = rooms.get(federation);
    if (room?.members.get(presence.peer) !== member) return; // superseded
    room.members.delete(presence.peer);
    if (room.members.size === 0 && !room.node) rooms.delete(federation);
    if (member.left) credentials.revoke(credentialOf(member));
    else credentials.lapse(credentialOf(member));
    const reason = member.left ? 'left' : 'lost';
    broadcast(room, { type: 'departed', peer: presence.peer });
    log.debug({ federation, participant: presence.peer, reason }, 'hub: departed');
    events.emit({ type: 'departed', federation, presence, reason });
  };

  const receiveText = (member: Member, message: ReturnType<typeof parseClientText>): void => {
    switch (message.type) {
      case 'hello':
        throw outOfPhase('one hello', 'a second');
      case 'bye':
        member.left = true;
        return member.connection.end(CLOSE.normal, 'bye');
      case 'signal': {
        const target = find(member, message.to);
        const { envelope } = message;
        target?.connection.sendText({ type: 'signal', from: member.presence.peer, envelope });
      }
    }
  };

  const receiveFrame = (member: Member, bytes: Uint8Array<ArrayBuffer>): void => {
    if (bytes[0] === FRAME_KIND.relay && bytes.length >= RELAY_HEADER_BYTES) return relay(member, bytes);
    const frame = decodeFrame(bytes);
    if (frame.kind === 'heartbeat' || frame.kind === 'relay') return;
    if (frame.kind === 'offer') throw outOfPhase('offers from the server only', 'one from a participant');
    const { federation, presence } = member;
    if (rooms.get(federation)?.node !== true) tellAbsent(member, 'server');
    else events.emit({ type: 'frame', federation, from: presence.peer, frame });
  };

  /** The frame is passed on in the buffer it came in; only the receiver's id becomes the sender's. */
  const relay = (member: Member, bytes: Uint8Array<ArrayBuffer>): void => {
    if (bytes.length > MAX_FRAME_BYTES) decodeFrame(bytes); // throws the refusal
    const target = find(member, toBase64Url(bytes.subarray(1, RELAY_HEADER_BYTES)) as ParticipantId);
    if (target === undefined) return;
    bytes.set(member.rawId, 1);
    target.connection.sendBytes(bytes);
    if (target.connection.congested) member.connection.waitFor(target.connection);
  };

  const find = (member: Member, peer: ParticipantId): Member | undefined => {
    const target = rooms.get(member.federation)?.members.get(peer);
    if (target === undefined) tellAbsent(member, peer);
    return target;
  };

  const tellAbsent = (member: Member, peer: ParticipantId | 'server'): void => {
    if (member.told.has(peer)) return;
    if (member.told.size >= limits.maxPeersPerFederation) member.told.clear();
    member.told.add(peer);
    const absent = new MurmurationError('transport.unreachable', 'The receiver is not connected here.', {
      remedy: 'Wait until it arrives.',
    });
    if (peer === 'server') member.connection.notify(absent);
    else member.connection.notify(absent, peer);
  };

  const memberOf = (federation: string, participant: ParticipantId): Member | undefined =>
    rooms.get(federation)?.members.get(participant);

  const shutDown = async (): Promise<void> => {
    for (const detach of detachments) detach();
    const allClosed = new Promise<void>((resolve) => {
      onAllClosed = resolve;
    });
    const cancelCut = clock.after(CLOSE_GRACE_MS, () => {
      for (const connection of connections) connection.terminate();
    });
    if (connections.size === 0) onAllClosed();
    for (const connection of connections) {
      connection.sendText({ type: 'bye', reason: 'shutdown' });
      connection.end(CLOSE.goingAway, 'shutdown');
    }
    await allClosed;
    cancelCut();
    credentials.close();
    sockets.close();
  };

  return {
    incarnation,
    attach,
    subscribe: events.subscribe,
    peers: (federation) => [...(rooms.get(federation)?.members.values() ?? [])].map((m) => m.presence),
    setNode(federation, present) {
      const room = roomOf(federation);
      if (room.node === present) return;
      room.node = present;
      if (present) for (const member of room.members.values()) member.told.delete('server');
      broadcast(room, { type: 'node', present });
      if (!present && room.members.size === 0) rooms.delete(federation);
    },
    send(federation, to, frame) {
      const member = memberOf(federation, to);
      if (member === undefined || !member.connection.open) return false;
      member.connection.sendBytes(encodeFrame(frame));
      return true;
    },
    fault: (federation, participant, thrown) => memberOf(federation, participant)?.connection.fault(thrown),
    authorize: credentials.find,
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

function broadcast(room: Room, message: ServerText): void {
  for (const member of room.members.values()) member.connection.sendText(message);
}

function credentialOf({ federation, presence }: Member): Credential {
  return { federation, participant: presence.peer, incarnation: presence.incarnation };
}

function parseUrl(target: string): URL | undefined {
  return URL.canParse(target, 'http://hub') ? new URL(target, 'http://hub') : undefined;
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function outOfPhase(expected: string, received: string): MurmurationError {
  return new MurmurationError('wire.out-of-phase', 'This message is not allowed now.', {
    expected,
    received,
  });
}

function unknownFederation(federation: string): MurmurationError {
  return new MurmurationError('federation.unknown', 'The server does not know this federation.', {
    received: federation,
    remedy: 'Check the link, or add the federation to this server.',
  });
}

function tooMany(limits: HubLimits): MurmurationError {
  return new MurmurationError('http.unavailable', 'The federation is full on this server.', {
    expected: `at most ${limits.maxPeersPerFederation} participants at once`,
    remedy: 'Try again later.',
  });
}
