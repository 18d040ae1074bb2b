import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { healthHandler } from './health-route.ts';

const bodyOf = async (ping: () => Promise<void>, patienceMs?: number) => {
  const handle = healthHandler(
    { kind: 'postgres', ping },
    { publicKey: Uint8Array.of(251, 255) },
    { engines: { reports: {} }, ...(patienceMs === undefined ? {} : { patienceMs }) },
  );
  const response = await new Hono().get('/', handle).request('/');
  return [response.status, await response.json()];
};

test.each([
  ['fails', () => Promise.reject(new Error('gone'))],
  ['does not answer', () => new Promise<void>(() => undefined)],
])('a database that %s makes the server unavailable, soon', async (_, ping) => {
  expect(await bodyOf(ping, 10)).toEqual([
    503,
    expect.objectContaining({
      status: 'unavailable',
      identityKey: '-_8',
      database: { kind: 'postgres', status: 'unavailable' },
    }),
  ]);
});
