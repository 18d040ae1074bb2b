import type { Redis, Result } from 'ioredis';
import type { RateCounter } from '../http/rate-limit.ts';

/** Takes one, unless the limit is reached. A window begins with the first that is counted in it. */
const TAKE = `
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local rest = redis.call('PTTL', KEYS[1])
if rest < 0 then count = 0 end
if count >= tonumber(ARGV[1]) then return {rest, 0, rest} end
if count == 0 then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
  rest = tonumber(ARGV[2])
else
  redis.call('INCR', KEYS[1])
end
return {0, tonumber(ARGV[1]) - count - 1, rest}
`;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeOfRate(key: string, limit: number, windowMs: number): Result<[number, number, number], Context>;
  }
}

/**
 * Counts for all replicas together. While Redis is away each replica counts for itself: limits become looser by the
 * number of replicas, and nobody is shut out. SPEC X-07.
 */
export function redisRateCounter(client: Redis, prefix: string, alone: RateCounter): RateCounter {
  client.defineCommand('takeOfRate', { numberOfKeys: 1, lua: TAKE });
  return {
    async take(key, limit, windowMs) {
      if (limit <= 0 || client.status !== 'ready') return alone.take(key, limit, windowMs);
      try {
        const name = `${prefix}rate:${windowMs}:${key}`;
        const [waitMs, remaining, resetMs] = await client.takeOfRate(name, limit, windowMs);
        return { waitMs, remaining, resetMs };
      } catch {
        return alone.take(key, limit, windowMs); // the connection has said what is wrong with it
      }
    },
  };
}
