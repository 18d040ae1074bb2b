import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { ANONYMOUS } from '../access/authenticate.ts';
import type { Caller } from '../access/principal.ts';
import { createMeter, localRateCounter, rateLimit } from './rate-limit.ts';

const MINUTE_MS = 60_000;

test('each key has so many in a minute; then it waits for the next', async () => {
  let nowMs = 1_000;
  const counter = localRateCounter(() => nowMs);
  const waitMs = async (key: string) => (await counter.take(key, 2, MINUTE_MS)).waitMs;
  expect(await waitMs('a')).toBe(0);
  expect(await waitMs('a')).toBe(0);
  nowMs = 11_000;
  expect(await counter.take('a', 2, MINUTE_MS)).toEqual({ waitMs: 50_000, remaining: 0, resetMs: 50_000 });
  expect(await counter.take('b', 2, MINUTE_MS)).toEqual({ waitMs: 0, remaining: 1, resetMs: 50_000 });
  nowMs = 61_000;
  expect(await waitMs('a')).toBe(0);
});

test('it forgets nobody within the minute, and does not grow without end', async () => {
  let nowMs = 0;
  const counter = localRateCounter(() => nowMs);
  for (let i = 0; i < 100_000; i++) await counter.take(String(i), 1, MINUTE_MS);
  expect(await counter.take('0', 1, MINUTE_MS)).toMatchObject({ waitMs: MINUTE_MS });
  expect(await counter.take('one more', 1, MINUTE_MS)).toMatchObject({ waitMs: MINUTE_MS });
  nowMs = MINUTE_MS;
  expect(await counter.take('one more', 1, MINUTE_MS)).toMatchObject({ waitMs: 0 });
});

const request = (app: Hono, address: string, forwarded?: string) =>
  app.request(
    '/',
    { method: 'POST', headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } },
    { incoming: { socket: { remoteAddress: address } } },
  );

function limited(trustProxy: boolean, caller?: Caller): Hono {
  const app = new Hono();
  const limit = rateLimit({
    counter: localRateCounter(() => 5_000),
    name: 'write',
    perMinute: 1,
    trustProxy,
  });
  app.post(
    '/',
    async (c, next) => {
      if (caller !== undefined) c.set('caller', caller);
      await next();
    },
    limit,
    (c) => c.text('done'),
  );
  return app;
}

test('a refusal says when to come back', async () => {
  const app = limited(false);
  expect((await request(app, '192.0.2.1')).status).toBe(200);
  const refused = await request(app, '192.0.2.1', '192.0.2.9');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(refused.headers.get('ratelimit')).toBe('"minute";r=0;t=60');
  expect(refused.headers.get('ratelimit-policy')).toBe('"minute";q=1;w=60');
  expect(await refused.json()).toMatchObject({ code: 'wire.rate-limited' });
  expect((await request(app, '192.0.2.2')).status).toBe(200);
});

test('behind a trusted proxy the address that the proxy appended counts, not what the client claims', async () => {
  const app = limited(true);
  expect((await request(app, '10.0.0.1', 'claim-1, 192.0.2.1')).status).toBe(200);
  expect((await request(app, '10.0.0.1', 'claim-2, 192.0.2.1')).status).toBe(429);
  expect((await request(app, '10.0.0.1', '192.0.2.2')).status).toBe(200);
});

const origin = { address: '192.0.2.1', requestId: 'r' };
const known: Caller = { principal: { ...ANONYMOUS, kind: 'api-key', name: 'key:1' }, origin };

test('somebody known is counted by its name, from wherever it comes', async () => {
  const app = limited(false, known);
  expect((await request(app, '192.0.2.1')).status).toBe(200);
  expect((await request(app, '192.0.2.2')).status).toBe(429);
});

test('credentials that are not good are counted by address, and lock out nobody whose are', async () => {
  const meter = createMeter({
    counter: localRateCounter(() => 0),
    requestsPerMinute: 2,
    failuresPerMinute: 1,
  });
  expect((await meter.failure(origin.address)).refusal).toBeUndefined();
  expect((await meter.failure(origin.address)).refusal).toMatchObject({ code: 'wire.rate-limited' });
  expect((await meter.request(known)).refusal).toBeUndefined();
  const anonymous = { principal: ANONYMOUS, origin };
  expect((await meter.request(anonymous)).headers).toMatchObject({ ratelimit: '"minute";r=1;t=60' });
  expect((await meter.request(anonymous)).refusal).toBeUndefined();
  expect((await meter.request(anonymous)).refusal).toMatchObject({ code: 'wire.rate-limited' });
});
