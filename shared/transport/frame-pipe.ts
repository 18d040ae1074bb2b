import type { Path } from './port.ts';

/** Payload of one frame. A data channel takes 262,144 bytes at most; smaller frames keep latency low. */
export const MAX_PAYLOAD_BYTES = 65_536;

/** Room that a message channel needs around a payload; see channel-frames.ts. */
export const MAX_HEADER_BYTES = 32;

/** Senders pause above this many buffered bytes ... */
export const HIGH_WATER_BYTES = 1_048_576;
/** ... and are told to go on once no more than this is left. */
export const LOW_WATER_BYTES = 262_144;

export interface PipeHandlers {
  /** The receiver owns the frame's buffer. */
  onFrame(frame: Uint8Array<ArrayBuffer>): void;
  /** Buffered bytes have fallen to the low-water mark. */
  onDrain(): void;
  /** Once, whoever closed it; nothing follows. */
  onClose(): void;
}

/**
 * The lowest layer: carries whole frames to one peer, in order and without loss until it closes. What was in
 * flight when it closes may or may not have arrived. Never throws: a pipe that cannot go on closes.
 */
export interface FramePipe {
  readonly path: Path;
  /** Largest frame that `send` takes, headers of the layers above included. */
  readonly maxFrameBytes: number;
  /** What this pipe adds to each frame. */
  readonly overheadBytes: number;
  /** Bytes handed to `send` that have not left this device. */
  readonly bufferedBytes: number;
  /** Takes over the frame's buffer, which must hold nothing else. Does nothing once closed. */
  send(frame: Uint8Array<ArrayBuffer>): void;
  /** One receiver per pipe; frames that came earlier are handed over at once. */
  open(handlers: PipeHandlers): void;
  /** Sends what is buffered if it can, then closes. Calls `onClose` before it returns. */
  close(): void;
}
