import { type ErrorCode, type ErrorRecord, fromErrorRecord, type MurmurationError } from '../errors/index.ts';
import { toBase64Url } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { backoffMs } from '../transport/backoff.ts';
import type { Clock } from '../transport/clock.ts';
import type { SocketLike } from '../transport/hub-client.ts';
import { type TokenSource, tokenOf } from './request.ts';
import type { Alert, Training } from './types.ts';

/** What is watched: one training, or all that happens in a federation. */
export type Topic = { readonly training: string } | { readonly federation: string };

/** What happens, by the names of the server's protocol. */
export type LiveEvent =
  | {
      readonly type: 'round_started' | 'round_completed' | 'round_abandoned';
      readonly round: Readonly<Record<string, unknown>> & { readonly round_number: number };
    }
  | {
      readonly type: 'metric_update';
      readonly metric: {
        readonly training_id: string | null;
        readonly round_number: number;
        readonly metric_type: string;
        readonly value: number;
        readonly timestamp: string;
      };
    }
  | {
      readonly type: 'training_status' | 'training_completed';
      readonly training: Training;
      readonly status: Training['status'];
    }
  | {
      readonly type: 'rolled_back';
      readonly round_number: number;
      readonly to: number;
      readonly timestamp: string;
    }
  | { readonly type: 'participants'; readonly active: number }
  | { readonly type: 'alert'; readonly alert: Alert };

export interface LiveListener {
  onEvent(event: LiveEvent): void;
  /** The subscription stands; of a training, with where it is. `gap`: events in between are lost, ask for the state anew. */
  onSubscribed?(state: { readonly gap: boolean; readonly training: Training | undefined }): void;
  /** The server does not let it, now or any more: the subscription has ended. */
  onRefused?(error: MurmurationError): void;
}

export interface LiveOptions {
  /** As of REST, or with `ws` in place of `http`. */
  readonly baseUrl: string;
  readonly token?: TokenSource;
  readonly WebSocket: new (url: string) => SocketLike;
  readonly clock: Clock;
  readonly random: CryptoRandom;
}

export interface LiveClient {
  /** @returns what ends it. */
  subscribe(topic: Topic, listener: LiveListener): () => void;
  close(): void;
}

interface Subscription {
  readonly topic: Topic;
  readonly listeners: Set<LiveListener>;
  seq: number | undefined;
  epoch: string | undefined;
}

const OPEN = 1; // WebSocket.OPEN
const HEARTBEAT_MS = 25_000;
const LASTING = /^(access\.|http\.(unauthorized|forbidden|not-found|bad-request)$|federation\.unknown$)/;

/**
 * One connection for all subscriptions, opened by the first and closed after the last. When it breaks it is opened again, for as long as
 * anybody listens, and the server tells again what came meanwhile.
 */
