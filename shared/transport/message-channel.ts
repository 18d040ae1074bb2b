import { MurmurationError } from '../errors/index.ts';
import { CHANNEL_VERSION, decodeFrame, encodeFrame, type Frame, malformed } from './channel-frames.ts';
import { createInbox, type Inbox } from './channel-inbox.ts';
import { createOutbox, type Outbox } from './channel-outbox.ts';
import type { Clock } from './clock.ts';
import { type FramePipe, HIGH_WATER_BYTES } from './frame-pipe.ts';
import type { Path, SendOptions, SendOutcome } from './port.ts';

export interface ChannelLimits {
  readonly maxMessageBytes: number;
  /** Unacknowledged bytes at most, so that a slow receiver or relay does not pile them up ... */
  readonly windowBytes: number;
  /**
   * ... and on a pipe just taken. It grows by a quarter of what is acknowledged: a burst into a fresh data
   * channel overruns socket buffers, and SCTP then waits out its time-outs (5 MB in 2.7 s instead of 0.3 s).
   */
  readonly firstWindowBytes: number;
  readonly windowFrames: number;
  readonly ackDelayMs: number;
  readonly ackEveryFrames: number;
  /** A pipe this long silent is asked for a sign of life ... */
  readonly pingAfterMs: number;
  /** ... and closed after this long. */
  readonly deadAfterMs: number;
  readonly sendTimeoutMs: number;
}

export const CHANNEL_LIMITS: ChannelLimits = {
  maxMessageBytes: 256 * 1_048_576,
  windowBytes: 1_048_576,
  firstWindowBytes: 262_144,
  windowFrames: 1024,
  ackDelayMs: 4,
  ackEveryFrames: 8,
  pingAfterMs: 3_000,
  deadAfterMs: 15_000,
  sendTimeoutMs: 30_000,
};

/** A pipe may hold several connections' worth of attempts, never more. */
const MAX_PIPES = 4;
/** A message that arrives corrupt this often over a pipe is not going to arrive over it. */
const MAX_CORRUPT = 3;
/** Incarnations remembered as gone. */
const MAX_PAST = 16;

