import { fromErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';
import type { DirectConnector, DirectSignal } from '../../../shared/transport/direct-connector.ts';
import {
  type FramePipe,
  LOW_WATER_BYTES,
  MAX_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
} from '../../../shared/transport/frame-pipe.ts';
import { createPipeInlet, type PipeInlet } from '../../../shared/transport/pipe-inlet.ts';
import { REPORT_EVERY_BYTES, type ToPage, type ToWorker } from './rtc-messages.ts';

/** The page's last report may lag by as much as it waits for before it reports. */
const DRAINED_BYTES = LOW_WATER_BYTES + REPORT_EVERY_BYTES;

interface Remote {
  readonly onSignal: (signal: DirectSignal) => void;
  readonly inlet: PipeInlet;
  readonly connected: (pipe: FramePipe) => void;
  readonly failed: (error: Error) => void;
  isConnected: boolean;
  posted: number;
  sent: number;
}

/** Worker side: the connector whose connections `serveRtc` holds at the other end of the port. */
export function rtcConnectorOver(port: MessagePort): DirectConnector {
  const remotes = new Map<number, Remote>();
  let made = 0;
  const tell = (message: ToPage, transfer: Transferable[] = []): void => port.postMessage(message, transfer);

  port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    const remote = remotes.get(data.id);
    if (remote === undefined) return;
    switch (data.type) {
      case 'signal':
        return remote.onSignal(data.signal);
      case 'connected':
        remote.isConnected = true;
        return remote.connected(pipeOver(data.id, remote));
      case 'failed':
        remotes.delete(data.id);
        return remote.failed(fromErrorRecord(data.error));
      case 'frame':
        return remote.inlet.frame(new Uint8Array(data.frame));
      case 'sent': {
        const before = remote.posted - remote.sent;
        remote.sent = Math.max(remote.sent, data.bytes);
        if (before > DRAINED_BYTES && remote.posted - remote.sent <= DRAINED_BYTES) remote.inlet.drain();
        return;
      }
      case 'closed':
        remotes.delete(data.id);
        remote.inlet.close();
        return;
    }
  };

  const pipeOver = (id: number, remote: Remote): FramePipe => ({
    path: 'direct',
    maxFrameBytes: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES,
    overheadBytes: 0,
    get bufferedBytes() {
      return remote.posted - remote.sent;
    },
    send(frame) {
      if (remote.inlet.closed) return;
      remote.posted += frame.byteLength;
      tell({ type: 'frame', id, frame: frame.buffer }, [frame.buffer]);
    },
    open: (handlers) => remote.inlet.open(handlers),
    close() {
      if (remote.inlet.closed) return;
      remotes.delete(id);
      tell({ type: 'close', id });
      remote.inlet.close();
    },
  });

  return {
    connect({ peer, initiator, iceServers, onSignal }) {
      const id = ++made;
      const pipe = new Promise<FramePipe>((connected, failed) => {
        remotes.set(id, {
          onSignal,
          inlet: createPipeInlet(),
          connected,
          failed,
          isConnected: false,
          posted: 0,
          sent: 0,
        });
      });
      tell({ type: 'connect', id, peer, initiator, iceServers });
      return {
        pipe,
        signalIn: (signal) => tell({ type: 'signal', id, signal }),
        close() {
          const remote = remotes.get(id);
          if (remote === undefined || remote.isConnected) return;
          remotes.delete(id);
          tell({ type: 'close', id });
          remote.failed(new MurmurationError('transport.unreachable', 'The attempt was given up.'));
        },
      };
    },
  };
}
