import { MurmurationError } from '../../shared/errors/index.ts';
import {
  PARTICIPANT_ID_BYTES,
  type ParticipantId,
  participantIdToBytes,
} from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import type { Presence } from '../../shared/transport/hub.ts';
import {
  decodeFrame,
  encodeFrame,
  FRAME_KIND,
  MAX_FRAME_BYTES,
  RELAY_HEADER_BYTES,
} from '../../shared/transport/hub-frames.ts';
import {
  CLOSE,
  type Hello,
  parseClientText,
  type ServerText,
  type Welcome,
} from '../../shared/transport/hub-protocol.ts';
import type { Cluster, RemoteMember } from '../replicas/cluster.ts';
import { isNewer } from '../replicas/cluster.ts';
import type { Connection } from './connection.ts';
import { createCrossings } from './crossings.ts';
import type { HubServerEvent, NodeFrame } from './hub.ts';
import type { HubLimits } from './limits.ts';
import type { Log } from './log.ts';
import { outOfPhase } from './out-of-phase.ts';

/** A participant that is let in. */
export interface Member {
  readonly connection: Connection;
  readonly federation: string;
  readonly presence: Presence;
  readonly rawId: Uint8Array;
  /** Of this connection among those of the participant on all replicas; greater is newer. */
  readonly order: number;
  /** Absent receivers that this member was told about, so as not to repeat it for every frame. */
  readonly told: Set<string>;
  left: boolean;
}

export type WelcomeRest = Omit<Welcome, 'type' | 'peers' | 'serverNode' | 'serverIncarnation'>;

export interface Rooms {
  /** Takes a participant in, in place of an older connection of its own. */
  join(connection: Connection, hello: Hello, rest: WelcomeRest): Member;
  /** @returns false when a newer connection has taken its place. */
  depart(member: Member): boolean;
  receiveText(member: Member, text: string): void;
  receiveFrame(member: Member, bytes: Uint8Array<ArrayBuffer>): void;
  /** Of those connected to this replica. */
  find(federation: string, participant: ParticipantId): Member | undefined;
  /** Everyone in the federation, whichever replica they are connected to. */
  presences(federation: string): readonly Presence[];
  /** Of one participant connected to this replica, in all federations. */
  membersOf(participant: ParticipantId): readonly Member[];
  /** Lets go of what others were told of it. */
  forget(participant: ParticipantId, federation?: string): void;
  setNode(federation: string, present: boolean): void;
  /** Federations with participants connected to this replica, in which no replica runs the server's node. */
  leaderless(): readonly string[];
  /** As {@link HubServer.send}, and the refusals. @returns false when the participant is connected nowhere. */
  sendFrame(federation: string, to: ParticipantId, frame: NodeFrame): boolean;
  fault(federation: string, participant: ParticipantId, thrown: unknown): void;
  notify(federation: string, participant: ParticipantId, error: MurmurationError): void;
  close(): void;
}

interface Room {
  readonly members: Map<string, Member>;
  /** Whether this replica runs the server's node. */
  node: boolean;
  /** The incarnation of the server's node that members were told of; undefined: none. */
  told: number | undefined;
}