export type ChannelEvent =
  /** The other side is there; `incarnation` is its own word over an authenticated pipe. */
  | { readonly type: 'up'; readonly incarnation: number; readonly path: Path }
  | { readonly type: 'path'; readonly path: Path }
  /** Said goodbye, or came back as another incarnation or epoch. What was pending has ended. */
  | { readonly type: 'down'; readonly reason: 'left' | 'lost' }
  | { readonly type: 'message'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The other side answered on this pipe: it works. */
  | { readonly type: 'pipe-ready'; readonly pipe: FramePipe }
  | { readonly type: 'pipe-closed'; readonly pipe: FramePipe }
  | { readonly type: 'refused'; readonly error: MurmurationError };

export interface ChannelOptions {
  readonly incarnation: number;
  /** A number greater than any given before by this node: tells channels to the same peer apart. */
  readonly nextEpoch: () => number;
  readonly clock: Clock;
  readonly onEvent: (event: ChannelEvent) => void;
  readonly limits?: Partial<ChannelLimits>;
}

/**
 * Whole messages to and from one peer, in order, over pipes that come and go. The receiver grants the pipe and
 * the position from which it wants the data; the sender asks for a better pipe with `move`, after it has
 * drained the old one if that still lives. So nothing that arrived is sent again, and nothing is lost.
 */
export interface MessageChannel {
  readonly up: boolean;
  readonly path: Path | undefined;
  readonly incarnation: number | undefined;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Greets over a new pipe, and moves to it if it is better than those at hand. Takes it over. */
  attach(pipe: FramePipe): void;
  send(bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<SendOutcome>;
  /** Closes pipes that give no sign of life within this time. */
  probe(withinMs: number): void;
  /** Closes pipes and forgets all state; pending sends end as `unreachable`. The channel can be used again. */
  reset(): void;
  /** Says goodbye; pending sends end as `aborted`. */
  close(): void;
}

interface Lane {
  readonly pipe: FramePipe;
  greeted: boolean;
  lastHeardMs: number;
}

interface Asking {
  readonly lane: Lane;
  /** Where frames still under way come from; undefined when they will not come. */
  readonly draining: Lane | undefined;
}

export function createMessageChannel(options: ChannelOptions): MessageChannel {
  const { clock, onEvent } = options;
  const limits = { ...CHANNEL_LIMITS, ...options.limits };

  let lanes: Lane[] = [];
  let epoch = options.nextEpoch();
  let remote: { readonly incarnation: number; readonly epoch: number } | undefined;
  const past: number[] = [];
  let path: Path | undefined;
  let closed = false;
  let bytesSent = 0;
  let bytesReceived = 0;
  const pending = new Set<(outcome: SendOutcome) => void>();

  let outbox: Outbox = createOutbox();
  let sendLane: Lane | undefined;
  let asking: Asking | undefined;
  let seenGeneration = 0;
  let windowBytes = limits.firstWindowBytes;

  let inbox: Inbox = createInbox(limits.maxMessageBytes);
  let receiveLane: Lane | undefined;
  let generation = 0;
  let startedGeneration = 0;
  let wanted: { readonly lane: Lane; readonly position: number } | undefined;
  let corrupt = 0;

  let unackedFrames = 0;
  let cancelAck: (() => void) | undefined;
  let cancelWatch: (() => void) | undefined;

  return {
    get up() {
      return path !== undefined;
    },
    get path() {
      return path;
    },
    get incarnation() {
      return remote?.incarnation;
    },
    get bytesSent() {
      return bytesSent;
    },
    get bytesReceived() {
      return bytesReceived;
    },
    attach,
    send,
    probe(withinMs) {
      const askedMs = clock.nowMs();
      for (const lane of lanes.filter(({ greeted }) => greeted)) {
        transmit(lane, { type: 'ping' });
        clock.after(withinMs, () => {
          if (lane.lastHeardMs <= askedMs && lanes.includes(lane)) lane.pipe.close();
        });
      }
    },
    reset() {
      epoch = options.nextEpoch();
      forget(undefined);
    },
    close() {
      if (closed) return;
      closed = true;
      const farewell = sendLane ?? best();
      if (farewell !== undefined) transmit(farewell, { type: 'bye' });
      settleAll({ kind: 'aborted' });
      forget(undefined);
    },
  };

  function attach(pipe: FramePipe): void {
    if (closed) return pipe.close();
    const lane: Lane = { pipe, greeted: false, lastHeardMs: clock.nowMs() };
    lanes.push(lane);
    if (lanes.length > MAX_PIPES)
      (lanes.find((other) => other !== sendLane && other !== receiveLane) ?? lane).pipe.close();
    // Frames that came early are answered as soon as it opens, and a greeting goes before any answer.
    transmit(lane, {
      type: 'hello',
      version: CHANNEL_VERSION,
      incarnation: options.incarnation,
      epoch,
    });
    pipe.open({
      onFrame: (bytes) => onFrame(lane, bytes),
      onDrain: pump,
      onClose: () => onClosed(lane),
    });
    cancelWatch ??= watch();
  }

  function send(
    bytes: Uint8Array<ArrayBuffer>,
    { signal, timeoutMs }: SendOptions = {},
  ): Promise<SendOutcome> {
    if (bytes.length > limits.maxMessageBytes) {
      refuse(
        new MurmurationError('wire.too-large', 'A message is too long to be sent.', {
          expected: `at most ${limits.maxMessageBytes} bytes`,
          received: `${bytes.length} bytes`,
        }),
      );
      return Promise.resolve({ kind: 'aborted' });
    }
    if (signal?.aborted === true || closed) return Promise.resolve({ kind: 'aborted' });
    if (path === undefined) return Promise.resolve({ kind: 'unreachable' });
    return new Promise((resolve) => {
      const box = outbox;
      const settle = (outcome: SendOutcome): void => {
        if (!pending.delete(settle)) return;
        signal?.removeEventListener('abort', onAbort);
        cancelTimer();
        if (outcome.kind !== 'delivered') box.cancel(message);
        resolve(outcome);
      };
      const onAbort = (): void => {
        settle({ kind: 'aborted' });
        pump();
      };
      const message = box.enqueue(bytes, () => settle({ kind: 'delivered', path: path! }));
      const cancelTimer = clock.after(timeoutMs ?? limits.sendTimeoutMs, () => {
        settle({ kind: 'timed-out' });
        pump();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      pending.add(settle);
      pump();
    });
  }

  /** Sends while the path takes it. A cut-short message still owes one void frame. */
  function pump(): void {
    while (sendLane !== undefined && outbox.hasNext) {
      if (sendLane.pipe.bufferedBytes >= HIGH_WATER_BYTES) return;
      if (outbox.inFlightBytes >= windowBytes || outbox.inFlightFrames >= limits.windowFrames) return;
      const frame = outbox.next();
      transmit(sendLane, unackedFrames > 0 ? { ...frame, ack: takeAck() } : frame);
    }
  }

  function transmit(lane: Lane, frame: Frame): void {
    // Answers are not held back as messages are: a peer that asks without ever reading loses the pipe.
    if (lane.pipe.bufferedBytes > 4 * HIGH_WATER_BYTES) return lane.pipe.close();
    const bytes = encodeFrame(frame);
    bytesSent += bytes.length + lane.pipe.overheadBytes;
    lane.pipe.send(bytes);
  }

  function onFrame(lane: Lane, bytes: Uint8Array<ArrayBuffer>): void {
    if (!lanes.includes(lane)) return;
    lane.lastHeardMs = clock.nowMs();
    bytesReceived += bytes.length + lane.pipe.overheadBytes;
    try {
      handle(lane, decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof MurmurationError)) throw error;
      refuse(error);
      lane.pipe.close();
    }
  }

  function handle(lane: Lane, frame: Frame): void {
    if (frame.type === 'hello') return onHello(lane, frame);
    if (!lane.greeted) throw malformed('a greeting first', `a ${frame.type} frame`);
    switch (frame.type) {
      case 'first':
      case 'more':
      case 'void':
        if (frame.ack !== undefined) acknowledged(frame.ack);
        return onData(lane, frame);
      case 'ack':
        return acknowledged(frame.ack);
      case 'move':
        if (frame.dead || inbox.position >= frame.position || receiveLane === undefined) return grant(lane);
        wanted = { lane, position: frame.position };
        return;
      case 'grant':
        return onGrant(lane, frame);
      case 'start':
        if (lane === receiveLane && frame.generation === generation) startedGeneration = generation;
        return closeSpare();
      case 'lost':
        if (sendLane !== undefined && sendLane !== lane) sendLane.pipe.close();
        else if (asking?.draining !== undefined && asking.draining !== lane) asking.draining.pipe.close();
        return;
      case 'ping':
        return transmit(lane, { type: 'pong' });
      case 'pong':
        return;
      case 'bye':
        return end('left', undefined);
    }
  }

  function onHello(lane: Lane, hello: Extract<Frame, { type: 'hello' }>): void {
    if (lane.greeted) throw malformed('one greeting per pipe', 'a second');
    if (hello.version !== CHANNEL_VERSION)
      throw new MurmurationError('wire.version', 'A peer speaks another version of the transport.', {
        expected: `version ${CHANNEL_VERSION}`,
        received: `version ${hello.version}`,
        remedy: 'Reload the older of the two pages.',
      });
    const { incarnation } = hello;
    const stale =
      past.includes(incarnation) || (remote?.incarnation === incarnation && hello.epoch < remote.epoch);
    if (stale)
      throw new MurmurationError('wire.stale', 'A greeting comes from before the peer was started again.', {
        expected: 'the newest incarnation',
        received: 'an earlier one',
      });
    if (remote !== undefined && (remote.incarnation !== incarnation || remote.epoch !== hello.epoch)) {
      if (remote.incarnation !== incarnation) {
        past.push(remote.incarnation);
        if (past.length > MAX_PAST) past.shift();
      }
      end('lost', lane);
      if (!lanes.includes(lane)) return;
    }
    remote = { incarnation, epoch: hello.epoch };
    lane.greeted = true;
    if (path === undefined) {
      path = lane.pipe.path;
      onEvent({ type: 'up', incarnation, path });
    }
    if (!lanes.includes(lane)) return;
    onEvent({ type: 'pipe-ready', pipe: lane.pipe });
    if (receiveLane === undefined && generation > 0) transmit(lane, { type: 'lost' });
    steer();
  }

  // Sending: ask for the best pipe, wait for the grant, go on from where the other side stands.

  function best(): Lane | undefined {
    const greeted = lanes.filter((lane) => lane.greeted);
    return greeted.findLast(({ pipe }) => pipe.path === 'direct') ?? greeted.at(-1);
  }

  function steer(): void {
    const lane = best();
    if (lane === undefined || lane === sendLane || lane === asking?.lane) return;
    ask(lane, sendLane);
  }

  function ask(lane: Lane, draining: Lane | undefined): void {
    sendLane = undefined;
    asking = { lane, draining };
    transmit(lane, { type: 'move', position: outbox.position, dead: draining === undefined });
  }

  function onGrant(lane: Lane, { generation: granted, position }: Extract<Frame, { type: 'grant' }>): void {
    if (granted <= seenGeneration) return;
    outbox.rewind(position);
    seenGeneration = granted;
    sendLane = lane;
    windowBytes = limits.firstWindowBytes;
    asking = undefined;
    transmit(lane, { type: 'start', generation: granted });
    if (path !== lane.pipe.path) {
      path = lane.pipe.path;
      onEvent({ type: 'path', path });
    }
    steer();
    closeSpare();
    pump();
  }

  function acknowledged(count: number): void {
    const before = outbox.inFlightBytes;
    outbox.acknowledge(count);
    windowBytes = Math.min(limits.windowBytes, windowBytes + (before - outbox.inFlightBytes) / 4);
    pump();
  }

  // Receiving: one lane at a time, chosen by a grant.

  function grant(lane: Lane): void {
    receiveLane = lane;
    wanted = undefined;
    generation++;
    takeAck();
    transmit(lane, { type: 'grant', generation, position: inbox.position });
  }

  function onData(lane: Lane, frame: Extract<Frame, { type: 'first' | 'more' | 'void' }>): void {
    if (lane !== receiveLane || startedGeneration !== generation) return;
    const received = inbox.accept(frame);
    if (received.kind === 'corrupt') {
      const error = new MurmurationError('wire.integrity', 'A message arrived with a wrong checksum.', {
        remedy: 'It is asked for again.',
      });
      if (++corrupt >= MAX_CORRUPT) throw error;
      refuse(error);
      return grant(lane);
    }
    unackedFrames++;
    if (wanted !== undefined && inbox.position >= wanted.position) grant(wanted.lane);
    else if (unackedFrames >= limits.ackEveryFrames) sendAck();
    else cancelAck ??= clock.after(limits.ackDelayMs, sendAck);
    if (received.kind === 'message') {
      corrupt = 0;
      onEvent({ type: 'message', bytes: received.bytes });
    }
  }

  function sendAck(): void {
    if (receiveLane === undefined || unackedFrames === 0) return;
    transmit(receiveLane, { type: 'ack', ack: takeAck() });
  }

  function takeAck(): number {
    cancelAck?.();
    cancelAck = undefined;
    unackedFrames = 0;
    return inbox.position;
  }

  // Pipes that die, and peers that go.

  function onClosed(lane: Lane): void {
    if (!lanes.includes(lane)) return;
    lanes = lanes.filter((other) => other !== lane);
    if (wanted?.lane === lane) wanted = undefined;
    if (receiveLane === lane) {
      receiveLane = undefined;
      if (wanted !== undefined) grant(wanted.lane);
      else {
        const other = best();
        if (other !== undefined) transmit(other, { type: 'lost' });
      }
    }
    if (sendLane === lane) sendLane = undefined;
    if (asking?.lane === lane) asking = undefined;
    else if (asking?.draining === lane) ask(asking.lane, undefined);
    if (sendLane === undefined && asking === undefined) steer();
    onEvent({ type: 'pipe-closed', pipe: lane.pipe });
  }

  /** Once both directions have moved to the best pipe, the others have nothing left to carry. */
  function closeSpare(): void {
    const lane = best();
    if (lane === undefined || sendLane !== lane || receiveLane !== lane) return;
    if (startedGeneration !== generation) return;
    for (const spare of lanes.filter((other) => other.greeted && other !== lane)) spare.pipe.close();
  }

  function watch(): () => void {
    const startedMs = clock.nowMs();
    return clock.after(limits.pingAfterMs, () => {
      const nowMs = clock.nowMs();
      // A timer this late means that this device slept, not that the others were silent.
      const sleptMs = Math.max(0, nowMs - startedMs - limits.pingAfterMs);
      for (const lane of [...lanes]) {
        if (sleptMs > limits.pingAfterMs)
          lane.lastHeardMs = Math.max(lane.lastHeardMs, nowMs - limits.pingAfterMs);
        const silentMs = nowMs - lane.lastHeardMs;
        if (silentMs >= limits.deadAfterMs) lane.pipe.close();
        else if (silentMs >= limits.pingAfterMs && lane.greeted) transmit(lane, { type: 'ping' });
      }
      cancelWatch = lanes.length > 0 ? watch() : undefined;
    });
  }

  function end(reason: 'left' | 'lost', keep: Lane | undefined): void {
    forget(keep);
    onEvent({ type: 'down', reason });
  }

  function forget(keep: Lane | undefined): void {
    const gone = lanes.filter((lane) => lane !== keep);
    lanes = keep === undefined ? [] : [keep];
    settleAll({ kind: 'unreachable' });
    takeAck();
    remote = undefined;
    path = undefined;
    outbox = createOutbox();
    inbox = createInbox(limits.maxMessageBytes);
    sendLane = receiveLane = asking = wanted = undefined;
    seenGeneration = generation = startedGeneration = corrupt = 0;
    bytesSent = bytesReceived = 0;
    if (keep === undefined) {
      cancelWatch?.();
      cancelWatch = undefined;
    }
    for (const { pipe } of gone) {
      pipe.close();
      onEvent({ type: 'pipe-closed', pipe });
    }
  }

  function settleAll(outcome: SendOutcome): void {
    for (const settle of [...pending]) settle(outcome);
  }

  function refuse(error: MurmurationError): void {
    onEvent({ type: 'refused', error });
  }
}
