import type { ErrorRecord, MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import { createEmitter } from '../../shared/transport/emitter.ts';
import type { Presence } from '../../shared/transport/hub.ts';
import type { Log } from '../hub/log.ts';
import type { Bus } from './bus.ts';
import {
  type ClusterMessage,
  decodeParcel,
  encodeClusterMessage,
  encodeParcel,
  type Parcel,
  parseClusterMessage,
  type RosterMember,
} from './cluster-messages.ts';

/** A participant that is connected to another replica. */
export interface RemoteMember {
  readonly replica: string;
  readonly federation: string;
  readonly presence: Presence;
  readonly order: number;
}

/** The server's node of a federation, on another replica. */
export interface RemoteNode {
  readonly replica: string;
  readonly incarnation: number;
  /** Where that replica answers HTTP; undefined when it does not say. */
  readonly address: string | undefined;
}

export interface Expulsion {
  readonly participant: ParticipantId;
  readonly error: ErrorRecord;
  /** Undefined: all. */
  readonly federation: string | undefined;
}

export type ClusterEvent =
  /** Connected to another replica; also when it moved there, or connected anew. */
  | { readonly type: 'arrived'; readonly member: RemoteMember }
  | { readonly type: 'departed'; readonly member: RemoteMember; readonly reason: 'left' | 'lost' }
  /** Another replica took the lead of a federation, or the one that had it is gone. */
  | { readonly type: 'node'; readonly federation: string; readonly node: RemoteNode | undefined }
  | ({ readonly type: 'expelled' } & Expulsion)
  | { readonly type: 'parcel'; readonly replica: string; readonly parcel: Parcel };

/** This replica among the others: who is connected where, who leads what, and a way to them. */
export interface Cluster {
  readonly replica: string;
  /** Other replicas that are heard from. */
  readonly others: readonly string[];
  /** More waits for other replicas than should. */
  readonly congested: boolean;
  onceDrained(callback: () => void): void;
  /** Tells that a participant connected here, which ends its connections elsewhere. @returns the order of this connection. */
  arrive(federation: string, presence: Presence): number;
  depart(federation: string, presence: Presence, reason: 'left' | 'lost'): void;
  /** Tells whether this replica runs the server's node of a federation. */
  host(federation: string, present: boolean): void;
  /** Those connected to other replicas. */
  members(federation: string): readonly RemoteMember[];
  find(federation: string, participant: ParticipantId): RemoteMember | undefined;
  /** The server's node of a federation, where another replica runs it. */
  nodeOf(federation: string): RemoteNode | undefined;
  send(replica: string, parcel: Parcel): void;
  /** Told again to whoever could not hear it, as far as this replica lives. */
  expel(participant: ParticipantId, error: MurmurationError, federation?: string): void;
  subscribe(listener: (event: ClusterEvent) => void): () => void;
  /** Says goodbye to the others. */
  close(): void;
}

export interface ClusterOptions {
  readonly bus: Bus;
  readonly replica: string;
  /** Distinct for every start of this replica: its node's. */
  readonly incarnation: number;
  /** Where others reach this replica by HTTP. */
  readonly address?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly beatMs?: number;
  /** A replica that is silent for this long is dead, and those connected to it are lost. */
  readonly deadAfterMs?: number;
}

interface Replica {
  readonly name: string;
  readonly incarnation: number;
  address: string | undefined;
  /** How many of its changes are known here; undefined before its first roster. */
  version: number | undefined;
  askedAtMs: number;
  heardAtMs: number;
  readonly members: Map<string, RemoteMember>;
  readonly nodes: Set<string>;
}

const ALL = 'all';
/** A timer that comes this many intervals late says that this process was held up, not that the others were silent. */
const LATE_BEATS = 1.5;
/** Who was expelled is told again, for so long, to replicas that come (back). */
const EXPELLED_FOR_MS = 10 * 60_000;
const MAX_EXPULSIONS = 10_000;

/**
 * Keeps the rosters of all replicas alike by gossip. Nothing of it is kept anywhere: what a replica misses shows in the
 * next heartbeat's count of changes, and it asks for the whole. SPEC X-02.
 */
export function createCluster(options: ClusterOptions): Cluster {
  const { bus, replica: self, incarnation, address, clock, log } = options;
  const beatMs = options.beatMs ?? 1000;
  const deadAfterMs = options.deadAfterMs ?? 5000;
  const events = createEmitter<ClusterEvent>((thrown) =>
    log.error({ err: thrown }, 'cluster: a listener failed'),
  );
  const replicas = new Map<string, Replica>();
  /** Of each participant that is connected elsewhere, its newest connection. */
  const newest = new Map<string, Map<ParticipantId, RemoteMember>>();
  const own = new Map<string, RosterMember>();
  const ownNodes = new Set<string>();
  /** By this replica, oldest first. */
  let expulsions: { readonly what: Expulsion; readonly atMs: number; isSaid: boolean }[] = [];
  let version = 0;
  let order = 0;
  let lastBeatMs = clock.nowMs();
  let cancelBeat = (): void => undefined;
  let closed = false;

  const about = () => ({ replica: self, incarnation, version });
  const tellAll = (message: ClusterMessage): void => {
    if (!closed) bus.publish(ALL, encodeClusterMessage(message));
  };
  const sayBeat = (): void =>
    tellAll({ type: 'beat', ...about(), ...(address === undefined ? {} : { address }) });
  const sayRoster = (): void =>
    tellAll({
      type: 'roster',
      ...about(),
      ...(address === undefined ? {} : { address }),
      members: [...own.values()],
      nodes: [...ownNodes],
    });

  const nodeOf = (federation: string): RemoteNode | undefined => {
    // Two claim it for a moment when the lead changes hands: the one that was heard of last is right.
    const leader = [...replicas.values()].findLast(({ nodes }) => nodes.has(federation));
    return leader && { replica: leader.name, incarnation: leader.incarnation, address: leader.address };
  };

  const arrived = (from: Replica, { federation, peer, incarnation: of, order: at }: RosterMember): void => {
    order = Math.max(order, at);
    const member = { replica: from.name, federation, presence: { peer, incarnation: of }, order: at };
    const known = newest.get(federation)?.get(peer);
    from.members.set(keyOf(federation, peer), member);
    if (known !== undefined && !isNewer(member, known)) return;
    if (known !== undefined && known.order === at && known.replica === from.name) return; // told again
    const room = newest.get(federation) ?? new Map<ParticipantId, RemoteMember>();
    newest.set(federation, room);
    room.set(peer, member);
    events.emit({ type: 'arrived', member });
  };

  const departed = (
    from: Replica,
    federation: string,
    peer: ParticipantId,
    reason: 'left' | 'lost',
  ): void => {
    const member = from.members.get(keyOf(federation, peer));
    from.members.delete(keyOf(federation, peer));
    const room = newest.get(federation);
    const known = room?.get(peer);
    if (member === undefined || room === undefined || known === undefined) return;
    if (known.replica !== from.name || known.order !== member.order) return; // it has come back elsewhere since
    room.delete(peer);
    if (room.size === 0) newest.delete(federation);
    events.emit({ type: 'departed', member, reason });
  };

  const setNode = (from: Replica, federation: string, present: boolean): void => {
    if (from.nodes.has(federation) === present) return;
    if (present) {
      from.nodes.add(federation);
      replicas.delete(from.name); // to the end: heard of last
      replicas.set(from.name, from);
    } else {
      from.nodes.delete(federation);
    }
    events.emit({ type: 'node', federation, node: nodeOf(federation) });
  };

  const forget = (gone: Replica): void => {
    replicas.delete(gone.name);
    for (const federation of [...gone.nodes]) setNode(gone, federation, false);
    for (const { federation, presence } of [...gone.members.values()])
      departed(gone, federation, presence.peer, 'lost');
  };

  const ask = (of: Replica): void => {
    if (clock.nowMs() - of.askedAtMs < beatMs / 2) return;
    of.askedAtMs = clock.nowMs();
    tellAll({ type: 'ask', ...about(), of: of.name });
  };

  /** @returns the replica that speaks, as of its present start. */
  const speaker = (message: ClusterMessage): Replica => {
    const known = replicas.get(message.replica);
    if (known?.incarnation === message.incarnation) {
      known.heardAtMs = clock.nowMs();
      return known;
    }
    if (known !== undefined) forget(known);
    const fresh: Replica = {
      name: message.replica,
      incarnation: message.incarnation,
      address: undefined,
      version: undefined,
      askedAtMs: Number.NEGATIVE_INFINITY,
      heardAtMs: clock.nowMs(),
      members: new Map(),
      nodes: new Set(),
    };
    replicas.set(fresh.name, fresh);
    log.info({ replica: fresh.name }, 'cluster: another replica is here');
    return fresh;
  };

  /** @returns whether this change is the next after those that are known. */
  const isNext = (from: Replica, message: ClusterMessage): boolean => {
    if (from.version !== undefined && message.version === from.version + 1) {
      from.version = message.version;
      return true;
    }
    if (from.version === undefined || message.version > from.version) ask(from);
    return false;
  };

  const takeRoster = (from: Replica, roster: Extract<ClusterMessage, { type: 'roster' }>): void => {
    if (from.version !== undefined && roster.version < from.version) return;
    from.version = roster.version;
    from.address = roster.address;
    const listed = new Set(roster.members.map(({ federation, peer }) => keyOf(federation, peer)));
    for (const [key, { federation, presence }] of [...from.members]) {
      if (!listed.has(key)) departed(from, federation, presence.peer, 'lost');
    }
    for (const member of roster.members) arrived(from, member);
    for (const federation of [...from.nodes]) {
      if (!roster.nodes.includes(federation)) setNode(from, federation, false);
    }
    for (const federation of roster.nodes) setNode(from, federation, true);
  };

  const receive = (bytes: Uint8Array): void => {
    const message = parseClusterMessage(bytes);
    if (message.replica === self) return;
    if (message.type === 'gone') {
      const gone = replicas.get(message.replica);
      if (gone?.incarnation === message.incarnation) forget(gone);
      return;
    }
    const from = speaker(message);
    switch (message.type) {
      case 'beat':
        from.address = message.address;
        if (from.version !== message.version) ask(from);
        return;
      case 'arrived':
        if (isNext(from, message)) arrived(from, message.member);
        return;
      case 'departed':
        if (isNext(from, message))
          departed(from, message.member.federation, message.member.peer, message.reason);
        return;
      case 'node':
        if (isNext(from, message)) setNode(from, message.federation, message.present);
        return;
      case 'roster':
        return takeRoster(from, message);
      case 'ask':
        if (message.of === undefined || message.of === self) sayRoster();
        // It was not there, or cut off.
        if (message.of === undefined) for (const { what } of expulsions) sayExpelled(what, from.name);
        return;
      case 'expel':
        if (message.to !== undefined && message.to !== self) return;
        return events.emit({
          type: 'expelled',
          participant: message.participant,
          error: message.error,
          federation: message.federation,
        });
    }
  };

  const guarded =
    (handle: (bytes: Uint8Array<ArrayBuffer>) => void) =>
    (bytes: Uint8Array<ArrayBuffer>): void => {
      try {
        handle(bytes);
      } catch (thrown) {
        log.warn({ err: thrown }, 'cluster: a message of another replica was refused');
      }
    };

  const sayExpelled = ({ participant, error, federation }: Expulsion, to?: string): void =>
    tellAll({
      type: 'expel',
      ...about(),
      participant,
      error,
      ...(federation === undefined ? {} : { federation }),
      ...(to === undefined ? {} : { to }),
    });

  const introduce = (up: boolean): void => {
    if (!up) return;
    tellAll({ type: 'ask', ...about() });
    sayRoster();
    for (const expulsion of expulsions) {
      if (!expulsion.isSaid) sayExpelled(expulsion.what);
      expulsion.isSaid = true;
    }
  };

  const beat = (): void => {
    const nowMs = clock.nowMs();
    const late = nowMs - lastBeatMs > LATE_BEATS * beatMs;
    lastBeatMs = nowMs;
    if (bus.up) sayBeat();
    expulsions = expulsions.filter((each) => nowMs - each.atMs < EXPELLED_FOR_MS);
    for (const other of late ? [] : [...replicas.values()]) {
      if (nowMs - other.heardAtMs <= deadAfterMs) continue;
      log.warn(
        { replica: other.name, members: other.members.size },
        'cluster: a replica is not heard from any more',
      );
      forget(other);
    }
    cancelBeat = clock.after(beatMs, beat);
  };

  const endings = [
    bus.subscribe(ALL, guarded(receive)),
    bus.subscribe(
      channelOf(self),
      guarded((bytes) => {
        const replicaLength = bytes[0]!;
        const replica = Buffer.from(bytes.subarray(1, 1 + replicaLength)).toString('utf8');
        events.emit({ type: 'parcel', replica, parcel: decodeParcel(bytes.subarray(1 + replicaLength)) });
      }),
    ),
    bus.watch(introduce),
  ];
  introduce(bus.up);
  cancelBeat = clock.after(beatMs, beat);
  const sender = Buffer.from(self);

  return {
    replica: self,
    get others() {
      return [...replicas.keys()];
    },
    get congested() {
      return bus.congested;
    },
    onceDrained: bus.onceDrained,
    arrive(federation, { peer, incarnation: of }) {
      const member = { federation, peer, incarnation: of, order: ++order };
      own.set(keyOf(federation, peer), member);
      // Its connection elsewhere is being ended: that it departs there concerns nobody any more.
      const room = newest.get(federation);
      if (room?.delete(peer) === true && room.size === 0) newest.delete(federation);
      version++;
      tellAll({ type: 'arrived', ...about(), member });
      return member.order;
    },
    depart(federation, { peer }, reason) {
      const member = own.get(keyOf(federation, peer));
      if (member === undefined) return;
      own.delete(keyOf(federation, peer));
      version++;
      tellAll({ type: 'departed', ...about(), member, reason });
    },
    host(federation, present) {
      if (ownNodes.has(federation) === present) return;
      if (present) ownNodes.add(federation);
      else ownNodes.delete(federation);
      version++;
      tellAll({ type: 'node', ...about(), federation, present });
    },
    members: (federation) => [...(newest.get(federation)?.values() ?? [])],
    find: (federation, participant) => newest.get(federation)?.get(participant),
    nodeOf,
    send(replica, parcel) {
      const bytes = encodeParcel(parcel);
      const addressed = new Uint8Array(1 + sender.length + bytes.length);
      addressed[0] = sender.length;
      addressed.set(sender, 1);
      addressed.set(bytes, 1 + sender.length);
      bus.publish(channelOf(replica), addressed);
    },
    expel(participant, error, federation) {
      const atMs = clock.nowMs();
      const what = { participant, error: error.toRecord(), federation };
      expulsions = expulsions.filter((each) => atMs - each.atMs < EXPELLED_FOR_MS).slice(1 - MAX_EXPULSIONS);
      expulsions.push({ what, atMs, isSaid: bus.up });
      sayExpelled(what);
    },
    subscribe: events.subscribe,
    close() {
      if (closed) return;
      tellAll({ type: 'gone', ...about() });
      closed = true;
      cancelBeat();
      for (const end of endings) end();
    },
  };
}

/** Of two connections of one participant, which is to stay; both replicas must come to the same answer. */
export function isNewer(
  a: { readonly order: number; readonly replica: string },
  b: { readonly order: number; readonly replica: string },
): boolean {
  return a.order > b.order || (a.order === b.order && a.replica >= b.replica);
}

function channelOf(replica: string): string {
  return `to:${replica}`;
}

function keyOf(federation: string, peer: ParticipantId): string {
  return `${federation} ${peer}`;
}
