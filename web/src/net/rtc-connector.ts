import SimplePeer from 'simple-peer';
import { MurmurationError } from '../../../shared/errors/index.ts';
import type {
  DirectAttempt,
  DirectConnector,
  DirectOptions,
  DirectSignal,
} from '../../../shared/transport/direct-connector.ts';
import type { FramePipe } from '../../../shared/transport/frame-pipe.ts';
import { createRtcPipe } from './rtc-pipe.ts';

/** WebRTC from elsewhere than the browser: in Node. */
export interface ForeignRtc {
  readonly wrtc: NonNullable<SimplePeer.Options['wrtc']>;
}

/** Opens WebRTC data channels. Only on the main thread: workers have no RTCPeerConnection. */
export const rtcConnector: DirectConnector = createRtcConnector();

export function createRtcConnector(foreign?: ForeignRtc): DirectConnector {
  return { connect: (options) => connect(options, foreign) };
}

function connect(
  { initiator, iceServers, onSignal }: DirectOptions,
  foreign: ForeignRtc | undefined,
): DirectAttempt {
  let resolve: (pipe: FramePipe) => void;
  let reject: (error: MurmurationError) => void;
  const pipe = new Promise<FramePipe>((onPipe, onFailure) => {
    resolve = onPipe;
    reject = onFailure;
  });
  let peer: SimplePeer.Instance;
  try {
    peer = new SimplePeer({
      initiator,
      ...foreign,
      objectMode: true, // one event per message, never joined
      config: { iceServers: iceServers.map((server) => ({ ...server, urls: asMutable(server.urls) })) },
    });
  } catch (cause) {
    reject!(failure(cause));
    return { pipe, signalIn: () => undefined, close: () => undefined };
  }
  let connected = false;
  peer.on('signal', (data) => {
    const signal = toSignal(data);
    if (signal !== undefined) onSignal(signal);
  });
  peer.on('connect', () => {
    connected = true;
    resolve(createRtcPipe(peer, foreign === undefined ? 'event' : 'poll'));
  });
  peer.on('error', (cause) => reject(failure(cause)));
  peer.on('close', () => reject(failure(undefined)));

  return {
    pipe,
    signalIn(signal) {
      if (peer.destroyed) return;
      try {
        peer.signal(fromSignal(signal));
      } catch (cause) {
        peer.destroy();
        reject(failure(cause));
      }
    },
    close() {
      if (connected) return;
      peer.destroy();
      reject(failure(undefined));
    },
  };
}

/** Renegotiation and transceivers are for media: data channels need neither. */
function toSignal(data: SimplePeer.SignalData): DirectSignal | undefined {
  if (data.type !== 'offer' && data.type !== 'answer' && data.type !== 'candidate') return undefined;
  return { kind: data.type, body: JSON.stringify(data) };
}

/** @throws for a body that is no JSON or of another kind than its envelope says. */
function fromSignal({ kind, body }: DirectSignal): SimplePeer.SignalData {
  const data = JSON.parse(body) as SimplePeer.SignalData;
  if (typeof data !== 'object' || data === null || data.type !== kind)
    throw new TypeError(`An ${kind} was expected.`);
  return data;
}

function asMutable(urls: string | readonly string[]): string | string[] {
  return typeof urls === 'string' ? urls : [...urls];
}

function failure(cause: unknown): MurmurationError {
  return new MurmurationError('transport.unreachable', 'A direct connection could not be made.', {
    remedy: 'Another path is used meanwhile, and the direct one is tried again.',
    cause,
  });
}
