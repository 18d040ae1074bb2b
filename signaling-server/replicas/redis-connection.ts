import { Redis } from 'ioredis';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Log } from '../hub/log.ts';

/** A connection to Redis that comes back by itself. While it is away, commands fail at once; none is kept for later. */
export interface RedisConnection {
  readonly client: Redis;
  /** Ends it and every attempt to come back. */
  close(): void;
}

const COMMAND_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 5000;
const PING_EVERY_MS = 2000;
const LONGEST_PAUSE_MS = 1000;

/** @param url `redis://` or `rediss://` with name, password and database number as the server wants them. */
export function connectRedis(url: string, name: string, log: Log): RedisConnection {
  const client = new Redis(url, {
    connectionName: `murmuration-${name}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS),
  });
  let told = false;
  client.on('error', (cause: Error) => {
    if (told) return; // once for each time that it is away
    told = true;
    log.warn({ err: redisGone(cause), connection: name }, 'Redis cannot be reached; trying again');
  });
  client.on('ready', () => {
    if (told) log.info({ connection: name }, 'Redis is reached again');
    told = false;
  });
  // A connection whose other end vanished without a word looks open for minutes.
  const pinging = setInterval(() => {
    if (client.status !== 'ready') return;
    client.ping().catch(() => {
      if (client.status === 'ready') client.disconnect(true);
    });
  }, PING_EVERY_MS).unref();
  return {
    client,
    close() {
      clearInterval(pinging);
      client.disconnect();
    },
  };
}

export function redisGone(cause: unknown): MurmurationError {
  return new MurmurationError('http.unavailable', 'Redis cannot be reached.', {
    expected: 'the Redis server of REDIS_URL',
    remedy: 'Start Redis or correct REDIS_URL; this server goes on with the participants connected to it.',
    cause,
  });
}
