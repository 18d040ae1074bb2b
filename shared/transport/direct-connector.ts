import type { ParticipantId } from '../identity/index.ts';
import type { FramePipe } from './frame-pipe.ts';
import type { IceServer } from './hub.ts';

/** What the two ends of a direct connection tell each other through signalling. */
export type DirectSignalKind = 'offer' | 'answer' | 'candidate';

export interface DirectSignal {
  readonly kind: DirectSignalKind;
  /** JSON that only the connectors read: a session description or an ICE candidate. */
  readonly body: string;
}

export interface DirectOptions {
  readonly peer: ParticipantId;
  readonly initiator: boolean;
  readonly iceServers: readonly IceServer[];
  readonly onSignal: (signal: DirectSignal) => void;
}

export interface DirectAttempt {
  /** A signal from the other end. Malformed ones fail the attempt. */
  signalIn(signal: DirectSignal): void;
  /** Resolves when frames can flow; rejects with `transport.unreachable`, also after `close`. */
  readonly pipe: Promise<FramePipe>;
  /** Gives up; a pipe that was handed out stays. */
  close(): void;
}

/** Opens direct connections: WebRTC in browsers, something else or nothing elsewhere. */
export interface DirectConnector {
  connect(options: DirectOptions): DirectAttempt;
}
