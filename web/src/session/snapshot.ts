import type { ErrorCode, ErrorRecord } from '../../../shared/errors/index.ts';
import type { NodeId, ParticipantId } from '../../../shared/identity/index.ts';
import type { PaceLimits } from '../../../shared/training/pace.ts';
import type { Path } from '../../../shared/transport/port.ts';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import type { SecureView } from './secure-view.ts';

/** Where this device stands in the run; one of these is true at any time. */
export type SessionPhase =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting' }
  /** Joined; waiting for the next round, or for enough participants. */
  | {
      readonly name: 'waiting';
      readonly participants: number;
      readonly needed: number;
      /** Why the operator of the server has paused the run. */
      readonly onHold?: string;
      /** Asynchronous: an update is ready, trained from a version so many behind the newest. */
      readonly update?: { readonly behind: number };
    }
  | { readonly name: 'fetching-model'; readonly round: number }
  | {
      readonly name: 'training';
      readonly round: number;
      readonly batch: number;
      readonly batches: number;
      readonly loss: number;
      /** Asynchronous: nobody asked for it yet. */
      readonly idle?: true;
    }
  /** Trained; the masks go on as soon as everyone's shares are here. */
  | { readonly name: 'masking'; readonly round: number }
  | {
      readonly name: 'uploading';
      readonly round: number;
      readonly delivered: number;
      readonly slices: number;
    }
  | { readonly name: 'collecting'; readonly round: number; readonly arrived: number; readonly slices: number }
  | { readonly name: 'applying'; readonly round: number }
  /** By the person, or by a rule of the device. */
  | { readonly name: 'paused'; readonly because?: PauseReason | undefined }
  | { readonly name: 'finished'; readonly reason: 'maximum-rounds' | 'target-accuracy' | 'stopped' }
  | { readonly name: 'failed'; readonly error: ErrorRecord };

/** Which rule of the device's policy pauses. */
export type PauseReason = 'hidden' | 'on-battery' | 'battery-low' | 'data-saver' | 'mobile-network';

export interface PeerView {
  readonly id: NodeId;
  readonly path: Path;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Over the last seconds, both ways. */
  readonly bytesPerSecond: number;
}

export interface SessionNotice {
  readonly atMs: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
  readonly code?: ErrorCode;
}

/** A round of a secure federation that was given up. */
export interface RefusedRound {
  readonly round: number;
  /** Of the coordinator, which may be newer than this page. */
  readonly code: string;
}

/** What this device would not do, and why: its own words, whatever the coordinator says. */
export interface Refusal {
  readonly atMs: number;
  /** Undefined where no round was under way. */
  readonly round: number | undefined;
  readonly error: ErrorRecord;
  /** It paused the session for it: a person resumes it when the reason is gone. */
  readonly paused: boolean;
}

/** Bytes from one committed round to the next: messages of the round, and whatever else went. */
export interface RoundTraffic {
  readonly round: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What compression did to the last update of this device. */
export interface RoundingView {
  readonly round: number;
  /** ‖what is sent − what was to be sent‖ / ‖what was to be sent‖. */
  readonly relativeError: number;
  /** Numbers that are beyond the ring. */
  readonly wrapped: number;
  /** By how much the update was shortened because it stood out; 1 where it was not. */
  readonly shortened: number;
}

/** Everything the page shows about a running session; sent to it a few times a second, whole. */
export interface SessionSnapshot {
  readonly federationId: string;
  readonly run: string | undefined;
  readonly self: ParticipantId | undefined;
  readonly phase: SessionPhase;
  readonly serverConnected: boolean;
  /** Who paces the rounds now; undefined until known. */
  readonly coordinator: NodeId | undefined;
  readonly model: { readonly version: number; readonly hash: string } | undefined;
  readonly records: readonly RoundRecord[];
  /** How far the secure part of the round under way is. */
  readonly secure: SecureView | undefined;
  /** The last round that was given up, until that round or a later one is committed; of secure federations only. */
  readonly refused: RefusedRound | undefined;
  /** The last invitation that this device refused, until it takes part in a round again. */
  readonly refusal?: Refusal | undefined;
  readonly peers: readonly PeerView[];
  readonly backend: string | undefined;
  readonly examplesPerSecond: number | undefined;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Of the last round that began and ended while this page was there. */
  readonly roundTraffic?: RoundTraffic | undefined;
  /** Of federations that compress, once this device made an update. */
  readonly rounding?: RoundingView | undefined;
  readonly notices: readonly SessionNotice[];
}

export interface JoinOptions {
  readonly federationId: string;
  readonly datasetId: string;
  /** Of the document that the page showed: needed for sample data, which asks for no agreement. */
  readonly documentHash?: string;
  /** Restricts the paths further than the federation does; for tests and troubleshooting. */
  readonly paths?: readonly Path[];
}

/** What the page may ask of the session worker (through comlink). One session at a time. */
export interface SessionApi {
  /** Resolves once the session has started; progress comes as snapshots. @throws named errors as ErrorRecord. */
  join(options: JoinOptions): Promise<void>;
  /** @param because left out when the person asks. */
  pause(because?: PauseReason): Promise<void>;
  resume(): Promise<void>;
  /** How much of the time training takes, in this session and those to come. */
  setPace(pace: PaceLimits): Promise<void>;
  leave(): Promise<void>;
  snapshot(): Promise<SessionSnapshot | undefined>;
  /** What its connection proves to the server, for requests of the page; undefined while there is none. */
  token(): Promise<string | undefined>;
}
