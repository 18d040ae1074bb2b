import type { WebSocket } from 'ws';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { ANONYMOUS } from '../access/authenticate.ts';
import { type Principal, SYSTEM } from '../access/principal.ts';
import { shownName } from '../access/shown-name.ts';
import { statusOf } from '../http/problem.ts';
import { createTokenBucket } from '../hub/token-bucket.ts';
import type { Training } from '../jobs/training.ts';
import type { LiveLimits } from './limits.ts';
import type { LiveOptions } from './live-server.ts';
import {
  type ClientMessage,
  errorMessage,
  namedBy,
  parseClientMessage,
  type Topic,
  topicOf,
} from './protocol.ts';
import type { Numbered, TopicBoard } from './topic-board.ts';

export interface LiveConnection {
  /** If it subscribed to the topic, and may hear of it. */
  tell(topic: Topic, event: Numbered): void;
  /** Looks whether the client is still there, and still may. */
  beat(): void;
  end(code: number, reason: string): void;
  terminate(): void;
}

export interface LiveConnectionOptions
  extends Pick<LiveOptions, 'trainings' | 'authenticate' | 'authorize' | 'onRefused' | 'log'> {
  readonly limits: LiveLimits;
  readonly board: TopicBoard;
  readonly learn: (run: string, training: string) => void;
  /** What the client calls itself: for its own use, it proves nothing. */
  readonly client: string;
  /** Where it connects from. */
  readonly address: string;
  /** Of the address: for a first subscription that says nothing else. */
  readonly after: number | undefined;
  readonly bearer: string | undefined;
  readonly onClosed: () => void;
}

interface Subscription {
  readonly federation: string;
  readonly hearsAlerts: boolean;
}

/** Close codes of ours (RFC 6455, section 7.4.2: 4000 to 4999 are for private use). */
const REFUSED = 4401;
const TOO_SLOW = 4408;
const ABUSIVE = 4429;
/** How long a client that is cut may take to read why. */
const CUT_GRACE_MS = 2_000;

function namedFor(reader: Principal, { createdBy }: Training): Pick<Training, 'createdBy'> {
  return { createdBy: shownName(reader, createdBy) };
}

