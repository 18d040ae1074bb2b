import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { rateLimit, WindowCounter } from './rate-limit.ts';

test('each key has so many in a minute; then it waits for the next', () => {
  const counter = new WindowCounter(2);
  expect(counter.take('a', 1_000)).toBe(0);
  expect(counter.take('a', 2_000)).toBe(0);
  expect(counter.take('a', 11_000)).toBe(50_000);
  expect(counter.take('b', 11_000)).toBe(0);
  expect(counter.take('a', 61_000)).toBe(0);
});

test('it forgets nobody within the minute, and does not grow without end', () => {
  const counter = new WindowCounter(1);
  for (let i = 0; i < 100_000; i++) expect(counter.take(String(i), 0)).toBe(0);
  expect(counter.take('one more', 0)).toBe(60_000);
  expect(counter.take('one more', 60_000)).toBe(0);
});

const request = (app: Hono, address: string, forwarded?: string) =>
  app.request(
    '/',
    { method: 'POST', headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } },
    { incoming: { socket: { remoteAddress: address } } },
  );

test('a refusal says when to come back', async () => {
  const app = new Hono();
  app.post(
    '/',
    rateLimit(1, false, () => 5_000),
    (c) => c.text('done'),
  );
  expect((await request(app, '192.0.2.1')).status).toBe(200);
  const refused = await request(app, '192.0.2.1', '192.0.2.9');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(await refused.json()).toMatchObject({ code: 'wire.rate-limited' });
  expect((await request(app, '192.0.2.2')).status).toBe(200);
});

test('behind a trusted proxy the address that the proxy appended counts, not what the client claims', async () => {
  const app = new Hono();
  app.post(
    '/',
    rateLimit(1, true, () => 5_000),
    (c) => c.text('done'),
  );
  expect((await request(app, '10.0.0.1', 'claim-1, 192.0.2.1')).status).toBe(200);
  expect((await request(app, '10.0.0.1', 'claim-2, 192.0.2.1')).status).toBe(429);
  expect((await request(app, '10.0.0.1', '192.0.2.2')).status).toBe(200);
});
