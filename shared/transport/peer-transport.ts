import { type ErrorRecord, toErrorRecord } from '../errors/index.ts';
import { type Identity, type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { Clock } from './clock.ts';
import type { DirectConnector } from './direct-connector.ts';
import { createEmitter } from './emitter.ts';
import type { Hub, HubEvent, IceServer, Presence } from './hub.ts';
import { LADDER_LIMITS, type LadderLimits, type PeerPath } from './ladder.ts';
import type { ChannelLimits } from './message-channel.ts';
import { createPeerLink, type PeerLink, type PeerLinkEvent } from './peer-link.ts';
import { createPlaces } from './places.ts';
import type { Path, PeerStatus, SendOptions, SendOutcome, Transport, TransportEvent } from './port.ts';

/** The server as a node: what a transport needs of server-channel.ts. */
export interface ServerPeer {
  /** Undefined while it cannot be reached. */
  readonly status: PeerStatus | undefined;
  send(bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<SendOutcome>;
  /** Events about `'server'` only. */
  subscribe(listener: (event: TransportEvent) => void): () => void;
  /** Ends every pending send as `aborted`. */
  close(): void;
}

export interface PeerTransportLimits extends LadderLimits {
  /** Direct connections being opened at the same time. */
  readonly maxConnecting: number;
  readonly channel: Partial<ChannelLimits>;
}

export interface PeerTransportOptions {
  readonly identity: Identity;
  /** Distinct for every start of this node. */
  readonly incarnation: number;
  readonly hub: Hub;
  readonly server?: ServerPeer;
  /** Absent where there is no WebRTC: then pairs are relayed. */
  readonly openDirect?: DirectConnector;
  /** Ways that data may go, as federation and user allow; default all. */
  readonly paths?: readonly Path[];
  readonly clock: Clock;
  readonly random: CryptoRandom;
  readonly limits?: Partial<PeerTransportLimits>;
}

/** More refusals than this in ten seconds are counted, not told: a flood must not become a flood of events. */
const MAX_REFUSALS = 50;
const REFUSAL_WINDOW_MS = 10_000;
/** Goodbyes get this long to leave. */
const FAREWELL_MS = 100;

/**
 * A participant's transport: one link for every other participant the hub names, and the server beside them.
 * Give it a hub that has not opened yet, and one hub to one transport. The hub stays open when this closes:
 * close it afterwards, so that goodbyes still pass through it.
 */
export function createPeerTransport(options: PeerTransportOptions): Transport {
  const { identity, hub, server, clock, openDirect } = options;
  const limits: PeerTransportLimits = { ...LADDER_LIMITS, maxConnecting: 16, channel: {}, ...options.limits };
  const events = createEmitter<TransportEvent>((thrown) => refused(undefined, toErrorRecord(thrown)));
  const places = createPlaces(limits.maxConnecting);
  const links = new Map<ParticipantId, PeerLink>();
  const present = new Set<ParticipantId>();
  let iceServers: readonly IceServer[] = [];
  let epoch = 0;
  /** The highest number of a signal on any link that is no more. */
  let lastSequence = 0;
  let refusals = 0;
  let refusalsSinceMs = 0;
  let closing: Promise<void> | undefined;

  const allowed = new Set<PeerPath>();
  for (const path of options.paths ?? (['direct', 'relay'] as const)) {
    if (path === 'relay' || (path === 'direct' && openDirect !== undefined)) allowed.add(path);
  }

  const unsubscribeHub = hub.subscribe(onHubEvent);
  const unsubscribeServer = server?.subscribe((event) => events.emit(event));

  return {
    self: identity.id,
    incarnation: options.incarnation,
    send(to, bytes, sendOptions) {
      if (closing !== undefined || sendOptions?.signal?.aborted === true)
        return Promise.resolve({ kind: 'aborted' });
      const target = to === SERVER ? server : links.get(to)?.channel;
      return target?.send(bytes, sendOptions) ?? Promise.resolve({ kind: 'unreachable' });
    },
    subscribe: events.subscribe,
    peers() {
      const statuses = new Map<NodeId, PeerStatus>();
      for (const [peer, { channel }] of links) {
        const { path, incarnation, bytesSent, bytesReceived } = channel;
        if (path !== undefined && incarnation !== undefined)
          statuses.set(peer, { path, incarnation, bytesSent, bytesReceived });
      }
      if (server?.status !== undefined) statuses.set(SERVER, server.status);
      return statuses;
    },
    close() {
      closing ??= new Promise((resolve) => {
        unsubscribeHub();
        for (const link of links.values()) link.close();
        server?.close();
        unsubscribeServer?.();
        clock.after(links.size > 0 ? FAREWELL_MS : 0, resolve);
        links.clear();
      });
      return closing;
    },
  };

  function onHubEvent(event: HubEvent): void {
    switch (event.type) {
      case 'open':
        return onOpen(event.peers, event.iceServers);
      case 'closed':
        present.clear();
        for (const [peer, link] of [...links]) {
          link.hubClosed();
          forgetIfGone(peer);
        }
        return;
      case 'arrived':
        return arrived(event.presence);
      case 'departed':
        return departed(event.peer);
      case 'signal': {
        const link = links.get(event.from);
        if (link !== undefined && present.has(event.from)) link.signalIn(event.envelope);
        return;
      }
      case 'relayed':
        links.get(event.from)?.relayedIn(event.frame);
        return;
      case 'refused':
        return refused(event.from, event.error);
    }
  }

  function onOpen(peers: readonly Presence[], servers: readonly IceServer[]): void {
    iceServers = servers;
    const named = new Set(peers.map(({ peer }) => peer));
    // After the server's own restart everyone comes back one by one: not here yet does not mean gone.
    for (const [peer, link] of [...links]) {
      if (named.has(peer)) continue;
      present.delete(peer);
      link.hubClosed();
      forgetIfGone(peer);
    }
    for (const presence of peers) arrived(presence);
  }

  function arrived({ peer, incarnation }: Presence): void {
    if (peer === identity.id) return;
    present.add(peer);
    let link = links.get(peer);
    if (link === undefined) {
      link = createPeerLink({
        identity,
        incarnation: options.incarnation,
        peer,
        hub,
        openDirect,
        paths: allowed,
        iceServers: () => iceServers,
        takePlace: places.take,
        nextEpoch: () => ++epoch,
        lastSequence,
        clock,
        random: options.random,
        ladderLimits: limits,
        channelLimits: limits.channel,
        onEvent: (happened) => onLinkEvent(peer, happened),
      });
      links.set(peer, link);
    }
    link.arrived(incarnation);
  }

  function departed(peer: ParticipantId): void {
    present.delete(peer);
    links.get(peer)?.departed();
    forgetIfGone(peer);
  }

  /** A link is kept while the hub names its peer or a pipe leads there. */
  function forgetIfGone(peer: ParticipantId): void {
    const link = links.get(peer);
    if (link === undefined || present.has(peer) || link.channel.up) return;
    link.close();
    lastSequence = Math.max(lastSequence, link.sequence);
    links.delete(peer);
  }

  function onLinkEvent(peer: ParticipantId, event: PeerLinkEvent): void {
    switch (event.type) {
      case 'message':
        return events.emit({ type: 'message', from: peer, bytes: event.bytes });
      case 'up':
        return events.emit({ type: 'peer-up', peer, path: event.path, incarnation: event.incarnation });
      case 'path':
        return events.emit({ type: 'peer-path', peer, path: event.path });
      case 'down':
        events.emit({ type: 'peer-down', peer, reason: event.reason });
        return forgetIfGone(peer);
      case 'refused':
        return refused(peer, event.error);
    }
  }

  function refused(from: NodeId | undefined, error: ErrorRecord): void {
    const nowMs = clock.nowMs();
    if (nowMs - refusalsSinceMs >= REFUSAL_WINDOW_MS) {
      refusalsSinceMs = nowMs;
      refusals = 0;
    }
    if (++refusals <= MAX_REFUSALS) events.emit({ type: 'refused', from, error });
  }
}
