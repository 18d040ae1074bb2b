import { toErrorRecord } from '../../../shared/errors/index.ts';
import type { DirectAttempt, DirectConnector } from '../../../shared/transport/direct-connector.ts';
import type { FramePipe } from '../../../shared/transport/frame-pipe.ts';
import { rtcConnector } from './rtc-connector.ts';
import { REPORT_EVERY_BYTES, type ToPage, type ToWorker } from './rtc-messages.ts';

/**
 * RTCPeerConnection exists on the main thread only, and the session runs in a worker: the page keeps the
 * connections and passes frames through, by transfer. It decides nothing.
 */
export interface RtcService {
  readonly connections: number;
  /** Closes every connection; call it when the worker ends. */
  close(): void;
}

/** Main thread. @param connector replaced in tests. */
export function serveRtc(port: MessagePort, connector: DirectConnector = rtcConnector): RtcService {
  const served = new Map<number, Served>();
  const tell = (message: ToWorker, transfer: Transferable[] = []): void =>
    port.postMessage(message, transfer);

  const connect = ({ id, peer, initiator, iceServers }: Extract<ToPage, { type: 'connect' }>): void => {
    const attempt = connector.connect({
      peer,
      initiator,
      iceServers,
      onSignal: (signal) => tell({ type: 'signal', id, signal }),
    });
    const mine: Served = { attempt, pipe: undefined, taken: 0, reported: 0 };
    served.set(id, mine);
    attempt.pipe.then(
      (pipe) => {
        if (served.get(id) !== mine) return pipe.close();
        mine.pipe = pipe;
        tell({ type: 'connected', id });
        pipe.open({
          onFrame: (frame) => {
            const { buffer } = frame.byteLength === frame.buffer.byteLength ? frame : frame.slice();
            tell({ type: 'frame', id, frame: buffer }, [buffer]);
          },
          onDrain: () => report(id, mine),
          onClose: () => {
            if (served.delete(id)) tell({ type: 'closed', id });
          },
        });
      },
      (thrown) => {
        if (served.delete(id)) tell({ type: 'failed', id, error: toErrorRecord(thrown) });
      },
    );
  };

  const report = (id: number, { pipe, taken }: Served): void => {
    if (pipe !== undefined) tell({ type: 'sent', id, bytes: taken - pipe.bufferedBytes });
  };

  const end = (id: number): void => {
    const ended = served.get(id);
    served.delete(id);
    ended?.attempt.close();
    ended?.pipe?.close();
  };

  port.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if (data.type === 'connect') return connect(data);
    const mine = served.get(data.id);
    switch (data.type) {
      case 'signal':
        return mine?.attempt.signalIn(data.signal);
      case 'close':
        return end(data.id);
      case 'frame': {
        if (mine?.pipe === undefined) return;
        mine.pipe.send(new Uint8Array(data.frame));
        mine.taken += data.frame.byteLength;
        if (mine.taken - mine.reported < REPORT_EVERY_BYTES) return;
        mine.reported = mine.taken;
        return report(data.id, mine);
      }
    }
  };

  return {
    get connections() {
      return served.size;
    },
    close() {
      for (const id of [...served.keys()]) end(id);
      port.onmessage = null;
      port.close();
    },
  };
}

interface Served {
  readonly attempt: DirectAttempt;
  pipe: FramePipe | undefined;
  /** Bytes of frames that came from the worker, and the count at the last report. */
  taken: number;
  reported: number;
}
