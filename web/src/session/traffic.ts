import type { NodeId } from '../../../shared/identity/index.ts';
import type { PeerStatus } from '../../../shared/transport/port.ts';
import type { PeerView } from './snapshot.ts';

interface Counter {
  bytesSent: number;
  bytesReceived: number;
}

/** Adds up the traffic of a session over peers that come and go, and says how fast it flows. */
export class Traffic {
  bytesSent = 0;
  bytesReceived = 0;
  readonly #seen = new Map<NodeId, Counter>();
  #marks: { readonly atMs: number; readonly totals: ReadonlyMap<NodeId, number> }[] = [];

  /** Takes the transport's counters in; a counter that fell belongs to a new connection. */
  update(peers: ReadonlyMap<NodeId, PeerStatus>): void {
    for (const [id, { bytesSent, bytesReceived }] of peers) {
      const before = this.#seen.get(id) ?? { bytesSent: 0, bytesReceived: 0 };
      this.bytesSent += bytesSent < before.bytesSent ? bytesSent : bytesSent - before.bytesSent;
      this.bytesReceived +=
        bytesReceived < before.bytesReceived ? bytesReceived : bytesReceived - before.bytesReceived;
      this.#seen.set(id, { bytesSent, bytesReceived });
    }
    for (const id of [...this.#seen.keys()]) if (!peers.has(id)) this.#seen.delete(id);
  }

  /** One row per peer, with its rate since the oldest mark of the last `WINDOW_MS`. */
  rows(peers: ReadonlyMap<NodeId, PeerStatus>, nowMs: number): PeerView[] {
    const totals = new Map(
      [...peers].map(([id, { bytesSent, bytesReceived }]) => [id, bytesSent + bytesReceived]),
    );
    this.#marks.push({ atMs: nowMs, totals });
    this.#marks = this.#marks.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS);
    const oldest = this.#marks[0]!;
    const seconds = Math.max(0.001, (nowMs - oldest.atMs) / 1000);
    return [...peers].map(([id, { path, bytesSent, bytesReceived }]) => {
      const moved = Math.max(0, totals.get(id)! - (oldest.totals.get(id) ?? 0));
      return {
        id,
        path,
        bytesSent,
        bytesReceived,
        bytesPerSecond: this.#marks.length > 1 ? moved / seconds : 0,
      };
    });
  }
}

const WINDOW_MS = 5000;
