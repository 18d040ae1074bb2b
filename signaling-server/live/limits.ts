export interface LiveLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxSubscriptions: number;
  readonly maxMessageBytes: number;
  /** Messages that a client may send at once, and then each second. */
  readonly messageBurst: number;
  readonly messagesPerSecond: number;
  /** What a client may leave unread before it is cut. */
  readonly maxBacklogBytes: number;
  readonly heartbeatMs: number;
  /** How long a connection that shows nothing may stay without a subscription. */
  readonly idleMs: number;
  readonly keptEvents: number;
  readonly keptTopics: number;
}

export const DEFAULT_LIVE_LIMITS: LiveLimits = {
  maxConnections: 5_000,
  // A class behind one address, each with a few tabs.
  maxConnectionsPerAddress: 200,
  maxSubscriptions: 32,
  maxMessageBytes: 16 * 1024,
  messageBurst: 64,
  messagesPerSecond: 8,
  maxBacklogBytes: 1024 * 1024,
  heartbeatMs: 30_000,
  idleMs: 60_000,
  keptEvents: 256,
  keptTopics: 1_000,
};
