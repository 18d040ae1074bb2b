import type SimplePeer from 'simple-peer';
import {
  type FramePipe,
  LOW_WATER_BYTES,
  MAX_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
} from '../../../shared/transport/frame-pipe.ts';
import { createPipeInlet } from '../../../shared/transport/pipe-inlet.ts';
import { channelOf } from './simple-peer-parts.ts';

/** What is buffered when a pipe closes gets this long to leave. */
const FAREWELL_MS = 200;
const FAREWELL_POLL_MS = 10;

/** How often a channel that tells nothing is asked. */
const DRAIN_POLL_MS = 10;

/**
 * Frames over a connected simple-peer in object mode, one data channel message each.
 * @param drains how it is known that what was buffered has left: browsers tell; the WebRTC of Node has to be asked.
 */
export function createRtcPipe(peer: SimplePeer.Instance, drains: 'event' | 'poll' = 'event'): FramePipe {
  const inlet = createPipeInlet();
  const channel = channelOf(peer);
  let asking = false;

  const askWhileFull = (): void => {
    if (asking || channel === undefined || channel.bufferedAmount <= LOW_WATER_BYTES) return;
    asking = true;
    const ask = (): void => {
      if (!inlet.closed && channel.bufferedAmount > LOW_WATER_BYTES) {
        setTimeout(ask, DRAIN_POLL_MS);
        return;
      }
      asking = false;
      inlet.drain();
    };
    setTimeout(ask, DRAIN_POLL_MS);
  };

  if (channel !== undefined && drains === 'event') {
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
    // Not by assignment: simple-peer's own handler lives there.
    channel.addEventListener('bufferedamountlow', inlet.drain);
  }
  peer.on('data', (data: unknown) => {
    if (data instanceof Uint8Array && data.buffer instanceof ArrayBuffer)
      inlet.frame(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    else peer.destroy(); // text, which no message channel sends
  });
  peer.on('error', () => inlet.close());
  peer.on('close', () => inlet.close());

  const leave = (deadlineMs: number): void => {
    if (peer.destroyed) return;
    if (channel === undefined || channel.bufferedAmount === 0 || performance.now() > deadlineMs) {
      // The last bytes have left the buffer, not yet the device.
      setTimeout(() => peer.destroy(), FAREWELL_POLL_MS);
    } else setTimeout(() => leave(deadlineMs), FAREWELL_POLL_MS);
  };

  return {
    path: 'direct',
    maxFrameBytes: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES,
    overheadBytes: 0,
    get bufferedBytes() {
      return channel?.bufferedAmount ?? 0;
    },
    send(frame) {
      if (inlet.closed) return;
      try {
        peer.send(frame);
        if (drains === 'poll') askWhileFull();
      } catch {
        peer.destroy(); // the channel is closing: nothing can be sent any more
      }
    },
    open: (handlers) => inlet.open(handlers),
    close() {
      if (inlet.close()) leave(performance.now() + FAREWELL_MS);
    },
  };
}
