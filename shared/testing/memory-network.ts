import type { NodeId } from '../identity/index.ts';
import type { SeededRandom } from '../random/index.ts';
import type { Clock } from '../session/ports.ts';
import type { PeerStatus, SendOutcome, Transport, TransportEvent } from '../transport/port.ts';

/** How badly an in-memory network behaves. */
export interface NetworkFaults {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Share of messages that vanish; their senders learn of it by time-out. */
  readonly lossRate: number;
  /** Share of acknowledgements that vanish: the message arrived, and its sender does not know. */
  readonly acknowledgementLossRate: number;
  /** True: messages of one pair may overtake each other. */
  readonly reorder: boolean;
  /** How long a break goes unnoticed. */
  readonly detectMs: number;
}

export const PERFECT: NetworkFaults = {
  minDelayMs: 1,
  maxDelayMs: 1,
  lossRate: 0,
  acknowledgementLossRate: 0,
  reorder: false,
  detectMs: 1,
};

/** How fast one node's own line is, in bytes per millisecond; messages queue up for it. */
export interface LineRates {
  readonly upBytesPerMs: number;
  readonly downBytesPerMs: number;
}

const UNLIMITED: LineRates = { upBytesPerMs: Infinity, downBytesPerMs: Infinity };

/** Transports between nodes of one process, with delay, loss, reorder and partition at will. */
export interface MemoryNetwork {
  connect(id: NodeId, incarnation: number, rates?: LineRates): Transport;
  /** Ends a node without a goodbye, as a closed tab or a killed server does. */
  kill(id: NodeId): void;
  /** Cuts or mends the way between two nodes. */
  setLink(a: NodeId, b: NodeId, up: boolean): void;
  setFaults(faults: NetworkFaults): void;
}

interface Port {
  readonly id: NodeId;
  readonly incarnation: number;
  readonly listeners: Set<(event: TransportEvent) => void>;
  /** Whom this node believes to be up. */
  readonly peers: Map<NodeId, { incarnation: number; bytesSent: number; bytesReceived: number }>;
  /** Sends whose outcome is not known yet: how to end each, and whom it is for. */
  readonly pending: Map<(outcome: SendOutcome) => void, NodeId>;
  readonly rates: LineRates;
  /** When this node's line has nothing more to send, and to receive. */
  upFreeAtMs: number;
  downFreeAtMs: number;
  alive: boolean;
}