export function createLiveClient(options: LiveOptions): LiveClient {
  const { baseUrl, WebSocket, clock, random } = options;
  const url = `${baseUrl.replace(/^http/, 'ws')}/ws/${toBase64Url(random.bytes(12))}`;
  const subscriptions = new Map<string, Subscription>();
  let socket: SocketLike | undefined;
  let failures = 0;
  let cancelTimer = (): void => undefined;

  const send = (message: object): void => {
    if (socket?.readyState === OPEN) socket.send(JSON.stringify(message));
  };

  const connect = (): void => {
    cancelTimer();
    if (socket !== undefined || subscriptions.size === 0) return;
    const opened = new WebSocket(url);
    socket = opened;
    opened.addEventListener('open', () => {
      if (socket === opened) void greet(opened);
    });
    opened.addEventListener('message', ({ data }) => {
      if (socket === opened && typeof data === 'string') receive(data);
    });
    opened.addEventListener('error', () => drop(opened));
    opened.addEventListener('close', () => drop(opened));
  };

  const drop = (dropped: SocketLike): void => {
    if (socket !== dropped) return;
    socket = undefined;
    cancelTimer();
    dropped.close();
    if (subscriptions.size > 0) cancelTimer = clock.after(backoffMs(failures++, random), connect);
  };

  async function greet(opened: SocketLike): Promise<void> {
    let token: string | undefined;
    try {
      token = await tokenOf(options.token);
    } catch {
      // Whoever gives tokens may be away as well: tried again with the next connection.
      return drop(opened);
    }
    if (socket !== opened) return;
    if (token !== undefined) send({ action: 'authenticate', token });
    for (const subscription of subscriptions.values()) ask(subscription);
    beat(opened, true);
  }

  /** A connection that is half open answers nothing. */
  function beat(opened: SocketLike, isAlive: boolean): void {
    if (socket !== opened) return;
    if (!isAlive) return drop(opened);
    heard = false;
    send({ action: 'ping' });
    cancelTimer = clock.after(HEARTBEAT_MS, () => beat(opened, heard));
  }
  let heard = false;

  function ask({ topic, seq, epoch }: Subscription): void {
    const from = seq === undefined || epoch === undefined ? {} : { after: seq, epoch };
    send({ action: 'subscribe', ...namedBy(topic), ...from });
  }

  function receive(text: string): void {
    heard = true;
    const message = parsed(text);
    if (message === undefined) return;
    const subscription = subscriptions.get(keyOf(message));
    switch (message.type) {
      case 'authenticated':
      case 'pong':
      case 'unsubscribed':
        failures = 0;
        return;
      case 'subscribed':
        failures = 0;
        if (subscription === undefined) return;
        subscription.epoch = message.epoch as string;
        if (message.gap === true || subscription.seq === undefined) subscription.seq = message.seq as number;
        for (const each of [...subscription.listeners])
          each.onSubscribed?.({
            gap: message.gap === true,
            training: message.training as Training | undefined,
          });
        return;
      case 'error':
        return refused(message, subscription);
      default:
        if (subscription === undefined || typeof message.seq !== 'number') return;
        // Told again after a reconnection.
        if (subscription.seq !== undefined && message.seq <= subscription.seq) return;
        subscription.seq = message.seq;
        for (const each of [...subscription.listeners]) each.onEvent(message as unknown as LiveEvent);
    }
  }

  function refused(message: Readonly<Record<string, unknown>>, about: Subscription | undefined): void {
    const { code } = message;
    if (typeof code !== 'string' || !LASTING.test(code)) return;
    const error = fromErrorRecord({
      code: code as ErrorCode,
      message: String(message.message),
    } satisfies ErrorRecord);
    // Without a topic it is about the credential, and so about all.
    for (const subscription of about === undefined ? [...subscriptions.values()] : [about]) {
      subscriptions.delete(keyOf(namedBy(subscription.topic)));
      for (const each of subscription.listeners) each.onRefused?.(error);
    }
    closeIfIdle();
  }

  function closeIfIdle(): void {
    if (subscriptions.size > 0) return;
    cancelTimer();
    const idle = socket;
    socket = undefined;
    idle?.close();
  }

  return {
    subscribe(topic, listener) {
      const key = keyOf(namedBy(topic));
      const known = subscriptions.get(key);
      if (known !== undefined) {
        known.listeners.add(listener);
      } else {
        const subscription = { topic, listeners: new Set([listener]), seq: undefined, epoch: undefined };
        subscriptions.set(key, subscription);
        if (socket === undefined) connect();
        else ask(subscription);
      }
      return () => {
        const current = subscriptions.get(key);
        if (current?.listeners.delete(listener) !== true || current.listeners.size > 0) return;
        subscriptions.delete(key);
        send({ action: 'unsubscribe', ...namedBy(topic) });
        closeIfIdle();
      };
    },
    close() {
      subscriptions.clear();
      closeIfIdle();
    },
  };
}

function namedBy(topic: Topic): { readonly training_id: string } | { readonly federation: string } {
  return 'training' in topic ? { training_id: topic.training } : topic;
}

function keyOf(message: Readonly<Record<string, unknown>>): string {
  const { training_id: training, federation } = message;
  return typeof training === 'string' ? `training:${training}` : `federation:${String(federation)}`;
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not of this protocol: there is nobody to tell, and the next message may be.
    return undefined;
  }
}