/** One client of `/ws/{client_id}`. Messages are handled one after the other. */
export function createLiveConnection(socket: WebSocket, options: LiveConnectionOptions): LiveConnection {
  const { trainings, authenticate, authorize, limits, board, learn, log } = options;
  const subscriptions = new Map<Topic, Subscription>();
  const bucket = createTokenBucket(limits.messagesPerSecond, limits.messageBurst, performance.now());
  let bearer = options.bearer;
  let principal: Principal | undefined;
  let { after: firstAfter } = options;
  let isAlive = true;
  let isCut = false;
  /** Events that come while a subscription is being decided wait their turn behind it. */
  let turn: Promise<void> = Promise.resolve();

  const send = (message: object): void => {
    if (socket.readyState !== socket.OPEN || isCut) return;
    socket.send(JSON.stringify(message));
    if (socket.bufferedAmount > limits.maxBacklogBytes)
      cut(
        TOO_SLOW,
        new MurmurationError('wire.too-slow', 'Too much is left unread.', {
          expected: `at most ${limits.maxBacklogBytes} bytes`,
          received: `${socket.bufferedAmount} bytes`,
          remedy: 'Connect again, and subscribe with the last seq that came.',
        }),
      );
  };

  function cut(code: number, error: MurmurationError): void {
    if (isCut) return;
    isCut = true;
    subscriptions.clear();
    log.debug({ client: options.client, code: error.code }, 'a live connection is cut');
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(errorMessage(error)));
    socket.close(code, error.code);
    setTimeout(() => socket.terminate(), CUT_GRACE_MS).unref();
  }

  async function whoIsIt(): Promise<Principal> {
    principal ??= await authenticate({ bearer, certificate: undefined, address: options.address });
    return principal;
  }

  async function subscribe(message: Extract<ClientMessage, { action: 'subscribe' }>): Promise<void> {
    const topic = topicOf(message);
    const isKnown = subscriptions.has(topic);
    check(
      isKnown || subscriptions.size < limits.maxSubscriptions,
      'wire.rate-limited',
      'There are too many subscriptions on this connection.',
      { expected: `at most ${limits.maxSubscriptions}`, remedy: 'Unsubscribe from others first.' },
    );
    const who = await whoIsIt();
    const training =
      message.training_id === undefined ? undefined : await trainings.get(SYSTEM, message.training_id);
    const federation = training?.federation ?? message.federation!;
    await authorize(who, 'training:read', { federation });
    const hearsAlerts = await mayHearAlerts(who, federation);
    if (training !== undefined) learn(training.run, training.id);
    const after = message.after ?? firstAfter;
    firstAfter = undefined;
    const { epoch, seq, events, isGap } = board.replay(topic, after, message.epoch);
    subscriptions.set(topic, { federation, hearsAlerts });
    send({
      type: 'subscribed',
      ...namedBy(topic),
      epoch,
      seq,
      gap: isGap,
      ...(training === undefined
        ? {}
        : { training: { ...training, training_id: training.id, ...namedFor(who, training) } }),
    });
    for (const event of events) tell(topic, event);
  }

  const mayHearAlerts = (who: Principal, federation: string): Promise<boolean> =>
    authorize(who, 'alert:read', { federation }).then(
      () => true,
      () => false,
    );

  function tell(topic: Topic, { seq, message }: Numbered): void {
    const subscription = subscriptions.get(topic);
    if (subscription === undefined) return;
    if (message.type === 'alert' && !subscription.hearsAlerts) return;
    const { type, ...fields } = message;
    const training = fields.training as Training | undefined;
    const shown = training && { training: { ...training, ...namedFor(principal ?? ANONYMOUS, training) } };
    send({ type, ...namedBy(topic), seq, ...fields, ...shown });
  }

  async function handle(message: ClientMessage): Promise<void> {
    switch (message.action) {
      case 'authenticate': {
        const shown = await authenticate({
          bearer: message.token,
          certificate: undefined,
          address: options.address,
        });
        bearer = message.token;
        principal = shown;
        return send({ type: 'authenticated', name: shown.name, role: shown.role ?? null });
      }
      case 'subscribe':
        return subscribe(message);
      case 'unsubscribe': {
        const topic = topicOf(message);
        const had = subscriptions.delete(topic);
        return send({ type: 'unsubscribed', ...namedBy(topic), had });
      }
      case 'ping':
        return send({ type: 'pong' });
    }
  }

  async function receive(text: string): Promise<void> {
    let topic: Topic | undefined;
    try {
      const message = parseClientMessage(text);
      if (message.action === 'subscribe') topic = topicOf(message);
      await handle(message);
    } catch (thrown) {
      if (!(thrown instanceof MurmurationError)) log.error({ err: thrown }, 'a live message failed');
      send(errorMessage(thrown, topic));
      await noteRefusal(thrown);
    }
  }

  /** As routes tell of theirs. */
  async function noteRefusal(error: unknown): Promise<void> {
    if (!(error instanceof MurmurationError) || ![401, 403, 429].includes(statusOf(error.code))) return;
    const origin = { address: options.address, requestId: 'live' };
    const caller = principal && { principal, origin };
    await options.onRefused?.({ caller, origin, permission: 'training:read', federation: undefined, error });
  }

  /** Keys are revoked, tokens end, and federations close while somebody watches. */
  async function review(): Promise<void> {
    if (subscriptions.size === 0) return;
    let who: Principal;
    try {
      who = await authenticate({ bearer, certificate: undefined });
    } catch (thrown) {
      // What cannot be decided now, with a database away, is decided at the next beat.
      if (thrown instanceof MurmurationError && thrown.code !== 'storage.unavailable') cut(REFUSED, thrown);
      return;
    }
    principal = who;
    for (const [topic, { federation }] of subscriptions) {
      try {
        await authorize(who, 'training:read', { federation });
        const hearsAlerts = await mayHearAlerts(who, federation);
        if (subscriptions.has(topic)) subscriptions.set(topic, { federation, hearsAlerts });
      } catch (thrown) {
        if (!(thrown instanceof MurmurationError) || thrown.code === 'storage.unavailable') continue;
        subscriptions.delete(topic);
        send(errorMessage(thrown, topic));
        send({ type: 'unsubscribed', ...namedBy(topic), had: true });
      }
    }
  }

  const inTurn = (work: () => Promise<void>): void => {
    turn = turn.then(work).catch((thrown) => log.error({ err: thrown }, 'a live connection failed'));
  };
  const tooIdle = setTimeout(() => {
    if (subscriptions.size === 0)
      cut(REFUSED, new MurmurationError('transport.timed-out', 'Nothing was subscribed to.'));
  }, limits.idleMs);
  tooIdle.unref();

  socket.on('message', (data, isBinary) => {
    if (isCut) return;
    if (isBinary || bucket.take(1, performance.now()) > 0) {
      const error = isBinary
        ? new MurmurationError('wire.malformed', 'This is no message.', { expected: 'a text' })
        : new MurmurationError('wire.rate-limited', 'Too many messages.', {
            expected: `${limits.messagesPerSecond} a second`,
          });
      return cut(ABUSIVE, error);
    }
    inTurn(() => receive(String(data)));
  });
  socket.on('pong', () => {
    isAlive = true;
  });
  // A message that is too long, or no WebSocket frame: ws closes by itself.
  socket.on('error', (err) => log.debug({ client: options.client, err }, 'a live connection broke'));
  socket.on('close', () => {
    isCut = true;
    clearTimeout(tooIdle);
    subscriptions.clear();
    options.onClosed();
  });

  return {
    tell,
    beat() {
      if (!isAlive) return socket.terminate();
      isAlive = false;
      if (socket.readyState === socket.OPEN) socket.ping();
      inTurn(review);
    },
    end: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}
