import type { ErrorRecord } from '../../../shared/errors/index.ts';
import type { ParticipantId } from '../../../shared/identity/index.ts';
import type { DirectSignal } from '../../../shared/transport/direct-connector.ts';
import type { IceServer } from '../../../shared/transport/hub.ts';

/** How often the worker hears how much has left, while frames flow. */
export const REPORT_EVERY_BYTES = 131_072;

/** From the worker that speaks to the page that holds the connections. `id` names one attempt and its pipe. */
export type ToPage =
  | {
      readonly type: 'connect';
      readonly id: number;
      readonly peer: ParticipantId;
      readonly initiator: boolean;
      readonly iceServers: readonly IceServer[];
    }
  | { readonly type: 'signal'; readonly id: number; readonly signal: DirectSignal }
  /** The buffer is transferred and holds one frame. */
  | { readonly type: 'frame'; readonly id: number; readonly frame: ArrayBuffer }
  /** Ends the attempt, and the pipe if there is one. */
  | { readonly type: 'close'; readonly id: number };

export type ToWorker =
  | { readonly type: 'signal'; readonly id: number; readonly signal: DirectSignal }
  | { readonly type: 'connected'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorRecord }
  /** The buffer is transferred and holds one frame. */
  | { readonly type: 'frame'; readonly id: number; readonly frame: ArrayBuffer }
  /** Of the bytes that came as frames so far, this many have left for the network. */
  | { readonly type: 'sent'; readonly id: number; readonly bytes: number }
  | { readonly type: 'closed'; readonly id: number };
