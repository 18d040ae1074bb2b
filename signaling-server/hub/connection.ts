import type { RawData, WebSocket } from 'ws';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import { encodeFrame } from '../../shared/transport/hub-frames.ts';
import { CLOSE, MAX_TEXT_BYTES, type ServerText } from '../../shared/transport/hub-protocol.ts';
import type { HubLimits } from './limits.ts';
import type { Log } from './log.ts';
import { createTokenBucket } from './token-bucket.ts';

/** What may have too much waiting for it. */
export interface Drainable {
  /** Calls back once, when it has caught up or is gone. */
  onceDrained(callback: () => void): void;
}

/** One socket with its limits, heartbeats and flow control; knows nothing of identities and rooms. */
export interface Connection extends Drainable {
  readonly open: boolean;
  /** More waits for this receiver than it should: whoever sends to it must wait for it. */
  readonly congested: boolean;
  sendText(message: ServerText): void;
  /** The buffer must not be changed afterwards. */
  sendBytes(bytes: Uint8Array): void;
  /** Reads nothing more from this connection until `receiver` has caught up. */
  waitFor(receiver: Drainable): void;
  /** Says what was wrong with a message; after too many, ends the connection. */
  fault(thrown: unknown): void;
  /** Says that something did not work out, which is nobody's fault. */
  notify(error: MurmurationError, peer?: ParticipantId): void;
  end(code: number, reason: string): void;
  terminate(): void;
}

export interface ConnectionHandlers {
  onText(text: string): void;
  onBinary(bytes: Uint8Array<ArrayBuffer>): void;
  onClosed(): void;
}

export interface ConnectionOptions {
  readonly limits: HubLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears by which name a message was refused. */
  onFault?(code: string): void;
}

const UNCOMPRESSED = { compress: false };
const HEARTBEAT = encodeFrame({ kind: 'heartbeat' });
const MISSED_HEARTBEATS = 2.5;
/** A timer that comes this many intervals after the one before says that this process was held up. */
const LATE_HEARTBEATS = 1.5;

