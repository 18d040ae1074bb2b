import type { IncomingMessage, ServerResponse } from 'node:http';
import { toErrorRecord } from '../../shared/errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import { createEmitter, type Emitter } from '../../shared/transport/emitter.ts';
import type { Presence } from '../../shared/transport/hub.ts';
import type { PeerStatus, Transport, TransportEvent } from '../../shared/transport/port.ts';
import { type HubServer, type HubServerEvent, type Log, systemClock } from '../hub/index.ts';
import { createByteBudget } from './byte-budget.ts';
import { createForwarder } from './forward.ts';
import { createMessageHandler } from './http.ts';
import { DEFAULT_NODE_TRANSPORT_LIMITS, type NodeTransportLimits } from './limits.ts';
import { createNodePeer, type NodePeer } from './node-peer.ts';

export interface NodeTransports {
  /** The server as a node of one federation; the same one until it is closed. */
  transportFor(federation: string): Transport;
  /** Answers requests under `/api/node/messages/`. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Closes every transport. */
  close(): Promise<void>;
}

export interface NodeTransportsOptions {
  readonly hub: HubServer;
  readonly log: Log;
  readonly limits?: Partial<NodeTransportLimits>;
  readonly clock?: Clock;
  /** Told of every message that comes in. */
  onReceived?(bytes: number): void;
}

interface Seat {
  readonly peer: NodePeer;
  cancelLost: () => void;
}

interface NodeRoom {
  readonly seats: Map<ParticipantId, Seat>;
  readonly events: Emitter<TransportEvent>;
  readonly transport: Transport;
}

/** The `Transport` port on the server, one per federation: whoever is connected to the hub is a peer. */
export function createNodeTransports(options: NodeTransportsOptions): NodeTransports {
  const { hub, log } = options;
  const clock = options.clock ?? systemClock;
  const limits = { ...DEFAULT_NODE_TRANSPORT_LIMITS, ...options.limits };
  const budget = createByteBudget(limits.maxPendingBytes);
  const rooms = new Map<string, NodeRoom>();

  const open = (federation: string): NodeRoom => {
    const seats = new Map<ParticipantId, Seat>();
    const events = createEmitter<TransportEvent>((thrown) =>
      log.error({ federation, err: thrown }, 'node-transport: a listener failed'),
    );
    const transport: Transport = {
      self: SERVER,
      incarnation: hub.incarnation,
      send(to, bytes, sendOptions) {
        if (sendOptions?.signal?.aborted || rooms.get(federation) !== room)
          return Promise.resolve({ kind: 'aborted' });
        const seat = to === SERVER ? undefined : seats.get(to);
        return seat?.peer.send(bytes, sendOptions) ?? Promise.resolve({ kind: 'unreachable' });
      },
      subscribe: events.subscribe,
      peers: () => new Map<NodeId, PeerStatus>([...seats].map(([id, { peer }]) => [id, peer.status])),
      async close() {
        if (rooms.get(federation) !== room) return;
        rooms.delete(federation);
        hub.setNode(federation, false);
        for (const seat of seats.values()) {
          seat.cancelLost();
          seat.peer.end('aborted');
        }
        seats.clear();
      },
    };
    const room: NodeRoom = { seats, events, transport };
    rooms.set(federation, room);
    for (const presence of hub.peers(federation)) arrive(federation, room, presence);
    hub.setNode(federation, true);
    return room;
  };

  const arrive = (federation: string, room: NodeRoom, presence: Presence): void => {
    const known = room.seats.get(presence.peer);
    known?.cancelLost();
    if (known?.peer.incarnation === presence.incarnation) {
      known.peer.disconnected(); // what went into the connection it replaces may not have come out
      return known.peer.connected();
    }
    known?.peer.end('lost');
    const peer = createNodePeer({
      presence,
      clock,
      limits,
      budget,
      sendFrame: (frame) => hub.send(federation, presence.peer, frame),
      deliver(bytes) {
        options.onReceived?.(bytes.byteLength);
        room.events.emit({ type: 'message', from: presence.peer, bytes });
      },
    });
    room.seats.set(presence.peer, { peer, cancelLost: () => undefined });
    peer.connected();
    room.events.emit({ type: 'peer-up', path: 'server', ...presence });
  };

  const depart = (room: NodeRoom, presence: Presence, reason: 'left' | 'lost'): void => {
    const seat = room.seats.get(presence.peer);
    if (seat === undefined || seat.peer.incarnation !== presence.incarnation) return;
    seat.peer.disconnected();
    const remove = (): void => {
      room.seats.delete(presence.peer);
      seat.peer.end('lost');
      room.events.emit({ type: 'peer-down', peer: presence.peer, reason });
    };
    if (reason === 'left') remove();
    else seat.cancelLost = clock.after(limits.lostAfterMs, remove);
  };

  const onHubEvent = (event: HubServerEvent): void => {
    const room = rooms.get(event.federation);
    if (room === undefined) return;
    switch (event.type) {
      case 'arrived':
        return arrive(event.federation, room, event.presence);
      case 'departed':
        return depart(room, event.presence, event.reason);
      case 'frame':
        try {
          room.seats.get(event.from)?.peer.receive(event.frame);
        } catch (thrown) {
          hub.fault(event.federation, event.from, thrown);
          room.events.emit({ type: 'refused', from: event.from, error: toErrorRecord(thrown) });
        }
    }
  };
  const unsubscribe = hub.subscribe(onHubEvent);

  const peerOf = (token: string): NodePeer | undefined => {
    const credential = hub.authorize(token);
    if (credential === undefined) return undefined;
    const seat = rooms.get(credential.federation)?.seats.get(credential.participant);
    return seat?.peer.incarnation === credential.incarnation ? seat.peer : undefined;
  };

  const elsewhere = (token: string): string | undefined => {
    const federation = hub.authorize(token)?.federation;
    return federation === undefined || rooms.has(federation) ? undefined : hub.nodeOf(federation)?.address;
  };
  const forwarder = createForwarder(log);

  return {
    transportFor: (federation) => (rooms.get(federation) ?? open(federation)).transport,
    handle: createMessageHandler({ peerOf, elsewhere, forwarder, log }),
    async close() {
      unsubscribe();
      forwarder.close();
      await Promise.all([...rooms.values()].map((room) => room.transport.close()));
    },
  };
}
