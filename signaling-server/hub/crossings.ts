import { type ErrorRecord, fromErrorRecord, toErrorRecord } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import { FRAME_KIND, RELAY_HEADER_BYTES } from '../../shared/transport/hub-frames.ts';
import type { Cluster } from '../replicas/cluster.ts';
import type { Parcel, ParcelKind } from '../replicas/cluster-messages.ts';
import type { Drainable } from './connection.ts';
import type { HubLimits } from './limits.ts';
import type { Member } from './rooms.ts';

/** What passes between participants, and between them and the server's node, when they are on different replicas. */
export interface Crossings {
  /** @returns false when the receiver is connected to no other replica; so do the next three. */
  signal(member: Member, to: ParticipantId, envelope: string): boolean;
  relay(member: Member, to: ParticipantId, payload: Uint8Array<ArrayBuffer>): boolean;
  toNode(member: Member, frame: Uint8Array<ArrayBuffer>): boolean;
  fromNode(federation: string, to: ParticipantId, frame: Uint8Array<ArrayBuffer>): boolean;
  refuse(kind: 'fault' | 'notice', federation: string, to: ParticipantId, thrown: unknown): void;
  receive(replica: string, parcel: Parcel): void;
  close(): void;
}

export interface CrossingsOptions {
  readonly cluster: Cluster;
  readonly limits: HubLimits;
  readonly clock: Clock;
  find(federation: string, participant: ParticipantId): Member | undefined;
  tellAbsent(member: Member, peer: ParticipantId): void;
  /** @throws the reason to refuse the frame. */
  emitFrame(federation: string, from: ParticipantId, frame: Uint8Array<ArrayBuffer>): void;
}

const NOTHING = new Uint8Array(0);

export function createCrossings(options: CrossingsOptions): Crossings {
  const { cluster, limits, clock, find } = options;
  const toOthers: Drainable = { onceDrained: cluster.onceDrained };
  /** Senders here that wait for a slow receiver elsewhere. */
  const holds = new Map<string, () => void>();
  /** Receivers here for whose sake a sender elsewhere was told to wait. */
  const slow = new WeakMap<Member, Set<string>>();

  const sendToMember = (
    kind: ParcelKind,
    federation: string,
    from: ParticipantId | undefined,
    to: ParticipantId,
    payload: Uint8Array<ArrayBuffer>,
  ): boolean => {
    const remote = cluster.find(federation, to);
    if (remote !== undefined) cluster.send(remote.replica, { kind, federation, from, to, payload });
    return remote !== undefined;
  };

  const deliverRelay = (replica: string, parcel: Parcel, receiver: Member): void => {
    const { federation, from, payload } = parcel;
    const sender = from!;
    const bytes = new Uint8Array(RELAY_HEADER_BYTES + payload.length);
    bytes[0] = FRAME_KIND.relay;
    bytes.set(Buffer.from(sender, 'base64url'), 1);
    bytes.set(payload, RELAY_HEADER_BYTES);
    receiver.connection.sendBytes(bytes);
    if (!receiver.connection.congested) return;
    const waiting = slow.get(receiver) ?? new Set();
    slow.set(receiver, waiting);
    if (waiting.has(sender)) return;
    waiting.add(sender);
    const answer = { federation, from: sender, to: receiver.presence.peer, payload: NOTHING };
    cluster.send(replica, { kind: 'hold', ...answer });
    receiver.connection.onceDrained(() => {
      waiting.delete(sender);
      cluster.send(replica, { kind: 'release', ...answer });
    });
  };

  /** What holds the sender up ends by itself, should the release get lost. */
  const hold = (member: Member, key: string): void => {
    if (holds.has(key)) return;
    member.connection.waitFor({
      onceDrained(callback) {
        const release = (): void => {
          cancel();
          holds.delete(key);
          callback();
        };
        const cancel = clock.after(limits.stallMs, release);
        holds.set(key, release);
      },
    });
  };

  return {
    signal: (member, to, envelope) =>
      sendToMember('signal', member.federation, member.presence.peer, to, new TextEncoder().encode(envelope)),
    relay(member, to, payload) {
      const sent = sendToMember('relay', member.federation, member.presence.peer, to, payload);
      if (sent && cluster.congested) member.connection.waitFor(toOthers);
      return sent;
    },
    toNode({ federation, presence, connection }, frame) {
      const node = cluster.nodeOf(federation);
      if (node === undefined) return false;
      const parcel = { federation, from: presence.peer, to: undefined, payload: frame };
      cluster.send(node.replica, { kind: 'to-node', ...parcel });
      if (cluster.congested) connection.waitFor(toOthers);
      return true;
    },
    fromNode: (federation, to, frame) => sendToMember('from-node', federation, undefined, to, frame),
    refuse(kind, federation, to, thrown) {
      const record = new TextEncoder().encode(JSON.stringify(toErrorRecord(thrown)));
      sendToMember(kind, federation, undefined, to, record);
    },
    receive(replica, parcel) {
      const { kind, federation, from, to, payload } = parcel;
      if (kind === 'to-node') {
        if (from === undefined) return;
        try {
          options.emitFrame(federation, from, payload);
        } catch (thrown) {
          this.refuse('fault', federation, from, thrown);
        }
        return;
      }
      if (kind === 'hold' || kind === 'release' || kind === 'absent') {
        const member = from && find(federation, from);
        if (to === undefined) return;
        const key = `${federation} ${from} ${to}`;
        if (kind === 'release') holds.get(key)?.();
        else if (member === undefined) return;
        else if (kind === 'hold') hold(member, key);
        else options.tellAbsent(member, to);
        return;
      }
      const member = to && find(federation, to);
      if (member === undefined) {
        if (from !== undefined)
          cluster.send(replica, { kind: 'absent', federation, from, to, payload: NOTHING });
        return;
      }
      if (kind === 'from-node') member.connection.sendBytes(payload);
      else if (kind === 'fault') member.connection.fault(errorOf(payload));
      else if (kind === 'notice') member.connection.notify(errorOf(payload));
      else if (from === undefined) return;
      else if (kind === 'relay') deliverRelay(replica, parcel, member);
      else member.connection.sendText({ type: 'signal', from, envelope: new TextDecoder().decode(payload) });
    },
    close() {
      for (const release of [...holds.values()]) release();
    },
  };
}

function errorOf(payload: Uint8Array<ArrayBuffer>) {
  return fromErrorRecord(JSON.parse(new TextDecoder().decode(payload)) as ErrorRecord);
}
