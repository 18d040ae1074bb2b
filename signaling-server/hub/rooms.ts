import { MurmurationError } from '../../shared/errors/index.ts';
import { type ParticipantId, participantIdToBytes, toBase64Url } from '../../shared/identity/index.ts';
import type { Presence } from '../../shared/transport/hub.ts';
import {
  decodeFrame,
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
import type { Connection } from './connection.ts';
import type { HubServerEvent } from './hub.ts';
import type { HubLimits } from './limits.ts';
import type { Log } from './log.ts';
import { outOfPhase } from './out-of-phase.ts';

/** A participant that is let in. */
export interface Member {
  readonly connection: Connection;
  readonly federation: string;
  readonly presence: Presence;
  readonly rawId: Uint8Array;
  /** Absent receivers that this member was told about, so as not to repeat it for every frame. */
  readonly told: Set<string>;
  left: boolean;
}

export type WelcomeRest = Omit<Welcome, 'type' | 'peers' | 'serverNode'>;

export interface Rooms {
  /** Takes a participant in, in place of an older connection of its own. */
  join(connection: Connection, hello: Hello, rest: WelcomeRest): Member;
  /** @returns false when a newer connection has taken its place. */
  depart(member: Member): boolean;
  receiveText(member: Member, text: string): void;
  receiveFrame(member: Member, bytes: Uint8Array<ArrayBuffer>): void;
  find(federation: string, participant: ParticipantId): Member | undefined;
  presences(federation: string): readonly Presence[];
  /** Of one participant, in all federations. */
  membersOf(participant: ParticipantId): readonly Member[];
  setNode(federation: string, present: boolean): void;
}

interface Room {
  readonly members: Map<string, Member>;
  /** Whether the server takes part itself. */
  node: boolean;
}

/** Who is connected in which federation, and what passes between them. */
export function createRooms(options: {
  readonly limits: HubLimits;
  readonly log: Log;
  emit(event: HubServerEvent): void;
}): Rooms {
  const { limits, log, emit } = options;
  const rooms = new Map<string, Room>();

  const roomOf = (federation: string): Room => {
    const known = rooms.get(federation);
    if (known !== undefined) return known;
    const room: Room = { members: new Map(), node: false };
    rooms.set(federation, room);
    return room;
  };

  const removeIfEmpty = (federation: string, room: Room): void => {
    if (room.members.size === 0 && !room.node) rooms.delete(federation);
  };

  const find = (federation: string, peer: ParticipantId): Member | undefined =>
    rooms.get(federation)?.members.get(peer);

  const receiverFor = (member: Member, peer: ParticipantId): Member | undefined => {
    const receiver = find(member.federation, peer);
    if (receiver === undefined) tellAbsent(member, peer);
    return receiver;
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

  /** The frame is passed on in the buffer it came in; only the receiver's id becomes the sender's. */
  const relay = (member: Member, bytes: Uint8Array<ArrayBuffer>): void => {
    if (bytes.length > MAX_FRAME_BYTES) decodeFrame(bytes); // throws the refusal
    const to = toBase64Url(bytes.subarray(1, RELAY_HEADER_BYTES)) as ParticipantId;
    const receiver = receiverFor(member, to);
    if (receiver === undefined) return;
    bytes.set(member.rawId, 1);
    receiver.connection.sendBytes(bytes);
    if (receiver.connection.congested) member.connection.waitFor(receiver.connection);
  };

  return {
    join(connection, hello, rest) {
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
      const peers = others.map((other) => other.presence);
      connection.sendText({ type: 'welcome', peers, serverNode: room.node, ...rest });
      for (const other of others) {
        other.told.delete(participant);
        other.connection.sendText({ type: 'arrived', presence });
      }
      log.debug({ federation, participant, peers: others.length }, 'hub: arrived');
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
          receiverFor(member, to)?.connection.sendText({ type: 'signal', from, envelope });
        }
      }
    },
    receiveFrame(member, bytes) {
      if (bytes[0] === FRAME_KIND.relay && bytes.length >= RELAY_HEADER_BYTES) return relay(member, bytes);
      const frame = decodeFrame(bytes);
      if (frame.kind === 'heartbeat' || frame.kind === 'relay') return;
      if (frame.kind === 'offer') throw outOfPhase('offers from the server only', 'one from a participant');
      const { federation, presence } = member;
      if (rooms.get(federation)?.node !== true) tellAbsent(member, 'server');
      else emit({ type: 'frame', federation, from: presence.peer, frame });
    },
    find,
    presences: (federation) => [...(rooms.get(federation)?.members.values() ?? [])].map((m) => m.presence),
    membersOf: (participant) => [...rooms.values()].flatMap(({ members }) => members.get(participant) ?? []),
    setNode(federation, present) {
      const room = roomOf(federation);
      if (room.node === present) return removeIfEmpty(federation, room);
      room.node = present;
      if (present) for (const member of room.members.values()) member.told.delete('server');
      broadcast(room, { type: 'node', present });
      removeIfEmpty(federation, room);
    },
  };
}

function broadcast(room: Room, message: ServerText): void {
  for (const member of room.members.values()) member.connection.sendText(message);
}
