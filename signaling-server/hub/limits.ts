/** What one connection may cost. Every limit has a named refusal or a documented slowing-down. */
export interface HubLimits {
  /** From opening to a proven identity. */
  readonly handshakeTimeoutMs: number;
  /** Connections that have not proven an identity yet, in all. */
  readonly maxUnproven: number;
  readonly maxPeersPerFederation: number;
  /** The server sends something at least this often; a side that is silent for 2.5 times as long is dead. */
  readonly heartbeatMs: number;
  /** Text messages; a sender above the rate is read more slowly, one far above it is refused. */
  readonly textsPerSecond: number;
  readonly textBurst: number;
  /** Binary frames and bytes of any kind; a sender above the rate is read more slowly. */
  readonly framesPerSecond: number;
  readonly frameBurst: number;
  readonly bytesPerSecond: number;
  readonly byteBurst: number;
  /** Refused messages after which the connection is closed. */
  readonly maxFaults: number;
  /** Above this many bytes waiting for a slow receiver, whoever relays to it is not read from ... */
  readonly highWaterBytes: number;
  /** ... until no more than this many wait. */
  readonly lowWaterBytes: number;
  /** A receiver for which more than this waits is disconnected ... */
  readonly maxBufferedBytes: number;
  /** ... as is one that holds others up without taking anything for so long. */
  readonly stallMs: number;
  /** How long the bearer token of a lost connection goes on being good. */
  readonly tokenGraceMs: number;
}

export const DEFAULT_HUB_LIMITS: HubLimits = {
  handshakeTimeoutMs: 10_000,
  maxUnproven: 1000,
  maxPeersPerFederation: 1024,
  heartbeatMs: 4000,
  textsPerSecond: 100,
  textBurst: 200,
  framesPerSecond: 10_000,
  frameBurst: 20_000,
  bytesPerSecond: 32 * 1024 * 1024,
  byteBurst: 64 * 1024 * 1024,
  maxFaults: 20,
  highWaterBytes: 4 * 1024 * 1024,
  lowWaterBytes: 1024 * 1024,
  maxBufferedBytes: 32 * 1024 * 1024,
  stallMs: 10_000,
  tokenGraceMs: 60_000,
};
