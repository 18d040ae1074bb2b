import { createEmitter } from '../../shared/transport/emitter.ts';
import type { Log } from '../hub/log.ts';
import type { Bus } from './bus.ts';
import { connectRedis } from './redis-connection.ts';

export interface RedisBusOptions {
  readonly url: string;
  /** Comes before the name of every channel: two deployments may share one Redis. */
  readonly prefix: string;
  readonly log: Log;
  /** Above this many bytes under way to Redis, publishers should wait; default 4 MiB. */
  readonly highWaterBytes?: number;
  /** Above this many, what is published is dropped; default 32 MiB. */
  readonly maxPendingBytes?: number;
}

type Listener = (bytes: Uint8Array<ArrayBuffer>) => void;

/** What is published to a channel in one turn of the event loop goes as one message of up to this size. */
const BATCH_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

/** The bus over Redis publish and subscribe, on one connection each; both come back by themselves. */
export function redisBus(options: RedisBusOptions): Bus {
  const { url, prefix, log } = options;
  const highWaterBytes = options.highWaterBytes ?? 4 * 1024 * 1024;
  const maxPendingBytes = options.maxPendingBytes ?? 32 * 1024 * 1024;
  const publisher = connectRedis(url, 'publish', log);
  const subscriber = connectRedis(url, 'subscribe', log);
  const listeners = new Map<string, Set<{ readonly listener: Listener }>>();
  const states = createEmitter<boolean>((thrown) => log.error({ err: thrown }, 'bus: a listener failed'));
  const batches = new Map<string, { parts: Uint8Array[]; bytes: number }>();
  const drained = new Set<() => void>();
  let pendingBytes = 0;
  let dropped = 0;
  let subscribed = false;
  let isUp = false;
  let closed = false;

  const judge = (): void => {
    const up = !closed && subscribed && publisher.client.status === 'ready';
    if (up === isUp) return;
    isUp = up;
    states.emit(up);
  };

  const settleDrain = (): void => {
    const callbacks = [...drained];
    drained.clear();
    for (const callback of callbacks) callback();
  };

  const released = (byteLength: number): void => {
    pendingBytes -= byteLength;
    if (pendingBytes <= highWaterBytes / 4) settleDrain();
  };

  const flush = (channel: string): void => {
    const batch = batches.get(channel);
    if (batch === undefined) return;
    batches.delete(channel);
    const { bytes } = batch;
    publisher.client.publish(prefix + channel, Buffer.concat(batch.parts, bytes)).then(
      () => released(bytes),
      (thrown: unknown) => {
        released(bytes);
        log.debug({ err: thrown, bytes }, 'bus: what was published is lost');
      },
    );
  };

  const announce = async (): Promise<void> => {
    const channels = [...listeners.keys()].map((channel) => prefix + channel);
    if (channels.length > 0) await subscriber.client.subscribe(...channels);
    subscribed = true;
    judge();
  };

  // Only once every subscription holds again may others be asked for anything.
  subscriber.client.on('ready', () => {
    announce().catch((thrown: unknown) => {
      log.warn({ err: thrown }, 'bus: the subscriptions could not be renewed; connecting again');
      if (!closed) subscriber.client.disconnect(true);
    });
  });
  subscriber.client.on('close', () => {
    subscribed = false;
    judge();
  });
  publisher.client.on('ready', judge);
  publisher.client.on('close', judge);
  subscriber.client.on('messageBuffer', (name: Buffer, message: Buffer) => {
    const channel = name.toString().slice(prefix.length);
    for (const bytes of split(message)) {
      for (const { listener } of [...(listeners.get(channel) ?? [])]) {
        try {
          listener(bytes);
        } catch (thrown) {
          log.error({ err: thrown, channel }, 'bus: a listener failed');
        }
      }
    }
  });

  return {
    get up() {
      return isUp;
    },
    get congested() {
      return pendingBytes > highWaterBytes;
    },
    onceDrained(callback) {
      if (pendingBytes <= highWaterBytes / 4) queueMicrotask(callback);
      else drained.add(callback);
    },
    publish(channel, bytes) {
      const byteLength = bytes.length + LENGTH_BYTES;
      if (!isUp || pendingBytes + byteLength > maxPendingBytes) {
        if (isUp && dropped++ % 1000 === 0)
          log.warn({ dropped }, 'bus: too much waits; messages are dropped');
        return;
      }
      pendingBytes += byteLength;
      let batch = batches.get(channel);
      if (batch !== undefined && batch.bytes + byteLength > BATCH_BYTES) {
        flush(channel);
        batch = undefined;
      }
      if (batch === undefined) {
        batch = { parts: [], bytes: 0 };
        batches.set(channel, batch);
        const opened = batch;
        setImmediate(() => batches.get(channel) === opened && flush(channel));
      }
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32BE(bytes.length);
      batch.parts.push(length, bytes);
      batch.bytes += byteLength;
    },
    subscribe(channel, listener) {
      const entry = { listener };
      const known = listeners.get(channel);
      if (known !== undefined) known.add(entry);
      else {
        listeners.set(channel, new Set([entry]));
        if (subscriber.client.status === 'ready') {
          subscribed = false; // until Redis confirms it, what others send may pass us by
          judge();
          void announce().catch(() => subscriber.client.disconnect(true));
        }
      }
      return () => {
        const set = listeners.get(channel);
        if (set?.delete(entry) !== true || set.size > 0) return;
        listeners.delete(channel);
        // Should it fail, what still comes finds no listener.
        subscriber.client.unsubscribe(prefix + channel).catch(() => undefined);
      };
    },
    watch: states.subscribe,
    async close() {
      if (closed) return;
      for (const channel of [...batches.keys()]) flush(channel);
      if (publisher.client.status === 'ready') await publisher.client.ping().catch(() => undefined); // what went before has left
      closed = true;
      judge();
      publisher.close();
      subscriber.close();
      settleDrain();
    },
  };
}

function* split(message: Buffer): Iterable<Uint8Array<ArrayBuffer>> {
  for (let offset = 0; offset + LENGTH_BYTES <= message.length; ) {
    const start = offset + LENGTH_BYTES;
    const end = start + message.readUInt32BE(offset);
    if (end > message.length) return;
    yield new Uint8Array(message.subarray(start, end)); // a copy: receivers own what they are given
    offset = end;
  }
}
