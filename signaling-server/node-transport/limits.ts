export interface NodeTransportLimits {
  /** Largest message a participant may send the server. */
  readonly maxMessageBytes: number;
  /** Most bytes of unfinished uploads, of one participant and of all. */
  readonly maxPendingBytesPerPeer: number;
  readonly maxPendingBytes: number;
  /** How long an upload that broke off is kept, to be resumed. */
  readonly partialMs: number;
  /** How long a participant may be disconnected before it counts as lost. */
  readonly lostAfterMs: number;
}

export const DEFAULT_NODE_TRANSPORT_LIMITS: NodeTransportLimits = {
  maxMessageBytes: 256 * 1024 * 1024,
  maxPendingBytesPerPeer: 256 * 1024 * 1024,
  maxPendingBytes: 1024 * 1024 * 1024,
  partialMs: 60_000,
  lostAfterMs: 10_000,
};
