import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { localRateCounter } from '../http/rate-limit.ts';
import { redisBinary, startRedis, type TestRedis } from '../testing/redis.ts';
import { silentLog } from '../testing/silent-log.ts';
import { connectRedis, type RedisConnection } from './redis-connection.ts';
import { redisRateCounter } from './redis-rate-counter.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const binary = redisBinary();
if (binary === undefined) {
  test('Redis is not installed here: counting together was not checked', () => {
    expect(redisBinary()).toBeUndefined();
  });
} else {
  let redis: TestRedis;
  const connections: RedisConnection[] = [];
  beforeAll(async () => {
    redis = await startRedis(binary);
  });
  afterAll(async () => {
    for (const connection of connections) connection.close();
    await redis.dispose();
  });
  const counter = async (prefix: string) => {
    const connection = connectRedis(redis.url, 'test', silentLog);
    connections.push(connection);
    await vi.waitUntil(() => connection.client.status === 'ready');
    return redisRateCounter(connection.client, prefix, localRateCounter(Date.now));
  };

  test('X-07: replicas count together, by key, until the window ends', async () => {
    const [a, b] = [await counter('one:'), await counter('one:')];
    expect(await a.take('alice', 3, 60_000)).toMatchObject({ waitMs: 0, remaining: 2 });
    expect(await b.take('alice', 3, 60_000)).toMatchObject({ waitMs: 0, remaining: 1 });
    expect(await a.take('alice', 3, 60_000)).toMatchObject({ waitMs: 0, remaining: 0 });
    const refused = await b.take('alice', 3, 60_000);
    expect(refused.remaining).toBe(0);
    expect(refused.waitMs).toBeGreaterThan(0);
    expect(refused.waitMs).toBeLessThanOrEqual(60_000);
    expect(refused.resetMs).toBe(refused.waitMs);
    expect(await b.take('bob', 3, 60_000)).toMatchObject({ waitMs: 0, remaining: 2 });
    expect(await (await counter('two:')).take('alice', 3, 60_000)).toMatchObject({ waitMs: 0 });

    expect(await a.take('carol', 1, 200)).toMatchObject({ waitMs: 0 });
    await vi.waitUntil(async () => (await b.take('carol', 1, 200)).waitMs === 0, { timeout: 30_000 });
  });

  test('X-07: while Redis is away each counts for itself, and together again afterwards', async () => {
    const [a, b] = [await counter('away:'), await counter('away:')];
    await redis.stop();
    expect(await a.take('alice', 1, 60_000)).toMatchObject({ waitMs: 0 });
    expect((await a.take('alice', 1, 60_000)).waitMs).toBeGreaterThan(0);
    expect(await b.take('alice', 1, 60_000)).toMatchObject({ waitMs: 0 });
    await redis.start();
    await vi.waitUntil(() => connections.every(({ client }) => client.status === 'ready'), {
      timeout: 30_000,
    });
    expect(await a.take('alice', 1, 60_000)).toMatchObject({ waitMs: 0 });
    expect((await b.take('alice', 1, 60_000)).waitMs).toBeGreaterThan(0);
  });
}
