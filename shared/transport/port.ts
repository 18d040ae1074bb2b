import type { ErrorRecord } from '../errors/index.ts';
import type { NodeId } from '../identity/index.ts';

/** How two nodes reach each other, best first. `server` carries messages to and from the server itself. */
export type Path = 'direct' | 'relay' | 'server';

/** What became of a message. A drop-out or a time-out is a value, never an exception. */
export type SendOutcome =
  /** The other side has the whole message, its integrity checked. */
  | { readonly kind: 'delivered'; readonly path: Path }
  /** No path leads there now. */
  | { readonly kind: 'unreachable' }
  /** It may or may not have arrived. */
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'aborted' };

export type TransportEvent =
  | { readonly type: 'message'; readonly from: NodeId; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A path to this peer exists. `incarnation` differs after the peer reloaded: what it held is gone. */
  | { readonly type: 'peer-up'; readonly peer: NodeId; readonly path: Path; readonly incarnation: number }
  | { readonly type: 'peer-path'; readonly peer: NodeId; readonly path: Path }
  /** `left`: said goodbye. `lost`: no path for longer than the transport waits. */
  | { readonly type: 'peer-down'; readonly peer: NodeId; readonly reason: 'left' | 'lost' }
  /** Something arrived that was refused: for the log and the page; the session goes on. */
  | { readonly type: 'refused'; readonly from: NodeId | undefined; readonly error: ErrorRecord };

export interface PeerStatus {
  readonly path: Path;
  readonly incarnation: number;
  /** Bytes on this peer's paths since it came up, headers of ours included. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/**
 * Carries whole messages between nodes, in order per pair while both live, at least once: a message whose
 * acknowledgement was lost may arrive again. Every implementation passes the suite in
 * shared/testing/transport-contract.ts.
 */
export interface Transport {
  readonly self: NodeId;
  /** Distinct for every start of this node, so that others see a reload. */
  readonly incarnation: number;
  /**
   * Resolves when the outcome is known; waits while the path is congested. Never rejects.
   * The buffer must not be changed until then.
   */
  send(to: NodeId, bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<SendOutcome>;
  subscribe(listener: (event: TransportEvent) => void): () => void;
  peers(): ReadonlyMap<NodeId, PeerStatus>;
  /** Says goodbye to all peers and ends every pending send as `aborted`. */
  close(): Promise<void>;
}

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for the acknowledgement; default 30,000. */
  readonly timeoutMs?: number;
}
