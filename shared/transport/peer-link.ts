import { type ErrorRecord, MurmurationError, toErrorRecord } from '../errors/index.ts';
import { fromBase64Url, type Identity, type ParticipantId, toBase64Url } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { Clock } from './clock.ts';
import type { DirectAttempt, DirectConnector, DirectSignal } from './direct-connector.ts';
import type { FramePipe } from './frame-pipe.ts';
import type { Hub, IceServer } from './hub.ts';
import { createLadder, type Ladder, type LadderLimits, type PeerPath } from './ladder.ts';
import {
  type ChannelEvent,
  type ChannelLimits,
  createMessageChannel,
  type MessageChannel,
} from './message-channel.ts';
import { createRelayCipher, createRelayKeyPair, type RelayKeyPair, relayTagOf } from './relay-cipher.ts';
import { createRelayPipe, type RelayPipe } from './relay-pipe.ts';
import {
  createReplayGuard,
  openSignal,
  type Signal,
  type SignalKind,
  sealSignal,
} from './signal-envelope.ts';

export interface PeerLinkOptions {
  readonly identity: Identity;
  readonly incarnation: number;
  readonly peer: ParticipantId;
  readonly hub: Hub;
  readonly openDirect: DirectConnector | undefined;
  readonly paths: ReadonlySet<PeerPath>;
  readonly iceServers: () => readonly IceServer[];
  readonly takePlace: (start: () => void) => () => void;
  readonly nextEpoch: () => number;
  /** Number of the last signal that an earlier link to the same peer may have sent. */
  readonly lastSequence: number;
  readonly clock: Clock;
  readonly random: CryptoRandom;
  readonly ladderLimits: LadderLimits;
  readonly channelLimits: Partial<ChannelLimits>;
  readonly onEvent: (event: PeerLinkEvent) => void;
}

export type PeerLinkEvent =
  | Exclude<ChannelEvent, { type: 'pipe-ready' | 'pipe-closed' | 'refused' }>
  | { readonly type: 'refused'; readonly error: ErrorRecord };

