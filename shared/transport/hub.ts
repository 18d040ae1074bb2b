import type { ErrorRecord } from '../errors/index.ts';
import type { NodeId, ParticipantId } from '../identity/index.ts';

/** WebRTC servers, as RTCPeerConnection wants them. */
export interface IceServer {
  readonly urls: string | readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

export interface Presence {
  readonly peer: ParticipantId;
  readonly incarnation: number;
}

export type HubEvent =
  /** Connected and proven; the others in this federation, now. */
  | { readonly type: 'open'; readonly peers: readonly Presence[]; readonly iceServers: readonly IceServer[] }
  /** The connection is gone; the hub tries again by itself. */
  | { readonly type: 'closed' }
  | { readonly type: 'arrived'; readonly presence: Presence }
  | { readonly type: 'departed'; readonly peer: ParticipantId }
  | { readonly type: 'signal'; readonly from: ParticipantId; readonly envelope: string }
  | { readonly type: 'relayed'; readonly from: ParticipantId; readonly frame: Uint8Array<ArrayBuffer> }
  | { readonly type: 'refused'; readonly from: NodeId | undefined; readonly error: ErrorRecord };

/**
 * A participant's connection to the server, for introductions and relayed frames. It authenticates with the
 * device's identity key, reconnects with capped, jittered back-off, and never throws.
 */
export interface Hub {
  readonly open: boolean;
  /** Bytes handed to the socket that have not left yet. */
  readonly bufferedBytes: number;
  /** Passes an opaque signalling envelope (at most 64 kB) on. @returns false when not connected. */
  signal(to: ParticipantId, envelope: string): boolean;
  /** Passes one frame (at most 64 kB of payload and 256 bytes of header) on. @returns false when not connected. */
  relay(to: ParticipantId, frame: Uint8Array<ArrayBuffer>): boolean;
  subscribe(listener: (event: HubEvent) => void): () => void;
  close(): void;
}
