import { type ErrorRecord, toErrorRecord } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import type { Clock } from './clock.ts';
import { type FramePipe, LOW_WATER_BYTES, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES } from './frame-pipe.ts';
import type { Hub } from './hub.ts';
import { createPipeInlet } from './pipe-inlet.ts';
import { RELAY_OVERHEAD_BYTES, type RelayCipher } from './relay-cipher.ts';

export interface RelayPipe extends FramePipe {
  /** A frame from this peer that bears this connection's tag. */
  receive(sealed: Uint8Array<ArrayBuffer>): void;
  /** Closes without a word to the other end, which knows or cannot be told. */
  drop(): void;
}

export interface RelayPipeOptions {
  readonly hub: Hub;
  readonly peer: ParticipantId;
  readonly cipher: RelayCipher;
  readonly clock: Clock;
  readonly onRefused: (error: ErrorRecord) => void;
}

/** The hub says nothing when its buffer has emptied; this often it is looked at. */
const DRAIN_POLL_MS = 10;
/** An empty frame, which no message channel sends, says that this end closed. */
const FAREWELL = new Uint8Array(0);

/** Frames to one peer through the server, which sees their lengths and nothing else. */
export function createRelayPipe({ hub, peer, cipher, clock, onRefused }: RelayPipeOptions): RelayPipe {
  const inlet = createPipeInlet();
  let cancelPoll: (() => void) | undefined;

  const poll = (): void => {
    cancelPoll = undefined;
    if (hub.bufferedBytes > LOW_WATER_BYTES) cancelPoll = clock.after(DRAIN_POLL_MS, poll);
    else inlet.drain();
  };

  const transmit = (frame: Uint8Array): boolean => {
    const sealed = cipher.seal(frame);
    return sealed !== undefined && hub.relay(peer, sealed);
  };

  const drop = (): void => {
    cancelPoll?.();
    inlet.close();
  };

  return {
    path: 'relay',
    maxFrameBytes: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES,
    overheadBytes: RELAY_OVERHEAD_BYTES,
    get bufferedBytes() {
      return hub.bufferedBytes;
    },
    send(frame) {
      if (inlet.closed) return;
      if (!transmit(frame)) return drop();
      if (hub.bufferedBytes > LOW_WATER_BYTES) cancelPoll ??= clock.after(DRAIN_POLL_MS, poll);
    },
    receive(sealed) {
      if (inlet.closed) return;
      let frame: Uint8Array<ArrayBuffer>;
      try {
        frame = cipher.open(sealed);
      } catch (thrown) {
        const error = toErrorRecord(thrown);
        onRefused(error);
        // A frame that is missing will not come. Forged and repeated ones change nothing.
        if (error.code === 'wire.stale') drop();
        return;
      }
      if (frame.length === 0) drop();
      else inlet.frame(frame);
    },
    open: (handlers) => inlet.open(handlers),
    close() {
      if (inlet.closed) return;
      transmit(FAREWELL);
      drop();
    },
    drop,
  };
}