/** Everything between this participant and one other: signalling, pipes, and the channel that runs over them. */
export interface PeerLink {
  readonly channel: MessageChannel;
  /** Number of the last signal sent. */
  readonly sequence: number;
  /** The hub says that the peer is there, as this incarnation. */
  arrived(incarnation: number): void;
  departed(): void;
  hubClosed(): void;
  signalIn(envelope: string): void;
  relayedIn(frame: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** A peer that left the hub has perhaps left altogether; its direct pipe gets this long to show otherwise. */
const PROBE_MS = 3_000;
/** Frames that overtake the answer that makes them readable: greetings, and no more. */
const MAX_EARLY_FRAMES = 8;
/** Connections remembered as over, whose late answers and candidates are no news. */
const MAX_RECENT = 16;

interface Direct {
  readonly connection: string;
  readonly attempt: DirectAttempt;
  pipe: FramePipe | undefined;
  readonly cancelTimer: () => void;
}

interface RelayAttempt {
  readonly connection: string;
  readonly keys: RelayKeyPair;
  readonly early: Uint8Array<ArrayBuffer>[];
}

export function createPeerLink(options: PeerLinkOptions): PeerLink {
  const { identity, peer, hub, clock, paths, random } = options;
  const self = identity.id;
  const initiator = self < peer;
  const replays = createReplayGuard();
  const ready = new Set<FramePipe>();
  const relays = new Map<number, RelayPipe>();
  const recent: string[] = [];
  let peerIncarnation = 0;
  let sequence = options.lastSequence;
  let signalTail: Promise<void> = Promise.resolve();
  let direct: Direct | undefined;
  let relayAttempt: RelayAttempt | undefined;
  /** The pipe of the newest relay connection, until it is ready or gone. */
  let newRelay: RelayPipe | undefined;
  let closed = false;

  const ladder: Ladder = createLadder({
    initiator,
    paths,
    clock,
    limits: options.ladderLimits,
    takePlace: options.takePlace,
    attempt: (path) => (path === 'direct' ? offerDirect() : offerRelay()),
    abandon: (path) => (path === 'direct' ? dropDirect() : dropRelayAttempt()),
    ask: () => signal('ask', newConnection(), ''),
    onLost() {
      const wasUp = channel.up;
      channel.reset();
      if (wasUp) options.onEvent({ type: 'down', reason: 'lost' });
    },
  });

  const channel = createMessageChannel({
    incarnation: options.incarnation,
    nextEpoch: options.nextEpoch,
    clock,
    limits: options.channelLimits,
    onEvent: onChannelEvent,
  });

  return {
    channel,
    get sequence() {
      return sequence;
    },
    arrived(incarnation) {
      const renewed = peerIncarnation !== incarnation;
      peerIncarnation = incarnation;
      if (renewed) channel.probe(PROBE_MS);
      ladder.reachable(renewed);
    },
    departed() {
      ladder.departed();
      dropAttempts();
      for (const pipe of [...relays.values()]) pipe.drop();
      channel.probe(PROBE_MS);
    },
    hubClosed() {
      ladder.unreachable();
      dropAttempts();
      for (const pipe of [...relays.values()]) pipe.drop();
    },
    signalIn(envelope) {
      guarded(() =>
        accept(openSignal(envelope, { from: peer, to: self, toIncarnation: options.incarnation, replays })),
      );
    },
    relayedIn(frame) {
      const tag = relayTagOf(frame);
      const pipe = relays.get(tag);
      if (pipe !== undefined) pipe.receive(frame);
      else if (relayAttempt !== undefined && relayTagOf(relayAttempt.connection) === tag) {
        if (relayAttempt.early.length < MAX_EARLY_FRAMES) relayAttempt.early.push(frame);
      }
      // Otherwise it belongs to a connection that is over, and its sender is about to learn that.
    },
    close() {
      if (closed) return;
      closed = true;
      dropAttempts();
      channel.close();
      ladder.rest();
    },
  };

  function onChannelEvent(event: ChannelEvent): void {
    switch (event.type) {
      case 'pipe-ready':
        ready.add(event.pipe);
        if (event.pipe === newRelay) newRelay = undefined;
        if (event.pipe === direct?.pipe) direct.cancelTimer();
        return ladder.ready(event.pipe.path === 'direct' ? 'direct' : 'relay');
      case 'pipe-closed':
        return onPipeClosed(event.pipe);
      case 'refused':
        return options.onEvent({ type: 'refused', error: event.error.toRecord() });
      case 'down':
        if (event.reason === 'left') {
          dropAttempts();
          ladder.rest();
        }
        return options.onEvent(event);
      default:
        return options.onEvent(event);
    }
  }

  function onPipeClosed(pipe: FramePipe): void {
    const path = pipe.path === 'direct' ? 'direct' : 'relay';
    for (const [tag, relay] of relays) if (relay === pipe) relays.delete(tag);
    const wasAttempt = pipe === newRelay || pipe === direct?.pipe;
    if (pipe === newRelay) newRelay = undefined;
    if (pipe === direct?.pipe) dropDirect();
    if (ready.delete(pipe)) ladder.closed(path);
    else if (wasAttempt && initiator) ladder.failed(path);
  }

  // Signalling.

  function signal(kind: SignalKind, connection: string, body: string): void {
    const content: Signal = {
      from: self,
      to: peer,
      incarnation: options.incarnation,
      toIncarnation: peerIncarnation,
      sequence: ++sequence,
      connection,
      kind,
      body,
    };
    signalTail = signalTail.then(async () => {
      try {
        const envelope = await sealSignal(identity, content);
        if (!closed) hub.signal(peer, envelope);
      } catch (thrown) {
        refuse(thrown);
      }
    });
  }

  function accept({ incarnation, kind, connection, body }: Signal): void {
    if (incarnation !== peerIncarnation) throw stale('A signal comes from another start of the peer.');
    switch (kind) {
      case 'offer':
        return answerDirect(connection, body);
      case 'answer':
      case 'candidate':
        if (direct?.connection === connection) return direct.attempt.signalIn({ kind, body });
        if (recent.includes(connection)) return;
        throw stale('A signal belongs to no connection that is being made.');
      case 'relay-offer':
        return answerRelay(connection, body);
      case 'relay-answer':
        if (recent.includes(connection)) return;
        if (relayAttempt?.connection !== connection)
          throw stale('A relay key belongs to no connection that is being made.');
        return openRelay(relayAttempt, keyIn(body));
      case 'ask':
        return ladder.asked();
      case 'decline':
        return onDecline(connection);
    }
  }

  function onDecline(connection: string): void {
    if (direct?.connection === connection) {
      dropDirect();
      ladder.failed('direct', true);
    } else if (relayAttempt?.connection === connection) {
      dropRelayAttempt();
      ladder.failed('relay', true);
    }
  }

  function decline(connection: string): void {
    remember(connection);
    signal('decline', connection, '');
  }

  function checkResponder(): void {
    if (initiator)
      throw new MurmurationError(
        'wire.out-of-phase',
        'An offer comes from the side that does not initiate.',
        {
          expected: 'offers from the smaller id',
        },
      );
  }

  // Direct connections.

  function offerDirect(): void {
    beginDirect(newConnection());
  }

  function answerDirect(connection: string, body: string): void {
    checkResponder();
    if (!paths.has('direct') || options.openDirect === undefined) return decline(connection);
    beginDirect(connection).signalIn({ kind: 'offer', body });
  }

  function beginDirect(connection: string): DirectAttempt {
    if (direct !== undefined) dropDirect();
    const onSignal = ({ kind, body }: DirectSignal): void => {
      if (!recent.includes(connection)) signal(kind, connection, body);
    };
    const attempt = options.openDirect!.connect({
      peer,
      initiator,
      iceServers: options.iceServers(),
      onSignal,
    });
    // The initiator's ladder keeps the time; the other side must not wait for ever either.
    const cancelTimer = initiator
      ? (): void => undefined
      : clock.after(2 * options.ladderLimits.directTimeoutMs, () => {
          if (direct?.connection === connection) dropDirect();
        });
    const mine: Direct = { connection, attempt, pipe: undefined, cancelTimer };
    direct = mine;
    attempt.pipe.then(
      (pipe) => {
        if (direct !== mine || closed) return pipe.close();
        mine.pipe = pipe;
        channel.attach(pipe);
      },
      (thrown) => {
        if (direct !== mine) return;
        dropDirect();
        const { code } = toErrorRecord(thrown);
        if (code !== 'transport.unreachable') refuse(thrown);
        if (initiator) ladder.failed('direct');
      },
    );
    return attempt;
  }

  function dropDirect(): void {
    if (direct === undefined) return;
    const { connection, attempt, pipe, cancelTimer } = direct;
    direct = undefined;
    remember(connection);
    cancelTimer();
    attempt.close();
    if (pipe !== undefined && !ready.has(pipe)) pipe.close();
  }

  // Relay connections.

  function offerRelay(): void {
    dropRelayAttempt();
    const keys = createRelayKeyPair(random);
    relayAttempt = { connection: newConnection(), keys, early: [] };
    signal('relay-offer', relayAttempt.connection, toBase64Url(keys.publicKey));
  }

  function answerRelay(connection: string, body: string): void {
    checkResponder();
    if (!paths.has('relay')) return decline(connection);
    const theirs = keyIn(body);
    dropRelayAttempt();
    const attempt = { connection, keys: createRelayKeyPair(random), early: [] };
    signal('relay-answer', connection, toBase64Url(attempt.keys.publicKey));
    // Frames must not overtake the answer: they start once it has been handed to the hub.
    const answered = signalTail;
    relayAttempt = attempt;
    void answered.then(() => {
      if (relayAttempt === attempt) guarded(() => openRelay(attempt, theirs));
    });
  }

  function openRelay(attempt: RelayAttempt, theirs: Uint8Array): void {
    relayAttempt = undefined;
    const mine = { id: self, publicKey: attempt.keys.publicKey };
    const other = { id: peer, publicKey: theirs };
    const cipher = createRelayCipher({
      secret: attempt.keys.secret,
      initiator: initiator ? mine : other,
      responder: initiator ? other : mine,
      isInitiator: initiator,
      connection: attempt.connection,
    });
    const pipe = createRelayPipe({
      hub,
      peer,
      cipher,
      clock,
      onRefused: (error) => options.onEvent({ type: 'refused', error }),
    });
    relays.set(relayTagOf(attempt.connection), pipe);
    newRelay = pipe;
    channel.attach(pipe);
    for (const frame of attempt.early) pipe.receive(frame);
  }

  function dropRelayAttempt(): void {
    if (relayAttempt !== undefined) remember(relayAttempt.connection);
    relayAttempt = undefined;
    const pipe = newRelay;
    newRelay = undefined;
    pipe?.close();
  }

  function dropAttempts(): void {
    dropRelayAttempt();
    if (direct?.pipe === undefined || !ready.has(direct.pipe)) dropDirect();
  }

  function remember(connection: string): void {
    recent.push(connection);
    if (recent.length > MAX_RECENT) recent.shift();
  }

  function newConnection(): string {
    return toBase64Url(random.bytes(16));
  }

  function keyIn(body: string): Uint8Array {
    const key = fromBase64Url(body);
    if (key.length === 32) return key;
    throw new MurmurationError('wire.malformed', 'A relay key has the wrong length.', {
      expected: '32 bytes',
      received: `${key.length} bytes`,
    });
  }

  function guarded(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      refuse(thrown);
    }
  }

  function refuse(thrown: unknown): void {
    options.onEvent({ type: 'refused', error: toErrorRecord(thrown) });
  }
}

function stale(summary: string): MurmurationError {
  return new MurmurationError('wire.stale', summary, { remedy: 'Connections are made anew by themselves.' });
}