export function createConnection(
  socket: WebSocket,
  { limits, clock, log, onFault }: ConnectionOptions,
  handlers: ConnectionHandlers,
): Connection {
  const startMs = clock.nowMs();
  const texts = createTokenBucket(limits.textsPerSecond, limits.textBurst, startMs);
  const frames = createTokenBucket(limits.framesPerSecond, limits.frameBurst, startMs);
  const bytes = createTokenBucket(limits.bytesPerSecond, limits.byteBurst, startMs);
  const holds = new Set<object>(); // reasons not to read from the socket
  const rateHold = {};
  const drained = new Set<() => void>();
  let lastHeardMs = startMs;
  let lastProgressMs = startMs;
  let lastBeatMs = startMs;
  let faults = 0;
  let congested = false;
  let cancelHeartbeat = (): void => undefined;
  let cancelRateHold = (): void => undefined;

  const isOpen = (): boolean => socket.readyState === socket.OPEN;

  const hold = (reason: object): void => {
    holds.add(reason);
    socket.pause();
  };

  const release = (reason: object): void => {
    if (!holds.delete(reason) || holds.size > 0) return;
    lastHeardMs = clock.nowMs(); // it could not be heard while it was not listened to
    socket.resume();
  };

  const settleDrain = (): void => {
    congested = false;
    const callbacks = [...drained];
    drained.clear();
    for (const callback of callbacks) callback();
  };

  const onSent = (): void => {
    lastProgressMs = clock.nowMs();
    if (congested && socket.bufferedAmount <= limits.lowWaterBytes) settleDrain();
  };

  const send = (data: string | Uint8Array): void => {
    if (!isOpen()) return;
    if (socket.bufferedAmount > limits.maxBufferedBytes) {
      log.warn({ bufferedBytes: socket.bufferedAmount }, 'hub: a receiver is too slow; disconnecting it');
      socket.terminate();
      return;
    }
    socket.send(data, UNCOMPRESSED, onSent);
    if (!congested && socket.bufferedAmount > limits.highWaterBytes) {
      congested = true;
      lastProgressMs = clock.nowMs();
    }
  };

  const sendText = (message: ServerText): void => send(JSON.stringify(message));

  const fault = (thrown: unknown): void => {
    const known = thrown instanceof MurmurationError;
    if (!known) log.error({ err: thrown }, 'hub: failed on a message');
    const error = known ? thrown.toRecord() : INTERNAL;
    sendText({ type: 'refused', error });
    onFault?.(error.code);
    if (++faults >= limits.maxFaults) end(CLOSE.policy, 'too many refused messages');
  };

  const end = (code: number, reason: string): void => {
    holds.clear();
    if (socket.isPaused) socket.resume(); // or the closing handshake could not be read
    socket.close(code, reason);
  };

  /** @throws `wire.rate-limited` */
  const throttle = (length: number, isBinary: boolean): void => {
    const nowMs = clock.nowMs();
    const waitMs = Math.max(bytes.take(length, nowMs), (isBinary ? frames : texts).take(1, nowMs));
    if (waitMs === 0) return;
    cancelRateHold();
    hold(rateHold);
    cancelRateHold = clock.after(waitMs, () => release(rateHold));
    // What had been read before the pause took hold comes all the same: forgiven, unless there is no end to it.
    if (!isBinary && waitMs > (1000 * limits.textBurst) / limits.textsPerSecond) {
      throw new MurmurationError('wire.rate-limited', 'Messages come too fast; this one was not passed on.', {
        expected: `at most ${limits.textsPerSecond} text messages a second`,
        remedy: 'Send fewer.',
      });
    }
  };

  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (!isOpen()) return;
    lastHeardMs = clock.nowMs();
    const message = data as Buffer<ArrayBuffer>; // binaryType is nodebuffer
    try {
      throttle(message.length, isBinary);
      if (isBinary) handlers.onBinary(message);
      else handlers.onText(textOf(message));
    } catch (thrown) {
      fault(thrown);
    }
  });
  socket.on('pong', () => {
    lastHeardMs = clock.nowMs();
  });
  // Reset connections, frames that break RFC 6455 or exceed maxPayload: ws closes the socket by itself.
  socket.on('error', (error: Error) => log.debug({ reason: error.message }, 'hub: socket error'));
  socket.on('close', () => {
    cancelHeartbeat();
    cancelRateHold();
    settleDrain();
    handlers.onClosed();
  });

  const beat = (): void => {
    const nowMs = clock.nowMs();
    // A server that was held up runs this before it reads what came meanwhile: give everyone one more turn.
    const late = nowMs - lastBeatMs > LATE_HEARTBEATS * limits.heartbeatMs;
    lastBeatMs = nowMs;
    const silent = !late && holds.size === 0 && nowMs - lastHeardMs > MISSED_HEARTBEATS * limits.heartbeatMs;
    const stalled = congested && nowMs - lastProgressMs > limits.stallMs;
    if (silent || stalled) {
      log.debug({ silent, stalled }, 'hub: a dead connection; ending it');
      socket.terminate();
      return;
    }
    if (isOpen() && !congested) {
      socket.ping();
      send(HEARTBEAT);
    }
    cancelHeartbeat = clock.after(limits.heartbeatMs, beat);
  };
  cancelHeartbeat = clock.after(limits.heartbeatMs, beat);

  const self: Connection = {
    get open() {
      return isOpen();
    },
    get congested() {
      return congested;
    },
    sendText,
    sendBytes: send,
    waitFor(receiver) {
      if (receiver === self || holds.has(receiver)) return;
      hold(receiver);
      receiver.onceDrained(() => release(receiver));
    },
    onceDrained(callback) {
      drained.add(callback);
    },
    fault,
    notify(error, peer) {
      const record = error.toRecord();
      sendText({ type: 'refused', error: record, ...(peer === undefined ? {} : { peer }) });
    },
    end,
    terminate: () => socket.terminate(),
  };
  return self;
}

const INTERNAL = new MurmurationError('internal', 'The server failed on this message.', {
  remedy: "Tell whoever runs it; the server's log says more.",
}).toRecord();

function textOf(message: Buffer): string {
  if (message.length > MAX_TEXT_BYTES) {
    throw new MurmurationError('wire.too-large', 'A text message is too large.', {
      expected: `at most ${MAX_TEXT_BYTES} bytes`,
      received: String(message.length),
    });
  }
  return message.toString('utf8');
}
