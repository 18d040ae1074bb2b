import type { ParticipantId } from '../identity/index.ts';
import type { Clock } from '../transport/clock.ts';
import { createEmitter } from '../transport/emitter.ts';
import type { Hub, HubEvent, Presence } from '../transport/hub.ts';

/** A server's hub for participants in one process, which can die, come back, and lie. */
export interface MemoryHub {
  /** Connects a participant; it opens on the next turn of the clock. */
  join(peer: ParticipantId, incarnation: number): Hub;
  /** The server dies: everyone is disconnected at once. */
  kill(): void;
  /** It comes back, and everyone connects again. */
  revive(): void;
  /** One participant's connection breaks until `reconnect`. */
  disconnect(peer: ParticipantId): void;
  reconnect(peer: ParticipantId): void;
  /** What a dishonest server does to a relayed frame or an envelope on its way; undefined swallows it. */
  tamper: {
    relay?: (frame: Uint8Array<ArrayBuffer>, from: ParticipantId) => Uint8Array<ArrayBuffer>[];
    signal?: (envelope: string, from: ParticipantId) => string[];
  };
  /** Tells everyone else that this participant arrived, true or not. */
  announce(presence: Presence): void;
  readonly relayedBytes: number;
}

interface Member {
  readonly presence: Presence;
  readonly emit: (event: HubEvent) => void;
  connected: boolean;
}

export function createMemoryHub({
  clock,
  latencyMs = 1,
}: {
  readonly clock: Clock;
  readonly latencyMs?: number;
}): MemoryHub {
  const members = new Map<ParticipantId, Member>();
  const tamper: MemoryHub['tamper'] = {};
  let alive = true;
  let relayedBytes = 0;

  const others = (peer: ParticipantId): Member[] =>
    [...members.values()].filter(({ presence, connected }) => connected && presence.peer !== peer);
  /** In order: timers of equal delay keep the order of their making. */
  const deliver = (to: ParticipantId, event: HubEvent): void => {
    clock.after(latencyMs, () => {
      const member = members.get(to);
      if (alive && member?.connected === true) member.emit(event);
    });
  };

  const connect = (member: Member): void => {
    if (!alive || member.connected || members.get(member.presence.peer) !== member) return;
    member.connected = true;
    const { peer } = member.presence;
    member.emit({ type: 'open', peers: others(peer).map(({ presence }) => presence), iceServers: [] });
    for (const other of others(peer))
      deliver(other.presence.peer, { type: 'arrived', presence: member.presence });
  };
  const disconnect = (member: Member): void => {
    if (!member.connected) return;
    member.connected = false;
    member.emit({ type: 'closed' });
    const { peer } = member.presence;
    for (const other of others(peer)) deliver(other.presence.peer, { type: 'departed', peer });
  };

  return {
    tamper,
    get relayedBytes() {
      return relayedBytes;
    },
    announce(presence) {
      for (const other of others(presence.peer)) deliver(other.presence.peer, { type: 'arrived', presence });
    },
    join(peer, incarnation) {
      const events = createEmitter<HubEvent>((thrown) => {
        throw thrown;
      });
      const member: Member = { presence: { peer, incarnation }, emit: events.emit, connected: false };
      members.set(peer, member);
      clock.after(latencyMs, () => connect(member));
      return {
        get open() {
          return member.connected;
        },
        bufferedBytes: 0,
        signal(to, envelope) {
          if (!member.connected) return false;
          for (const passed of tamper.signal?.(envelope, peer) ?? [envelope])
            deliver(to, { type: 'signal', from: peer, envelope: passed });
          return true;
        },
        relay(to, frame) {
          if (!member.connected) return false;
          relayedBytes += frame.length;
          for (const passed of tamper.relay?.(frame, peer) ?? [frame])
            deliver(to, { type: 'relayed', from: peer, frame: passed });
          return true;
        },
        subscribe: events.subscribe,
        close() {
          if (members.get(peer) !== member) return;
          disconnect(member);
          members.delete(peer);
        },
      };
    },
    kill() {
      alive = false;
      for (const member of members.values()) {
        if (!member.connected) continue;
        member.connected = false;
        member.emit({ type: 'closed' });
      }
    },
    revive() {
      alive = true;
      for (const member of members.values()) connect(member);
    },
    disconnect(peer) {
      const member = members.get(peer);
      if (member !== undefined) disconnect(member);
    },
    reconnect(peer) {
      const member = members.get(peer);
      if (member !== undefined) connect(member);
    },
  };
}