export function createMemoryNetwork(
  clock: Clock,
  random: SeededRandom,
  initial: NetworkFaults = PERFECT,
  /** Which two nodes may ever have a way between them; all, if left out. */
  mayMeet: (a: NodeId, b: NodeId) => boolean = () => true,
  /** Left out, a receiver gets bytes of its own; `shared` spares the copy where nobody writes into what was sent. */
  buffers: 'copied' | 'shared' = 'copied',
): MemoryNetwork {
  const ports = new Map<NodeId, Port>();
  const cut = new Set<string>();
  /** From whom, to whom. */
  const lastArrival = new Map<NodeId, Map<NodeId, number>>();
  let faults = initial;

  const pair = (a: NodeId, b: NodeId) => (a < b ? `${a}|${b}` : `${b}|${a}`);
  const linked = (a: Port, b: Port) => a.alive && b.alive && !cut.has(pair(a.id, b.id));
  const delay = () => faults.minDelayMs + random.uniform() * (faults.maxDelayMs - faults.minDelayMs);
  const emit = (port: Port, event: TransportEvent) => {
    if (port.alive) for (const listener of [...port.listeners]) listener(event);
  };

  /** Lets `port` notice, after a while, what became of its way to `peer`. */
  function review(port: Port, peer: NodeId, reason: 'left' | 'lost', afterMs: number): void {
    clock.after(afterMs, () => {
      if (!port.alive) return;
      const other = ports.get(peer);
      const up = other !== undefined && linked(port, other);
      const known = port.peers.get(peer);
      if (known !== undefined && (!up || known.incarnation !== other.incarnation)) {
        port.peers.delete(peer);
        for (const [end, to] of [...port.pending]) if (to === peer) end({ kind: 'timed-out' });
        emit(port, { type: 'peer-down', peer, reason });
      }
      if (up && !port.peers.has(peer)) {
        port.peers.set(peer, { incarnation: other.incarnation, bytesSent: 0, bytesReceived: 0 });
        emit(port, { type: 'peer-up', peer, path: 'direct', incarnation: other.incarnation });
      }
    });
  }

  function reviewAll(id: NodeId, reason: 'left' | 'lost', afterMs: number): void {
    const own = ports.get(id);
    for (const other of ports.values()) {
      if (other.id === id || !mayMeet(id, other.id)) continue;
      review(other, id, reason, afterMs);
      if (own?.alive) review(own, other.id, reason, afterMs);
    }
  }

  /** When the last byte is through both lines, the sender's first; delay comes on top. */
  function transferred(from: Port, to: Port, bytes: number): number {
    from.upFreeAtMs = Math.max(from.upFreeAtMs, clock.nowMs()) + bytes / from.rates.upBytesPerMs;
    to.downFreeAtMs = Math.max(to.downFreeAtMs, from.upFreeAtMs) + bytes / to.rates.downBytesPerMs;
    return to.downFreeAtMs;
  }

  /** Once everyone has noticed that it is gone and nothing is on its way any more: nothing of it is left then. */
  function forget(port: Port, afterMs: number): void {
    clock.after(afterMs, () => {
      if (ports.get(port.id) !== port) return;
      ports.delete(port.id);
      lastArrival.delete(port.id);
      for (const arrivals of lastArrival.values()) arrivals.delete(port.id);
    });
  }

  function send(
    from: Port,
    to: NodeId,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal | undefined,
    timeoutMs: number,
  ): Promise<SendOutcome> {
    return new Promise((resolve) => {
      let over = false;
      const end = (outcome: SendOutcome): void => {
        over = true;
        from.pending.delete(end);
        signal?.removeEventListener('abort', abort);
        resolve(outcome);
      };
      const abort = () => end({ kind: 'aborted' });
      const settle = (outcome: SendOutcome, afterMs: number): void => {
        clock.after(afterMs, () => end(outcome));
      };
      if (signal?.aborted || !from.alive) return abort();
      from.pending.set(end, to);
      signal?.addEventListener('abort', abort, { once: true });
      const target = ports.get(to);
      const status = from.peers.get(to);
      if (target === undefined || status === undefined) return settle({ kind: 'unreachable' }, 1);
      status.bytesSent += bytes.byteLength;
      const lost = random.uniform() < faults.lossRate;
      const acknowledgementLost = random.uniform() < faults.acknowledgementLossRate;
      const carried = buffers === 'copied' ? bytes.slice() : bytes;
      let arrival = transferred(from, target, bytes.byteLength) + delay();
      if (!faults.reorder) {
        const arrivals = lastArrival.get(from.id) ?? new Map<NodeId, number>();
        arrival = Math.max(arrival, arrivals.get(to) ?? 0);
        lastArrival.set(from.id, arrivals.set(to, arrival));
      }
      clock.after(arrival - clock.nowMs(), () => {
        if (over) return;
        const reached =
          linked(from, target) &&
          ports.get(to) === target &&
          target.peers.get(from.id)?.incarnation === from.incarnation;
        if (lost || !reached) return settle({ kind: 'timed-out' }, timeoutMs);
        target.peers.get(from.id)!.bytesReceived += carried.byteLength;
        if (acknowledgementLost) settle({ kind: 'timed-out' }, timeoutMs);
        else settle({ kind: 'delivered', path: 'direct' }, delay());
        emit(target, { type: 'message', from: from.id, bytes: carried });
      });
    });
  }

  return {
    connect(id, incarnation, rates = UNLIMITED) {
      const port: Port = {
        id,
        incarnation,
        listeners: new Set(),
        peers: new Map(),
        pending: new Map(),
        rates,
        upFreeAtMs: 0,
        downFreeAtMs: 0,
        alive: true,
      };
      ports.set(id, port);
      reviewAll(id, 'lost', delay());
      return {
        self: id,
        incarnation,
        send: (to, bytes, options = {}) => send(port, to, bytes, options.signal, options.timeoutMs ?? 30_000),
        subscribe(listener) {
          port.listeners.add(listener);
          return () => port.listeners.delete(listener);
        },
        peers: () =>
          new Map(
            [...port.peers].map(([peer, status]): [NodeId, PeerStatus] => [
              peer,
              { path: 'direct', ...status },
            ]),
          ),
        async close() {
          port.alive = false;
          for (const end of [...port.pending.keys()]) end({ kind: 'aborted' });
          reviewAll(id, 'left', 1);
          forget(port, 1 + faults.maxDelayMs);
        },
      };
    },
    kill(id) {
      const port = ports.get(id);
      if (port !== undefined) port.alive = false;
      reviewAll(id, 'lost', faults.detectMs);
      if (port !== undefined) forget(port, faults.detectMs + faults.maxDelayMs);
    },
    setLink(a, b, up) {
      if (up) cut.delete(pair(a, b));
      else cut.add(pair(a, b));
      for (const [own, other] of [
        [a, b],
        [b, a],
      ] as const) {
        const port = ports.get(own);
        if (port !== undefined) review(port, other, 'lost', up ? delay() : faults.detectMs);
      }
    },
    setFaults(next) {
      faults = next;
    },
  };
}