/** Who is connected in which federation, and what passes between them. */
export function createRooms(options: {
  readonly limits: HubLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly cluster: Cluster;
  /** Of the server's nodes on this replica. */
  readonly incarnation: number;
  emit(event: HubServerEvent): void;
  /** Told of every frame that is passed on between participants of this replica. */
  onRelayed?(bytes: number): void;
}): Rooms {
  const { limits, log, emit, cluster } = options;
  const rooms = new Map<string, Room>();

  const roomOf = (federation: string): Room => {
    const known = rooms.get(federation);
    if (known !== undefined) return known;
    const room: Room = { members: new Map(), node: false, told: nodeIncarnation(federation) };
    rooms.set(federation, room);
    return room;
  };

  const removeIfEmpty = (federation: string, room: Room): void => {
    if (room.members.size === 0 && !room.node) rooms.delete(federation);
  };

  const find = (federation: string, peer: ParticipantId): Member | undefined =>
    rooms.get(federation)?.members.get(peer);

  const nodeIncarnation = (federation: string): number | undefined =>
    rooms.get(federation)?.node === true ? options.incarnation : cluster.nodeOf(federation)?.incarnation;

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

  const emitFrame = (federation: string, from: ParticipantId, bytes: Uint8Array<ArrayBuffer>): void => {
    const frame = decodeFrame(bytes);
    if (frame.kind === 'heartbeat' || frame.kind === 'relay') return;
    emit({ type: 'frame', federation, from, frame });
  };

  const crossings = createCrossings({ cluster, limits, clock: options.clock, find, tellAbsent, emitFrame });

  /** The frame is passed on in the buffer it came in; only the receiver's id becomes the sender's. */
  const relay = (member: Member, bytes: Uint8Array<ArrayBuffer>): void => {
    if (bytes.length > MAX_FRAME_BYTES) decodeFrame(bytes); // throws the refusal
    const to = receiverOf(bytes);
    const receiver = find(member.federation, to);
    if (receiver === undefined) {
      if (!crossings.relay(member, to, bytes.subarray(RELAY_HEADER_BYTES))) tellAbsent(member, to);
      return;
    }
    bytes.set(member.rawId, 1);
    receiver.connection.sendBytes(bytes);
    options.onRelayed?.(bytes.length);
    if (receiver.connection.congested) member.connection.waitFor(receiver.connection);
  };

  const toldOfArrival = (room: Room, presence: Presence, except?: Member): number => {
    let others = 0;
    for (const other of room.members.values()) {
      if (other === except) continue;
      others++;
      other.told.delete(presence.peer);
      other.connection.sendText({ type: 'arrived', presence });
    }
    return others;
  };

  const tellNode = (federation: string): void => {
    const room = rooms.get(federation);
    const incarnation = nodeIncarnation(federation);
    if (room === undefined || room.told === incarnation) return;
    room.told = incarnation;
    for (const member of room.members.values()) member.told.delete('server');
    broadcast(
      room,
      incarnation === undefined
        ? { type: 'node', present: false }
        : { type: 'node', present: true, incarnation },
    );
  };

  const supersede = ({ connection }: Member): void => {
    connection.sendText({ type: 'bye', reason: 'superseded' });
    connection.end(CLOSE.superseded, 'superseded');
  };

  const remoteArrived = (remote: RemoteMember): void => {
    const { federation, presence } = remote;
    const room = rooms.get(federation);
    const own = room?.members.get(presence.peer);
    if (own !== undefined && isNewer({ order: own.order, replica: cluster.replica }, remote)) return;
    if (room !== undefined && own !== undefined) {
      room.members.delete(presence.peer);
      cluster.depart(federation, presence, 'lost');
      supersede(own);
      removeIfEmpty(federation, room);
    }
    if (room !== undefined) toldOfArrival(room, presence);
    emit({ type: 'arrived', federation, presence, remote: true });
  };

  const remoteDeparted = ({ federation, presence }: RemoteMember, reason: 'left' | 'lost'): void => {
    const room = rooms.get(federation);
    if (room?.members.has(presence.peer) === true) return; // connected here since
    if (room !== undefined) broadcast(room, { type: 'departed', peer: presence.peer });
    emit({ type: 'departed', federation, presence, reason });
  };

  const unsubscribe = cluster.subscribe((event) => {
    switch (event.type) {
      case 'arrived':
        return remoteArrived(event.member);
      case 'departed':
        return remoteDeparted(event.member, event.reason);
      case 'node':
        return tellNode(event.federation);
      case 'parcel':
        return crossings.receive(event.replica, event.parcel);
      case 'expelled':
        return;
    }
  });

  return {
    join(connection, hello, rest) {
      const { federation, participant } = hello;
      const presence: Presence = { peer: participant, incarnation: hello.incarnation };
      const rawId = participantIdToBytes(participant);
      const room = roomOf(federation);
      const order = cluster.arrive(federation, presence);
      const member: Member = {
        connection,
        federation,
        presence,
        rawId,
        order,
        told: new Set(),
        left: false,
      };
      const older = room.members.get(participant);
      room.members.set(participant, member); // the newest connection wins: it is the one after a reload
      if (older !== undefined) supersede(older);
      const node = nodeIncarnation(federation);
      connection.sendText({
        type: 'welcome',
        peers: this.presences(federation).filter(({ peer }) => peer !== participant),
        serverNode: node !== undefined,
        serverIncarnation: node ?? options.incarnation,
        ...rest,
      });
      const others = toldOfArrival(room, presence, member);
      log.debug({ federation, participant, peers: others }, 'hub: arrived');
      emit({ type: 'arrived', federation, presence });
      return member;
    },
    depart(member) {
      const { federation, presence } = member;
      const room = rooms.get(federation);
      if (room?.members.get(presence.peer) !== member) return false;
      room.members.delete(presence.peer);
      removeIfEmpty(federation, room);
      const reason = member.left ? 'left' : 'lost';
      cluster.depart(federation, presence, reason);
      broadcast(room, { type: 'departed', peer: presence.peer });
      log.debug({ federation, participant: presence.peer, reason }, 'hub: departed');
      emit({ type: 'departed', federation, presence, reason });
      return true;
    },
    receiveText(member, text) {
      const message = parseClientText(text);
      switch (message.type) {
        case 'hello':
          throw outOfPhase('one hello', 'a second');
        case 'bye':
          member.left = true;
          return member.connection.end(CLOSE.normal, 'bye');
        case 'signal': {
          const from = member.presence.peer;
          const { to, envelope } = message;
          const receiver = find(member.federation, to);
          if (receiver !== undefined) receiver.connection.sendText({ type: 'signal', from, envelope });
          else if (!crossings.signal(member, to, envelope)) tellAbsent(member, to);
        }
      }
    },
    receiveFrame(member, bytes) {
      if (bytes[0] === FRAME_KIND.relay && bytes.length >= RELAY_HEADER_BYTES) return relay(member, bytes);
      const frame = decodeFrame(bytes);
      if (frame.kind === 'heartbeat' || frame.kind === 'relay') return;
      if (frame.kind === 'offer') throw outOfPhase('offers from the server only', 'one from a participant');
      const { federation, presence } = member;
      if (rooms.get(federation)?.node === true)
        emit({ type: 'frame', federation, from: presence.peer, frame });
      else if (!crossings.toNode(member, bytes)) tellAbsent(member, 'server');
    },
    find,
    presences(federation) {
      const here = rooms.get(federation)?.members;
      const elsewhere = cluster.members(federation).filter(({ presence }) => !here?.has(presence.peer));
      return [...(here?.values() ?? []), ...elsewhere].map(({ presence }) => presence);
    },
    membersOf: (participant) => [...rooms.values()].flatMap(({ members }) => members.get(participant) ?? []),
    forget(participant, only) {
      for (const [federation, { members }] of rooms)
        if ((only ?? federation) === federation)
          for (const { told } of members.values()) told.delete(participant);
    },
    setNode(federation, present) {
      const room = roomOf(federation);
      room.node = present;
      cluster.host(federation, present);
      tellNode(federation);
      removeIfEmpty(federation, room);
    },
    leaderless: () =>
      [...rooms]
        .filter(([federation, { members }]) => members.size > 0 && nodeIncarnation(federation) === undefined)
        .map(([federation]) => federation),
    sendFrame(federation, to, frame) {
      const member = find(federation, to);
      if (member === undefined) return crossings.fromNode(federation, to, encodeFrame(frame));
      if (!member.connection.open) return false;
      member.connection.sendBytes(encodeFrame(frame));
      return true;
    },
    fault(federation, participant, thrown) {
      const member = find(federation, participant);
      if (member !== undefined) member.connection.fault(thrown);
      else crossings.refuse('fault', federation, participant, thrown);
    },
    notify(federation, participant, error) {
      const member = find(federation, participant);
      if (member !== undefined) member.connection.notify(error);
      else crossings.refuse('notice', federation, participant, error);
    },
    close() {
      unsubscribe();
      crossings.close();
    },
  };
}

function broadcast(room: Room, message: ServerText): void {
  for (const member of room.members.values()) member.connection.sendText(message);
}

/** As `participantIdFromBytes`, for every relayed frame: a tenth of its time. */
function receiverOf({ buffer, byteOffset }: Uint8Array<ArrayBuffer>): ParticipantId {
  return Buffer.from(buffer, byteOffset + 1, PARTICIPANT_ID_BYTES).toString('base64url') as ParticipantId;
}
