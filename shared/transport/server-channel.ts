import { check, type ErrorRecord, toErrorRecord } from '../errors/index.ts';
import { SERVER } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { Clock } from './clock.ts';
import { crc32 } from './crc32.ts';
import { createEmitter } from './emitter.ts';
import type { ServerFrame, ServerLink } from './hub-client.ts';
import { MAX_SMALL_MESSAGE_BYTES } from './hub-protocol.ts';
import type { PeerStatus, SendOptions, SendOutcome, TransportEvent } from './port.ts';
import { createInbox } from './server-inbox.ts';
import { createOutbox, type OutgoingMessage } from './server-outbox.ts';
import { type Access, download, type FetchLike, type TransferHost, upload } from './server-transfer.ts';

/** Whole messages between this participant and the server as a node: what a Transport does, for that one peer. */
export interface ServerChannel {
  /** Undefined while the server cannot be reached or takes no part in the federation. */
  readonly status: PeerStatus | undefined;
  /** As `Transport.send` to `'server'`. */
  send(bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<SendOutcome>;
  /** Events about `'server'` only. */
  subscribe(listener: (event: TransportEvent) => void): () => void;
  /** Ends every pending send as `aborted`. The hub connection stays open: it has other users. */
  close(): void;
}

export interface ServerChannelOptions {
  readonly hubClient: ServerLink;
  /** The server's origin without a slash at the end; empty in a page that the server itself sent. */
  readonly baseUrl: string;
  readonly fetch: FetchLike;
  readonly clock: Clock;
  readonly random: CryptoRandom;
  /** How long the connection may be gone before the server counts as lost; default 5000. */
  readonly lostAfterMs?: number;
  /** Largest message accepted from the server; default 256 MiB. */
  readonly maxMessageBytes?: number;
}

/**
 * Small messages go as acknowledged frames over the hub's WebSocket, larger ones over HTTP. Create it together
 * with the hub client, before that connects.
 */
export function createServerChannel(options: ServerChannelOptions): ServerChannel {
  const { hubClient: link, clock } = options;
  const lostAfterMs = options.lostAfterMs ?? 5000;
  const maxMessageBytes = options.maxMessageBytes ?? 256 * 1024 * 1024;
  const events = createEmitter<TransportEvent>((thrown) => refused(toErrorRecord(thrown)));

  /** The hub connection, while there is one; `broken` is aborted with it. */
  let connection: { readonly access: Access; readonly controller: AbortController } | undefined;
  let incarnation = 0;
  /** The incarnation that listeners were told is up. */
  let up: number | undefined;
  let closed = false;
  let cancelLost = (): void => undefined;
  let bytesSent = 0;
  let bytesReceived = 0;
  const accessWaiters = new Set<() => void>();
  const downloads = new Map<number, AbortController>();
  let uploadQueue = Promise.resolve();
  let downloadQueue = Promise.resolve();

  const refused = (error: ErrorRecord): void => events.emit({ type: 'refused', from: SERVER, error });

  const host: TransferHost = {
    baseUrl: options.baseUrl,
    clock,
    fetch: options.fetch,
    access: (signal) =>
      new Promise((resolve) => {
        const settle = (): void => {
          if (!signal.aborted && connection === undefined) return;
          accessWaiters.delete(settle);
          signal.removeEventListener('abort', settle);
          resolve(signal.aborted ? undefined : connection?.access);
        };
        accessWaiters.add(settle);
        signal.addEventListener('abort', settle);
        settle();
      }),
  };

  const outbox = createOutbox({
    stream: new DataView(options.random.bytes(4).buffer).getUint32(0),
    path: 'server',
    clock,
    transmit(message, again) {
      if (message.bytes.length <= MAX_SMALL_MESSAGE_BYTES) sendSmall(message);
      else if (!again) uploadQueue = uploadQueue.then(() => sendLarge(message)); // an upload resumes by itself
    },
    announceFloor(oldest) {
      link.sendFrame({ kind: 'floor', stream: outbox.stream, oldest });
    },
  });

  const inbox = createInbox({
    maxHeldBytes: maxMessageBytes,
    deliver: (bytes) => events.emit({ type: 'message', from: SERVER, bytes }),
  });

  const sendSmall = ({ number, bytes: payload }: OutgoingMessage): void => {
    const { stream, oldest } = outbox;
    const crc = crc32(payload);
    if (link.sendFrame({ kind: 'message', stream, number, oldest, crc, payload }))
      bytesSent += payload.length;
  };

  const sendLarge = async (message: OutgoingMessage): Promise<void> => {
    if (message.settled.aborted) return;
    const result = await upload(message, outbox, host);
    if (result === 'settled') return;
    if (result === 'delivered') {
      bytesSent += message.bytes.length;
      outbox.acknowledge(outbox.stream, message.number);
    } else {
      refused(result);
      outbox.abandon(message.number);
    }
  };

  const receive = (frame: ServerFrame): void => {
    switch (frame.kind) {
      case 'ack':
        return outbox.acknowledge(frame.stream, frame.number);
      case 'floor':
        return raiseFloor(frame.stream, frame.oldest);
      case 'message':
        bytesReceived += frame.payload.length;
        cancelDownloads((number) => number < frame.oldest);
        inbox.accept({ ...frame, bytes: frame.payload.slice() });
        return acknowledge(frame.stream, frame.number);
      case 'offer':
        raiseFloor(frame.stream, frame.oldest);
        return receiveOffer(frame);
    }
  };

  const receiveOffer = (offer: Extract<ServerFrame, { kind: 'offer' }>): void => {
    check(offer.byteLength <= maxMessageBytes, 'wire.too-large', 'The server offers too large a message.', {
      expected: `at most ${maxMessageBytes} bytes`,
      received: String(offer.byteLength),
    });
    if (inbox.has(offer.stream, offer.number)) return acknowledge(offer.stream, offer.number);
    if (downloads.has(offer.number)) return;
    const controller = new AbortController();
    downloads.set(offer.number, controller);
    downloadQueue = downloadQueue.then(async () => {
      const bytes = controller.signal.aborted ? undefined : await download(offer, controller.signal, host);
      if (downloads.get(offer.number) === controller) downloads.delete(offer.number);
      if (bytes === undefined || controller.signal.aborted) return;
      bytesReceived += bytes.length;
      guarded(() => {
        inbox.accept({ ...offer, bytes });
        acknowledge(offer.stream, offer.number);
      });
    });
  };

  const acknowledge = (stream: number, number: number): void => {
    link.sendFrame({ kind: 'ack', stream, number });
  };

  const raiseFloor = (stream: number, oldest: number): void => {
    cancelDownloads((number) => number < oldest);
    inbox.raiseFloor(stream, oldest);
  };

  const cancelDownloads = (which: (number: number) => boolean): void => {
    for (const [number, controller] of downloads) {
      if (!which(number)) continue;
      downloads.delete(number);
      controller.abort();
    }
  };

  const guarded = (run: () => void): void => {
    try {
      run();
    } catch (thrown) {
      refused(toErrorRecord(thrown));
    }
  };

  const succeed = (serverIncarnation: number): void => {
    if (serverIncarnation === incarnation) return;
    incarnation = serverIncarnation;
    cancelDownloads(() => true);
    outbox.end('lost'); // whatever the earlier process held is gone
  };

  const connected = (token: string, serverIncarnation: number): void => {
    cancelLost();
    succeed(serverIncarnation);
    const controller = new AbortController();
    connection = { access: { token, broken: controller.signal }, controller };
    for (const wake of [...accessWaiters]) wake();
  };

  const nodePresent = (): void => {
    if (up !== incarnation) {
      if (up === undefined) bytesSent = bytesReceived = 0;
      up = incarnation;
      events.emit({ type: 'peer-up', peer: SERVER, path: 'server', incarnation });
    }
    if (connection !== undefined) outbox.resume();
  };

  const down = (reason: 'left' | 'lost'): void => {
    cancelLost();
    outbox.end('lost');
    cancelDownloads(() => true);
    if (up === undefined) return;
    up = undefined;
    events.emit({ type: 'peer-down', peer: SERVER, reason });
  };

  const disconnected = (reason: 'left' | 'lost'): void => {
    outbox.pause();
    connection?.controller.abort();
    connection = undefined;
    cancelLost();
    if (reason === 'left') down('left');
    else cancelLost = clock.after(lostAfterMs, () => down('lost'));
  };

  const unsubscribe = link.subscribeServer((event) => {
    switch (event.type) {
      case 'up':
        return connected(event.token, event.incarnation);
      case 'node':
        if (!event.present) return down('left');
        // Without a new connection, when the federation's leader is another replica from now on.
        if (event.incarnation !== undefined) succeed(event.incarnation);
        return nodePresent();
      case 'down':
        return disconnected(event.reason);
      case 'frame':
        return guarded(() => receive(event.frame));
    }
  });

  return {
    get status(): PeerStatus | undefined {
      return up === undefined ? undefined : { path: 'server', incarnation: up, bytesSent, bytesReceived };
    },
    send(bytes, sendOptions) {
      if (closed || sendOptions?.signal?.aborted) return Promise.resolve({ kind: 'aborted' });
      if (up === undefined) return Promise.resolve({ kind: 'unreachable' });
      return outbox.send(bytes, sendOptions);
    },
    subscribe: events.subscribe,
    close() {
      if (closed) return;
      closed = true;
      unsubscribe();
      cancelLost();
      outbox.end('aborted');
      cancelDownloads(() => true);
      connection?.controller.abort();
      connection = undefined;
    },
  };
}
